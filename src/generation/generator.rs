//! [`Generator`]: queue and worker as one.

use std::collections::VecDeque;

use crate::backend::{BackendChoice, BackendError, BackendInfo, Backends};

use super::queue::Queue;
use super::worker::Worker;
use super::{Event, GenerationError, Job, JobId};

/// Takes jobs and tells what becomes of them. The worker thread starts with the first job; dropping the generator
/// cancels everything.
pub struct Generator {
    backends: Backends,
    /// Who does what asks for auto.
    choice: BackendChoice,
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
            choice: BackendChoice::Auto,
            queue: Queue::new(capacity),
            worker: None,
            last_id: 0,
            own_events: VecDeque::new(),
        }
    }

    /// Lets someone else do the jobs that ask for [`BackendChoice::Auto`], also those that wait already; the one at
    /// work is finished by who began it.
    pub fn switch(&mut self, choice: BackendChoice) {
        self.choice = choice;
    }

    /// Lets jobs be done with another model, also those that wait already, by backends that have a choice; see
    /// [`Backends::use_model`]. The one at work is finished with the model that it began with; then what that held is
    /// freed.
    pub fn use_model(&mut self, model: Option<&str>) {
        if self.backends.model() != model {
            self.backends.use_model(model.map(Into::into));
            if let Some(worker) = &self.worker {
                worker.use_model(self.backends.model());
            }
        }
    }

    /// Asks the backend that does jobs which name none how it is, starting it if need be. `tell` hears it on the
    /// worker's thread, once the work at hand is done. Where that cannot be, `tell` is dropped.
    pub fn describe(
        &mut self,
        tell: impl FnOnce(Result<BackendInfo, BackendError>) + Send + 'static,
    ) {
        if self.worker.is_none() {
            self.worker = Worker::start(self.backends.clone()).ok();
        }
        if let Some(worker) = &self.worker {
            worker.describe(self.choice.clone(), tell);
        }
    }

    /// Puts a job in the queue.
    ///
    /// # Errors
    /// [`GenerationError::QueueFull`], or [`BackendError::Unknown`] and [`BackendError::NoPicture`] for a job that
    /// nobody could do.
    pub fn submit(&mut self, job: Job) -> Result<JobId, GenerationError> {
        let id = self.enqueue(job);
        self.feed_worker();
        id
    }

    /// Puts jobs in the queue before the first of them begins, so that those of one [`Job::batch`] are done together.
    /// One answer a job, as of [`Generator::submit`].
    pub fn submit_all(&mut self, jobs: Vec<Job>) -> Vec<Result<JobId, GenerationError>> {
        let ids = jobs.into_iter().map(|job| self.enqueue(job)).collect();
        self.feed_worker();
        ids
    }

    fn enqueue(&mut self, job: Job) -> Result<JobId, GenerationError> {
        self.backends.candidates(&self.chosen(&job))?;
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
        Ok(id)
    }

    /// Has the backend that shall do jobs begin to make itself ready, so that the first one waits less. Nothing happens
    /// while jobs are at work; what goes wrong is logged.
    pub fn warm_up(&mut self) {
        if self.worker.is_none() {
            self.worker = Worker::start(self.backends.clone()).ok();
        }
        if let Some(worker) = &self.worker
            && worker.at_work().is_none()
        {
            worker.warm_up(self.choice.clone());
        }
    }

    /// Who does a job whose turn it is.
    fn chosen(&self, job: &Job) -> BackendChoice {
        match &job.backend {
            BackendChoice::Auto => self.choice.clone(),
            named => named.clone(),
        }
    }

    /// Cancels a job, waiting or at work. Its [`Event::Cancelled`] follows, unless it ends otherwise first; nothing
    /// happens for a job that has ended.
    pub fn cancel(&mut self, id: JobId) {
        let never_began =
            self.queue.remove(id) || self.worker.as_mut().is_some_and(|worker| worker.cancel(id));
        if never_began {
            self.own_events.push_back(Event::Cancelled { job: id });
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
            Some(Err(lost)) => {
                self.worker = None;
                self.own_events
                    .extend(lost.into_iter().map(|job| Event::Failed {
                        job,
                        error: GenerationError::WorkerDied,
                    }));
                self.own_events.pop_front()
            }
        };
        self.feed_worker();
        event
    }

    /// The job at work; of several that are done together the first.
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
        let mut together = self.queue.pop_together();
        for (_, job) in &mut together {
            job.backend = self.chosen(job);
        }
        if let Some(worker) = &mut self.worker {
            worker.hand_over(together);
        }
    }

    fn fail_next(&mut self, error: GenerationError) {
        if let Some((job, _)) = self.queue.pop() {
            self.own_events.push_back(Event::Failed { job, error });
        }
    }
}
