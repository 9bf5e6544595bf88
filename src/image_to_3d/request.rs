//! [`GenerateRequest`]: what a game asks for.

use bevy::prelude::*;

use crate::backend::BackendChoice;
use crate::generation::Priority;

use super::{PictureInput, Placement};

/// Asks for the thing in a picture. What is not said is taken from [`super::TrellisSettings`].
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    /// The object, from one side or several; the first picture leads.
    pub pictures: Vec<PictureInput>,
    /// Seed of every random choice.
    pub seed: u64,
    /// Cells per axis.
    pub resolution: Option<u32>,
    /// Who does the work.
    pub backend: Option<BackendChoice>,
    /// When it is done.
    pub priority: Priority,
    /// Edge of a voxel in metres; a world has a size of its own, see [`Placement::World`].
    pub voxel_size: Option<f32>,
    /// Whether it becomes an entity of its own or part of a world.
    pub placement: Option<Placement>,
    /// Whether the result may be one that was kept, and is kept, see [`super::TrellisSettings::cache`].
    pub cache: bool,
    /// Where the result's origin, the centre of its bottom face, shall stand.
    pub transform: Transform,
}

impl GenerateRequest {
    /// A request for the thing in one picture, at the world's origin.
    pub fn new(picture: impl Into<PictureInput>) -> Self {
        Self {
            pictures: vec![picture.into()],
            seed: 0,
            resolution: None,
            backend: None,
            priority: Priority::default(),
            voxel_size: None,
            placement: None,
            cache: true,
            transform: Transform::IDENTITY,
        }
    }

    /// Another view of the same object. A backend that knows one view only looks at the first picture.
    #[must_use]
    pub fn also(mut self, picture: impl Into<PictureInput>) -> Self {
        self.pictures.push(picture.into());
        self
    }

    /// Made anew, whatever is kept, and not kept.
    #[must_use]
    pub fn no_cache(self) -> Self {
        Self {
            cache: false,
            ..self
        }
    }

    /// Where the result shall stand.
    #[must_use]
    pub fn at(self, transform: Transform) -> Self {
        Self { transform, ..self }
    }

    /// Whether it becomes an entity of its own or part of a world.
    #[must_use]
    pub fn placed(self, placement: Placement) -> Self {
        Self {
            placement: Some(placement),
            ..self
        }
    }

    /// Stamped into the only voxel world there is, see [`Placement::World`].
    #[must_use]
    pub fn into_world(self) -> Self {
        self.placed(Placement::World(None))
    }

    /// Another seed: another thing of the same kind, where the backend makes random choices.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Cells per axis.
    #[must_use]
    pub fn with_resolution(self, resolution: u32) -> Self {
        Self {
            resolution: Some(resolution),
            ..self
        }
    }

    /// Who does the work.
    #[must_use]
    pub fn with_backend(self, backend: impl Into<BackendChoice>) -> Self {
        Self {
            backend: Some(backend.into()),
            ..self
        }
    }

    /// When it is done.
    #[must_use]
    pub fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Edge of a voxel in metres.
    #[must_use]
    pub fn with_voxel_size(self, metres: f32) -> Self {
        Self {
            voxel_size: Some(metres),
            ..self
        }
    }
}
