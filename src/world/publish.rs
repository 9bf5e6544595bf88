//! Turning finished meshes into chunk entities, a little each frame.

use std::time::Instant;

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;

use super::chunk::chunk_transform;
use super::material::ModelMaterials;
use super::remesh::{MeshedChunk, MeshedModel, Meshing};
use super::{Chunk, Ghost, MeshingSettings, ModelReady, VoxelSize};

/// A model whose chunks are being put into the world.
#[derive(Component)]
pub(super) struct Publishing {
    rest: std::vec::IntoIter<MeshedChunk>,
    materials: ModelMaterials,
    origin: Vec3,
    /// Chunks of the version before.
    replaced: Vec<Entity>,
    so_far: Count,
}

#[derive(Clone, Copy, Default)]
struct Count {
    chunks: usize,
    quads: usize,
    entities: usize,
}

/// Takes finished meshes from their tasks. The chunks they replace stay until all new ones stand.
pub(super) fn take_meshes(
    mut commands: Commands,
    mut images: ResMut<Assets<Image>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
    mut meshing: Query<(Entity, &mut Meshing, Option<&Ghost>, Option<&Children>)>,
    chunks: Query<(), With<Chunk>>,
) {
    for (entity, mut meshing, ghost, children) in &mut meshing {
        let Some(MeshedModel {
            model,
            chunks: meshed,
        }) = check_ready(&mut meshing.0)
        else {
            continue;
        };
        let children = children.into_iter().flatten().copied();
        let publishing = Publishing {
            rest: meshed.into_iter(),
            materials: ModelMaterials::new(model.palette(), ghost, &mut images, &mut materials),
            origin: model.origin(),
            replaced: children.filter(|&child| chunks.contains(child)).collect(),
            so_far: Count::default(),
        };
        commands
            .entity(entity)
            .try_remove::<Meshing>()
            .try_insert(publishing);
    }
}

/// Spawns chunk entities until the frame's budget is used up.
pub(super) fn publish_chunks(
    mut commands: Commands,
    settings: Res<MeshingSettings>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut publishing: Query<(Entity, &mut Publishing, &VoxelSize)>,
) {
    let started = Instant::now();
    for (entity, mut publishing, voxel_size) in &mut publishing {
        while let Some(chunk) = publishing.rest.next() {
            publishing.spawn(entity, chunk, voxel_size.0, &mut commands, &mut meshes);
            if started.elapsed() >= settings.frame_budget {
                return;
            }
        }
        let Count {
            chunks,
            quads,
            entities,
        } = publishing.so_far;
        for &chunk in &publishing.replaced {
            commands.entity(chunk).try_despawn();
        }
        commands.entity(entity).try_remove::<Publishing>();
        commands.trigger(ModelReady {
            entity,
            chunks,
            quads,
            entities: entities + 1,
        });
    }
}

impl Publishing {
    fn spawn(
        &mut self,
        parent: Entity,
        chunk: MeshedChunk,
        voxel_size: f32,
        commands: &mut Commands,
        meshes: &mut Assets<Mesh>,
    ) {
        let parts = [
            (chunk.opaque, &self.materials.opaque),
            (chunk.translucent, &self.materials.translucent),
        ];
        for (mesh, material) in parts {
            let Some(mesh) = mesh else { continue };
            let chunk = (
                Chunk { key: chunk.key },
                Mesh3d(meshes.add(mesh)),
                MeshMaterial3d(material.clone()),
                chunk_transform(chunk.key, self.origin, voxel_size),
            );
            // The model may be despawned before this is applied; a chunk without it must not be left behind.
            commands
                .entity(parent)
                .queue_silenced(move |mut parent: EntityWorldMut| {
                    parent.with_child(chunk);
                });
            self.so_far.entities += 1;
        }
        self.so_far.chunks += 1;
        self.so_far.quads += chunk.quads;
    }
}
