//! A voxel world as a game sees it: chunk entities that follow every change.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
#![cfg(feature = "bevy")]

mod common;

use std::time::Duration;

use bevy::asset::AssetEvent;
use bevy::mesh::Indices;
use bevy::platform::collections::HashMap;
use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::{Octree, Palette, PaletteEntry, Region};
use crossworld_trellis::world::{Chunk, Ghost, LevelOfDetail, MeshingSettings, WorldReady};

use common::app::{count, headless_app, heard, listen, update_until};

/// Meshes that were made or changed.
#[derive(Resource, Default)]
struct Remeshed(usize);

fn app() -> App {
    let mut app = headless_app();
    listen::<WorldReady>(&mut app);
    app.init_resource::<Remeshed>().add_systems(
        Last,
        |mut meshes: MessageReader<AssetEvent<Mesh>>, mut remeshed: ResMut<Remeshed>| {
            let is_made = |event: &&AssetEvent<Mesh>| {
                matches!(
                    event,
                    AssetEvent::Added { .. } | AssetEvent::Modified { .. }
                )
            };
            remeshed.0 += meshes.read().filter(is_made).count();
        },
    );
    app
}

/// A solid box of a material.
fn fill(world: &mut VoxelWorld, min: [i32; 3], max: [i32; 3], value: u8) {
    let [min, max] = [min, max].map(IVec3::from);
    world.fill(&Region::Box { min, max }, value).unwrap();
}

/// Ground of 4 x 1 x 4 chunks about the origin, filled up to half of their height.
fn ground() -> VoxelWorld {
    let mut world = VoxelWorld::default();
    fill(&mut world, [-64, 0, -64], [64, 16, 64], 20);
    world
}

/// Changes the world of an entity.
fn edit(app: &mut App, entity: Entity, change: impl FnOnce(&mut VoxelWorld)) {
    change(&mut app.world_mut().get_mut::<VoxelWorld>(entity).unwrap());
}

/// A change that digs a cell.
fn dig(cell: [i32; 3]) -> impl FnOnce(&mut VoxelWorld) {
    move |world| world.set(cell.into(), 0).unwrap()
}

/// Runs frames until the world stands; tells what it consists of then.
fn wait(app: &mut App, entity: Entity) -> WorldReady {
    app.world_mut()
        .resource_mut::<common::app::Heard<WorldReady>>()
        .0
        .clear();
    let of_it = |world: &World| {
        let ready = heard::<WorldReady>(world).iter().rev();
        ready.copied().find(|ready| ready.entity == entity)
    };
    update_until(app, "a world that stands", |world| of_it(world).is_some());
    // The events of its meshes come with the end of the frame.
    app.update();
    of_it(app.world()).unwrap()
}

/// Runs frames until as many rectangles stand as are meant.
fn quads_when(app: &mut App, what: &str, is_meant: impl Fn(usize) -> bool) -> usize {
    let last = |world: &World| heard::<WorldReady>(world).last().map(|ready| ready.quads);
    update_until(app, what, |world| last(world).is_some_and(&is_meant));
    last(app.world()).unwrap()
}

/// Spawns a world and waits until it stands.
fn standing(app: &mut App, world: VoxelWorld) -> Entity {
    let entity = app.world_mut().spawn(world).id();
    wait(app, entity);
    entity
}

/// How many meshes a change costs.
fn cost(app: &mut App, entity: Entity, change: impl FnOnce(&mut VoxelWorld)) -> usize {
    app.world_mut().resource_mut::<Remeshed>().0 = 0;
    edit(app, entity, change);
    wait(app, entity);
    app.world().resource::<Remeshed>().0
}

/// Chunk entities and their meshes, by key.
fn chunks(app: &mut App) -> HashMap<[i32; 3], (Entity, AssetId<Mesh>)> {
    let world = app.world_mut();
    let mut query = world.query::<(Entity, &Chunk, &Mesh3d)>();
    let chunks = query.iter(world);
    chunks
        .map(|(entity, chunk, mesh)| (chunk.key.0.to_array(), (entity, mesh.id())))
        .collect()
}

