//! What entities show is noted, and its stale chunks become meshes on the task pool.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use bevy::asset::{AssetEvent, RenderAssetUsages};
use bevy::ecs::system::SystemParam;
use bevy::math::bounding::Aabb3d;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::platform::collections::HashSet;
use bevy::prelude::*;

use crate::meshing::{ChunkMesher, Detail, MeshBuffers};
use crate::voxel::{ChunkKey, Node, VoxelModel, VoxelWorld};

use super::ahead::Ahead;
use super::grid::ChunkGrid;
use super::material::ModelMaterials;
use super::retire::RetiredMeshes;
use super::scene::Scene;
use super::{Chunk, Ghost, MeshingSettings, VoxelModel3d, VoxelSize};

/// Chunks that are meshed by one task.
pub(super) struct Batch {
    pub(super) scene: Scene,
    pub(super) materials: ModelMaterials,
    /// Who needs the meshes.
    pub(super) usages: RenderAssetUsages,
    pub(super) chunks: Vec<(ChunkKey, Detail)>,
}

/// One chunk, ready for the renderer.
pub(super) struct MeshedChunk {
    pub(super) key: ChunkKey,
    /// Its opaque and its translucent part.
    pub(super) meshes: [Option<Mesh>; 2],
    pub(super) quads: [usize; 2],
    /// Those of the palette it was meshed with.
    pub(super) materials: ModelMaterials,
    /// Whether it holds no voxels at all.
    pub(super) is_empty: bool,
}

/// Where materials are made.
#[derive(SystemParam)]
pub(super) struct Paint<'w> {
    images: ResMut<'w, Assets<Image>>,
    materials: ResMut<'w, Assets<StandardMaterial>>,
}

impl Paint<'_> {
    /// Lets a grid show a scene, in materials of its own if those it has do not fit.
    fn show(&mut self, grid: &mut ChunkGrid, scene: Scene, ghost: Option<Ref<Ghost>>) {
        let is_new_ghost = ghost.as_ref().is_some_and(|ghost| ghost.is_changed());
        if is_new_ghost || !grid.is_painted_in(&scene.palette) {
            let ghost = ghost.as_deref();
            let (images, materials) = (&mut *self.images, &mut *self.materials);
            grid.paint(ModelMaterials::new(
                &scene.palette,
                ghost,
                images,
                materials,
            ));
        }
        grid.show(scene);
    }
}

/// Notes models that are new, replaced or changed, or are to look different.
pub(super) fn show_models(
    mut paint: Paint,
    models: Res<Assets<VoxelModel>>,
    mut changes: MessageReader<AssetEvent<VoxelModel>>,
    mut shown: Query<
        (
            Ref<VoxelModel3d>,
            Ref<VoxelSize>,
            Option<Ref<Ghost>>,
            &mut ChunkGrid,
        ),
        Without<VoxelWorld>,
    >,
) {
    let modified: HashSet<AssetId<VoxelModel>> = changes
        .read()
        .filter_map(|change| match change {
            AssetEvent::Modified { id } => Some(*id),
            _ => None,
        })
        .collect();
    for (shows, size, ghost, mut grid) in &mut shown {
        let id = shows.id();
        // A handle may come before its asset: then this holds until the asset is there.
        let is_new = grid.shown_model != Some(id);
        let looks_different =
            size.is_changed() || ghost.as_ref().is_some_and(|ghost| ghost.is_changed());
        if !is_new && !shows.is_changed() && !looks_different && !modified.contains(&id) {
            continue;
        }
        if let Some(model) = models.get(id) {
            grid.shown_model = Some(id);
            paint.show(&mut grid, model.into(), ghost);
            if looks_different && !is_new {
                grid.restyle();
            }
        }
    }
}

/// Notes worlds that have changed, or over which something is being laid.
pub(super) fn show_worlds(
    mut paint: Paint,
    mut shown: Query<
        (&VoxelWorld, Ref<VoxelSize>, Option<&Ahead>, &mut ChunkGrid),
        Or<(Changed<VoxelWorld>, Changed<VoxelSize>, Changed<Ahead>)>,
    >,
) {
    for (world, size, ahead, mut grid) in &mut shown {
        paint.show(&mut grid, Ahead::scene(world, ahead), None);
        if size.is_changed() {
            grid.restyle();
        }
    }
}

