//! Voxel values: what every backend returns and every other room works on.
//!
//! Plain data without Bevy. Frame of everything here: right-handed, +Y up, the object's front faces +Z;
//! coordinates are cells counted from the grid's minimum corner, so a grid of resolution R spans `0..R` on each
//! axis. Colours are sRGB bytes with straight alpha. This room does *not* mesh (see [`crate::meshing`]) and does
//! not read or write files (see [`crate::format`]).

mod chunk;
mod cluster;
mod color_match;
mod dither;
mod glass;
mod material;
mod model;
pub mod morton;
mod octree;
mod palette;
mod quantize;
mod sparse;
mod stamp;
mod world;

pub use chunk::{CHUNK_DEPTH, CHUNK_EDGE, CHUNK_VOLUME, ChunkKey, ChunkVoxels};
pub use color_match::{ColorMatch, PaletteMap};
pub use glass::GlassKinds;
pub use material::Material;
pub use model::{MAX_LISTED_VOXELS, VoxelModel, VoxelModelError};
pub use octree::{
    ChunkLayer, ChunkSide, Leaf, Leaves, MAX_DEPTH, Node, Octree, OctreeError, RayHit, Region,
    Symmetry,
};
pub use palette::{Palette, PaletteEntry};
pub use sparse::{Bounds, MAX_RESOLUTION, SparseVoxels, SparseVoxelsError};
pub use stamp::PreparedStamp;
pub use world::{SurveyedOctree, VoxelWorld, VoxelWorldError};
