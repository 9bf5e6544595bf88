//! [`Event`]: what a [`super::Generator`] tells about its jobs.

use std::time::Duration;

use crate::backend::{BackendError, BackendInfo, Progress};
use crate::picture::PictureError;
use crate::voxel::VoxelModel;

use super::JobId;

/// Something happened to a job. The last event of every job is one of `Finished`, `Failed` and `Cancelled`, and it
/// comes exactly once.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The worker has begun; comes before all others except an early end.
    Started {
        /// Which job.
        job: JobId,
        /// Who works on it.
        backend: BackendInfo,
    },
    /// The work has come further.
    Progress {
        /// Which job.
        job: JobId,
        /// How far it is.
        progress: Progress,
    },
    /// A rough version of the result, in place of any earlier one. It has at most 128 cells per axis; what a backend
    /// shows in finer ones is made coarser.
    Preview {
        /// Which job.
        job: JobId,
        /// The rough version.
        model: VoxelModel,
    },
    /// The job is done.
    Finished {
        /// Which job.
        job: JobId,
        /// The result.
        model: VoxelModel,
        /// Time on the worker: reading the picture, generating, choosing the palette. Jobs that were done together
        /// all have the time of all.
        work: Duration,
        /// Whether it was kept from an earlier time, see [`super::ResultCache`].
        cached: bool,
    },
    /// The job could not be done.
    Failed {
        /// Which job.
        job: JobId,
        /// Why.
        error: GenerationError,
    },
    /// The job was cancelled, waiting or at work.
    Cancelled {
        /// Which job.
        job: JobId,
    },
}

impl Event {
    /// The job this event is about.
    #[must_use]
    pub fn job(&self) -> JobId {
        match *self {
            Self::Started { job, .. }
            | Self::Progress { job, .. }
            | Self::Preview { job, .. }
            | Self::Finished { job, .. }
            | Self::Failed { job, .. }
            | Self::Cancelled { job } => job,
        }
    }

    /// Whether no further event of the same job follows.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Finished { .. } | Self::Failed { .. } | Self::Cancelled { .. }
        )
    }
}

/// Why a job was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerationError {
    /// A picture could not be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The backend did not do it.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The backend panicked. It is started anew for the next job.
    #[error("the backend {backend} crashed: {message}; it starts anew with the next request")]
    Panicked {
        /// The backend's name, or the choice where none had started yet.
        backend: String,
        /// The panic's message.
        message: String,
    },
    /// The backend found nothing to make.
    #[error(
        "the backend made no voxels of this picture: try another picture or a higher resolution"
    )]
    NoVoxels,
    /// Too many jobs wait.
    #[error("{waiting} requests wait already: try again when some are done")]
    QueueFull {
        /// How many.
        waiting: usize,
    },
    /// The worker thread ended in the middle of the job. A new one serves the next job.
    #[error("the worker thread died: ask again, a new one takes over")]
    WorkerDied,
    /// The system gave no thread.
    #[error("cannot start the worker thread: {0}")]
    NoThread(#[source] std::io::Error),
}
