//! A whole app that generates through torch in its own process.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;
#[path = "common/torch.rs"]
mod torch;

use std::time::{Duration, Instant};

use bevy::prelude::*;
use common::app::{ask_for, headless_app, heard, listen, status};
use crossworld_trellis::backend::{Backends, Python, Stage};
use crossworld_trellis::prelude::*;
use torch::{Bent, alone, backend, made_by_command_line, picture, shared_checkpoint};

fn app() -> App {
    let mut backends = Backends::none();
    backends.register(Python::NAME, || Ok(Box::new(backend(shared_checkpoint()))));
    let mut app = headless_app();
    app.insert_resource(backends);
    // Each request shall reach torch, and the user's cache stay as it is.
    app.world_mut().resource_mut::<TrellisSettings>().cache = None;
    app
}

/// Runs frames until a generation is as it should be; importing torch takes its time.
fn update_until(app: &mut App, entity: Entity, done: fn(&GenerationStatus) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !done(&status(app.world(), entity)) {
        let now = status(app.world(), entity);
        assert!(Instant::now() < deadline, "still {now:?}");
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn request(seed: u64) -> GenerateRequest {
    GenerateRequest::new(picture()).with_seed(seed)
}

#[test]
fn a_picture_becomes_what_the_command_line_makes_of_it_with_progress_and_preview() {
    let _alone = alone();
    let mut app = app();
    listen::<GenerationProgress>(&mut app);
    listen::<GenerationPreview>(&mut app);
    let entity = ask_for(&mut app, request(7));
    update_until(&mut app, entity, GenerationStatus::is_end);
    assert_eq!(status(app.world(), entity), GenerationStatus::Done);
    let made = made_by_command_line(shared_checkpoint(), 7);
    let shown = app.world().get::<VoxelModel3d>(entity).unwrap();
    let models = app.world().resource::<Assets<VoxelModel>>();
    assert!(*models.get(&shown.0).unwrap() == VoxelModel::from(&made));
    for stage in [Stage::Structure, Stage::Appearance] {
        let told = heard::<GenerationProgress>(app.world());
        assert!(
            told.iter().any(|told| told.progress.stage == stage),
            "{stage}"
        );
    }
    assert!(!heard::<GenerationPreview>(app.world()).is_empty());
}

#[test]
fn a_script_that_wants_to_end_the_program_fails_its_generation_only() {
    let _alone = alone();
    let mut app = app();
    let first = ask_for(&mut app, request(1));
    update_until(&mut app, first, GenerationStatus::is_end);
    let bent = Bent::encode("import sys; sys.exit('enough')");
    let second = ask_for(&mut app, request(1));
    update_until(&mut app, second, GenerationStatus::is_end);
    match status(app.world(), second) {
        GenerationStatus::Failed { message } => assert!(message.contains("enough"), "{message}"),
        other => panic!("it did not fail: {other}"),
    }
    drop(bent);
    let third = ask_for(&mut app, request(1));
    update_until(&mut app, third, GenerationStatus::is_end);
    assert_eq!(status(app.world(), third), GenerationStatus::Done);
}

#[test]
fn a_game_that_warms_up_shows_a_request_how_far_loading_is() {
    let _alone = alone();
    let mut app = app();
    listen::<GenerationProgress>(&mut app);
    app.world_mut()
        .resource_scope(|world, mut image_to_3d: Mut<ImageTo3D>| {
            image_to_3d.warm_up(
                world.resource::<Backends>(),
                world.resource::<TrellisSettings>(),
            );
        });
    let entity = ask_for(&mut app, request(1));
    update_until(&mut app, entity, GenerationStatus::is_end);
    assert_eq!(status(app.world(), entity), GenerationStatus::Done);
    let told = heard::<GenerationProgress>(app.world());
    assert!(
        told.iter()
            .any(|told| told.progress.stage == Stage::Loading)
    );
}
