//! The command `/trellis` from code.

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
use crossworld_trellis::command::{CommandSpot, TrellisReply};
use crossworld_trellis::prelude::*;

use common::app::{ask, headless_app, heard, listen, puppet_app, status, update_until};
use common::painter::{is_by, painter_backends};
use common::puppet::Act;

/// Carries out a command and returns what it says at once.
fn say(app: &mut App, line: &str) -> TrellisReply {
    app.world_mut().trigger(TrellisCommand::new(line));
    app.world_mut().flush();
    heard::<TrellisReply>(app.world()).last().cloned().unwrap()
}

fn app() -> (App, crossbeam_channel::Sender<Act>) {
    let (mut app, hand) = puppet_app();
    listen::<TrellisReply>(&mut app);
    (app, hand)
}

fn picture_file() -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    Picture::new(1, 1, vec![255; 4])
        .unwrap()
        .save_png(file.path())
        .unwrap();
    file
}

#[test]
fn generate_makes_a_thing_where_it_is_told_and_says_when_it_stands() {
    let (mut app, hand) = app();
    let file = picture_file();
    let line = format!(
        "/trellis generate '{}' --seed 3 --at 1 0 -2",
        file.path().display()
    );
    assert!(!say(&mut app, &line).is_error);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "news of the end", |world| {
        heard::<TrellisReply>(world).len() == 2
    });
    let news = heard::<TrellisReply>(app.world()).last().unwrap();
    assert!(news.text.starts_with("1 stands: 1 voxels"), "{}", news.text);
    let world = app.world_mut();
    let (transform, generation) = world
        .query::<(&Transform, &Generation)>()
        .single(world)
        .unwrap();
    assert_eq!(transform.translation, Vec3::new(1.0, 0.0, -2.0));
    assert_eq!(generation.status, GenerationStatus::Done);
}

#[test]
fn without_a_place_things_stand_at_the_commands_spot() {
    let (mut app, _hand) = app();
    app.insert_resource(CommandSpot(Transform::from_xyz(7.0, 0.0, 0.0)));
    say(&mut app, "generate cat.png");
    let world = app.world_mut();
    let transform = world
        .query_filtered::<&Transform, With<Generation>>()
        .single(world)
        .unwrap();
    assert_eq!(transform.translation.x, 7.0);
}

#[test]
fn a_missing_picture_is_told_as_an_error_that_names_it() {
    let (mut app, _hand) = app();
    say(&mut app, "generate no/such.png");
    update_until(&mut app, "the error", |world| {
        heard::<TrellisReply>(world).len() == 2
    });
    let error = heard::<TrellisReply>(app.world()).last().unwrap();
    assert!(
        error.is_error && error.text.contains("such.png"),
        "{}",
        error.text
    );
}

#[test]
fn an_unknown_backend_is_told_as_an_error_that_lists_the_known_ones() {
    let (mut app, _hand) = app();
    say(&mut app, "generate cat.png --backend sculptor");
    update_until(&mut app, "the error", |world| {
        heard::<TrellisReply>(world).len() == 2
    });
    let error = heard::<TrellisReply>(app.world()).last().unwrap();
    assert!(
        error.is_error && error.text.contains("puppet"),
        "{}",
        error.text
    );
}

#[test]
fn list_shows_every_generation_with_its_status() {
    let (mut app, _hand) = app();
    assert!(say(&mut app, "list").text.contains("nothing yet"));
    ask(&mut app);
    ask(&mut app);
    let list = say(&mut app, "list").text;
    let lines: Vec<&str> = list.lines().collect();
    assert!(
        lines[0].starts_with("1  ") && lines[0].ends_with("(queued)"),
        "{list}"
    );
    assert!(lines[1].starts_with("2  "), "{list}");
}

#[test]
fn cancel_stops_one_or_all() {
    let (mut app, _hand) = app();
    let entities = [ask(&mut app), ask(&mut app), ask(&mut app)];
    assert_eq!(say(&mut app, "cancel 2").text, "cancelling 2");
    update_until(&mut app, "the cancellation", |world| {
        status(world, entities[1]) == GenerationStatus::Cancelled
    });
    assert_eq!(say(&mut app, "cancel all").text, "cancelling 1, 3");
    update_until(&mut app, "the others", |world| {
        entities
            .iter()
            .all(|&entity| status(world, entity) == GenerationStatus::Cancelled)
    });
    assert!(say(&mut app, "cancel 2").is_error, "it has ended");
    assert!(!say(&mut app, "cancel all").is_error, "nothing is left");
}

