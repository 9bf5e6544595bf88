//! [`Python`]: torch works inside this process, through the package `crossworld_trellis` and an embedded Python.
//!
//! No server, and no copy of pictures and results beyond one buffer. The packages are those of the Python that
//! [`super::Interpreter::find`] finds, which must have the version that this program is linked to. Everything in
//! Python happens on one thread ([`thread`]); what the package is asked is in [`session`]. The frame is the wire
//! format's, as with a server. Nothing is downloaded unless this backend is named: see [`Python::examined`].

mod checkpoint;
mod embed;
mod error;
mod program;
mod session;
mod thread;
mod trouble;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

pub use checkpoint::MODEL_VARIABLE;
pub use error::PythonError;

use self::session::Description;
use self::thread::{Failure, News, Order, Place, PythonThread};
use super::{Backend, BackendError, BackendInfo, Cancelled, Progress, Prompt, Stage, Watch};
use crate::voxel::SparseVoxels;

/// How often a generation that waits for the model to load looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// TRELLIS in this process.
pub struct Python {
    place: Place,
    thread: Option<PythonThread>,
    /// What [`Python::examined`] found, or the last generation used.
    description: Option<Description>,
    /// Why auto should rather take another backend.
    obstacle: Option<Obstacle>,
    /// A load that nobody waited for yet.
    loading: Option<Receiver<News>>,
}

/// Why a generation would not run, or not in reasonable time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The checkpoint is not on this machine, or not all of it.
    NoCheckpoint,
    /// Python knows no GPU that works, or lacks a part of the checkpoint.
    NoGpu,
    /// The process has lost its device.
    Lost,
}

impl Default for Python {
    /// As [`Python::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl Python {
    /// The name it is chosen by.
    pub const NAME: &'static str = "python";

    /// Cells per axis that may be asked for before the model is known.
    const RESOLUTIONS: RangeInclusive<u32> = 1..=1024;

    /// The checkpoint that `TRELLIS_MODEL_PATH` names, in the Python that [`super::Interpreter::find`] finds. Starts
    /// nothing: that is done by the first generation, [`Backend::warm_up`] or [`Python::examined`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            place: Place {
                interpreter: None,
                packages: Vec::new(),
                model: checkpoint::model_source(),
            },
            thread: None,
            description: None,
            obstacle: None,
            loading: None,
        }
    }

    /// The same with the packages of this Python program. A process can use those of one only.
    #[must_use]
    pub fn with_interpreter(mut self, program: impl Into<PathBuf>) -> Self {
        self.place.interpreter = Some(program.into());
        self
    }

    /// The same with one more folder in which Python looks for packages, before all others: for a game that brings
    /// `crossworld_trellis` along.
    #[must_use]
    pub fn with_packages(mut self, folder: impl Into<PathBuf>) -> Self {
        self.place.packages.push(folder.into());
        self
    }

    /// The same with this checkpoint: a folder, or a repository of the hub.
    #[must_use]
    pub fn with_model(mut self, source: impl Into<String>) -> Self {
        self.place.model = source.into();
        self
    }

    /// The same, knowing whether it is ready: how this backend starts, see [`super::Backends::register`].
    ///
    /// Where this machine has no part of the checkpoint, or no driver of a GPU, that is all and takes no time. Else
    /// Python starts and imports torch, which takes seconds, and tells whether the GPU works and the checkpoint is
    /// complete. Only then the backend is ready, so that auto never downloads anything and never works on the CPU;
    /// one that is not ready and yet asked to generate, because it was named, does both.
    ///
    /// # Errors
    /// [`PythonError`] where all seems to be there and Python, torch or the checkpoint is broken.
    pub fn examined(mut self) -> Result<Self, PythonError> {
        if !checkpoint::is_here(&self.place.model) {
            self.obstacle = Some(Obstacle::NoCheckpoint);
        } else if !checkpoint::may_have_gpu() {
            self.obstacle = Some(Obstacle::NoGpu);
        } else {
            let news = self.thread()?.examine();
            self.description = match news.recv() {
                Ok(News::Examined(found)) => found?,
                _ => return Err(PythonError::Thread("has died")),
            };
            if self.description.is_none() {
                self.obstacle = Some(Obstacle::NoGpu);
            }
        }
        Ok(self)
    }

    /// Everything besides a prompt that decides what is made of it: versions, checkpoint, device. `None` before the
    /// model is known.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.description
            .as_ref()
            .map(|known| known.identity.as_str())
    }

    fn thread(&mut self) -> Result<&PythonThread, PythonError> {
        match &mut self.thread {
            Some(thread) => Ok(thread),
            none => Ok(none.insert(PythonThread::start(self.place.clone())?)),
        }
    }

    fn resolutions(&self) -> RangeInclusive<u32> {
        match &self.description {
            Some(known) => known.resolution / 2..=known.resolution * 4,
            None => Self::RESOLUTIONS,
        }
    }

    /// Waits until the model is loaded that was begun to be loaded earlier. How that went is only logged: where it
    /// failed, the generation itself tries once more.
    fn finish_loading(&mut self, watch: &mut dyn Watch) -> Result<(), Cancelled> {
        let mut last = Progress {
            stage: Stage::Loading,
            step: 0,
            steps: 0,
        };
        while let Some(news) = &self.loading {
            match news.recv_timeout(LOOK) {
                Ok(News::Progress(progress, _)) => last = progress,
                Err(RecvTimeoutError::Timeout) => {}
                end => {
                    self.loading = None;
                    self.note_loaded(end);
                    return Ok(());
                }
            }
            watch.progress(last)?;
        }
        Ok(())
    }

    fn note_loaded(&mut self, end: Result<News, RecvTimeoutError>) {
        match end {
            Ok(News::Loaded(Ok(description))) => self.note(description),
            Ok(News::Loaded(Err(Failure::Error(error)))) => {
                tracing::warn!("the model did not load ahead: {error}");
            }
            _ => tracing::warn!("the model did not load ahead"),
        }
    }

    /// Notes what is loaded; auto leaves the CPU to others even so.
    fn note(&mut self, description: Description) {
        self.obstacle = (description.device == "cpu").then_some(Obstacle::NoGpu);
        self.description = Some(description);
    }

    fn fail(&mut self, failure: Failure) -> BackendError {
        match failure {
            Failure::Cancelled => Cancelled.into(),
            Failure::Error(error) => {
                if matches!(error, PythonError::DeviceLost(_)) {
                    self.obstacle = Some(Obstacle::Lost);
                }
                error.into()
            }
            Failure::Raised(error) => PythonError::Raised {
                kind: "an exception".into(),
                message: error.to_string(),
            }
            .into(),
        }
    }
}

