//! Backends: who turns a picture into voxels.
//!
//! A [`Backend`] gets a [`Prompt`] and a [`Watch`], and returns [`SparseVoxels`] in the frame of
//! [`crate::voxel`] (+Y up, front at +Z); a backend whose model thinks in other axes converts here and nowhere
//! else. It may block for minutes: only the worker thread of [`crate::generation`] calls it. [`Backends`] lists the
//! known ones and picks by [`BackendChoice`], so nobody above this room names a backend.

mod choice;
mod inflate;
mod interpreter;
mod model;
mod pool;
mod prompt;
#[cfg(feature = "python")]
mod python;
#[cfg(any(feature = "python", feature = "server"))]
mod relay;
#[cfg(feature = "server")]
mod server;
mod survey;
mod watch;

pub use choice::{BACKEND_VARIABLE, BackendChoice, Backends};
pub use inflate::{CutOutError, Inflate};
pub use interpreter::{Interpreter, InterpreterError, InterpreterOrigin, PYTHON_VARIABLE};
pub use model::{MODEL_VARIABLE, ModelError, ModelFamily, ModelFiles, default_model};
pub use pool::BackendPool;
pub use prompt::Prompt;
#[cfg(feature = "python")]
pub use python::{Python, PythonError};
#[cfg(feature = "server")]
pub use server::{
    Health, HealthStatus, LocalServer, SERVER_VARIABLE, Server, ServerError, ServerTimeouts,
    SpawnOptions, TOKEN_VARIABLE,
};
pub use survey::BackendReport;
pub use watch::{Cancelled, Progress, Stage, Unwatched, Watch};

use std::error::Error;
use std::fmt;
use std::ops::RangeInclusive;

use crate::voxel::SparseVoxels;

/// Turns pictures into voxels.
pub trait Backend: Send {
    /// What this backend is and on what it runs.
    fn describe(&self) -> BackendInfo;

    /// Makes the thing in the prompt's pictures, reporting to `watch`.
    ///
    /// # Errors
    /// [`BackendError::Cancelled`] soon after `watch` asks to stop, else what went wrong.
    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError>;

    /// Begins to make ready what the first generation would wait for, such as loading weights, and returns before
    /// that is done. What goes wrong is logged, and met again by the next generation.
    fn warm_up(&mut self) {}

    /// How many prompts [`Backend::generate_batch`] does at once; the worker hands over no more together.
    fn batch_size(&self) -> usize {
        1
    }

    /// Makes the things of several prompts of one resolution, each reporting to the watch at its place. One result a
    /// prompt, in order; a prompt that fails or is cancelled leaves the others alone.
    ///
    /// Without an implementation of its own a backend does one after the other.
    fn generate_batch(
        &mut self,
        prompts: &[Prompt],
        watches: &mut [&mut dyn Watch],
    ) -> Vec<Result<SparseVoxels, BackendError>> {
        let each = prompts.iter().zip(watches);
        each.map(|(prompt, watch)| self.generate(prompt, &mut **watch))
            .collect()
    }

    /// Waits until it is known what would work, so that [`Backend::describe`] and [`Backend::cache_identity`] tell all
    /// they can; a model that loads anyway is waited for. Whoever does not call this only learns less.
    ///
    /// # Errors
    /// [`BackendError::Cancelled`] soon after `watch` asks to stop, else what keeps the backend from working.
    fn make_ready(&mut self, watch: &mut dyn Watch) -> Result<(), BackendError> {
        let _ = watch;
        Ok(())
    }

    /// What, beside its name and the prompt, decides what this backend makes: its model and version, exactly. Results
    /// are kept and found again under it, see `generation::ResultCache`. `None` where it cannot be told, or where
    /// results are made so quickly that they are not worth the disk; then nothing is kept. Asked right before work,
    /// so it may take a while to find out.
    fn cache_identity(&mut self) -> Option<String> {
        None
    }
}

/// What a backend is and on what it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendInfo {
    /// The name it is chosen by, for example `inflate`.
    pub name: &'static str,
    /// The model or method, for people.
    pub model: String,
    /// Which TRELLIS the model is, the first or TRELLIS.2, where it is one and that is known.
    pub family: Option<ModelFamily>,
    /// What it runs on, for example `cpu` or the name of a graphics card.
    pub device: String,
    /// Whether a prompt would be worked on now.
    pub ready: bool,
    /// Resolutions it can make, in cells per axis; of those between, a model may make some only.
    pub resolutions: RangeInclusive<u32>,
}

impl BackendInfo {
    /// Cells per axis of a file where nobody asks for another number.
    #[must_use]
    pub fn default_resolution(&self) -> u32 {
        let wanted = self
            .family
            .map_or(Prompt::DEFAULT_RESOLUTION, ModelFamily::default_resolution);
        wanted
            .max(*self.resolutions.start())
            .min(*self.resolutions.end())
    }
}

impl fmt::Display for BackendInfo {
    /// The model, its family and what it runs on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model)?;
        if let Some(family) = self.family {
            write!(f, " ({family})")?;
        }
        write!(f, " on {}", self.device)
    }
}

/// Why a backend made nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// The watcher asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The prompt has no picture.
    #[error("the request has no picture: give at least one")]
    NoPicture,
    /// The backend cannot make this resolution.
    #[error(
        "resolution {got} is out of range for the backend {backend}: use {} to {}",
        possible.start(), possible.end()
    )]
    Resolution {
        /// Cells per axis asked for.
        got: u32,
        /// The backend's name.
        backend: &'static str,
        /// What it can make.
        possible: RangeInclusive<u32>,
    },
    /// A model was named that is none.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The object could not be told from its background.
    #[error(transparent)]
    CutOut(#[from] CutOutError),
    /// A server did not do it.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The Python inside this process did not do it.
    #[cfg(feature = "python")]
    #[error(transparent)]
    Python(#[from] PythonError),
    /// There is no backend of this name.
    #[error("there is no backend '{name}': use auto or one of {}", known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Names there are.
        known: Vec<&'static str>,
    },
    /// No backend can work at present.
    #[error("no backend is ready (tried {}): start one, or name one with TRELLIS_BACKEND", tried.join(", "))]
    NoneReady {
        /// Names that were tried.
        tried: Vec<&'static str>,
    },
    /// The backend could not start or broke while it worked.
    #[error("the backend {backend} failed: {source}")]
    Failed {
        /// The backend's name.
        backend: &'static str,
        /// What it said.
        source: Box<dyn Error + Send + Sync>,
    },
}
