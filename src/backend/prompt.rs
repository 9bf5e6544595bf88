//! [`Prompt`]: what a backend gets.

#[cfg(any(feature = "python", feature = "server"))]
use std::ops::RangeInclusive;

#[cfg(any(feature = "python", feature = "server"))]
use super::BackendError;
use crate::picture::Picture;

/// What to make: plain data, the same for every backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// One picture of the object, or several views of the same one; the first leads.
    pub pictures: Vec<Picture>,
    /// Seed of every random choice; the same seed gives the same voxels on the same backend.
    pub seed: u64,
    /// Cells per axis of the result.
    pub resolution: u32,
}

impl Prompt {
    /// Cells per axis where nobody asks for another number: what TRELLIS itself makes, and every backend can. It
    /// decides how large a thing is in a game, so it does not change with the model.
    pub const DEFAULT_RESOLUTION: u32 = 64;

    /// A prompt of one picture with seed 0 at [`Prompt::DEFAULT_RESOLUTION`].
    #[must_use]
    pub fn new(picture: Picture) -> Self {
        Self {
            pictures: vec![picture],
            seed: 0,
            resolution: Self::DEFAULT_RESOLUTION,
        }
    }

    /// Refuses what a backend cannot make at all.
    #[cfg(any(feature = "python", feature = "server"))]
    pub(super) fn check(
        &self,
        backend: &'static str,
        possible: &RangeInclusive<u32>,
    ) -> Result<(), BackendError> {
        if self.pictures.is_empty() {
            return Err(BackendError::NoPicture);
        }
        if !possible.contains(&self.resolution) {
            return Err(BackendError::Resolution {
                got: self.resolution,
                backend,
                possible: possible.clone(),
            });
        }
        Ok(())
    }
}
