//! The plugin as a game sees it: entities, events, ghost voxels, chunks.

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

use bevy::ecs::schedule::{LogLevel, ScheduleBuildSettings, ScheduleLabel};
use bevy::prelude::*;
use crossworld_trellis::backend::Backends;
use crossworld_trellis::prelude::*;
use crossworld_trellis::world::{Chunk, Ghost, MeshingSettings};

use common::app::{
    ask, ask_for, count, headless_app, heard, is_running, listen, many_chunks, puppet_app, status,
    update_until,
};
use common::puppet::{Act, one_voxel};

#[test]
fn a_generation_goes_through_every_event_and_stands_as_chunks() {
    let (mut app, hand) = puppet_app();
    listen::<GenerationProgress>(&mut app);
    listen::<GenerationPreview>(&mut app);
    listen::<GenerationFinished>(&mut app);
    let entity = ask(&mut app);
    assert_eq!(status(app.world(), entity), GenerationStatus::Queued);
    update_until(&mut app, "progress", |world| {
        !heard::<GenerationProgress>(world).is_empty()
    });
    assert!(is_running(&status(app.world(), entity)));
    hand.send(Act::Preview).unwrap();
    update_until(&mut app, "a preview", |world| {
        !heard::<GenerationPreview>(world).is_empty()
    });
    assert_eq!(heard::<GenerationPreview>(app.world())[0].voxels, 1);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        !heard::<GenerationFinished>(world).is_empty()
    });
    let finished = &heard::<GenerationFinished>(app.world())[0];
    assert_eq!((finished.entity, finished.backend), (entity, "puppet"));
    assert_eq!(
        (
            finished.voxels,
            finished.chunks,
            finished.quads,
            finished.entities
        ),
        (1, 1, 6, 2)
    );
    assert!(finished.first_preview.is_some());
    app.update();
    assert_eq!(status(app.world(), entity), GenerationStatus::Done);
    let world = app.world_mut();
    let chunks: Vec<_> = world
        .query::<(&Chunk, &Mesh3d, &MeshMaterial3d<StandardMaterial>, &ChildOf)>()
        .iter(world)
        .collect();
    assert_eq!(chunks.len(), 1);
    assert_eq!(chunks[0].3.parent(), entity);
    assert!(world.get::<VoxelModel3d>(entity).is_some());
}

#[test]
fn events_reach_an_observer_on_the_entity_itself() {
    #[derive(Resource, Default)]
    struct Seen(bool);
    let (mut app, hand) = puppet_app();
    app.init_resource::<Seen>();
    let entity = ask(&mut app);
    app.world_mut()
        .entity_mut(entity)
        .observe(|_: On<GenerationFinished>, mut seen: ResMut<Seen>| seen.0 = true);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| world.resource::<Seen>().0);
}

#[test]
fn ghost_voxels_show_the_newest_preview_and_go_with_the_result() {
    let (mut app, hand) = puppet_app();
    let entity = ask(&mut app);
    for _ in 0..3 {
        hand.send(Act::Preview).unwrap();
    }
    update_until(&mut app, "a ghost with a chunk", |world| {
        count::<Ghost>(world) == 1 && count::<Chunk>(world) == 1
    });
    let world = app.world_mut();
    let ghost = world
        .query_filtered::<(&ChildOf, &VoxelModel3d), With<Ghost>>()
        .single(world)
        .unwrap();
    assert_eq!(ghost.0.parent(), entity);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    app.update();
    assert_eq!(count::<Ghost>(app.world_mut()), 0);
    assert_eq!(count::<Chunk>(app.world_mut()), 1);
}

#[test]
fn a_coarse_preview_fills_the_space_of_the_result() {
    let (mut app, hand) = puppet_app();
    let settings = app.world().resource::<TrellisSettings>();
    let edge = settings.voxel_size * settings.resolution as f32;
    ask(&mut app);
    hand.send(Act::Preview).unwrap();
    update_until(&mut app, "a ghost", |world| count::<Ghost>(world) == 1);
    let world = app.world_mut();
    let size = world
        .query_filtered::<&VoxelSize, With<Ghost>>()
        .single(world)
        .unwrap();
    let resolution = one_voxel().resolution();
    assert_ne!(resolution, world.resource::<TrellisSettings>().resolution);
    assert!((size.0 * resolution as f32 - edge).abs() < 1e-6);
}

#[test]
fn without_previews_there_are_no_ghosts() {
    let (mut app, hand) = puppet_app();
    app.world_mut().resource_mut::<TrellisSettings>().previews = false;
    let entity = ask(&mut app);
    hand.send(Act::Preview).unwrap();
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        assert_eq!(count::<Ghost>(world), 0);
        status(world, entity) == GenerationStatus::Done
    });
}

