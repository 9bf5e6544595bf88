//! Generations that cannot be: bad requests, backends that crash, a full queue.

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
use common::app::{ask, ask_for, headless_app, heard, listen, puppet_app, status, update_until};
use common::puppet::Act;
use crossworld_trellis::prelude::*;

#[test]
fn a_panic_of_the_backend_fails_the_generation_and_the_game_goes_on() {
    let (mut app, hand) = puppet_app();
    listen::<GenerationFailed>(&mut app);
    let first = ask(&mut app);
    hand.send(Act::Panic).unwrap();
    update_until(&mut app, "the failure", |world| {
        !heard::<GenerationFailed>(world).is_empty()
    });
    let failure = &heard::<GenerationFailed>(app.world())[0];
    assert_eq!(failure.entity, first);
    assert!(
        failure.message.contains("crashed: strings torn"),
        "{}",
        failure.message
    );
    let second = ask(&mut app);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the next one", |world| {
        status(world, second) == GenerationStatus::Done
    });
}

#[test]
fn a_dead_worker_fails_the_generation_and_is_replaced() {
    let (mut app, hand) = puppet_app();
    let first = ask(&mut app);
    hand.send(Act::PanicWithBomb).unwrap();
    update_until(&mut app, "the failure", |world| {
        status(world, first).word() == "failed"
    });
    let second = ask(&mut app);
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the next one", |world| {
        status(world, second) == GenerationStatus::Done
    });
}

#[test]
fn a_full_queue_fails_the_request_that_is_too_many_and_no_other() {
    let (mut app, _hand) = puppet_app();
    app.world_mut()
        .resource_mut::<TrellisSettings>()
        .queue_capacity = 2;
    let entities: Vec<Entity> = (0..4).map(|_| ask(&mut app)).collect();
    update_until(&mut app, "a refusal", |world| {
        entities
            .iter()
            .filter(|&&entity| status(world, entity).word() == "failed")
            .count()
            == 1
    });
    let failed = entities
        .iter()
        .find_map(|&entity| match status(app.world(), entity) {
            GenerationStatus::Failed { message } => Some(message),
            _ => None,
        });
    assert!(failed.unwrap().contains("2 requests wait already"));
}

/// The message a request fails with.
fn refusal(app: &mut App, request: GenerateRequest) -> String {
    let entity = ask_for(app, request);
    update_until(app, "the failure", |world| status(world, entity).is_end());
    match status(app.world(), entity) {
        GenerationStatus::Failed { message } => message,
        other => panic!("it did not fail: {other}"),
    }
}

#[test]
fn bad_requests_fail_with_one_line_that_says_what_to_do() {
    let mut app = headless_app();
    let speck = || Picture::new(1, 1, vec![255; 4]).unwrap();
    let clear = Picture::new(4, 4, vec![0; 64]).unwrap();
    let missing = std::path::Path::new("no/such/picture.png");
    let text = b"not a picture".to_vec();
    let house = std::fs::read("assets/images/mushroom_house.png").unwrap();
    let cut = house[..house.len() / 2].to_vec();
    let one_color = Picture::new(8, 8, [90, 120, 40, 255].repeat(64)).unwrap();
    let cases = [
        (GenerateRequest::new(missing), "picture.png"),
        (GenerateRequest::new(text), "PNG"),
        (GenerateRequest::new(cut), "damaged"),
        (GenerateRequest::new(one_color), "one colour"),
        (GenerateRequest::new(clear), "transparent"),
        (
            GenerateRequest::new(speck()).with_voxel_size(0.0),
            "voxel size",
        ),
        (
            GenerateRequest::new(speck()).at(Transform::from_xyz(f32::NAN, 0.0, 0.0)),
            "the place",
        ),
        (
            GenerateRequest::new(speck()).with_backend("sculptor"),
            "sculptor",
        ),
        (
            GenerateRequest::new(speck()).with_resolution(0),
            "resolution 0",
        ),
        (GenerateRequest::new(speck()).with_resolution(7), "8 to 256"),
        (GenerateRequest::new(speck()).with_resolution(257), "257"),
        (
            GenerateRequest::new(speck()).with_resolution(4_000_000_000),
            "4000000000",
        ),
        (
            GenerateRequest {
                pictures: vec![],
                ..GenerateRequest::new(speck())
            },
            "no picture",
        ),
        (
            GenerateRequest::new(PictureInput::Camera(Entity::PLACEHOLDER)),
            "no renderer",
        ),
    ];
    for (request, part) in cases {
        let message = refusal(&mut app, request);
        assert!(message.contains(part), "{message:?} does not say {part:?}");
        assert!(!message.contains('\n'), "{message:?} is longer than a line");
    }
}

#[test]
fn an_image_asset_that_does_not_load_fails_its_generation() {
    let mut app = headless_app();
    let missing: Handle<Image> = app.world().resource::<AssetServer>().load("no/such.png");
    let message = refusal(&mut app, GenerateRequest::new(missing));
    assert!(message.contains("did not load"), "{message}");
}
