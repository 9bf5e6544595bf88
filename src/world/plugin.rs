//! Wiring of this room.

use bevy::mesh::mark_3d_meshes_as_changed_if_their_assets_changed;
use bevy::prelude::*;

use crate::schedule::TrellisSystems;
use crate::voxel::{VoxelModel, VoxelWorld};

use super::ahead::show_alone;
use super::detail::look_around;
use super::glass::{let_light_through, sort_moved};
use super::publish::take_meshes;
use super::remesh::{show_models, show_worlds, start_meshing, take_down};
use super::retire::{RetiredMeshes, let_go};
use super::{ChunkGrid, LevelOfDetail, MeshingSettings, VoxelModel3d, VoxelModelLoader, VoxelSize};

/// Shows entities with a [`VoxelModel3d`] or a [`VoxelWorld`].
pub struct VoxelModelPlugin;

impl Plugin for VoxelModelPlugin {
    fn build(&self, app: &mut App) {
        super::save::connect(app);
        app.init_asset::<VoxelModel>()
            .init_asset_loader::<VoxelModelLoader>()
            .register_required_components::<VoxelWorld, Transform>()
            .register_required_components::<VoxelWorld, Visibility>()
            .register_required_components::<VoxelWorld, VoxelSize>()
            .register_required_components::<VoxelWorld, ChunkGrid>()
            .add_observer(show_alone)
            .add_observer(take_down::<VoxelModel3d>)
            .add_observer(take_down::<VoxelWorld>)
            .init_resource::<MeshingSettings>()
            .init_resource::<LevelOfDetail>()
            .init_resource::<RetiredMeshes>()
            .configure_sets(
                Update,
                (TrellisSystems::Mesh, TrellisSystems::Publish).chain(),
            )
            .add_systems(
                Update,
                (show_models, show_worlds, look_around, start_meshing)
                    .chain()
                    .in_set(TrellisSystems::Mesh),
            )
            .add_systems(
                Update,
                (take_meshes, let_go).in_set(TrellisSystems::Publish),
            )
            .add_systems(
                PostUpdate,
                (
                    let_light_through,
                    // Both only mark meshes as changed.
                    sort_moved
                        .after(TransformSystems::Propagate)
                        .ambiguous_with(mark_3d_meshes_as_changed_if_their_assets_changed),
                ),
            );
    }

    fn finish(&self, app: &mut App) {
        // A game without Bevy's renderer (a server, a test) has nobody else who adds these.
        init_if_missing::<Mesh>(app);
        init_if_missing::<Image>(app);
        init_if_missing::<StandardMaterial>(app);
    }
}

fn init_if_missing<A: Asset>(app: &mut App) {
    if !app.world().contains_resource::<Assets<A>>() {
        app.init_asset::<A>();
    }
}
