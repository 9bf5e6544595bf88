//! Voxels as entities: meshing off the main thread, chunk entities, materials, levels of detail.
//!
//! An entity with a [`VoxelModel3d`] or a [`VoxelWorld`](crate::voxel::VoxelWorld) gets one child per chunk with mesh
//! and material; whenever the voxels change, the chunks that look different are made anew. [`ModelReady`] and
//! [`WorldReady`] tell when they stand. Chunks nearest to a camera come first, and far ones are drawn in larger cells:
//! see [`LevelOfDetail`]. World units are metres: one voxel is [`VoxelSize`] wide, and a model's origin (the centre of
//! its bottom face) or a world's lies at the entity's transform. A frame makes chunk entities for no longer than
//! [`MeshingSettings::frame_budget`], and at least one. Where models come from is the matter of `image_to_3d`.
//!
//! Nothing on the main thread walks voxels; to list the chunks that are stale, and to take chunks down, grows with
//! their number. What is dropped is freed by a thread of its own or a little a frame. A voxel of a shell takes 10 to
//! 14 bytes in the octree, which model, world, snapshots and undo steps share, and 130 to 190 in the meshes, which lie
//! in the renderer's memory alone unless [`MeshingSettings::keep_meshes`] says otherwise: 1.5 million voxels at 512^3
//! are 15 and 190 MB. While they are made the list of voxels takes 10 to 12 bytes each besides. Palettes are small.

mod ahead;
mod autosave;
mod chunk;
mod detail;
mod file;
mod glass;
mod grid;
mod loader;
mod material;
mod model;
mod place;
mod plugin;
mod publish;
mod remesh;
mod retire;
mod save;
mod scene;
mod stale;

pub(crate) use ahead::Ahead;
pub use autosave::Autosave;
pub use chunk::Chunk;
pub use detail::LevelOfDetail;
pub use file::WorldFileError;
pub(crate) use grid::ChunkGrid;
pub use loader::{LoadedColors, VoxelModelLoadError, VoxelModelLoader, VoxelModelSettings};
pub use material::Ghost;
pub use model::{MeshingSettings, ModelReady, VoxelModel3d, VoxelSize, WorldReady};
pub use place::{WhichWorldError, WorldSpot, which_world};
pub use plugin::VoxelModelPlugin;
pub use save::{LoadWorld, SaveWorld, WorldFileFailed, WorldLoaded, WorldSaved};
