//! A whole app and a server of TRELLIS.2: one that runs anyway, and one that the app starts with the model it chose.

use bevy::prelude::*;
use crossworld_trellis::backend::{Backends, Server, SpawnOptions, Stage};
use crossworld_trellis::command::TrellisReply;
use crossworld_trellis::generation::ResultCache;
use crossworld_trellis::prelude::*;

use crate::common::app::{
    ask_for, cancel, failure, finishes, headless_app, heard, listen, made, update_until,
    update_until_end, update_until_stage,
};
use crate::log::picture;
use crate::place::{ON_CPU, Place, variables};
use crate::running::Running;

fn app(backends: Backends) -> App {
    let mut app = headless_app();
    app.insert_resource(backends);
    app.world_mut().resource_mut::<TrellisSettings>().cache = None;
    app
}

/// An app whose only backend is a server that listens somewhere.
fn app_with(running: &Running) -> App {
    let url = running.url.clone();
    let mut backends = Backends::none();
    backends.register(Server::NAME, move || {
        Ok(Box::new(Server::at(&url)?.reached()?))
    });
    app(backends)
}

/// An app whose only backend is a server process of its own, which runs the model of the settings.
fn app_that_spawns(place: &'static Place) -> App {
    let mut backends = Backends::none();
    backends.register_with_model(Server::NAME, |model| {
        let options = SpawnOptions {
            python: Some(place.python.clone()),
            model: model.map(Into::into),
            arguments: ON_CPU.map(Into::into).into(),
            variables: variables(),
            ..SpawnOptions::default()
        };
        Ok(Box::new(Server::spawn(options)?))
    });
    app(backends)
}

fn request(seed: u64) -> GenerateRequest {
    GenerateRequest::new(picture()).with_seed(seed)
}

fn assert_makes_a_thing_with_a_finish(app: &mut App, request: GenerateRequest) {
    let entity = ask_for(app, request);
    assert_eq!(update_until_end(app, entity), GenerationStatus::Done);
    let thing = made(app.world(), entity);
    assert!(finishes(&thing).len() > 8, "{:?}", finishes(&thing));
}

#[test]
fn a_picture_becomes_a_thing_with_a_finish_through_a_server_that_runs_anyway() {
    let Some(place) = Place::find() else { return };
    let running = Running::start(place, &place.checkpoint_2);
    let mut app = app_with(&running);
    listen::<GenerationProgress>(&mut app);
    listen::<GenerationPreview>(&mut app);
    listen::<TrellisReply>(&mut app);
    assert_makes_a_thing_with_a_finish(&mut app, request(7));
    let told = heard::<GenerationProgress>(app.world());
    for stage in [Stage::Structure, Stage::Appearance, Stage::Decoding] {
        let mut stages = told.iter().map(|told| told.progress.stage);
        assert!(stages.any(|told| told == stage), "{stage}");
    }
    assert!(!heard::<GenerationPreview>(app.world()).is_empty());

    let cancelled = ask_for(&mut app, request(8));
    update_until_stage(&mut app, cancelled, Stage::Structure);
    cancel(&mut app, cancelled);
    assert_eq!(
        update_until_end(&mut app, cancelled),
        GenerationStatus::Cancelled
    );

    let odd = ask_for(&mut app, request(7).with_resolution(100));
    let message = failure(&mut app, odd);
    assert!(message.contains("32, 64, 128"), "{message}");
    let coarse = ask_for(&mut app, request(7).with_resolution(16));
    let message = failure(&mut app, coarse);
    assert!(message.contains("use 32 to 1024"), "{message}");
    assert_makes_a_thing_with_a_finish(&mut app, request(7).with_resolution(256));

    // It tells its model and keeps it.
    let model = &place.checkpoint;
    app.world_mut()
        .trigger(TrellisCommand::new(format!("model '{}'", model.display())));
    app.world_mut().flush();
    let refusal = heard::<TrellisReply>(app.world()).last().unwrap();
    let words = "server cannot be given another model from here";
    assert!(
        refusal.is_error && refusal.text.contains(words),
        "{}",
        refusal.text
    );
    app.world_mut().trigger(TrellisCommand::new("model"));
    update_until(&mut app, "what the server runs", |world| {
        let last = heard::<TrellisReply>(world).last().unwrap();
        last.text.contains("(TRELLIS.2) on ") && last.text.contains("32 to 1024")
    });
}

#[test]
fn a_server_of_its_own_is_replaced_where_the_model_changes_and_kept_results_stay_with_theirs() {
    let Some(place) = Place::find() else { return };
    let mut app = app_that_spawns(place);
    let folder = tempfile::tempdir().unwrap();
    app.world_mut().resource_mut::<TrellisSettings>().cache = Some(ResultCache::at(folder.path()));
    listen::<GenerationFinished>(&mut app);
    let mut all = Vec::new();
    for (model, is_kept) in [
        (&place.checkpoint, false),
        (&place.checkpoint_2, false),
        (&place.checkpoint, true),
        (&place.checkpoint_2, true),
    ] {
        let name = model.to_str().unwrap();
        app.world_mut().resource_mut::<TrellisSettings>().model = Some(name.into());
        let entity = ask_for(&mut app, request(7));
        assert_eq!(update_until_end(&mut app, entity), GenerationStatus::Done);
        let finished = heard::<GenerationFinished>(app.world()).last().unwrap();
        assert_eq!(finished.cached, is_kept, "{name}");
        all.push(made(app.world(), entity));
    }
    assert_eq!(finishes(&all[0]).len(), 1, "TRELLIS tells no finish");
    assert!(finishes(&all[1]).len() > 8);
    assert!(all[0] == all[2] && all[1] == all[3]);
}
