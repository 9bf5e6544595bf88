//! `Server::spawn`: a server process that dies at every stage, is killed while idle, or never gets its model.

use std::time::{Duration, Instant};

use crossworld_trellis::backend::{Backend, LocalServer, Server, SpawnOptions, Stage};

use crate::log::{Log, prompt};
use crate::place::{Place, variables};
use crate::process::{is_alive, kill};

pub fn options(place: &Place) -> SpawnOptions {
    SpawnOptions {
        python: Some(place.python.clone()),
        arguments: place.arguments(),
        variables: variables(),
        ..SpawnOptions::default()
    }
}

fn assert_works(server: &mut LocalServer) {
    let result = server.generate(&prompt(), &mut Log::default());
    assert!(!result.unwrap().is_empty());
}

#[test]
fn a_server_killed_at_any_stage_fails_that_generation_and_the_next_one_works() {
    let Some(place) = Place::find() else { return };
    let mut server = Server::spawn(options(place)).unwrap();
    for stage in Stage::ALL {
        let process = server.process_id().unwrap();
        let mut log = Log::acting_at(stage, 0, || {
            kill(process);
            true
        });
        let error = server
            .generate(&prompt(), &mut log)
            .unwrap_err()
            .to_string();
        assert!(error.contains("ended (signal: 9"), "{stage}: {error}");
        assert_eq!(log.progress().last().unwrap().0, stage);
        assert_works(&mut server);
        assert_ne!(server.process_id(), Some(process));
    }
    // Nobody looks meanwhile.
    kill(server.process_id().unwrap());
    assert_works(&mut server);
    assert!(server.describe().ready);
}

#[test]
fn a_model_that_does_not_load_fails_generations_with_the_reason() {
    let Some(place) = Place::find() else { return };
    let empty = tempfile::tempdir().unwrap();
    let mut options = options(place);
    options
        .arguments
        .extend(["--model".into(), empty.path().into()]);
    let mut server = Server::spawn(options).unwrap();
    let error = server
        .generate(&prompt(), &mut Log::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("pipeline.json"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_server_that_is_dropped_is_gone() {
    let Some(place) = Place::find() else { return };
    let server = Server::spawn(options(place)).unwrap();
    let process = server.process_id().unwrap();
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(7));
    assert!(!is_alive(process));
}