impl Backend for Python {
    fn describe(&self) -> BackendInfo {
        let known = self.description.as_ref();
        let model = known.map_or(&self.place.model, |known| &known.model);
        let device = known.map_or("this machine, not loaded", |known| &known.device);
        let why_not = match self.obstacle {
            Some(Obstacle::NoCheckpoint) => ", no checkpoint was downloaded",
            Some(Obstacle::NoGpu) => ", without a GPU that torch can use",
            Some(Obstacle::Lost) => ", lost until the program is started again",
            None => "",
        };
        BackendInfo {
            name: Self::NAME,
            model: model.clone(),
            device: format!("{device}{why_not}"),
            ready: self.obstacle.is_none(),
            resolutions: self.resolutions(),
        }
    }

    fn warm_up(&mut self) {
        if self.loading.is_some() {
            return;
        }
        match self.thread() {
            Ok(thread) => self.loading = Some(thread.load()),
            Err(error) => tracing::warn!("the model does not load ahead: {error}"),
        }
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        if prompt.pictures.is_empty() {
            return Err(BackendError::NoPicture);
        }
        let possible = self.resolutions();
        if !possible.contains(&prompt.resolution) {
            return Err(BackendError::Resolution {
                got: prompt.resolution,
                backend: Self::NAME,
                possible,
            });
        }
        self.finish_loading(watch)?;
        let order = Order {
            pictures: prompt.pictures.clone(),
            seed: prompt.seed,
            resolution: prompt.resolution,
            previews: watch.wants_previews(),
        };
        for news in self.thread()?.make(order) {
            match news {
                News::Progress(progress, answer) => {
                    let _ = answer.send(watch.progress(progress).is_ok());
                }
                News::Preview(voxels, answer) => {
                    let _ = answer.send(watch.preview(voxels).is_ok());
                }
                News::Made(Ok((voxels, description))) => {
                    self.note(description);
                    return Ok(voxels);
                }
                News::Made(Err(failure)) => return Err(self.fail(failure)),
                News::Examined(_) | News::Loaded(_) => {}
            }
        }
        // The next generation starts another thread.
        self.thread = None;
        Err(PythonError::Thread("has died").into())
    }
}
