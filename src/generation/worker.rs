//! [`Worker`]: the thread that owns the backends.
//!
//! Orders and events cross on channels. Progress and previews that find their channel full are dropped (the next ones
//! tell more anyway), so a slow reader never delays the work; the end of a job is never dropped.
//!
//! An order is one job or several of a batch. The thread takes as many of them at once as the backend can, so a job
//! of an order may wait in here; cancelled then, it ends at once.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, unbounded};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

use crate::backend::{
    Backend, BackendChoice, BackendError, BackendInfo, BackendPool, Backends, Cancelled, Progress,
    Prompt, Watch,
};
use crate::picture::Picture;
use crate::voxel::{SparseVoxels, VoxelModel};

use super::cache::{Keeping, Made, Outcome, generate_or_find_all};
use super::{Event, GenerationError, Job, JobId, PictureSource};

/// Events that may wait for the reader; more progress than this is dropped.
const EVENT_CAPACITY: usize = 64;

/// Errands that may wait before a warm-up is left out.
const MOST_WAITING: usize = 8;

/// Cells per axis of a preview at most. Ghost voxels need no more, and a big one would hold up the work.
const PREVIEW_RESOLUTION: u32 = 128;

/// Of the thread, where 50 is that of the game's threads and 0 the least.
const PRIORITY: u8 = 25;

/// What the worker thread is asked for.
enum Errand {
    Work(Order),
    WarmUp(BackendChoice),
    UseModel(Option<String>),
    Describe(BackendChoice, Tell),
}

/// Hears how a backend is.
type Tell = Box<dyn FnOnce(Result<BackendInfo, BackendError>) + Send>;

/// Jobs on their way to the worker thread.
type Order = VecDeque<Task>;

/// A job of an order.
struct Task {
    id: JobId,
    job: Job,
    state: Arc<State>,
}

/// What both sides tell each other about a job.
#[derive(Default)]
struct State {
    /// Set by the side that comes first: the thread that begins the job, or the caller that cancels it before.
    begun: AtomicBool,
    cancelled: AtomicBool,
}

impl State {
    /// Whether nobody had begun it before.
    fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::AcqRel)
    }
}

/// Handle of a worker thread that does one order at a time. Dropping it cancels the jobs at work; the thread then ends
/// by itself, without being waited for.
pub(super) struct Worker {
    errands: Sender<Errand>,
    events: Receiver<Event>,
    at_work: Vec<(JobId, Arc<State>)>,
}

impl Worker {
    /// Starts a worker thread.
    ///
    /// # Errors
    /// [`GenerationError::NoThread`] when the system gives none.
    pub(super) fn start(backends: Backends) -> Result<Self, GenerationError> {
        // One order is at work at a time; those whose every job was cancelled early are passed over at once.
        let (errands, inbox) = unbounded();
        let (event_outbox, events) = bounded(EVENT_CAPACITY);
        std::thread::Builder::new()
            .name("trellis-worker".into())
            .spawn(move || serve(&inbox, &event_outbox, backends))
            .map_err(GenerationError::NoThread)?;
        Ok(Self {
            errands,
            events,
            at_work: Vec::new(),
        })
    }

    /// The first job at work.
    pub(super) fn at_work(&self) -> Option<JobId> {
        self.at_work.first().map(|(id, _)| *id)
    }

    /// Hands jobs over that are done together. Only for an idle worker: see [`Worker::at_work`].
    pub(super) fn hand_over(&mut self, jobs: Vec<(JobId, Job)>) {
        debug_assert!(self.at_work.is_empty(), "a worker does one order at a time");
        let tasks = jobs.into_iter().map(|(id, job)| {
            let state = Arc::<State>::default();
            self.at_work.push((id, Arc::clone(&state)));
            Task { id, job, state }
        });
        // A dead worker is noticed by `poll`.
        let _ = self.errands.send(Errand::Work(tasks.collect()));
    }

    /// Has a backend begin to make itself ready. Nothing happens where much waits already, as when a game asks every
    /// frame.
    pub(super) fn warm_up(&self, choice: BackendChoice) {
        if self.errands.len() < MOST_WAITING {
            let _ = self.errands.send(Errand::WarmUp(choice));
        }
    }

    /// Has what follows be done with another model, and frees what the one before held.
    pub(super) fn use_model(&self, model: Option<&str>) {
        let _ = self.errands.send(Errand::UseModel(model.map(Into::into)));
    }

    /// Asks a backend how it is.
    pub(super) fn describe(
        &self,
        choice: BackendChoice,
        tell: impl FnOnce(Result<BackendInfo, BackendError>) + Send + 'static,
    ) {
        let _ = self.errands.send(Errand::Describe(choice, Box::new(tell)));
    }

