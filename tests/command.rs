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

use common::app::{ask, heard, listen, puppet_app, status, update_until};
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
