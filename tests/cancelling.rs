//! Generations that are cancelled or despawned, at every stage.

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

use bevy::prelude::*;
use common::app::{
    ask, ask_for, count, heard, is_running, listen, many_chunks, puppet_app, status, update_until,
};
use common::puppet::Act;
use crossworld_trellis::prelude::*;
use crossworld_trellis::world::{Chunk, Ghost, MeshingSettings};

#[test]
fn a_waiting_generation_is_cancelled_at_once() {
    let (mut app, hand) = puppet_app();
    listen::<GenerationCancelled>(&mut app);
    let running = ask(&mut app);
    let waiting = ask(&mut app);
    update_until(&mut app, "the first to run", |world| {
        is_running(&status(world, running))
    });
    app.world_mut().resource_mut::<ImageTo3D>().cancel(waiting);
    update_until(&mut app, "the cancellation", |world| {
        status(world, waiting) == GenerationStatus::Cancelled
    });
    assert_eq!(heard::<GenerationCancelled>(app.world())[0].entity, waiting);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the first to end", |world| {
        status(world, running) == GenerationStatus::Done
    });
}

#[test]
fn a_running_generation_is_cancelled_and_leaves_no_ghost() {
    let (mut app, hand) = puppet_app();
    listen::<GenerationCancelled>(&mut app);
    let entity = ask(&mut app);
    hand.send(Act::Preview).unwrap();
    update_until(&mut app, "a ghost", |world| count::<Ghost>(world) == 1);
    app.world_mut().resource_mut::<ImageTo3D>().cancel(entity);
    update_until(&mut app, "the cancellation", |world| {
        status(world, entity) == GenerationStatus::Cancelled
    });
    app.update();
    assert_eq!(count::<Ghost>(app.world_mut()), 0);
    assert_eq!(count::<VoxelModel3d>(app.world_mut()), 0);
    assert_eq!(heard::<GenerationCancelled>(app.world()).len(), 1);
}

#[test]
fn a_generation_that_waits_for_its_picture_can_be_cancelled() {
    let (mut app, _hand) = puppet_app();
    listen::<GenerationCancelled>(&mut app);
    let never_loaded = app.world().resource::<Assets<Image>>().reserve_handle();
    let entity = ask_for(&mut app, GenerateRequest::new(never_loaded));
    app.update();
    app.world_mut().resource_mut::<ImageTo3D>().cancel(entity);
    update_until(&mut app, "the cancellation", |world| {
        status(world, entity) == GenerationStatus::Cancelled
    });
    assert_eq!(heard::<GenerationCancelled>(app.world()).len(), 1);
}

#[test]
fn a_finished_generation_is_not_cancelled() {
    let (mut app, hand) = puppet_app();
    let entity = ask(&mut app);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    app.world_mut().resource_mut::<ImageTo3D>().cancel(entity);
    app.update();
    assert_eq!(status(app.world(), entity), GenerationStatus::Done);
}

#[test]
fn despawning_a_generation_cancels_its_work() {
    let (mut app, hand) = puppet_app();
    let doomed = ask(&mut app);
    let next = ask(&mut app);
    update_until(&mut app, "the first to run", |world| {
        is_running(&status(world, doomed))
    });
    app.world_mut().entity_mut(doomed).despawn();
    update_until(&mut app, "the next to run", |world| {
        is_running(&status(world, next))
    });
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the next to end", |world| {
        status(world, next) == GenerationStatus::Done
    });
    assert_eq!(count::<Generation>(app.world_mut()), 1);
}

#[test]
fn despawning_while_the_chunks_appear_leaves_nothing_behind() {
    let (mut app, hand) = puppet_app();
    app.world_mut()
        .resource_mut::<MeshingSettings>()
        .frame_budget = Duration::ZERO;
    let entity = ask(&mut app);
    hand.send(Act::FinishWith(many_chunks())).unwrap();
    update_until(&mut app, "the first chunk", |world| {
        count::<Chunk>(world) > 0
    });
    assert_eq!(status(app.world(), entity), GenerationStatus::Meshing);
    app.world_mut().entity_mut(entity).despawn();
    for _ in 0..20 {
        app.update();
    }
    assert_eq!(count::<Chunk>(app.world_mut()), 0);
}

#[test]
fn a_generation_whose_chunks_appear_is_cancelled_and_they_go() {
    let (mut app, hand) = puppet_app();
    listen::<GenerationCancelled>(&mut app);
    app.world_mut()
        .resource_mut::<MeshingSettings>()
        .frame_budget = Duration::ZERO;
    let entity = ask(&mut app);
    hand.send(Act::FinishWith(many_chunks())).unwrap();
    update_until(&mut app, "the first chunk", |world| {
        count::<Chunk>(world) > 0
    });
    app.world_mut().resource_mut::<ImageTo3D>().cancel(entity);
    for _ in 0..20 {
        app.update();
    }
    assert_eq!(status(app.world(), entity), GenerationStatus::Cancelled);
    assert_eq!(count::<Chunk>(app.world_mut()), 0);
    assert_eq!(heard::<GenerationCancelled>(app.world()).len(), 1);
}

#[test]
fn taking_the_model_away_takes_its_chunks_down() {
    let (mut app, hand) = puppet_app();
    let entity = ask(&mut app);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    app.world_mut().entity_mut(entity).remove::<VoxelModel3d>();
    app.update();
    assert_eq!(count::<Chunk>(app.world_mut()), 0);
}