/// Gives what is stale to the task pool.
pub(super) fn start_meshing(settings: Res<MeshingSettings>, mut grids: Query<&mut ChunkGrid>) {
    let usages = match settings.keep_meshes {
        true => RenderAssetUsages::default(),
        false => RenderAssetUsages::RENDER_WORLD,
    };
    for mut grid in &mut grids {
        grid.start_meshing(usages);
    }
}

/// Takes down what shows a model or world when that is taken away.
pub(super) fn take_down<C: Component>(
    removed: On<Remove, C>,
    mut grids: Query<&mut ChunkGrid>,
    children: Query<&Children>,
    chunks: Query<Option<&Mesh3d>, With<Chunk>>,
    mut retired: ResMut<RetiredMeshes>,
    mut commands: Commands,
) {
    let entity = removed.entity;
    if let Ok(mut grid) = grids.get_mut(entity) {
        *grid = ChunkGrid::default();
    }
    for &child in children.get(entity).into_iter().flatten() {
        if let Ok(mesh) = chunks.get(child) {
            retired.extend(mesh.map(|mesh| mesh.0.clone()));
            commands.entity(child).try_despawn();
        }
    }
}

/// Gives the core away for a moment: where cores are few, a game's frame must not wait for a whole batch.
fn give_way() {
    static FEW_CORES: LazyLock<bool> =
        LazyLock::new(|| available_parallelism().is_ok_and(|cores| cores.get() <= 2));
    if *FEW_CORES {
        // To yield is not enough: the system may go on with this thread all the same.
        std::thread::sleep(Duration::from_micros(1));
    } else {
        std::thread::yield_now();
    }
}

thread_local! {
    /// Kept for the next batch: its buffers, and what it knows of the palette.
    static MESHER: RefCell<ChunkMesher> = RefCell::default();
}

impl Batch {
    pub(super) fn mesh(self) -> Vec<MeshedChunk> {
        MESHER.with_borrow_mut(|mesher| self.mesh_with(mesher))
    }

    fn mesh_with(self, mesher: &mut ChunkMesher) -> Vec<MeshedChunk> {
        let Self {
            scene,
            materials,
            usages,
            chunks,
        } = self;
        let chunks = chunks.into_iter().map(|(key, detail)| {
            give_way();
            let inner = scene.inner(key);
            let mesh = mesher.mesh(&scene.octree, inner, detail, &scene.palette);
            let parts = [mesh.opaque, mesh.translucent];
            MeshedChunk {
                key,
                quads: parts.each_ref().map(MeshBuffers::quads),
                meshes: parts.map(|part| to_mesh(part, usages)),
                materials: materials.clone(),
                is_empty: scene.octree.chunk_node(inner) == Node::EMPTY,
            }
        });
        chunks.collect()
    }
}

/// A Bevy mesh, or `None` for no faces.
fn to_mesh(buffers: MeshBuffers, usages: RenderAssetUsages) -> Option<Mesh> {
    if buffers.is_empty() {
        return None;
    }
    // Told here, so that the main thread need not look at every vertex.
    let corners = buffers.positions.iter().map(|&corner| Vec3::from(corner));
    let bounds = [
        corners.clone().reduce(Vec3::min)?,
        corners.reduce(Vec3::max)?,
    ];
    let mut mesh = Mesh::new(PrimitiveTopology::TriangleList, usages)
        .with_inserted_indices(indices(buffers.indices, buffers.positions.len()))
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, buffers.positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, buffers.normals)
        .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, buffers.uvs);
    let [min, max] = bounds;
    mesh.final_aabb = Some(Aabb3d::from_min_max(min, max));
    Some(mesh)
}

/// Indices of half the size where they suffice, as they nearly always do.
fn indices(indices: Vec<u32>, vertices: usize) -> Indices {
    if vertices > usize::from(u16::MAX) {
        return Indices::U32(indices);
    }
    let short = |index| u16::try_from(index).unwrap_or(u16::MAX);
    Indices::U16(indices.into_iter().map(short).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_short_up_to_the_last_vertex_they_can_name() {
        let last = |vertices: u32| indices(vec![0, vertices - 1], vertices as usize);
        assert!(matches!(last(65_535), Indices::U16(list) if list == [0, 65_534]));
        assert!(matches!(last(65_536), Indices::U32(list) if list == [0, 65_535]));
    }
}