    /// Asks a job to stop; tells whether it has not begun and never will, so that no event of it follows.
    pub(super) fn cancel(&mut self, id: JobId) -> bool {
        let state = self.at_work.iter().find(|(other, _)| *other == id);
        let never_began = state.is_some_and(|(_, state)| {
            state.cancelled.store(true, Ordering::Relaxed);
            state.begin()
        });
        if never_began {
            self.at_work.retain(|(other, _)| *other != id);
        }
        never_began
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    /// The jobs that were lost when the thread died.
    pub(super) fn poll(&mut self) -> Result<Option<Event>, Vec<JobId>> {
        match self.events.try_recv() {
            Ok(event) => {
                if event.is_end() {
                    self.at_work.retain(|(id, _)| *id != event.job());
                }
                Ok(Some(event))
            }
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => {
                Err(self.at_work.drain(..).map(|(id, _)| id).collect())
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        for (_, state) in &self.at_work {
            state.cancelled.store(true, Ordering::Relaxed);
        }
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
        let mut order = match errand {
            Errand::Work(order) => order,
            Errand::WarmUp(choice) => {
                warm_up(&mut pool, &choice);
                continue;
            }
            Errand::UseModel(model) => {
                use_model(&mut pool, model);
                continue;
            }
            Errand::Describe(choice, tell) => {
                describe(&mut pool, &choice, tell);
                continue;
            }
        };
        while let Some(first) = next(&mut order) {
            let ends = Part {
                tasks: vec![first],
                backend: None,
                events,
            }
            .end(&mut pool, &mut order);
            let (news, kept): (Vec<Event>, Vec<_>) = ends.into_iter().unzip();
            let is_heard = news.into_iter().all(|end| events.send(end).is_ok());
            for (keeping, voxels) in kept.into_iter().flatten() {
                keeping.keep(&voxels);
            }
            if !is_heard {
                return;
            }
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

/// Frees what backends hold that ran another model.
fn use_model(pool: &mut BackendPool, model: Option<String>) {
    let outcome = catch_unwind(AssertUnwindSafe(|| pool.use_model(model)));
    if let Err(panic) = outcome {
        tracing::warn!("giving up a model crashed: {}", message_of(&*panic));
    }
}

/// Tells how a backend is, started if need be. Where that crashes, nothing is told.
fn describe(pool: &mut BackendPool, choice: &BackendChoice, tell: Tell) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        tell(pool.get(choice).map(|(_, backend)| backend.describe()));
    }));
    if let Err(panic) = outcome {
        tracing::warn!("asking a backend crashed: {}", message_of(&*panic));
    }
}

/// Begins the next task that was not cancelled before.
fn next(order: &mut Order) -> Option<Task> {
    std::iter::from_fn(|| order.pop_front()).find(|task| task.state.begin())
}

/// The event that ends a job, and a new result that is to be kept once it was told.
type End = (Event, Option<(Keeping, SparseVoxels)>);

/// The tasks of an order that are done at once.
struct Part<'a> {
    tasks: Vec<Task>,
    /// Who does them, once that is known.
    backend: Option<&'static str>,
    events: &'a Sender<Event>,
}

impl Part<'_> {
    /// Does the tasks, and as many more of the order as the backend can at once; returns the end of each.
    fn end(mut self, pool: &mut BackendPool, order: &mut Order) -> Vec<End> {
        match catch_unwind(AssertUnwindSafe(|| self.work(pool, order))) {
            Ok(ends) => ends,
            Err(panic) => {
                if let Some(name) = self.backend {
                    pool.discard(name);
                }
                let message = message_of(&*panic);
                let failed = self.tasks.iter().map(|task| {
                    let error = GenerationError::Panicked {
                        backend: self
                            .backend
                            .map_or_else(|| task.job.backend.to_string(), str::to_owned),
                        message: message.clone(),
                    };
                    let job = task.id;
                    (Event::Failed { job, error }, None)
                });
                failed.collect()
            }
        }
    }

