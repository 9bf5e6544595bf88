//! Wiring of this room.

use bevy::prelude::*;

use crate::schedule::TrellisSystems;
use crate::voxel::VoxelModel;

use super::MeshingSettings;
use super::publish::{publish_chunks, take_meshes};
use super::remesh::{start_meshing, take_down};

/// Shows entities with a [`super::VoxelModel3d`].
pub struct VoxelModelPlugin;

impl Plugin for VoxelModelPlugin {
    fn build(&self, app: &mut App) {
        app.init_asset::<VoxelModel>()
            .add_observer(take_down)
            .init_resource::<MeshingSettings>()
            .configure_sets(
                Update,
                (TrellisSystems::Mesh, TrellisSystems::Publish).chain(),
            )
            .add_systems(Update, start_meshing.in_set(TrellisSystems::Mesh))
            .add_systems(
                Update,
                (take_meshes, publish_chunks)
                    .chain()
                    .in_set(TrellisSystems::Publish),
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
