// The README's programs need Bevy to compile.
#![cfg_attr(feature = "bevy", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "bevy"),
    doc = "A picture becomes voxels: the rooms that know no Bevy."
)]

pub mod backend;
#[cfg(feature = "bevy")]
pub mod command;
pub mod format;
pub mod generation;
#[cfg(feature = "bevy")]
pub mod image_to_3d;
pub mod meshing;
pub mod picture;
#[cfg(feature = "bevy")]
mod plugin;
pub mod render;
#[cfg(feature = "bevy")]
mod schedule;
pub mod voxel;
pub mod voxelize;
#[cfg(feature = "bevy")]
pub mod world;

#[cfg(feature = "bevy")]
pub use plugin::TrellisPlugin;
#[cfg(feature = "bevy")]
pub use schedule::TrellisSystems;

/// What most programs need: `use crossworld_trellis::prelude::*`.
pub mod prelude {
    pub use crate::picture::Picture;
    pub use crate::voxel::{SparseVoxels, VoxelModel, VoxelWorld};
    #[cfg(feature = "bevy")]
    pub use crate::{
        TrellisPlugin, TrellisSystems,
        command::TrellisCommand,
        image_to_3d::{
            GenerateRequest, Generation, GenerationCancelled, GenerationFailed, GenerationFinished,
            GenerationPreview, GenerationProgress, GenerationStatus, ImageTo3D, PictureInput,
            Placement, TrellisSettings,
        },
        world::{
            Autosave, LoadWorld, SaveWorld, VoxelModel3d, VoxelSize, WorldFileFailed, WorldLoaded,
            WorldSaved,
        },
    };
}
