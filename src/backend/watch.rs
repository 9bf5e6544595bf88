//! [`Watch`]: how a backend tells how far it is, and learns that it shall stop.

use std::fmt;

use crate::voxel::SparseVoxels;

/// Follows a backend at work. Called on the backend's thread; must return quickly.
pub trait Watch {
    /// Takes note of how far the work is.
    ///
    /// # Errors
    /// [`Cancelled`] when the work shall stop; the backend passes it on with `?`.
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled>;

    /// Takes a rough version of the result; a later one replaces it.
    ///
    /// # Errors
    /// [`Cancelled`] when the work shall stop; the backend passes it on with `?`.
    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled>;

    /// Whether previews are looked at; a backend skips the work for them otherwise.
    fn wants_previews(&self) -> bool {
        true
    }
}

/// The watcher asked the backend to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// How far a backend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub stage: Stage,
    /// Steps of this stage that are done.
    pub step: u32,
    /// Steps this stage has; 0 where that is not known.
    pub steps: u32,
}

impl Progress {
    /// Loading has begun; how far it is nobody knows yet.
    pub const LOADING: Self = Self {
        stage: Stage::Loading,
        step: 0,
        steps: 0,
    };

    /// The part of this stage that is done, from 0 to 1.
    #[must_use]
    pub fn fraction(&self) -> f32 {
        if self.steps == 0 {
            0.0
        } else {
            (self.step as f32 / self.steps as f32).min(1.0)
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stage)?;
        if self.steps > 1 {
            write!(f, " {}/{}", self.step, self.steps)
        } else {
            Ok(())
        }
    }
}

/// What a backend is doing. Every backend goes through these in this order and may leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Loading weights.
    Loading,
    /// Looking at the picture: cut-out, encoding.
    Picture,
    /// Finding out which cells are solid.
    Structure,
    /// Finding out what each cell looks like.
    Appearance,
    /// Turning the model's answer into voxels.
    Decoding,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [
        Self::Loading,
        Self::Picture,
        Self::Structure,
        Self::Appearance,
        Self::Decoding,
    ];

    /// The stage's name on the wire and on screen.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Picture => "picture",
            Self::Structure => "structure",
            Self::Appearance => "appearance",
            Self::Decoding => "decoding",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A [`Watch`] that looks away and never cancels.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&mut self, _: Progress) -> Result<(), Cancelled> {
        Ok(())
    }

    fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
        Ok(())
    }

    fn wants_previews(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_of_unknown_length_has_no_fraction_and_shows_no_count() {
        let progress = Progress {
            stage: Stage::Loading,
            step: 3,
            steps: 0,
        };
        assert!(progress.fraction().abs() < f32::EPSILON);
        assert_eq!(progress.to_string(), "loading");
    }

    #[test]
    fn progress_shows_its_stage_and_step() {
        let progress = Progress {
            stage: Stage::Structure,
            step: 3,
            steps: 12,
        };
        assert_eq!(progress.to_string(), "structure 3/12");
        assert!((progress.fraction() - 0.25).abs() < f32::EPSILON);
    }
}