    fn work(&mut self, pool: &mut BackendPool, order: &mut Order) -> Vec<End> {
        let started = Instant::now();
        let failed = |task: &Task, error| (end_of(task.id, Err(error), started), None);
        let Some(first) = self.tasks.first() else {
            return Vec::new();
        };
        let (name, backend) = match pool.get(&first.job.backend) {
            Ok(chosen) => chosen,
            Err(error) => return vec![failed(first, error.into())],
        };
        self.backend = Some(name);
        let more = std::iter::from_fn(|| next(order));
        self.tasks
            .extend(more.take(backend.batch_size().saturating_sub(1)));

        let mut ends = Vec::new();
        let mut prompts = Vec::new();
        let mut watches = Vec::new();
        let mut pictures = Pictures::default();
        let info = backend.describe();
        for task in &self.tasks {
            let watch = ChannelWatch {
                task,
                events: self.events,
            };
            match watch
                .check()
                .map_err(Into::into)
                .and_then(|()| pictures.prompt(&task.job))
            {
                Ok(prompt) => {
                    watch.tell(Event::Started {
                        job: task.id,
                        backend: info.clone(),
                    });
                    prompts.push(prompt);
                    watches.push(watch);
                }
                Err(error) => ends.push(failed(task, error)),
            }
        }
        let cache = self.tasks.first().and_then(|task| task.job.cache.as_ref());
        let mut watching: Vec<&mut dyn Watch> = watches
            .iter_mut()
            .map(|watch| watch as &mut dyn Watch)
            .collect();
        if cache.is_some() {
            make_ready(backend, &mut watching);
        }
        let results = generate_or_find_all(cache, backend, &prompts, &mut watching);
        for (watch, outcome) in watches.iter().zip(results) {
            ends.push(watch.end(outcome, started));
        }
        ends
    }
}

/// Has a backend learn what it will run, since before that it may not know under which identity its results are kept.
/// What keeps it from working is met again by the generation.
fn make_ready(backend: &mut dyn Backend, watches: &mut [&mut dyn Watch]) {
    for watch in watches {
        let outcome = backend.make_ready(&mut **watch);
        // Who is cancelled leaves the wait to the next one.
        if !matches!(outcome, Err(BackendError::Cancelled(_))) {
            return;
        }
    }
}

/// The pictures of the last job, since those of a batch mostly have the same.
#[derive(Default)]
struct Pictures<'a> {
    sources: &'a [PictureSource],
    pictures: Vec<Picture>,
}

impl<'a> Pictures<'a> {
    /// Reads and decodes the pictures of a job.
    fn prompt(&mut self, job: &'a Job) -> Result<Prompt, GenerationError> {
        if self.sources != job.pictures {
            self.pictures = job.load_pictures()?;
            self.sources = &job.pictures;
        }
        Ok(job.prompt(self.pictures.clone()))
    }
}

/// The event that ends a job.
fn end_of(job: JobId, outcome: Result<&Made, GenerationError>, started: Instant) -> Event {
    let outcome = outcome.and_then(|made| match made.voxels.is_empty() {
        true => Err(GenerationError::NoVoxels),
        false => Ok(made),
    });
    match outcome {
        Ok(made) => Event::Finished {
            job,
            model: VoxelModel::from(&made.voxels),
            work: started.elapsed(),
            cached: made.cached,
        },
        Err(GenerationError::Backend(BackendError::Cancelled(_))) => Event::Cancelled { job },
        Err(error) => Event::Failed { job, error },
    }
}

/// Sends what a backend reports over the channel and stops it when its job is cancelled.
struct ChannelWatch<'a> {
    task: &'a Task,
    events: &'a Sender<Event>,
}

impl ChannelWatch<'_> {
    fn check(&self) -> Result<(), BackendError> {
        if self.task.state.cancelled.load(Ordering::Relaxed) {
            Err(Cancelled.into())
        } else {
            Ok(())
        }
    }

    /// The end of a job whose backend has answered.
    fn end(&self, (result, keeping): Outcome, started: Instant) -> End {
        let job = self.task.id;
        match result {
            Ok(made) => {
                let checked = self.check().map(|()| &made).map_err(Into::into);
                let event = end_of(job, checked, started);
                // Also what nobody wants any more may be asked for again.
                (event, keeping.map(|keeping| (keeping, made.voxels)))
            }
            Err(error) => (end_of(job, Err(error.into()), started), None),
        }
    }

    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}

impl Watch for ChannelWatch<'_> {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        self.tell(Event::Progress {
            job: self.task.id,
            progress,
        });
        self.check().map_err(|_| Cancelled)
    }

    fn preview(&mut self, mut voxels: SparseVoxels) -> Result<(), Cancelled> {
        if self.wants_previews() {
            while voxels.resolution() > PREVIEW_RESOLUTION {
                voxels = voxels.coarser();
            }
            self.tell(Event::Preview {
                job: self.task.id,
                model: VoxelModel::from(&voxels),
            });
        }
        self.check().map_err(|_| Cancelled)
    }

    fn wants_previews(&self) -> bool {
        self.task.job.previews
    }
}

/// What a panic said.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}
