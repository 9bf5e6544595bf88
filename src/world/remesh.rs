//! Turning models into meshes on the task pool.

use bevy::asset::{AssetEvent, RenderAssetUsages};
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use bevy::tasks::{AsyncComputeTaskPool, Task};

use crate::meshing::{MeshBuffers, mesh_model};
use crate::voxel::{ChunkKey, VoxelModel};

use super::publish::Publishing;
use super::{Chunk, Ghost, VoxelModel3d, VoxelSize};

/// A model's meshes, being made. Removing it, or putting a newer one in its place, drops the work.
#[derive(Component)]
pub(super) struct Meshing(pub(super) Task<MeshedModel>);

/// A model and its meshes, all of one version.
pub(super) struct MeshedModel {
    pub(super) model: VoxelModel,
    pub(super) chunks: Vec<MeshedChunk>,
}

/// One chunk, ready for the renderer.
pub(super) struct MeshedChunk {
    pub(super) key: ChunkKey,
    pub(super) opaque: Option<Mesh>,
    pub(super) translucent: Option<Mesh>,
    pub(super) quads: usize,
}

/// The model for which meshing was last started.
#[derive(Component)]
pub(super) struct MeshedFrom(AssetId<VoxelModel>);

/// Starts meshing where a model is new, replaced or changed, or is to look different.
pub(super) fn start_meshing(
    mut commands: Commands,
    models: Res<Assets<VoxelModel>>,
    mut changes: MessageReader<AssetEvent<VoxelModel>>,
    shown: Query<(
        Entity,
        Ref<VoxelModel3d>,
        Ref<VoxelSize>,
        Option<Ref<Ghost>>,
        Option<&MeshedFrom>,
    )>,
) {
    let modified: HashSet<AssetId<VoxelModel>> = changes
        .read()
        .filter_map(|change| match change {
            AssetEvent::Modified { id } => Some(*id),
            _ => None,
        })
        .collect();
    for (entity, shows, size, ghost, meshed_from) in &shown {
        let id = shows.id();
        // A handle may come before its asset: then this holds until the asset is there.
        let is_new = meshed_from.is_none_or(|from| from.0 != id);
        let looks_different = size.is_changed() || ghost.is_some_and(|ghost| ghost.is_changed());
        if !is_new && !shows.is_changed() && !looks_different && !modified.contains(&id) {
            continue;
        }
        if let Some(model) = models.get(id).cloned() {
            let task = AsyncComputeTaskPool::get().spawn(async move { mesh_chunks(model) });
            commands
                .entity(entity)
                .try_insert((Meshing(task), MeshedFrom(id)));
        }
    }
}

/// Takes down what shows a model when the model is taken away.
pub(super) fn take_down(
    removed: On<Remove, VoxelModel3d>,
    children: Query<&Children>,
    chunks: Query<(), With<Chunk>>,
    mut commands: Commands,
) {
    let entity = removed.entity;
    commands
        .entity(entity)
        .try_remove::<(Meshing, MeshedFrom, Publishing)>();
    for &child in children.get(entity).into_iter().flatten() {
        if chunks.contains(child) {
            commands.entity(child).try_despawn();
        }
    }
}

fn mesh_chunks(model: VoxelModel) -> MeshedModel {
    let chunks = mesh_model(&model)
        .into_iter()
        .map(|(key, mesh)| MeshedChunk {
            key,
            quads: mesh.quads(),
            opaque: to_mesh(mesh.opaque),
            translucent: to_mesh(mesh.translucent),
        })
        .collect();
    MeshedModel { model, chunks }
}

/// A Bevy mesh, or `None` for no faces.
fn to_mesh(buffers: MeshBuffers) -> Option<Mesh> {
    (!buffers.is_empty()).then(|| {
        Mesh::new(
            PrimitiveTopology::TriangleList,
            RenderAssetUsages::default(),
        )
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, buffers.positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, buffers.normals)
        .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, buffers.uvs)
        .with_inserted_indices(Indices::U32(buffers.indices))
    })
}
