//! Finished meshes become chunk entities, a little each frame.

use std::time::Instant;

use bevy::prelude::*;

use crate::voxel::{ChunkKey, VoxelWorld};

use super::chunk::chunk_transform;
use super::grid::{ChunkGrid, Due, Totals};
use super::material::ModelMaterials;
use super::remesh::MeshedChunk;
use super::{Chunk, MeshingSettings, ModelReady, VoxelSize, WorldReady};

/// Takes finished meshes from their tasks and has them published.
pub(super) fn take_meshes(
    mut commands: Commands,
    mut grids: Query<(Entity, &mut ChunkGrid)>,
    mut turn: Local<usize>,
) {
    let due = grids
        .iter_mut()
        .filter_map(|(entity, mut grid)| grid.take_meshes().then_some(entity));
    let mut due: Vec<Entity> = due.collect();
    if due.is_empty() {
        return;
    }
    // Where the budget is short, each grid comes first in its turn.
    *turn = (*turn + 1) % due.len();
    due.rotate_left(*turn);
    // A command, since only with the whole world in hand the time it takes can be measured.
    commands.queue(move |world: &mut World| publish(world, &due));
}

/// Spawns and changes chunk entities until the frame's budget is used up.
fn publish(world: &mut World, due: &[Entity]) {
    let started = Instant::now();
    let budget = world
        .get_resource::<MeshingSettings>()
        .copied()
        .unwrap_or_default()
        .frame_budget;
    for &entity in due {
        // Whatever is done here may be observed by somebody who takes the grid away.
        while let Some(mut grid) = world.get_mut::<ChunkGrid>(entity) {
            match grid.next_due() {
                Due::Publish(chunk, parts) => publish_chunk(world, entity, chunk, parts),
                Due::Restyle(key, parts) => restyle(world, entity, key, parts),
                Due::Settled(totals) => tell(world, entity, totals),
                Due::Nothing => break,
            }
            if started.elapsed() >= budget {
                return;
            }
        }
    }
}

/// How the parts of a chunk look and where they stand.
struct Style {
    transform: Transform,
    materials: ModelMaterials,
}

impl Style {
    fn of(world: &World, parent: Entity, key: ChunkKey, materials: ModelMaterials) -> Self {
        let origin = world.get::<ChunkGrid>(parent).map(ChunkGrid::origin);
        let voxel_size = world.get::<VoxelSize>(parent).copied();
        Self {
            transform: chunk_transform(
                key,
                origin.unwrap_or_default(),
                voxel_size.unwrap_or_default().0,
            ),
            materials,
        }
    }

    /// Moves and paints an entity that shows a part, if it does not look so already.
    fn put_on(&self, part: usize, mut entity: EntityWorldMut) {
        if entity.get::<Transform>() != Some(&self.transform) {
            entity.insert(self.transform);
        }
        let material = self.materials.of_part(part);
        if entity.get::<MeshMaterial3d<StandardMaterial>>() != Some(&material) {
            entity.insert(material);
        }
    }
}

/// Brings the entities of a chunk up to date.
fn publish_chunk(
    world: &mut World,
    parent: Entity,
    chunk: MeshedChunk,
    mut parts: [Option<Entity>; 2],
) {
    let key = chunk.key;
    let style = Style::of(world, parent, key, chunk.materials);
    for (part, (shown_by, mesh)) in parts.iter_mut().zip(chunk.meshes).enumerate() {
        // A game may have despawned it.
        let handle = shown_by.and_then(|entity| world.get::<Mesh3d>(entity).cloned());
        match (mesh, *shown_by, handle) {
            (Some(mesh), Some(entity), Some(handle)) => {
                if let Some(mut meshes) = world.get_resource_mut::<Assets<Mesh>>() {
                    // The handle keeps its place from being taken by another mesh.
                    let _ = meshes.insert(&handle.0, mesh);
                }
                if let Ok(entity) = world.get_entity_mut(entity) {
                    style.put_on(part, entity);
                }
            }
            (Some(mesh), ..) => *shown_by = spawn(world, parent, key, mesh, &style, part),
            (None, Some(entity), _) => {
                *shown_by = None;
                let _ = world.try_despawn(entity);
            }
            (None, None, _) => {}
        }
    }
    if let Some(mut grid) = world.get_mut::<ChunkGrid>(parent) {
        grid.set_parts(key, parts);
    }
}

/// A new entity for a part of a chunk, unless its parent has gone.
fn spawn(
    world: &mut World,
    parent: Entity,
    key: ChunkKey,
    mesh: Mesh,
    style: &Style,
    part: usize,
) -> Option<Entity> {
    world.get_entity(parent).ok()?;
    let mesh = world.get_resource_mut::<Assets<Mesh>>()?.add(mesh);
    let chunk = (
        Chunk { key },
        Mesh3d(mesh),
        style.materials.of_part(part),
        style.transform,
        ChildOf(parent),
    );
    Some(world.spawn(chunk).id())
}

/// Moves and paints the entities of a chunk.
fn restyle(world: &mut World, parent: Entity, key: ChunkKey, parts: [Option<Entity>; 2]) {
    let Some(materials) = world.get::<ChunkGrid>(parent).map(ChunkGrid::materials) else {
        return;
    };
    let style = Style::of(world, parent, key, materials);
    for (part, entity) in parts.into_iter().enumerate() {
        if let Some(Ok(entity)) = entity.map(|entity| world.get_entity_mut(entity)) {
            style.put_on(part, entity);
        }
    }
}

/// Tells that all chunks stand.
fn tell(world: &mut World, entity: Entity, totals: Totals) {
    let Totals {
        chunks,
        quads,
        parts,
    } = totals;
    if world.get::<VoxelWorld>(entity).is_some() {
        world.trigger(WorldReady {
            entity,
            chunks,
            quads,
        });
    } else {
        world.trigger(ModelReady {
            entity,
            chunks,
            quads,
            entities: parts + 1,
        });
    }
}