#[test]
fn remove_takes_things_out_of_the_world() {
    let (mut app, hand) = app();
    let entity = ask(&mut app);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    assert_eq!(say(&mut app, "remove 1").text, "removed 1");
    assert!(app.world().get_entity(entity).is_err());
    let error = say(&mut app, "remove 1");
    assert!(
        error.is_error && error.text.contains("/trellis list"),
        "{}",
        error.text
    );
}

#[test]
fn help_and_errors_are_replies_too() {
    let (mut app, _hand) = app();
    let help = say(&mut app, "/trellis help");
    assert!(!help.is_error && help.text.contains("generate"));
    assert!(say(&mut app, "/trellis dance").is_error);
}

/// An app whose backend has a choice of models.
fn painter_app() -> (App, crossbeam_channel::Sender<()>) {
    let (backends, _, go) = painter_backends();
    let mut app = headless_app();
    app.insert_resource(backends);
    app.world_mut().resource_mut::<TrellisSettings>().cache = None;
    listen::<TrellisReply>(&mut app);
    (app, go)
}

/// The reply that follows those there are.
fn next_reply(app: &mut App) -> TrellisReply {
    let before = heard::<TrellisReply>(app.world()).len();
    update_until(app, "a reply", |world| {
        heard::<TrellisReply>(world).len() > before
    });
    heard::<TrellisReply>(app.world())[before].clone()
}

/// A folder that seems to hold a checkpoint of TRELLIS.2.
fn checkpoint() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"name": "Trellis2ImageTo3DPipeline", "args": {}}"#;
    std::fs::write(folder.path().join("pipeline.json"), text).unwrap();
    folder
}

#[test]
fn model_tells_what_works_and_lets_another_one_work() {
    let (mut app, go) = painter_app();
    let reply = say(&mut app, "model");
    assert!(
        reply.text.starts_with("asking the backend"),
        "{}",
        reply.text
    );
    let told = next_reply(&mut app);
    assert_eq!(
        told.text,
        "backend painter: plain on easel, 1 to 64 voxels per axis"
    );

    let folder = checkpoint();
    let name = folder.path().to_str().unwrap();
    let reply = say(&mut app, &format!("model '{name}'"));
    assert_eq!(
        (reply.text, reply.is_error),
        (
            format!("the model is {name} (TRELLIS.2) from now on"),
            false
        )
    );
    let told = next_reply(&mut app).text;
    assert!(
        told.starts_with(&format!("backend painter: {name} on")),
        "{told}"
    );
    let entity = ask(&mut app);
    go.send(()).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, entity) == GenerationStatus::Done
    });
    let shown = app.world().get::<VoxelModel3d>(entity).unwrap();
    let models = app.world().resource::<Assets<VoxelModel>>();
    assert!(is_by(models.get(&shown.0).unwrap(), name));

    say(&mut app, "model default");
    assert_eq!(app.world().resource::<TrellisSettings>().model, None);
    assert!(
        next_reply(&mut app)
            .text
            .starts_with("backend painter: plain")
    );
}

#[test]
fn a_repository_that_was_not_downloaded_may_be_the_model_and_is_told_how_to_be() {
    let (mut app, _go) = painter_app();
    let reply = say(&mut app, "model nobody/has-this");
    assert!(!reply.is_error);
    let remedy = "python -m crossworld_trellis fetch --model nobody/has-this";
    assert!(reply.text.contains(remedy), "{}", reply.text);
}

#[test]
fn what_is_no_model_is_refused_and_the_one_before_stays() {
    let (mut app, _go) = painter_app();
    for (line, reason) in [
        ("model no/such/folder", "there is no such folder"),
        ("model src", "holds no pipeline.json"),
        ("model Cargo.toml", "this is a file"),
    ] {
        let reply = say(&mut app, line);
        assert!(
            reply.is_error && reply.text.contains(reason),
            "{}",
            reply.text
        );
    }
    assert_eq!(app.world().resource::<TrellisSettings>().model, None);
}

#[test]
fn a_backend_with_a_model_of_its_own_is_not_given_another_one() {
    let (mut app, _hand) = app();
    let reply = say(&mut app, "model owner/name");
    let words = "puppet cannot be given another model from here";
    assert!(
        reply.is_error && reply.text.contains(words),
        "{}",
        reply.text
    );
    assert!(
        reply.text.contains("serve --model owner/name"),
        "{}",
        reply.text
    );
    assert_eq!(app.world().resource::<TrellisSettings>().model, None);
    say(&mut app, "model");
    let told = next_reply(&mut app);
    assert_eq!(
        told.text,
        "backend puppet: strings on hand, 1 to 64 voxels per axis"
    );
    // A game may have named one before.
    app.world_mut().resource_mut::<TrellisSettings>().model = Some("owner/name".into());
    say(&mut app, "model");
    let told = next_reply(&mut app).text;
    assert!(told.ends_with("keeps to a model of its own"), "{told}");
}