#[test]
fn chunks_appear_a_few_a_frame_when_the_budget_is_small() {
    let (mut app, hand) = puppet_app();
    app.world_mut()
        .resource_mut::<MeshingSettings>()
        .frame_budget = Duration::ZERO;
    let entity = ask(&mut app);
    hand.send(Act::FinishWith(many_chunks())).unwrap();
    let mut before = 0;
    update_until(&mut app, "the end", |world| {
        let now = count::<Chunk>(world);
        assert!(now <= before + 1, "{} chunks in one frame", now - before);
        before = now;
        status(world, entity) == GenerationStatus::Done
    });
    assert_eq!(before, 64);
}

#[test]
fn an_image_asset_becomes_voxels() {
    use bevy::asset::RenderAssetUsages;
    use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
    let mut app = headless_app();
    let edge = 32u32;
    let pixel = |i: u32| {
        if (8..24).contains(&(i % edge)) && (8..24).contains(&(i / edge)) {
            [200, 80, 20, 255]
        } else {
            [0; 4]
        }
    };
    let image = Image::new(
        Extent3d {
            width: edge,
            height: edge,
            depth_or_array_layers: 1,
        },
        TextureDimension::D2,
        (0..edge * edge).flat_map(pixel).collect(),
        TextureFormat::Rgba8UnormSrgb,
        RenderAssetUsages::default(),
    );
    let handle = app.world_mut().resource_mut::<Assets<Image>>().add(image);
    let entity = ask_for(
        &mut app,
        GenerateRequest::new(handle)
            .with_resolution(16)
            .with_backend("inflate"),
    );
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    assert!(count::<Chunk>(app.world_mut()) >= 1);
}

#[test]
fn the_things_stand_where_they_were_asked_for() {
    let (mut app, hand) = puppet_app();
    let picture = Picture::new(1, 1, vec![255; 4]).unwrap();
    let spot = Transform::from_xyz(1.0, 2.0, 3.0);
    let entity = ask_for(
        &mut app,
        GenerateRequest::new(picture).at(spot).with_voxel_size(0.5),
    );
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    app.update();
    let world = app.world_mut();
    let chunk = world
        .query_filtered::<&GlobalTransform, With<Chunk>>()
        .single(world)
        .unwrap();
    // The puppet's voxel fills the cell 1 2 3: the middle of its bottom face is at 1.5 2 3.5 of the chunk.
    let bottom = chunk.transform_point(Vec3::new(1.5, 2.0, 3.5));
    assert!(
        bottom.abs_diff_eq(Vec3::new(1.0, 2.0, 3.0), 1e-5),
        "{bottom}"
    );
    let top = chunk.transform_point(Vec3::new(1.5, 3.0, 3.5));
    assert!(
        top.abs_diff_eq(Vec3::new(1.0, 2.5, 3.0), 1e-5),
        "one voxel is half a metre: {top}"
    );
}

#[test]
fn two_apps_in_one_process_do_not_meet() {
    let (mut one, hand_of_one) = puppet_app();
    let (mut other, hand_of_other) = puppet_app();
    let in_one = ask(&mut one);
    let in_other = ask(&mut other);
    hand_of_other.send(Act::Finish).unwrap();
    update_until(&mut other, "the end in the other", |world| {
        status(world, in_other) == GenerationStatus::Done
    });
    one.update();
    assert_ne!(status(one.world(), in_one), GenerationStatus::Done);
    hand_of_one.send(Act::Panic).unwrap();
    update_until(&mut one, "the failure in one", |world| {
        status(world, in_one).word() == "failed"
    });
    assert_eq!(status(other.world(), in_other), GenerationStatus::Done);
}

#[test]
fn the_schedules_have_no_ambiguities() {
    let mut app = headless_app();
    for schedule in [Update.intern(), PostUpdate.intern()] {
        app.edit_schedule(schedule, |schedule| {
            schedule.set_build_settings(ScheduleBuildSettings {
                ambiguity_detection: LogLevel::Error,
                ..default()
            });
        });
    }
    app.update();
}

#[test]
fn backends_registered_after_the_plugin_are_used() {
    let mut app = headless_app();
    let (backends, hand) = common::puppet::puppet_backends();
    app.insert_resource(backends);
    assert_eq!(
        app.world()
            .resource::<Backends>()
            .names()
            .collect::<Vec<_>>(),
        ["puppet"]
    );
    let entity = ask(&mut app);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
}

#[test]
fn a_preview_that_comes_with_its_result_is_not_meshed() {
    let (mut app, hand) = puppet_app();
    let entity = ask(&mut app);
    update_until(&mut app, "the start", |world| {
        is_running(&status(world, entity))
    });
    hand.send(Act::Preview).unwrap();
    hand.send(Act::Finish).unwrap();
    // Both are there when the next frame begins.
    std::thread::sleep(Duration::from_millis(300));
    update_until(&mut app, "the end", |world| {
        let mut chunks = world.query_filtered::<&ChildOf, With<Chunk>>();
        let mut parents = chunks.iter(world).map(ChildOf::parent);
        assert!(parents.all(|parent| parent == entity));
        status(world, entity) == GenerationStatus::Done
    });
    assert_eq!(count::<Ghost>(app.world_mut()), 0);
}
