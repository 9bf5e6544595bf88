//! Voxel models as entities: meshing off the main thread, chunk entities, materials.
//!
//! Put a [`VoxelModel3d`] on an entity and it gets one child per chunk with mesh and material, anew whenever the
//! model changes; [`ModelReady`] tells when they stand. World units are metres: one voxel is [`VoxelSize`] wide, and
//! the model's origin (the centre of its bottom face) lies at the entity's transform. A frame makes
//! chunk entities for no longer than [`MeshingSettings::frame_budget`], and at least one. Where models come from is the matter of `image_to_3d`.

mod chunk;
mod material;
mod model;
mod plugin;
mod publish;
mod remesh;

pub use chunk::Chunk;
pub use material::Ghost;
pub use model::{MeshingSettings, ModelReady, VoxelModel3d, VoxelSize};
pub use plugin::VoxelModelPlugin;
