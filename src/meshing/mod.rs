//! Meshing: chunks of palette indices become vertex buffers, as few quads as greedy merging finds.
//!
//! Plain data without Bevy. Positions are in voxels from the chunk's minimum corner, in the frame of
//! [`crate::voxel`]; a voxel's colour is a texel of the palette's texture ([`Palette::uv`]), so that merged quads
//! need no vertex colours. A face of a voxel is *visible* where the neighbour cell is empty, or translucent and not of the
//! same [kind of glass](crate::voxel::GlassKinds): glass shows what is behind it, but has no walls inside itself. Cells
//! outside the chunk are empty where the octree ends. Translucent quads come in the order in which they are to be blended,
//! see `order`. This room does *not* place meshes in a world.
//!
//! [`Palette::uv`]: crate::voxel::Palette::uv

mod buffers;
mod mesher;
mod order;
mod padded;
mod quads;
#[cfg(test)]
mod tests;

use crate::voxel::{ChunkKey, VoxelModel};

pub use buffers::{ChunkMesh, MeshBuffers};
pub use mesher::{ChunkMesher, Detail};

/// The chunks a face of a chunk can look at: -x, +x, -y, +y, -z, +z.
pub(crate) const NEIGHBORS: [glam::IVec3; 6] = [
    glam::IVec3::NEG_X,
    glam::IVec3::X,
    glam::IVec3::NEG_Y,
    glam::IVec3::Y,
    glam::IVec3::NEG_Z,
    glam::IVec3::Z,
];

/// Meshes all chunks of a model, in Morton order; chunks without visible faces are left out. Runs on the calling
/// thread.
#[must_use]
pub fn mesh_model(model: &VoxelModel) -> Vec<(ChunkKey, ChunkMesh)> {
    let mut mesher = ChunkMesher::new();
    let keys = model.octree().chunk_keys();
    keys.into_iter()
        .map(|key| {
            // Where cores are few, a game's frame must not wait for a whole model.
            std::thread::yield_now();
            (
                key,
                mesher.mesh(model.octree(), key, Detail::default(), model.palette()),
            )
        })
        .filter(|(_, mesh)| !mesh.is_empty())
        .collect()
}
