//! [`PythonThread`]: the thread on which everything in Python happens.
//!
//! A thread of its own, for callbacks of Python must own what they use, and the watch of a generation is only lent.
//! What they report crosses as [`News`]; the callback waits until it was taken note of, so that "stop" reaches
//! Python within the step. The thread inherits the low priority of the worker that starts it, and ends after its last
//! order when the handle is dropped.

use std::path::PathBuf;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use pyo3::PyErr;

use super::PythonError;
use super::embed::embed;
use super::session::{Description, Session, failure};
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

/// A prompt on its way to Python.
pub(super) struct Order {
    pub pictures: Vec<Picture>,
    pub seed: u64,
    pub resolution: u32,
    pub previews: bool,
}

/// What Python tells. Whoever gets progress or a preview answers whether to go on.
pub(super) enum News {
    Progress(Progress, Sender<bool>),
    Preview(SparseVoxels, Sender<bool>),
    /// What would run where, if anything would; the end.
    Examined(Result<Option<Description>, PythonError>),
    /// The model is loaded, or is not; the end.
    Loaded(Result<Description, Failure>),
    /// The order is done, or is not; the end.
    Made(Result<(SparseVoxels, Description), Failure>),
}

/// Why Python did not do something.
pub(super) enum Failure {
    /// Our callback said stop.
    Cancelled,
    /// Something went wrong.
    Error(PythonError),
    /// Python raised something whose meaning is not known yet.
    Raised(PyErr),
}

impl From<PythonError> for Failure {
    fn from(error: PythonError) -> Self {
        Self::Error(error)
    }
}

impl From<PyErr> for Failure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

/// The way back from Python.
#[derive(Clone)]
pub(super) struct Talk {
    news: Sender<News>,
    /// Whether callbacks wait for their answer.
    waits: bool,
}

impl Talk {
    /// Reports progress; whether to go on.
    pub(super) fn progress(&self, progress: Progress) -> bool {
        self.ask(|answer| News::Progress(progress, answer))
    }

    /// Shows a preview; whether to go on.
    pub(super) fn preview(&self, voxels: SparseVoxels) -> bool {
        self.ask(|answer| News::Preview(voxels, answer))
    }

    fn ask(&self, news: impl FnOnce(Sender<bool>) -> News) -> bool {
        let (answer, answered) = bounded(1);
        let told = self.news.send(news(answer)).is_ok();
        !self.waits || (told && answered.recv().unwrap_or(false))
    }
}

/// What the thread is asked for.
enum Task {
    Examine,
    Load,
    Make(Order),
}

/// Handle of the thread.
pub(super) struct PythonThread {
    tasks: Sender<(Task, Sender<News>)>,
}

impl PythonThread {
    /// Starts the thread; nothing of Python happens yet.
    pub(super) fn start(place: Place) -> Result<Self, PythonError> {
        let (tasks, inbox) = unbounded();
        let thread = std::thread::Builder::new().name("trellis-python".into());
        // torch's kernels take more of the stack than Rust's two megabytes for a thread.
        let thread = thread.stack_size(16 << 20);
        let started = thread.spawn(move || serve(&inbox, &place));
        started.map_err(|_| PythonError::Thread("could not be started"))?;
        Ok(Self { tasks })
    }

    /// Finds out whether a GPU works and the checkpoint is complete.
    pub(super) fn examine(&self) -> Receiver<News> {
        self.order(Task::Examine)
    }

    /// Loads the model, whether anybody listens or not.
    pub(super) fn load(&self) -> Receiver<News> {
        self.order(Task::Load)
    }

    /// Makes what an order asks for.
    pub(super) fn make(&self, order: Order) -> Receiver<News> {
        self.order(Task::Make(order))
    }

    /// Where the thread is gone the news end at once.
    fn order(&self, task: Task) -> Receiver<News> {
        let (news, inbox) = unbounded();
        let _ = self.tasks.send((task, news));
        inbox
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
            Task::Load => News::Loaded(desk.load(&Talk {
                news: news.clone(),
                waits: false,
            })),
            Task::Make(order) => News::Made(desk.make(
                &order,
                &Talk {
                    news: news.clone(),
                    waits: true,
                },
            )),
        };
        let _ = news.send(end);
    }
    if let Some((session, _)) = desk.session.take() {
        pyo3::Python::attach(move |_| drop(session));
    }
}

/// The session, opened when it is needed.
struct Desk<'a> {
    place: &'a Place,
    session: Option<(Session, PathBuf)>,
}

impl Desk<'_> {
    fn examine(&mut self) -> Result<Option<Description>, PythonError> {
        match self.with(|py, session| session.examine(py).map_err(Failure::Raised)) {
            Ok(found) => Ok(found),
            Err(Failure::Error(error)) => Err(error),
            Err(_) => Err(PythonError::Interrupted),
        }
    }

    fn load(&mut self, talk: &Talk) -> Result<Description, Failure> {
        self.with(|py, session| session.load(py, talk).map_err(Failure::Raised))
    }

    fn make(&mut self, order: &Order, talk: &Talk) -> Result<(SparseVoxels, Description), Failure> {
        self.with(|py, session| session.generate(py, order, talk))
    }

    /// Does something in Python.
    fn with<T>(
        &mut self,
        work: impl FnOnce(pyo3::Python<'_>, &Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (session, program) = self.session()?;
        pyo3::Python::attach(|py| work(py, session).map_err(|error| failure(py, error, program)))
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
