//! [`Job`]: one thing to make.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::{BackendChoice, Prompt};
use crate::picture::{Picture, PictureError};

use super::ResultCache;

/// Number of a job, unique within its [`super::Generator`], counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of the waiting jobs goes first; equal ones go in the order they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// When nothing else waits.
    Low,
    /// The usual.
    #[default]
    Normal,
    /// Before everything else that waits; what runs is not interrupted.
    High,
}

/// One thing to make.
#[derive(Clone, Debug)]
pub struct Job {
    /// The object, from one side or several.
    pub pictures: Vec<PictureSource>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Cells per axis.
    pub resolution: u32,
    /// Who makes it; auto is whom [`super::Generator::switch`] named last when its turn comes.
    pub backend: BackendChoice,
    /// When it is made.
    pub priority: Priority,
    /// Whether [`super::Event::Preview`]s are wanted.
    pub previews: bool,
    /// Waiting jobs of the same number, backend, resolution and cache are done together, where the backend can.
    pub batch: Option<u64>,
    /// Where the result is looked for and kept; nowhere in a new job.
    pub cache: Option<ResultCache>,
}

impl Job {
    /// A job of one picture with the defaults of [`Prompt`].
    #[must_use]
    pub fn new(picture: impl Into<PictureSource>) -> Self {
        Self {
            pictures: vec![picture.into()],
            seed: 0,
            resolution: Prompt::DEFAULT_RESOLUTION,
            backend: BackendChoice::Auto,
            priority: Priority::Normal,
            previews: true,
            batch: None,
            cache: None,
        }
    }

    /// Whether two jobs can be done together.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        self.batch.is_some()
            && self.batch == other.batch
            && self.backend == other.backend
            && self.resolution == other.resolution
            && self.cache == other.cache
    }

    /// Reads and decodes the pictures. Blocks; meant for the worker thread.
    pub(super) fn load_pictures(&self) -> Result<Vec<Picture>, PictureError> {
        self.pictures.iter().map(PictureSource::load).collect()
    }

    /// What a backend gets of a job with these pictures.
    pub(super) fn prompt(&self, pictures: Vec<Picture>) -> Prompt {
        Prompt {
            pictures,
            seed: self.seed,
            resolution: self.resolution,
        }
    }
}

/// Where a picture comes from. It is read and decoded on the worker thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureSource {
    /// Decoded pixels.
    Picture(Picture),
    /// A picture file in memory.
    Bytes(Arc<[u8]>),
    /// A picture file.
    Path(PathBuf),
}

impl PictureSource {
    fn load(&self) -> Result<Picture, PictureError> {
        match self {
            Self::Picture(picture) => Ok(picture.clone()),
            Self::Bytes(bytes) => Picture::decode(bytes),
            Self::Path(path) => Picture::open(path),
        }
    }
}

impl From<Picture> for PictureSource {
    fn from(picture: Picture) -> Self {
        Self::Picture(picture)
    }
}

impl From<PathBuf> for PictureSource {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<Vec<u8>> for PictureSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}