#[test]
fn a_world_stands_as_chunks_around_its_entity() {
    let mut app = app();
    let place = Transform::from_xyz(10.0, 0.0, 0.0);
    let entity = app
        .world_mut()
        .spawn((ground(), VoxelSize(0.5), place))
        .id();
    let ready = wait(&mut app, entity);
    assert_eq!(ready.chunks, 16);
    // Each has a top and a bottom, the twelve on the rim a side, those in the corners two.
    assert_eq!(ready.quads, 2 * 16 + 16);
    assert_eq!(app.world().get::<Children>(entity).unwrap().len(), 16);
    app.update();
    let (chunk, mesh) = chunks(&mut app)[&[-2, 0, 1]];
    let corner = app.world().get::<GlobalTransform>(chunk).unwrap();
    let corner = corner.transform_point(Vec3::ZERO);
    assert_eq!(corner, Vec3::new(10.0 - 32.0, 0.0, 16.0));
    let meshes = app.world().resource::<Assets<Mesh>>();
    assert!(matches!(
        meshes.get(mesh).unwrap().indices(),
        Some(Indices::U16(_))
    ));
}

#[test]
fn digging_an_inner_voxel_remeshes_one_chunk_and_one_at_a_border_two() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    let before = chunks(&mut app);
    let inner = cost(&mut app, entity, dig([5, 15, 5]));
    assert_eq!(inner, 1);
    let border = cost(&mut app, entity, dig([0, 15, 5]));
    assert_eq!(border, 2);
    let outer = cost(&mut app, entity, dig([5, 0, 5]));
    assert_eq!(outer, 1, "below there are no voxels to look at it");
    let undone = cost(&mut app, entity, |world| assert!(world.undo()));
    assert_eq!(undone, 1);
    assert_eq!(chunks(&mut app), before, "entities and handles stay");
}

#[test]
fn a_dig_is_seen_within_a_few_frames() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    app.world_mut().resource_mut::<Remeshed>().0 = 0;
    edit(&mut app, entity, dig([5, 15, 5]));
    app.update();
    // As long as a frame takes in a game; the machine may have other things to do.
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(16));
        app.update();
        if app.world().resource::<Remeshed>().0 == 1 {
            return;
        }
    }
    panic!("in 20 frames nothing was seen");
}

#[test]
fn a_world_that_is_edited_in_every_frame_is_shown_nonetheless_and_its_newest_state_wins() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    app.world_mut().resource_mut::<Remeshed>().0 = 0;
    let mut turn = 0;
    update_until(&mut app, "ten meshes", |world| {
        turn += 1;
        let mut voxels = world.get_mut::<VoxelWorld>(entity).unwrap();
        let value = if turn % 2 == 0 { 20 } else { 0 };
        voxels.set(IVec3::new(5, 15, 5), value).unwrap();
        world.resource::<Remeshed>().0 >= 10
    });
    // In the end the whole chunk but one voxel is dug.
    edit(&mut app, entity, |world| {
        fill(world, [0, 0, 0], [32, 32, 32], 0);
        world.set(IVec3::splat(9), 7).unwrap();
    });
    wait(&mut app, entity);
    let (_, mesh) = chunks(&mut app)[&[0, 0, 0]];
    let meshes = app.world().resource::<Assets<Mesh>>();
    assert_eq!(meshes.get(mesh).unwrap().count_vertices(), 24);
}

#[test]
fn a_chunk_that_becomes_empty_loses_its_entity_and_gets_one_again() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    edit(&mut app, entity, |world| {
        fill(world, [0, 0, 0], [32, 32, 32], 0);
    });
    let ready = wait(&mut app, entity);
    assert_eq!(ready.chunks, 15);
    assert!(!chunks(&mut app).contains_key(&[0, 0, 0]));
    assert_eq!(count::<Mesh3d>(app.world_mut()), 15);
    edit(&mut app, entity, |world| assert!(world.undo()));
    assert_eq!(wait(&mut app, entity).chunks, 16);
    assert!(chunks(&mut app).contains_key(&[0, 0, 0]));
}

#[test]
fn a_world_that_grows_or_shrinks_keeps_what_stands() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    let before = chunks(&mut app);
    let far = IVec3::new(3000, 5, 5);
    let grown = cost(&mut app, entity, |world| world.set(far, 9).unwrap());
    assert_eq!(grown, 1);
    let after = chunks(&mut app);
    assert!(
        before
            .iter()
            .all(|chunk| after.get(chunk.0) == Some(chunk.1))
    );
    assert!(after.contains_key(&[93, 0, 0]));
    assert_eq!(cost(&mut app, entity, |world| assert!(world.undo())), 0);
    assert_eq!(chunks(&mut app), before);
}

#[test]
fn a_replaced_world_shows_the_new_voxels_alone() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    let loaded = Octree::from_cells(7, [([64, 64, 64], 5), ([127, 64, 64], 5)]).unwrap();
    edit(&mut app, entity, |world| world.replace(loaded).unwrap());
    let ready = wait(&mut app, entity);
    assert_eq!((ready.chunks, ready.quads), (2, 12));
    let mut keys: Vec<_> = chunks(&mut app).into_keys().collect();
    keys.sort();
    assert_eq!(keys, [[0, 0, 0], [1, 0, 0]]);
    app.world_mut()
        .entity_mut(entity)
        .insert(VoxelWorld::default());
    assert_eq!(wait(&mut app, entity).chunks, 0);
    assert_eq!(count::<Chunk>(app.world_mut()), 0);
}

