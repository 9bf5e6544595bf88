//! [`PythonThread`]: the thread on which everything in Python happens.
//!
//! A thread of its own, for callbacks of Python must own what they use, and the watch of a generation is only lent:
//! they have a [`FarWatch`]. The thread inherits the low priority of the worker that starts it. Dropping the handle ends
//! it and waits for that, so that what the model held is free for another one.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};
use pyo3::PyResult;

use super::PythonError;
use super::embed::embed;
use super::session::{Description, Session, failure};
use crate::backend::relay::{FarWatch, Told};
use crate::backend::{Interpreter, Progress};
use crate::picture::Picture;
use crate::voxel::SparseVoxels;

/// Where Python and the model come from.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The Python whose packages are used; else the one that [`Interpreter::find`] finds.
    pub interpreter: Option<PathBuf>,
    /// Folders in which packages are looked for first.
    pub packages: Vec<PathBuf>,
    /// The checkpoint.
    pub model: String,
}

/// A watch as Python's callbacks use it.
pub(super) type Far = FarWatch<News>;

/// A prompt on its way to Python.
pub(super) struct Order {
    pub pictures: Vec<Picture>,
    pub seed: u64,
    pub resolution: u32,
    pub watch: Far,
}

/// What Python tells.
pub(super) enum News {
    /// Something for a watch.
    Told(Told),
    /// How far a load ahead is.
    Loading(Progress),
    /// What would run where, if anything would; the end unless a load follows.
    Examined(Result<Option<Description>, PythonError>),
    /// The model is loaded, or is not; the end.
    Loaded(Result<Description, Failure>),
    /// How each order ended, and what ran; or why there were no orders. The end.
    Made(Result<Made, Failure>),
}

/// How each order ended, and what runs, once that is known.
pub(super) type Made = (Vec<Result<SparseVoxels, Failure>>, Option<Description>);

impl From<Told> for News {
    fn from(told: Told) -> Self {
        Self::Told(told)
    }
}

/// Why Python did not do something.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Our callback said stop.
    Cancelled,
    /// Something went wrong.
    Error(PythonError),
}

impl From<PythonError> for Failure {
    fn from(error: PythonError) -> Self {
        Self::Error(error)
    }
}

/// What the thread is asked for.
enum Task {
    Examine,
    Load,
    Make(Vec<Order>),
}

/// Handle of the thread.
pub(super) struct PythonThread {
    tasks: Sender<(Task, Sender<News>)>,
    /// `None` once it is waited for.
    thread: Option<JoinHandle<()>>,
}

impl PythonThread {
    /// Starts the thread; nothing of Python happens yet.
    pub(super) fn start(place: Place) -> Result<Self, PythonError> {
        let (tasks, inbox) = unbounded();
        let thread = std::thread::Builder::new().name("trellis-python".into());
        // torch's kernels take more of the stack than Rust's two megabytes for a thread.
        let thread = thread.stack_size(16 << 20);
        let started = thread.spawn(move || serve(&inbox, &place));
        let thread = started.map_err(|_| PythonError::Thread("could not be started"))?;
        Ok(Self {
            tasks,
            thread: Some(thread),
        })
    }

    /// Finds out whether the device works and the checkpoint is complete.
    pub(super) fn examine(&self) -> Receiver<News> {
        self.order(Task::Examine)
    }

    /// The same, then loads the model as long as the news can be heard.
    pub(super) fn load(&self) -> Receiver<News> {
        self.order(Task::Load)
    }

    /// Makes what some orders of one resolution ask for; their watches talk to this end of the news.
    pub(super) fn make(&self, orders: impl FnOnce(&Sender<News>) -> Vec<Order>) -> Receiver<News> {
        let (news, inbox) = unbounded();
        let orders = orders(&news);
        let _ = self.tasks.send((Task::Make(orders), news));
        inbox
    }

    /// Where the thread is gone the news end at once.
    fn order(&self, task: Task) -> Receiver<News> {
        let (news, inbox) = unbounded();
        let _ = self.tasks.send((task, news));
        inbox
    }
}

impl Drop for PythonThread {
    fn drop(&mut self) {
        // The thread ends with its orders.
        self.tasks = unbounded().0;
        let mut thread = self.thread.take();
        let mut wait = || {
            if let Some(thread) = thread.take() {
                // A panic on it was met as news that ended early.
                let _ = thread.join();
            }
        };
        // It takes Python once more, which this thread may hold.
        let _ = pyo3::Python::try_attach(|py| py.detach(&mut wait));
        wait();
    }
}

/// The thread's life: one task after the other until the handle is gone.
fn serve(tasks: &Receiver<(Task, Sender<News>)>, place: &Place) {
    let mut desk = Desk {
        place,
        session: None,
    };
    for (task, news) in tasks {
        let end = match task {
            Task::Examine => News::Examined(desk.examine()),
            Task::Load => {
                // Known long before the model is loaded.
                let _ = news.send(News::Examined(desk.examine()));
                News::Loaded(desk.load(news.clone()))
            }
            Task::Make(orders) => News::Made(desk.make(orders)),
        };
        let _ = news.send(end);
    }
    if let Some((session, _)) = desk.session.take() {
        pyo3::Python::attach(move |py| session.close(py));
    }
}

/// The session, opened when it is needed.
struct Desk<'a> {
    place: &'a Place,
    session: Option<(Session, PathBuf)>,
}

impl Desk<'_> {
    fn examine(&mut self) -> Result<Option<Description>, PythonError> {
        match self.with(|py, session, _| session.examine(py)) {
            Ok(found) => Ok(found),
            Err(Failure::Error(error)) => Err(error),
            Err(Failure::Cancelled) => Err(PythonError::Interrupted),
        }
    }

    fn load(&mut self, news: Sender<News>) -> Result<Description, Failure> {
        let tell = move |progress| news.send(News::Loading(progress)).is_ok();
        self.with(|py, session, _| session.load(py, tell))
    }

    fn make(&mut self, orders: Vec<Order>) -> Result<Made, Failure> {
        self.with(|py, session, program| session.generate(py, orders, program))
    }

    /// Does something in Python.
    fn with<T>(
        &mut self,
        work: impl FnOnce(pyo3::Python<'_>, &Session, &Path) -> PyResult<T>,
    ) -> Result<T, Failure> {
        let (session, program) = self.session()?;
        pyo3::Python::attach(|py| {
            work(py, session, program).map_err(|error| failure(py, &error, program))
        })
    }

    fn session(&mut self) -> Result<&(Session, PathBuf), PythonError> {
        if self.session.is_none() {
            let program = match &self.place.interpreter {
                Some(program) => program.clone(),
                None => Interpreter::find()?.program,
            };
            embed(&program, &self.place.packages)?;
            let session =
                pyo3::Python::attach(|py| Session::open(py, &self.place.model, &program))?;
            self.session = Some((session, program));
        }
        self.session
            .as_ref()
            .ok_or(PythonError::Thread("has no session"))
    }
}
