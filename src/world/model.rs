//! Components, events and settings of voxels that are shown.

use std::time::Duration;

use bevy::prelude::*;

use crate::voxel::VoxelModel;

use super::grid::ChunkGrid;

/// Shows a voxel model on this entity. The model's origin, the centre of its bottom face, lies at the entity's
/// transform; its front faces +Z.
#[derive(Component, Clone, Debug, Deref, PartialEq, Eq)]
#[require(Transform, Visibility, VoxelSize, ChunkGrid)]
pub struct VoxelModel3d(pub Handle<VoxelModel>);

/// Edge of a voxel in metres.
#[derive(Component, Clone, Copy, Debug, PartialEq)]
pub struct VoxelSize(pub f32);

impl Default for VoxelSize {
    /// 5 cm: a model of 64 cells is 3.2 m tall.
    fn default() -> Self {
        Self(0.05)
    }
}

/// All chunks of a model stand as its voxels and the cameras want them. Triggered on the entity with the
/// [`VoxelModel3d`], again after every change.
#[derive(EntityEvent, Clone, Copy, Debug)]
pub struct ModelReady {
    /// The entity that shows the model.
    pub entity: Entity,
    /// Number of chunks that have faces.
    pub chunks: usize,
    /// Rectangles of all chunks.
    pub quads: usize,
    /// Entities the model consists of, itself included.
    pub entities: usize,
}

/// All chunks of a world stand as its voxels and the cameras want them. Triggered on the entity with the
/// [`VoxelWorld`](crate::voxel::VoxelWorld), again after every change, or after several that followed each other at
/// once.
#[derive(EntityEvent, Clone, Copy, Debug)]
pub struct WorldReady {
    /// The entity that shows the world.
    pub entity: Entity,
    /// Number of chunks that have faces.
    pub chunks: usize,
    /// Rectangles of all chunks.
    pub quads: usize,
}

/// How models and worlds become meshes.
#[derive(Resource, Clone, Copy, Debug)]
pub struct MeshingSettings {
    /// Longest time a frame spends on turning finished meshes into entities. At least one chunk is done a frame.
    pub frame_budget: Duration,
    /// Whether the meshes of chunks stay in main memory once the renderer has them, where each rectangle takes 140 bytes
    /// (some 130 to 190 a voxel of a shell). That is for games that look at the meshes themselves: colliders made of
    /// them, Bevy's mesh picking, a graphics device that may be lost. Far chunks are coarser: switch
    /// [`LevelOfDetail`](super::LevelOfDetail) off where colliders are made of them. Rays and neighbours of voxels need
    /// no mesh, see [`VoxelWorld`](crate::voxel::VoxelWorld).
    ///
    /// A change holds for chunks that are meshed from then on. Without a renderer meshes stay anyway.
    pub keep_meshes: bool,
}

impl Default for MeshingSettings {
    fn default() -> Self {
        Self {
            frame_budget: Duration::from_millis(2),
            keep_meshes: false,
        }
    }
}