#[test]
fn glass_is_an_entity_of_its_own() {
    let mut app = app();
    let entries = [[90, 60, 30, 255], [200, 220, 255, 90]].map(PaletteEntry::matte);
    let mut voxels = VoxelWorld::new(Palette::from_entries(entries.into()).unwrap());
    fill(&mut voxels, [0, 0, 0], [32, 16, 64], 1);
    let entity = standing(&mut app, voxels);
    let glass = IVec3::new(5, 20, 5);
    let placed = cost(&mut app, entity, |world| world.set(glass, 2).unwrap());
    assert_eq!(placed, 2, "the opaque part and the new one");
    assert_eq!(count::<Chunk>(app.world_mut()), 3);
    cost(&mut app, entity, |world| assert!(world.undo()));
    assert_eq!(count::<Chunk>(app.world_mut()), 2);
}

/// Steps of one voxel, which coarser cells even out.
fn steps() -> (VoxelWorld, VoxelSize) {
    let mut voxels = ground();
    for x in -64..64 {
        fill(&mut voxels, [x, 16, -64], [x + 1, 16 + (x & 3), 64], 20);
    }
    (voxels, VoxelSize(1.0))
}

#[test]
fn far_chunks_are_drawn_coarser_until_that_is_switched_off() {
    let mut app = app();
    let entity = app.world_mut().spawn(steps()).id();
    let full = wait(&mut app, entity);
    app.world_mut().insert_resource(LevelOfDetail {
        full_detail: 40.0,
        ..default()
    });
    let camera = (Camera3d::default(), Transform::from_xyz(64.0, 8.0, 0.0));
    let camera = app.world_mut().spawn(camera).id();
    let near = quads_when(&mut app, "coarser chunks", |quads| quads < full.quads);
    let far = Transform::from_xyz(2000.0, 0.0, 0.0);
    app.world_mut().entity_mut(camera).insert(far);
    quads_when(&mut app, "the coarsest", |quads| quads < near);
    app.world_mut().resource_mut::<LevelOfDetail>().enabled = false;
    quads_when(&mut app, "all in full", |quads| quads == full.quads);
}

#[test]
fn a_camera_that_walks_leaves_what_one_that_stood_there_all_along_sees() {
    let mut app = app();
    app.world_mut().insert_resource(LevelOfDetail {
        full_detail: 40.0,
        ..default()
    });
    // From here no chunk is so near to a border between levels that it might keep an earlier one.
    let place = Transform::from_xyz(64.0, 8.0, 0.0);
    let camera = app.world_mut().spawn((Camera3d::default(), place)).id();
    app.update();
    let stood = app.world_mut().spawn(steps()).id();
    let stood = wait(&mut app, stood);
    app.world_mut().entity_mut(stood.entity).despawn();
    let from = Transform::from_xyz(-400.0, 8.0, 30.0);
    app.world_mut().entity_mut(camera).insert(from);
    app.update();
    let walked = app.world_mut().spawn(steps()).id();
    assert_ne!(wait(&mut app, walked).quads, stood.quads);
    for step in 0..=10_u8 {
        let way = f32::from(step) / 10.0;
        let on_the_way = from.translation.lerp(place.translation, way);
        let on_the_way = Transform::from_translation(on_the_way);
        app.world_mut().entity_mut(camera).insert(on_the_way);
        app.update();
    }
    quads_when(&mut app, "the same quads", |quads| quads == stood.quads);
}

