//! Several things after one picture, several pictures of one thing, kept results and a switch of the backend, as a
//! game sees them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
#![cfg(feature = "bevy")]

mod common;

use bevy::ecs::system::RunSystemOnce;
use bevy::prelude::*;
use crossbeam_channel::Sender;
use crossworld_trellis::command::TrellisReply;
use crossworld_trellis::generation::ResultCache;
use crossworld_trellis::prelude::*;

use common::app::{ask, ask_for, headless_app, heard, is_running, listen, status, update_until};
use common::choir::{Calls, choir_backends};

fn choir_app() -> (App, Calls, Sender<()>) {
    let (backends, calls, go) = choir_backends();
    let mut app = headless_app();
    app.insert_resource(backends);
    settings(&mut app).cache = None;
    (app, calls, go)
}

fn settings(app: &mut App) -> Mut<'_, TrellisSettings> {
    app.world_mut().resource_mut::<TrellisSettings>()
}

fn speck() -> GenerateRequest {
    GenerateRequest::new(Picture::new(1, 1, vec![255; 4]).unwrap())
}

fn ask_for_variants(app: &mut App, request: GenerateRequest, variants: u32) -> Vec<Entity> {
    let ask = move |mut commands: Commands, mut image_to_3d: ResMut<ImageTo3D>| {
        image_to_3d.generate_variants(&mut commands, request.clone(), variants)
    };
    app.world_mut().run_system_once(ask).unwrap()
}

fn say(app: &mut App, line: &str) -> TrellisReply {
    app.world_mut().trigger(TrellisCommand::new(line));
    app.world_mut().flush();
    heard::<TrellisReply>(app.world()).last().cloned().unwrap()
}

/// What a command says in the end that replies twice.
fn found_out(app: &mut App, line: &str) -> String {
    let before = heard::<TrellisReply>(app.world()).len();
    assert!(!say(app, line).is_error);
    update_until(app, "the second reply", |world| {
        heard::<TrellisReply>(world).len() == before + 2
    });
    let last = heard::<TrellisReply>(app.world()).last().unwrap();
    assert!(!last.is_error, "{}", last.text);
    last.text.clone()
}

fn all_done(world: &World, entities: &[Entity]) -> bool {
    let done = |&entity: &Entity| status(world, entity) == GenerationStatus::Done;
    entities.iter().all(done)
}

#[test]
fn variants_are_made_in_one_batch_and_stand_in_a_row() {
    let (mut app, calls, go) = choir_app();
    let spot = Transform::from_xyz(1.0, 0.0, 0.0)
        .with_rotation(Quat::from_rotation_y(std::f32::consts::FRAC_PI_2));
    let request = speck()
        .with_seed(7)
        .with_resolution(8)
        .with_voxel_size(0.5)
        .at(spot);
    let entities = ask_for_variants(&mut app, request, 3);
    go.send(()).unwrap();
    update_until(&mut app, "the end", |world| all_done(world, &entities));
    assert_eq!(*calls.lock().unwrap(), [[7, 8, 9]]);
    for (place, entity) in entities.iter().enumerate() {
        let stands = app.world().get::<Transform>(*entity).unwrap().translation;
        // A grid of 8 cells of half a metre, and an eighth of that between; turned, x points to -z.
        let expected = Vec3::new(1.0, 0.0, -4.5 * place as f32);
        assert!(stands.abs_diff_eq(expected, 1e-4), "{stands}");
    }
}

#[test]
fn a_variant_that_is_cancelled_or_despawned_leaves_the_others_alone() {
    let (mut app, calls, go) = choir_app();
    let entities = ask_for_variants(&mut app, speck(), 4);
    app.world_mut().despawn(entities[0]);
    update_until(&mut app, "the start", |world| {
        is_running(&status(world, entities[3]))
    });
    app.world_mut()
        .resource_mut::<ImageTo3D>()
        .cancel(entities[2]);
    app.update();
    listen::<GenerationProgress>(&mut app);
    update_until(&mut app, "a look at every watch", |world| {
        let heard = heard::<GenerationProgress>(world).iter();
        heard.filter(|heard| heard.entity == entities[3]).count() > 3
    });
    go.send(()).unwrap();
    let others = [entities[1], entities[3]];
    update_until(&mut app, "the end", |world| all_done(world, &others));
    let cancelled = GenerationStatus::Cancelled;
    assert_eq!(status(app.world(), entities[2]), cancelled);
    assert_eq!(*calls.lock().unwrap(), [[1, 2, 3]]);
}

