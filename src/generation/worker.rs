//! [`Worker`]: the thread that owns the backends.
//!
//! Orders and events cross on bounded channels. Progress and previews that find their channel full are dropped (the
//! next ones tell more anyway), so a slow reader never delays the work; the end of a job is never dropped.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

use crate::backend::{
    BackendChoice, BackendError, BackendPool, Backends, Cancelled, Progress, Watch,
};
use crate::voxel::{SparseVoxels, VoxelModel};

use super::{Event, GenerationError, Job, JobId};

/// Events that may wait for the reader; more progress than this is dropped.
const EVENT_CAPACITY: usize = 64;

/// Of the thread, where 50 is that of the game's threads and 0 the least.
const PRIORITY: u8 = 25;

/// What the worker thread is asked for.
enum Errand {
    Work(Order),
    WarmUp(BackendChoice),
}

/// A job on its way to the worker thread.
struct Order {
    id: JobId,
    job: Job,
    cancel: Arc<AtomicBool>,
}

/// Handle of a worker thread that does one job at a time. Dropping it cancels the job at work; the thread then ends
/// by itself, without being waited for.
pub(super) struct Worker {
    errands: Sender<Errand>,
    events: Receiver<Event>,
    at_work: Option<(JobId, Arc<AtomicBool>)>,
}

impl Worker {
    /// Starts a worker thread.
    ///
    /// # Errors
    /// [`GenerationError::NoThread`] when the system gives none.
    pub(super) fn start(backends: Backends) -> Result<Self, GenerationError> {
        // A job, and before it one warm-up.
        let (errands, inbox) = bounded(2);
        let (event_outbox, events) = bounded(EVENT_CAPACITY);
        std::thread::Builder::new()
            .name("trellis-worker".into())
            .spawn(move || serve(&inbox, &event_outbox, backends))
            .map_err(GenerationError::NoThread)?;
        Ok(Self {
            errands,
            events,
            at_work: None,
        })
    }

    /// The job at work.
    pub(super) fn at_work(&self) -> Option<JobId> {
        self.at_work.as_ref().map(|(id, _)| *id)
    }

    /// Hands a job over. Only for an idle worker: see [`Worker::at_work`].
    pub(super) fn hand_over(&mut self, id: JobId, job: Job) {
        debug_assert!(self.at_work.is_none(), "a worker does one job at a time");
        let cancel = Arc::new(AtomicBool::new(false));
        self.at_work = Some((id, Arc::clone(&cancel)));
        // An idle worker has an empty inbox; a dead one is noticed by `poll`.
        let _ = self
            .errands
            .try_send(Errand::Work(Order { id, job, cancel }));
    }

    /// Has a backend begin to make itself ready. Nothing happens where something waits already.
    pub(super) fn warm_up(&self, choice: BackendChoice) {
        if self.errands.is_empty() {
            let _ = self.errands.try_send(Errand::WarmUp(choice));
        }
    }

    /// Asks the job at work to stop.
    pub(super) fn cancel(&self) {
        if let Some((_, cancel)) = &self.at_work {
            cancel.store(true, Ordering::Relaxed);
        }
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    /// The job that was lost when the thread died, or `None` where it died idle.
    pub(super) fn poll(&mut self) -> Result<Option<Event>, Option<JobId>> {
        match self.events.try_recv() {
            Ok(event) => {
                if event.is_end() {
                    self.at_work = None;
                }
                Ok(Some(event))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(self.at_work.take().map(|(id, _)| id)),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// The thread's life: one order after the other until the handle is gone.
fn serve(errands: &Receiver<Errand>, events: &Sender<Event>, backends: Backends) {
    // Where cores are few, a frame must not wait for this thread. A system that does not let us leaves it as it is.
    let _ = ThreadPriorityValue::try_from(PRIORITY)
        .map(ThreadPriority::Crossplatform)
        .map(set_current_thread_priority);
    let mut pool = BackendPool::new(backends);
    for errand in errands {
        let order = match errand {
            Errand::Work(order) => order,
            Errand::WarmUp(choice) => {
                warm_up(&mut pool, &choice);
                continue;
            }
        };
        let mut watch = ChannelWatch {
            order: &order,
            events,
            backend: None,
        };
        let started = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut pool, &mut watch)));
        let backend = watch.backend;
        let job = order.id;
        let end = match outcome {
            Ok(Ok(model)) => Event::Finished {
                job,
                model,
                work: started.elapsed(),
            },
            Ok(Err(GenerationError::Backend(BackendError::Cancelled(_)))) => {
                Event::Cancelled { job }
            }
            Ok(Err(error)) => Event::Failed { job, error },
            Err(panic) => {
                if let Some(name) = backend {
                    pool.discard(name);
                }
                let backend = backend.map_or_else(|| order.job.backend.to_string(), str::to_owned);
                Event::Failed {
                    job,
                    error: GenerationError::Panicked {
                        backend,
                        message: message_of(&*panic),
                    },
                }
            }
        };
        if events.send(end).is_err() {
            return;
        }
    }
}

/// Has a backend begin to make itself ready; what goes wrong is only logged, since the next job meets it again.
fn warm_up(pool: &mut BackendPool, choice: &BackendChoice) {
    let outcome = catch_unwind(AssertUnwindSafe(|| match pool.get(choice) {
        Ok((_, backend)) => backend.warm_up(),
        Err(error) => tracing::warn!("no backend can be warmed up: {error}"),
    }));
    if let Err(panic) = outcome {
        tracing::warn!("warming up crashed: {}", message_of(&*panic));
    }
}

/// Does one job.
fn work(
    pool: &mut BackendPool,
    watch: &mut ChannelWatch<'_>,
) -> Result<VoxelModel, GenerationError> {
    let job = &watch.order.job;
    watch.check()?;
    let prompt = job.prompt()?;
    let (name, backend) = pool.get(&job.backend)?;
    watch.backend = Some(name);
    let info = backend.describe();
    watch.tell(Event::Started {
        job: watch.order.id,
        backend: info,
    });
    let voxels = backend.generate(&prompt, watch)?;
    watch.check()?;
    if voxels.is_empty() {
        return Err(GenerationError::NoVoxels);
    }
    Ok(VoxelModel::from(&voxels))
}

/// Sends what a backend reports over the channel and stops it when its job is cancelled.
struct ChannelWatch<'a> {
    order: &'a Order,
    events: &'a Sender<Event>,
    backend: Option<&'static str>,
}

impl ChannelWatch<'_> {
    fn check(&self) -> Result<(), BackendError> {
        if self.order.cancel.load(Ordering::Relaxed) {
            Err(Cancelled.into())
        } else {
            Ok(())
        }
    }

    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}

impl Watch for ChannelWatch<'_> {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        self.tell(Event::Progress {
            job: self.order.id,
            progress,
        });
        self.check().map_err(|_| Cancelled)
    }

    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled> {
        if self.wants_previews() {
            self.tell(Event::Preview {
                job: self.order.id,
                model: VoxelModel::from(&voxels),
            });
        }
        self.check().map_err(|_| Cancelled)
    }

    fn wants_previews(&self) -> bool {
        self.order.job.previews
    }
}

/// What a panic said.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