#[test]
fn a_world_that_is_despawned_or_taken_away_leaves_nothing() {
    let mut app = app();
    let mut hilly = ground();
    fill(&mut hilly, [-512, -40, -512], [512, 3, 512], 9);
    let doomed = app.world_mut().spawn(hilly.clone()).id();
    app.update();
    app.world_mut().entity_mut(doomed).despawn();
    let stripped = standing(&mut app, hilly);
    assert!(count::<Chunk>(app.world_mut()) > 500);
    app.world_mut().entity_mut(stripped).remove::<VoxelWorld>();
    for _ in 0..20 {
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(count::<Chunk>(app.world_mut()), 0);
    // These go a few a frame.
    update_until(&mut app, "the end of the meshes", |world| {
        world.resource::<Assets<Mesh>>().is_empty()
    });
    app.world_mut().entity_mut(stripped).insert(ground());
    assert_eq!(wait(&mut app, stripped).chunks, 16);
}

#[test]
fn a_change_appears_a_few_chunks_a_frame_when_the_budget_is_small() {
    let mut app = app();
    app.world_mut()
        .resource_mut::<MeshingSettings>()
        .frame_budget = Duration::ZERO;
    let worlds = [ground(), ground()].map(|world| app.world_mut().spawn(world).id());
    let mut before = 0;
    update_until(&mut app, "two worlds", |world| {
        let now = count::<Chunk>(world);
        assert!(now <= before + 1, "{} chunks in one frame", now - before);
        before = now;
        let ready = heard::<WorldReady>(world);
        worlds
            .iter()
            .all(|entity| ready.iter().any(|ready| ready.entity == *entity))
    });
    assert_eq!(before, 32);
}

#[test]
fn two_worlds_in_one_app_do_not_meet() {
    let mut app = app();
    let one = standing(&mut app, ground());
    let other = standing(&mut app, ground());
    assert_eq!(cost(&mut app, one, dig([5, 15, 5])), 1);
    app.world_mut().entity_mut(one).despawn();
    app.update();
    assert_eq!(count::<Chunk>(app.world_mut()), 16);
    assert_eq!(cost(&mut app, other, dig([5, 15, 5])), 1);
}

#[test]
fn voxels_of_another_size_move_what_stands_without_new_meshes() {
    let mut app = app();
    let entity = standing(&mut app, ground());
    app.world_mut().resource_mut::<Remeshed>().0 = 0;
    app.world_mut().entity_mut(entity).insert(VoxelSize(2.0));
    wait(&mut app, entity);
    assert_eq!(app.world().resource::<Remeshed>().0, 0);
    let (chunk, _) = chunks(&mut app)[&[1, 0, -2]];
    let transform = app.world().get::<Transform>(chunk).unwrap();
    assert_eq!(transform.translation, Vec3::new(64.0, 0.0, -128.0));
    assert_eq!(transform.scale, Vec3::splat(2.0));
}

#[test]
fn a_ghost_that_becomes_fainter_is_painted_anew_without_new_meshes() {
    let mut app = app();
    let model = VoxelModel::from(&common::app::many_chunks());
    let handle = app
        .world_mut()
        .resource_mut::<Assets<VoxelModel>>()
        .add(model);
    let ghost = app
        .world_mut()
        .spawn((VoxelModel3d(handle), Ghost::default()));
    let ghost = ghost.id();
    let is_painted = |world: &mut World, opacity: f32| {
        let mut painted = world.query::<(&Chunk, &MeshMaterial3d<StandardMaterial>)>();
        let materials = world.resource::<Assets<StandardMaterial>>();
        let alphas = painted.iter(world).filter_map(|(_, material)| {
            let material = materials.get(&material.0)?;
            Some(material.base_color.alpha())
        });
        alphas.filter(|&alpha| alpha == opacity).count() == 64
    };
    let opacity = Ghost::default().opacity;
    update_until(&mut app, "a ghost", |world| is_painted(world, opacity));
    for _ in 0..3 {
        app.update();
    }
    app.world_mut().resource_mut::<Remeshed>().0 = 0;
    app.world_mut()
        .entity_mut(ghost)
        .insert(Ghost { opacity: 0.125 });
    update_until(&mut app, "a fainter ghost", |world| {
        is_painted(world, 0.125)
    });
    app.update();
    assert_eq!(app.world().resource::<Remeshed>().0, 0);
}

#[test]
fn a_changed_model_asset_remeshes_only_the_chunks_that_changed() {
    let mut app = app();
    let model = VoxelModel::from(&common::app::many_chunks());
    let handle = app
        .world_mut()
        .resource_mut::<Assets<VoxelModel>>()
        .add(model);
    app.world_mut().spawn(VoxelModel3d(handle.clone()));
    update_until(&mut app, "the model", |world| count::<Chunk>(world) == 64);
    for _ in 0..3 {
        app.update();
    }
    app.world_mut().resource_mut::<Remeshed>().0 = 0;
    let mut models = app.world_mut().resource_mut::<Assets<VoxelModel>>();
    let mut asset = models.get_mut(&handle).unwrap();
    let mut octree = asset.octree().clone();
    octree.set([5, 5, 5], 1);
    *asset = VoxelModel::new(128, octree, asset.palette().clone()).unwrap();
    drop(asset);
    update_until(&mut app, "the change", |world| {
        world.resource::<Remeshed>().0 > 0
    });
    for _ in 0..10 {
        app.update();
    }
    assert_eq!(app.world().resource::<Remeshed>().0, 1);
}
