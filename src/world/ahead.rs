//! [`Ahead`]: what is being laid over a world is shown before the world has it.
//!
//! To lay a big model over a world takes several frames. Its first parts shall not wait for the last, but a world takes
//! it over as one step; so until then it is only seen. Rays, saves and edits know the world as it is.

use bevy::prelude::*;

use crate::voxel::{PreparedStamp, VoxelWorld};

use super::scene::Scene;

/// Shows a stamp over the [`VoxelWorld`] of the same entity, as far as it is made; to be removed when the world takes it
/// over, or nobody wants it any more.
#[derive(Component)]
pub(crate) struct Ahead {
    pub(crate) stamp: PreparedStamp,
    /// For whom it is laid. A world shows one stamp at a time, and who ends leaves those of others alone.
    pub(crate) of: Entity,
}

impl Ahead {
    /// A world as it is seen.
    pub(super) fn scene(world: &VoxelWorld, ahead: Option<&Self>) -> Scene {
        let over = ahead.and_then(|ahead| ahead.stamp.over(world.octree()).ok());
        let scene = Scene::from(world);
        over.map_or(scene.clone(), |octree| scene.with_voxels(octree))
    }
}

/// Lets the world be shown as it is again.
pub(super) fn show_alone(removed: On<Remove, Ahead>, mut worlds: Query<&mut VoxelWorld>) {
    if let Ok(mut world) = worlds.get_mut(removed.entity) {
        world.set_changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voxel::{Octree, Palette, PaletteEntry, Symmetry, VoxelModel};
    use crate::world::{Chunk, VoxelModelPlugin};

    /// Runs frames until so many chunks are seen.
    fn wait_for_chunks(app: &mut App, wanted: usize) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        loop {
            app.update();
            let world = app.world_mut();
            let seen = world.query::<&Chunk>().iter(world).count();
            if seen == wanted {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "{seen} chunks");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn what_is_laid_over_a_world_is_seen_while_the_world_is_as_it_was() {
        let mut app = App::new();
        app.add_plugins((
            MinimalPlugins,
            AssetPlugin::default(),
            TransformPlugin,
            bevy::mesh::MeshPlugin,
            ImagePlugin::default(),
            VoxelModelPlugin,
        ));
        app.finish();
        app.cleanup();
        let palette = Palette::from_entries(vec![PaletteEntry::matte([9, 9, 9, 255])]).unwrap();
        let mut voxels = VoxelWorld::new(palette.clone());
        voxels.set(IVec3::ZERO, 1).unwrap();
        let row = [([1, 1, 1], 1), ([120, 1, 1], 1)];
        let row = VoxelModel::new(128, Octree::from_cells(7, row).unwrap(), palette).unwrap();
        let here = (voxels.octree(), voxels.palette());
        let place = Vec3::new(400.0, 0.0, 0.0);
        let stamp = PreparedStamp::new(&row, here, place, Symmetry::default()).unwrap();
        let world = app.world_mut().spawn(voxels).id();
        wait_for_chunks(&mut app, 1);
        let of = world;
        app.world_mut()
            .entity_mut(world)
            .insert(Ahead { stamp, of });
        wait_for_chunks(&mut app, 3);
        // Also where it is changed meanwhile.
        let mut voxels = app.world_mut().get_mut::<VoxelWorld>(world).unwrap();
        voxels.set(IVec3::new(0, 0, 900), 1).unwrap();
        wait_for_chunks(&mut app, 4);
        let voxels = app.world().get::<VoxelWorld>(world).unwrap();
        assert_eq!(voxels.octree().len(), 2);
        app.world_mut().entity_mut(world).remove::<Ahead>();
        wait_for_chunks(&mut app, 2);
    }
}
