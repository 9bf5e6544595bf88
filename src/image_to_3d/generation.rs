//! [`Generation`]: a request's life as an entity, and the events on it.

use std::time::{Duration, Instant};

use bevy::prelude::*;

use crate::backend::Progress;

/// A thing that is being made, or was. Despawning its entity cancels the work.
#[derive(Component, Clone, Debug)]
#[require(Transform, Visibility)]
pub struct Generation {
    /// Number for people, counted from 1 in each app.
    pub number: u32,
    /// Short name of the picture.
    pub picture: String,
    /// How far it is.
    pub status: GenerationStatus,
    /// Who works on it, once that is known.
    pub backend: Option<&'static str>,
    /// Whether the voxels were kept from an earlier time; known when they are there.
    pub cached: bool,
    /// Cells per axis that are asked for, once the work is asked for; previews may have fewer.
    pub(super) resolution: Option<u32>,
    pub(super) asked: Instant,
    pub(super) first_preview: Option<Duration>,
    /// The child that shows ghost voxels.
    pub(super) ghost: Option<Entity>,
}

/// How far a generation is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenerationStatus {
    /// Waits for its picture, or for its turn.
    #[default]
    Queued,
    /// The backend is at work.
    Running(Progress),
    /// The voxels are there; their chunks are being meshed, or they are being stamped into the world.
    Meshing,
    /// The chunks stand, or the voxels are the world's.
    Done,
    /// It was not possible.
    Failed {
        /// Why, and what to do.
        message: String,
    },
    /// It was cancelled.
    Cancelled,
}

impl GenerationStatus {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Done | Self::Failed { .. } | Self::Cancelled)
    }

    /// One word for reports: `queued`, `running`, `meshing`, `done`, `failed` or `cancelled`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running(_) => "running",
            Self::Meshing => "meshing",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl std::fmt::Display for GenerationStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running(progress) => progress.fmt(f),
            Self::Failed { message } => write!(f, "failed: {message}"),
            other => f.write_str(other.word()),
        }
    }
}

impl Generation {
    pub(super) fn new(number: u32, picture: String) -> Self {
        Self {
            number,
            picture,
            status: GenerationStatus::Queued,
            backend: None,
            cached: false,
            resolution: None,
            asked: Instant::now(),
            first_preview: None,
            ghost: None,
        }
    }

    /// Time since it was asked for.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.asked.elapsed()
    }

    pub(super) fn dismiss_ghost(&mut self, commands: &mut Commands) {
        if let Some(ghost) = self.ghost.take() {
            commands.entity(ghost).try_despawn();
        }
    }
}

/// The backend has come further. May come several times a frame; the last one holds.
#[derive(EntityEvent, Clone, Copy, Debug)]
pub struct GenerationProgress {
    /// The generation.
    pub entity: Entity,
    /// How far it is.
    pub progress: Progress,
}

/// A rough version of the result has come; a child shows it as ghost voxels.
#[derive(EntityEvent, Clone, Copy, Debug)]
pub struct GenerationPreview {
    /// The generation.
    pub entity: Entity,
    /// Solid cells of the rough version.
    pub voxels: usize,
}

/// The thing stands in the world.
#[derive(EntityEvent, Clone, Debug)]
pub struct GenerationFinished {
    /// The generation, which now has a [`crate::world::VoxelModel3d`] and its chunks, unless a world took the voxels.
    pub entity: Entity,
    /// Who made it.
    pub backend: &'static str,
    /// Whether it was kept from an earlier time, see [`super::TrellisSettings::cache`]; then nobody worked.
    pub cached: bool,
    /// The world into which it was stamped; then neither model nor chunks are the generation's.
    pub world: Option<Entity>,
    /// Solid cells.
    pub voxels: usize,
    /// Chunks that have faces.
    pub chunks: usize,
    /// Rectangles of all chunks.
    pub quads: usize,
    /// Entities the thing consists of, the generation included.
    pub entities: usize,
    /// From the request to this event.
    pub elapsed: Duration,
    /// From the request to the arrival of the first ghost voxels, if there were any.
    pub first_preview: Option<Duration>,
}

/// The thing could not be made.
#[derive(EntityEvent, Clone, Debug)]
pub struct GenerationFailed {
    /// The generation.
    pub entity: Entity,
    /// Why, and what to do.
    pub message: String,
}

/// The generation was cancelled with [`super::ImageTo3D::cancel`]. Despawning the entity cancels without this event.
#[derive(EntityEvent, Clone, Copy, Debug)]
pub struct GenerationCancelled {
    /// The generation.
    pub entity: Entity,
}
