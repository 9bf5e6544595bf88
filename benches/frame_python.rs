//! How long a frame of the main thread takes while torch works in the same process, beside an idle one.
//!
//! `TRELLIS_MODEL_PATH=DIR TRELLIS_PYTHON=.. PYTHONPATH=python cargo bench --bench frame_python --features python`. An
//! app without a renderer runs at 60 frames a second; the time of `App::update` alone is measured: idle, while torch is
//! imported and the checkpoint loads, and while things are generated one after the other. The checkpoint may be a
//! tiny one; `OMP_NUM_THREADS` says how many cores torch takes. Printed are median and 99th percentile of each.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench may panic")]

mod paced;

use std::path::Path;
use std::time::Duration;

use bevy::prelude::*;
use crossworld_trellis::backend::{Backends, Python, Stage};
use crossworld_trellis::prelude::*;
use paced::{Spread, frame, settle};

const FRAMES: usize = 1000;

fn app() -> App {
    let mut backends = Backends::none();
    backends.register(Python::NAME, || Ok(Box::new(Python::new())));
    paced::app(|app| {
        app.insert_resource(backends);
    })
}

/// Times of frames until a generation has ended: before its first step after loading, and from there on.
fn generate(app: &mut App, picture: &Picture) -> (Vec<Duration>, Vec<Duration>) {
    let entity = paced::ask(app, GenerateRequest::new(picture.clone()).no_cache());
    let (mut loading, mut working) = (Vec::new(), Vec::new());
    loop {
        let took = frame(app);
        match paced::status(app, entity) {
            Some(GenerationStatus::Failed { message }) => panic!("{message}"),
            Some(status) if status.is_end() => break,
            Some(GenerationStatus::Running(progress)) if progress.stage != Stage::Loading => {
                working.push(took);
            }
            _ => loading.push(took),
        }
    }
    app.world_mut().entity_mut(entity).despawn();
    app.update();
    (loading, working)
}

fn print(what: &str, times: Vec<Duration>) {
    let count = times.len();
    let times = Spread::of(times);
    println!(
        "{what}: {count} frames, median {:.3} ms, 99th percentile {:.3} ms",
        times.median(),
        times.percentile(99)
    );
}

fn main() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/images/mushroom_house.png");
    let picture = Picture::open(&picture).expect("the picture is there");
    let mut app = app();
    settle(&mut app);
    print("idle", (0..FRAMES).map(|_| frame(&mut app)).collect());
    let (loading, mut working) = generate(&mut app, &picture);
    print("importing torch and loading", loading);
    while working.len() < FRAMES {
        working.extend(generate(&mut app, &picture).1);
    }
    print("generating", working);
}
