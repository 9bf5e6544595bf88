//! Generations stamped into worlds, through the plugin.

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

use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::world::{Chunk, Ghost};

use common::app::{ask_for, count, heard, listen, puppet_app, status, update_until};
use common::puppet::{Act, one_voxel};

fn spawn(app: &mut App, world: VoxelWorld) -> Entity {
    app.world_mut().spawn(world).id()
}

fn world(app: &App, entity: Entity) -> &VoxelWorld {
    app.world().get(entity).unwrap()
}

/// Two voxels in a row, the left one red and the right one blue.
fn pair() -> SparseVoxels {
    let rgba = vec![[255, 0, 0, 255], [0, 0, 255, 255]];
    SparseVoxels::new(8, vec![[1, 2, 3], [2, 2, 3]], rgba, None).unwrap()
}

fn picture() -> Picture {
    Picture::new(1, 1, vec![255; 4]).unwrap()
}

/// What a generation of [`pair`] leaves in a world of 2 m voxels that is moved by 10 m along x.
fn stamped(transform: Transform) -> (App, Entity, Entity) {
    let (mut app, hand) = puppet_app();
    listen::<GenerationFinished>(&mut app);
    let place = (VoxelSize(2.0), Transform::from_xyz(10.0, 0.0, 0.0));
    let entity = app.world_mut().spawn((VoxelWorld::default(), place)).id();
    let request = GenerateRequest::new(picture()).into_world().at(transform);
    let generation = ask_for(&mut app, request);
    hand.send(Act::FinishWith(pair())).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, generation) == GenerationStatus::Done
    });
    app.update();
    (app, entity, generation)
}

/// Red and blue as Crossworld's plain colours.
const RED: u8 = 0b1110_0000;
const BLUE: u8 = 0b1000_0011;

#[test]
fn a_generation_is_stamped_to_the_nearest_cells_in_the_worlds_colours_and_can_be_undone() {
    let (mut app, entity, generation) = stamped(Transform::from_xyz(14.3, 2.4, -0.8));
    let finished = &heard::<GenerationFinished>(app.world())[0];
    assert_eq!((finished.world, finished.voxels), (Some(entity), 2));
    assert_eq!((finished.chunks, finished.entities), (0, 1));
    assert!(app.world().get::<VoxelModel3d>(generation).is_none());
    let mut world = app.world_mut().get_mut::<VoxelWorld>(entity).unwrap();
    assert_eq!(world.octree().len(), 2);
    assert_eq!(world.get(IVec3::new(1, 1, -1)), RED);
    assert_eq!(world.get(IVec3::new(2, 1, -1)), BLUE);
    assert!(world.undo());
    assert!(world.octree().is_empty() && !world.undo());
}

#[test]
fn a_stamp_is_turned_to_the_nearest_quarter_and_mirrored_by_a_negative_scale() {
    let turn = Quat::from_rotation_y(80_f32.to_radians());
    let spot = Transform::from_xyz(11.0, 0.0, 2.0).with_rotation(turn);
    let (app, entity, _) = stamped(spot);
    // A quarter turn takes the right (+x) to the back (-z).
    let cells = [IVec3::new(0, 0, 1), IVec3::new(0, 0, 0)];
    let values = cells.map(|cell| world(&app, entity).get(cell));
    assert_eq!(values, [RED, BLUE]);
    let spot = Transform::from_xyz(10.0, 0.0, 1.0).with_scale(Vec3::new(-3.0, 3.0, 3.0));
    let (app, entity, _) = stamped(spot);
    let cells = [IVec3::new(-1, 0, 0), IVec3::new(0, 0, 0)];
    let values = cells.map(|cell| world(&app, entity).get(cell));
    assert_eq!(values, [BLUE, RED]);
}

#[test]
fn ghost_voxels_show_what_is_to_be_stamped_in_the_worlds_size() {
    let (mut app, hand) = puppet_app();
    app.world_mut()
        .spawn((VoxelWorld::default(), VoxelSize(0.5)));
    app.world_mut().resource_mut::<TrellisSettings>().placement = Placement::World(None);
    let turn = Quat::from_rotation_y(80_f32.to_radians());
    let request = GenerateRequest::new(picture())
        .with_resolution(one_voxel().resolution())
        .at(Transform::from_rotation(turn));
    let generation = ask_for(&mut app, request);
    hand.send(Act::Preview).unwrap();
    update_until(&mut app, "a ghost", |world| count::<Ghost>(world) == 1);
    let world = app.world_mut();
    let mut ghosts = world.query_filtered::<&VoxelSize, With<Ghost>>();
    assert_eq!(*ghosts.single(world).unwrap(), VoxelSize(0.5));
    let front = world.get::<Transform>(generation).unwrap().rotation * Vec3::Z;
    assert!(front.abs_diff_eq(Vec3::X, 1e-5), "turned as the stamp is");
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, generation) == GenerationStatus::Done && count::<Ghost>(world) == 0
    });
    update_until(&mut app, "the world's chunk", |world| {
        count::<Chunk>(world) == 1
    });
}

#[test]
fn without_the_one_world_a_placement_fails_at_once_and_says_why() {
    let (mut app, _hand) = puppet_app();
    let ask_world = |app: &mut App, placement| {
        let request = GenerateRequest::new(picture()).placed(placement);
        let generation = ask_for(app, request);
        update_until(app, "the failure", |world| {
            status(world, generation).is_end()
        });
        status(app.world(), generation).to_string()
    };
    let message = ask_world(&mut app, Placement::World(None));
    assert!(message.contains("there is no voxel world"), "{message}");
    let nobody = app.world_mut().spawn_empty().id();
    let message = ask_world(&mut app, Placement::World(Some(nobody)));
    assert!(message.contains("has no VoxelWorld"), "{message}");
    for _ in 0..2 {
        spawn(&mut app, VoxelWorld::default());
    }
    let message = ask_world(&mut app, Placement::World(None));
    assert!(message.contains("2 voxel worlds"), "{message}");
}

#[test]
fn a_world_that_goes_while_something_is_made_for_it_fails_that_generation() {
    let (mut app, hand) = puppet_app();
    let entity = spawn(&mut app, VoxelWorld::default());
    let generation = ask_for(&mut app, GenerateRequest::new(picture()).into_world());
    hand.send(Act::Step).unwrap();
    update_until(&mut app, "the start", |world| {
        common::app::is_running(&status(world, generation))
    });
    app.world_mut().despawn(entity);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the failure", |world| {
        status(world, generation).word() == "failed"
    });
}

#[test]
fn a_place_beyond_the_largest_world_fails() {
    let (mut app, hand) = puppet_app();
    spawn(&mut app, VoxelWorld::default());
    let far = Transform::from_xyz(1e7, 0.0, 0.0);
    let request = GenerateRequest::new(picture()).into_world().at(far);
    let generation = ask_for(&mut app, request);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the failure", |world| {
        status(world, generation).is_end()
    });
    let message = status(app.world(), generation).to_string();
    assert!(message.contains("outside the largest world"), "{message}");
}