#[test]
fn variants_of_an_image_that_loads_wait_for_it_together() {
    let (mut app, calls, go) = choir_app();
    let image = app.world().resource::<Assets<Image>>().reserve_handle();
    let entities = ask_for_variants(&mut app, GenerateRequest::new(image.clone()), 2);
    app.update();
    app.update();
    assert!(calls.lock().unwrap().is_empty());
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    images.insert(&image, Image::default()).unwrap();
    go.send(()).unwrap();
    update_until(&mut app, "the end", |world| all_done(world, &entities));
    assert_eq!(*calls.lock().unwrap(), [[0, 1]]);
}

#[test]
fn variants_of_a_picture_that_is_none_all_fail() {
    let (mut app, _calls, _go) = choir_app();
    let request = GenerateRequest::new(std::path::Path::new("no/such.png"));
    let entities = ask_for_variants(&mut app, request, 3);
    update_until(&mut app, "the failures", |world| {
        let failed = |&entity: &Entity| status(world, entity).word() == "failed";
        entities.iter().all(failed)
    });
}

#[test]
fn no_variants_are_no_generations() {
    let (mut app, _calls, _go) = choir_app();
    assert!(ask_for_variants(&mut app, speck(), 0).is_empty());
    app.update();
}

#[test]
fn a_result_is_kept_for_the_next_time_unless_the_request_says_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, calls, go) = choir_app();
    listen::<GenerationFinished>(&mut app);
    settings(&mut app).cache = Some(ResultCache::at(folder.path()));
    for (request, cached, made) in [
        (speck(), false, 1),
        (speck(), true, 1),
        (speck().no_cache(), false, 2),
        (
            speck().also(Picture::new(1, 1, vec![1; 4]).unwrap()),
            false,
            3,
        ),
        (speck(), true, 3),
    ] {
        if !cached {
            go.send(()).unwrap();
        }
        let entity = ask_for(&mut app, request);
        update_until(&mut app, "the end", |world| all_done(world, &[entity]));
        let finished = heard::<GenerationFinished>(app.world()).last().unwrap();
        assert_eq!((finished.cached, finished.voxels), (cached, 1));
        assert_eq!(calls.lock().unwrap().len(), made);
    }
}

#[test]
fn the_command_counts_and_clears_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, _calls, go) = choir_app();
    listen::<TrellisReply>(&mut app);
    assert!(say(&mut app, "cache info").is_error, "nothing is kept");
    settings(&mut app).cache = Some(ResultCache::at(folder.path()));
    go.send(()).unwrap();
    let entity = ask(&mut app);
    update_until(&mut app, "the end", |world| all_done(world, &[entity]));
    let info = found_out(&mut app, "cache info");
    assert!(
        info.starts_with("1 results (0.0 MiB) of at most 1024 MiB"),
        "{info}"
    );
    assert!(found_out(&mut app, "cache clear").starts_with("removed 1 results"));
    assert!(found_out(&mut app, "cache info").starts_with("0 results"));
}

#[test]
fn the_command_tells_of_every_backend_and_switches_what_waits() {
    let (mut backends, calls, go) = choir_backends();
    backends.register("sick", || {
        Err(crossworld_trellis::backend::BackendError::NoPicture)
    });
    let mut app = headless_app();
    app.insert_resource(backends);
    settings(&mut app).cache = None;
    listen::<TrellisReply>(&mut app);
    let told = found_out(&mut app, "backend");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[0], "backend auto");
    assert!(lines[1].starts_with("  sick: not ready, "), "{told}");
    assert_eq!(lines[2], "* choir: ready, voices on stage");

    let entities = [ask(&mut app), ask(&mut app)];
    update_until(&mut app, "the start", |world| {
        is_running(&status(world, entities[0]))
    });
    let unknown = say(&mut app, "backend sculptor");
    assert!(unknown.is_error && unknown.text.contains("choir"));
    assert!(!say(&mut app, "backend sick").is_error);
    app.update();
    go.send(()).unwrap();
    update_until(&mut app, "the end of both", |world| {
        entities
            .iter()
            .all(|&entity| status(world, entity).is_end())
    });
    assert_eq!(status(app.world(), entities[0]), GenerationStatus::Done);
    assert_eq!(status(app.world(), entities[1]).word(), "failed");
    assert_eq!(calls.lock().unwrap().len(), 1);
    assert!(found_out(&mut app, "backend").starts_with("backend sick\n* sick: not ready"));
}

#[test]
fn the_command_makes_variants_and_tells_their_numbers() {
    let (mut app, _calls, _go) = choir_app();
    listen::<TrellisReply>(&mut app);
    let reply = say(&mut app, "generate a.png --variants 3 --also b.png");
    assert_eq!(reply.text, "making 1 to 3");
    assert_eq!(common::app::count::<Generation>(app.world_mut()), 3);
}
