//! [`Scene`]: voxels and colours of one moment, as a grid shows them.

use std::sync::Arc;

use bevy::math::{IVec3, Vec3};

use crate::voxel::{CHUNK_DEPTH, ChunkKey, Octree, Palette, VoxelModel, VoxelWorld};

use super::stale::stale_chunks;

/// Voxels and colours of one moment; cloning it makes a snapshot at no cost.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) octree: Octree,
    pub(super) palette: Arc<Palette>,
    /// The chunk at the octree's smallest corner, 0 for models. A world grows about its middle, and its chunks keep
    /// their keys.
    corner: IVec3,
    /// The cell that stands at the entity's transform.
    pub(super) origin: Vec3,
}

impl From<&VoxelModel> for Scene {
    fn from(model: &VoxelModel) -> Self {
        Self {
            octree: model.octree().clone(),
            palette: Arc::new(model.palette().clone()),
            corner: IVec3::ZERO,
            origin: model.origin(),
        }
    }
}

impl From<&VoxelWorld> for Scene {
    fn from(world: &VoxelWorld) -> Self {
        Self {
            octree: world.octree().clone(),
            palette: Arc::new(world.palette().clone()),
            corner: corner_of(world.octree()),
            origin: Vec3::ZERO,
        }
    }
}

impl Scene {
    /// The scene of a world with other voxels about the same middle.
    pub(super) fn with_voxels(self, octree: Octree) -> Self {
        Self {
            corner: corner_of(&octree),
            octree,
            ..self
        }
    }

    /// Key in the octree of a chunk of the grid.
    pub(super) fn inner(&self, key: ChunkKey) -> ChunkKey {
        ChunkKey(key.0 - self.corner)
    }

    /// Chunks that may have faces.
    pub(super) fn chunk_keys(&self) -> Vec<ChunkKey> {
        let keys = self.octree.chunk_keys().into_iter();
        keys.map(|key| ChunkKey(key.0 + self.corner)).collect()
    }

    /// Chunks that look different than in an earlier scene; `None` where nothing can be told, so all may.
    pub(super) fn stale_since(
        &self,
        before: &Self,
        detail: impl Fn(ChunkKey) -> u8,
    ) -> Option<Vec<ChunkKey>> {
        let grows = self.corner != IVec3::ZERO;
        if self.palette != before.palette || grows != (before.corner != IVec3::ZERO) {
            return None;
        }
        let depth = self.octree.depth().max(before.octree.depth());
        let [now, before_that] = [self, before].map(|scene| {
            let mut octree = scene.octree.clone();
            while grows && octree.depth() < depth && octree.grow().is_ok() {}
            octree
        });
        if now.depth() != before_that.depth() {
            return None;
        }
        let corner = self.corner.min(before.corner);
        let in_grid = |key: ChunkKey| ChunkKey(key.0 + corner);
        let stale = stale_chunks(&now, &before_that, |key| detail(in_grid(key)));
        Some(stale.into_iter().map(in_grid).collect())
    }
}

/// The chunk at the smallest corner of a world's octree.
fn corner_of(octree: &Octree) -> IVec3 {
    IVec3::splat(-octree.half_edge()) >> CHUNK_DEPTH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stale(now: &VoxelWorld, before: &VoxelWorld) -> Option<Vec<ChunkKey>> {
        Scene::from(now).stale_since(&before.into(), |_| 0)
    }

    #[test]
    fn a_world_that_grows_or_shrinks_keeps_the_chunks_that_stand() {
        let mut world = VoxelWorld::default();
        world.set(IVec3::new(-5, 0, 0), 1).unwrap();
        let small = world.clone();
        world.set(IVec3::new(5000, 0, 0), 1).unwrap();
        let far = [ChunkKey(IVec3::new(156, 0, 0))];
        assert_eq!(stale(&world, &small).unwrap(), far);
        let large = world.clone();
        world.undo();
        assert!(world.octree().depth() < large.octree().depth());
        assert_eq!(stale(&world, &large).unwrap(), far);
    }

    #[test]
    fn other_colours_make_everything_look_different() {
        let entries = vec![crate::voxel::PaletteEntry::matte([9; 4])];
        let plain = VoxelWorld::new(Palette::from_entries(entries).unwrap());
        assert_eq!(stale(&VoxelWorld::default(), &plain), None);
    }
}
