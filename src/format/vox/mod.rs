//! `.vox`: MagicaVoxel's files, read into palette models, written from them, and read as Crossworld does.
//!
//! A file lists models of at most 256 cells an axis, a scene graph that places them, 255 colours and a material for
//! each. [`decode`] reads all of it as MagicaVoxel shows it, [`encode`] writes it, and [`decode_as_crossworld`]
//! repeats what the engine makes of a file, mistakes included. MagicaVoxel's axes (x right, y away, z up; a front
//! faces -y) become ours as (x, z, -y) and keep their handedness. Everything read is outside data: nothing panics,
//! nothing recurses, and memory is taken for voxels that are there. Formats:
//! <https://github.com/ephtracy/voxel-model>.

mod chunk;
mod crossworld;
mod error;
mod file;
mod layout;
mod material;
mod placement;
mod read;
mod scene;
mod write;

pub use crossworld::{Extent, decode_as_crossworld};
pub use error::VoxError;
pub use read::decode;
pub use write::encode;

#[cfg(test)]
mod tests;
