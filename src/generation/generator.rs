//! [`Generator`]: queue and worker as one.

use std::collections::VecDeque;

use crate::backend::{BackendChoice, BackendError, Backends};

use super::queue::Queue;
use super::worker::Worker;
use super::{Event, GenerationError, Job, JobId};

/// Takes jobs and tells what becomes of them. The worker thread starts with the first job; dropping the generator
/// cancels everything.
pub struct Generator {
    backends: Backends,
    queue: Queue,
    worker: Option<Worker>,
    last_id: u64,
    /// Events that did not come from the worker.
    own_events: VecDeque<Event>,
}

impl Generator {
    /// A generator over some backends, with room for `capacity` waiting jobs.
    #[must_use]
    pub fn new(backends: Backends, capacity: usize) -> Self {
        Self {
            backends,
            queue: Queue::new(capacity),
            worker: None,
            last_id: 0,
            own_events: VecDeque::new(),
        }
    }

    /// Puts a job in the queue.
    ///
    /// # Errors
    /// [`GenerationError::QueueFull`], or [`BackendError::Unknown`] and [`BackendError::NoPicture`] for a job that
    /// nobody could do.
    pub fn submit(&mut self, job: Job) -> Result<JobId, GenerationError> {
        self.backends.candidates(&job.backend)?;
        if job.pictures.is_empty() {
            return Err(BackendError::NoPicture.into());
        }
        if self.queue.is_full() {
            return Err(GenerationError::QueueFull {
                waiting: self.queue.len(),
            });
        }
        self.last_id += 1;
        let id = JobId(self.last_id);
        self.queue.push(id, job);
        self.feed_worker();
        Ok(id)
    }

    /// Has the chosen backend begin to make itself ready, so that the first job waits less. Nothing happens while
    /// jobs are at work; what goes wrong is logged.
    pub fn warm_up(&mut self, choice: BackendChoice) {
        if self.worker.is_none() {
            self.worker = Worker::start(self.backends.clone()).ok();
        }
        if let Some(worker) = &self.worker
            && worker.at_work().is_none()
        {
            worker.warm_up(choice);
        }
    }

    /// Cancels a job, waiting or at work. Its [`Event::Cancelled`] follows, unless it ends otherwise first; nothing
    /// happens for a job that has ended.
    pub fn cancel(&mut self, id: JobId) {
        if self.queue.remove(id) {
            self.own_events.push_back(Event::Cancelled { job: id });
        } else if let Some(worker) = &self.worker
            && worker.at_work() == Some(id)
        {
            worker.cancel();
        }
    }

    /// The next event, or `None` when there is no news. Call it until then, every frame.
    pub fn poll(&mut self) -> Option<Event> {
        if let Some(event) = self.own_events.pop_front() {
            return Some(event);
        }
        let event = match self.worker.as_mut().map(Worker::poll) {
            None => None,
            Some(Ok(event)) => event,
            Some(Err(lost_job)) => {
                self.worker = None;
                lost_job.map(|job| Event::Failed {
                    job,
                    error: GenerationError::WorkerDied,
                })
            }
        };
        self.feed_worker();
        event
    }

    /// The job at work.
    #[must_use]
    pub fn at_work(&self) -> Option<JobId> {
        self.worker.as_ref()?.at_work()
    }

    /// Number of jobs that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Hands the next job to an idle worker, starting one if there is none.
    fn feed_worker(&mut self) {
        if self.at_work().is_some() || self.queue.len() == 0 {
            return;
        }
        if self.worker.is_none() {
            match Worker::start(self.backends.clone()) {
                Ok(worker) => self.worker = Some(worker),
                Err(error) => return self.fail_next(error),
            }
        }
        if let Some(worker) = &mut self.worker
            && let Some((id, job)) = self.queue.pop()
        {
            worker.hand_over(id, job);
        }
    }

    fn fail_next(&mut self, error: GenerationError) {
        if let Some((job, _)) = self.queue.pop() {
            self.own_events.push_back(Event::Failed { job, error });
        }
    }
}
