//! A whole app that generates through torch in its own process with TRELLIS.2, and changes between the generations.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod common;
#[path = "common/torch.rs"]
mod torch;

use std::path::Path;

use bevy::prelude::*;
use common::app::{
    ask_for, cancel, failure, finishes, headless_app, heard, listen, made, update_until,
    update_until_end, update_until_stage,
};
use crossworld_trellis::backend::{
    Backend, BackendError, Backends, ModelFamily, Prompt, Python, PythonError, Stage, Unwatched,
};
use crossworld_trellis::command::TrellisReply;
use crossworld_trellis::generation::ResultCache;
use crossworld_trellis::prelude::*;
use torch::{
    alone, backend, made_by_command_line, picture, prompt, shared_checkpoint, shared_checkpoint_2,
};

/// An app whose only backend runs the model of the settings in this process.
fn app(model: &Path) -> App {
    let mut backends = Backends::none();
    backends.register_with_model(Python::NAME, |model| {
        Ok(Box::new(backend(Path::new(model.unwrap()))))
    });
    let mut app = headless_app();
    app.insert_resource(backends);
    let mut settings = app.world_mut().resource_mut::<TrellisSettings>();
    // Each request shall reach torch, and the user's cache stay as it is.
    settings.cache = None;
    settings.model = Some(model.to_str().unwrap().into());
    app
}

fn request(seed: u64) -> GenerateRequest {
    GenerateRequest::new(picture()).with_seed(seed)
}

#[test]
fn a_picture_becomes_voxels_with_a_finish_as_the_command_line_makes_them() {
    let _alone = alone();
    let mut app = app(shared_checkpoint_2());
    listen::<GenerationProgress>(&mut app);
    listen::<GenerationPreview>(&mut app);
    let entity = ask_for(&mut app, request(7));
    assert_eq!(update_until_end(&mut app, entity), GenerationStatus::Done);
    let thing = made(app.world(), entity);
    let expected = made_by_command_line(shared_checkpoint_2(), 7);
    assert!(expected.metallic_roughness().is_some());
    assert!(thing == VoxelModel::from(&expected));
    assert!(finishes(&thing).len() > 8, "{:?}", finishes(&thing));
    for stage in [Stage::Structure, Stage::Appearance, Stage::Decoding] {
        let told = heard::<GenerationProgress>(app.world());
        let mut stages = told.iter().map(|told| told.progress.stage);
        assert!(stages.any(|told| told == stage), "{stage}");
    }
    assert!(!heard::<GenerationPreview>(app.world()).is_empty());
}

#[test]
fn a_generation_is_cancelled_in_the_middle_and_the_next_one_is_made() {
    let _alone = alone();
    let mut app = app(shared_checkpoint_2());
    let first = ask_for(&mut app, request(1));
    let second = ask_for(&mut app, request(2));
    update_until_stage(&mut app, first, Stage::Structure);
    cancel(&mut app, first);
    assert_eq!(
        update_until_end(&mut app, first),
        GenerationStatus::Cancelled
    );
    assert_eq!(update_until_end(&mut app, second), GenerationStatus::Done);
}

#[test]
fn a_resolution_out_of_reach_is_refused_with_those_in_reach_and_a_fine_one_is_made() {
    let _alone = alone();
    let mut app = app(shared_checkpoint_2());
    let odd = ask_for(&mut app, request(1).with_resolution(65));
    let message = failure(&mut app, odd);
    assert!(message.contains("32, 64, 128, 256, 512, 1024"), "{message}");
    let fine = ask_for(&mut app, request(1).with_resolution(512));
    assert_eq!(update_until_end(&mut app, fine), GenerationStatus::Done);
    assert_eq!(made(app.world(), fine).resolution(), 512);
    let coarse = ask_for(&mut app, request(1).with_resolution(16));
    let message = failure(&mut app, coarse);
    assert!(message.contains("use 32 to 1024"), "{message}");
}

#[test]
fn what_is_known_of_a_model_is_its_family_and_its_reach() {
    let _alone = alone();
    for (model, family, reach) in [
        (shared_checkpoint(), ModelFamily::Trellis, 32..=256),
        (shared_checkpoint_2(), ModelFamily::Trellis2, 32..=1024),
    ] {
        let mut python = backend(model);
        python.generate(&prompt(1), &mut Unwatched).unwrap();
        let info = python.describe();
        assert_eq!((info.family, &info.resolutions), (Some(family), &reach));
        assert_eq!(info.default_resolution(), family.default_resolution());
    }
}

#[test]
fn a_command_changes_the_generation_of_the_model_and_kept_results_stay_with_theirs() {
    let _alone = alone();
    let mut app = app(shared_checkpoint());
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path());
    app.world_mut().resource_mut::<TrellisSettings>().cache = Some(cache);
    listen::<TrellisReply>(&mut app);
    listen::<GenerationFinished>(&mut app);
    let mut all = Vec::new();
    for (model, name, is_kept) in [
        (shared_checkpoint(), "TRELLIS", false),
        (shared_checkpoint_2(), "TRELLIS.2", false),
        (shared_checkpoint(), "TRELLIS", true),
        (shared_checkpoint_2(), "TRELLIS.2", true),
    ] {
        let line = format!("/trellis model '{}'", model.display());
        app.world_mut().trigger(TrellisCommand::new(line));
        app.world_mut().flush();
        let reply = heard::<TrellisReply>(app.world()).last().unwrap();
        let words = format!("({name}) from now on");
        assert!(reply.text.ends_with(&words), "{}", reply.text);
        let entity = ask_for(&mut app, request(3));
        assert_eq!(update_until_end(&mut app, entity), GenerationStatus::Done);
        let finished = heard::<GenerationFinished>(app.world()).last().unwrap();
        assert_eq!(finished.cached, is_kept, "{name}");
        all.push(made(app.world(), entity));
    }
    assert_eq!(finishes(&all[0]).len(), 1, "TRELLIS tells no finish");
    assert!(finishes(&all[1]).len() > 8);
    assert!(all[0] == all[2] && all[1] == all[3]);
    update_until(&mut app, "the last reply", |world| {
        heard::<TrellisReply>(world).len() == 8
    });
    let told = &heard::<TrellisReply>(app.world()).last().unwrap().text;
    assert!(told.contains("(TRELLIS.2) on"), "{told}");
}

#[test]
fn files_of_both_generations_in_one_folder_fail_the_generation_with_the_remedy() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &Path, name: &str, target: &str| {
        let target = folder.path().join(target);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(name), target).unwrap();
    };
    let (first, second) = (shared_checkpoint(), shared_checkpoint_2());
    for part in ["ckpts", "image_cond"] {
        for entry in std::fs::read_dir(second.join(part)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let name = format!("{part}/{name}");
            copy(second, &name, &name);
        }
    }
    copy(second, "pipeline.json", "pipeline.json");
    // A flow of the first generation under the name of one of the second.
    for ending in ["json", "safetensors"] {
        let [own, foreign] = ["ss_flow_tiny", "ss_flow_img_dit_tiny"];
        let [own, foreign] = [own, foreign].map(|name| format!("ckpts/{name}.{ending}"));
        copy(first, &foreign, &own);
    }
    let mut mixed = backend(folder.path());
    match mixed.generate(&Prompt::new(picture()), &mut Unwatched) {
        Err(BackendError::Python(PythonError::Checkpoint(message))) => {
            assert!(message.contains("first generation"), "{message}");
            assert!(message.contains("restore"), "{message}");
        }
        other => panic!("it did not fail: {other:?}"),
    }
}
