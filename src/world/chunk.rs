//! [`Chunk`]: the entities that show a model or a world.

use bevy::prelude::*;

use crate::voxel::ChunkKey;

/// One chunk, a child of the entity with the [`super::VoxelModel3d`] or the [`VoxelWorld`](crate::voxel::VoxelWorld).
/// A chunk with translucent voxels has two such entities, one for them and one for the rest.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq)]
#[require(Transform, Visibility)]
pub struct Chunk {
    /// The chunk's place: in a model's grid, or counted from a world's origin.
    pub key: ChunkKey,
}

/// Transform of a chunk below its parent: from the chunk's cells to metres around the origin, a cell of the grid.
pub(super) fn chunk_transform(key: ChunkKey, origin: Vec3, voxel_size: f32) -> Transform {
    let min = key.min_cell().as_vec3() - origin;
    Transform::from_translation(min * voxel_size).with_scale(Vec3::splat(voxel_size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_origin_lies_at_its_transform() {
        let origin = Vec3::new(40.0, 3.0, 20.0);
        let transform = chunk_transform(ChunkKey(IVec3::new(1, 0, 0)), origin, 0.5);
        let origin_in_chunk = origin - Vec3::new(32.0, 0.0, 0.0);
        assert!(transform.transform_point(origin_in_chunk).length() < 1e-6);
        let right_of_it = transform.transform_point(origin_in_chunk + Vec3::X);
        assert!(
            right_of_it.abs_diff_eq(Vec3::new(0.5, 0.0, 0.0), 1e-6),
            "one voxel is half a metre"
        );
    }
}
