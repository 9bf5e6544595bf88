//! How long a frame of the main thread takes while torch works in the same process, beside an idle one.
//!
//! `TRELLIS_MODEL_PATH=DIR TRELLIS_PYTHON=.. PYTHONPATH=python cargo bench --bench frame_python --features python`. An
//! app without a renderer runs at 60 frames a second; the time of `App::update` alone is measured: idle, while torch is
//! imported and the checkpoint loads, and while things are generated one after the other. The checkpoint may be a
//! tiny one; `OMP_NUM_THREADS` says how many cores torch takes. Printed are median and 99th percentile of each.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench may panic"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossworld_trellis::backend::{Backends, Python, Stage};
use crossworld_trellis::prelude::*;

const SETTLING_FRAMES: usize = 30;
const FRAMES: usize = 1000;
/// From the start of a frame to the start of the next.
const PACE: Duration = Duration::from_micros(16_667);

fn app() -> App {
    let mut backends = Backends::none();
    backends.register(Python::NAME, || Ok(Box::new(Python::new())));
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        TransformPlugin,
        bevy::mesh::MeshPlugin,
        ImagePlugin::default(),
        TrellisPlugin,
    ));
    app.insert_resource(backends);
    app.finish();
    app.cleanup();
    app
}

/// Runs a frame, tells how long it took, and waits for the next.
fn frame(app: &mut App) -> Duration {
    let started = Instant::now();
    app.update();
    let took = started.elapsed();
    std::thread::sleep(PACE.saturating_sub(took));
    took
}

fn request(app: &mut App, picture: &Picture) -> Entity {
    let request = GenerateRequest::new(picture.clone()).no_cache();
    let world = app.world_mut();
    let entity = world.resource_scope(|world, mut image_to_3d: Mut<ImageTo3D>| {
        image_to_3d.generate(&mut world.commands(), request)
    });
    world.flush();
    entity
}

/// Times of frames until a generation has ended: before its first step after loading, and from there on.
fn generate(app: &mut App, picture: &Picture) -> (Vec<Duration>, Vec<Duration>) {
    let entity = request(app, picture);
    let (mut loading, mut working) = (Vec::new(), Vec::new());
    loop {
        let took = frame(app);
        let generation = app.world().get::<Generation>(entity);
        match generation.map(|generation| &generation.status) {
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

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    println!(
        "{what}: {} frames, median {:.3} ms, 99th percentile {:.3} ms",
        times.len(),
        at(50),
        at(99)
    );
}

fn main() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/images/mushroom_house.png");
    let picture = Picture::open(&picture).expect("the picture is there");
    let mut app = app();
    for _ in 0..SETTLING_FRAMES {
        frame(&mut app);
    }
    print("idle", (0..FRAMES).map(|_| frame(&mut app)).collect());
    let (loading, mut working) = generate(&mut app, &picture);
    print("importing torch and loading", loading);
    while working.len() < FRAMES {
        working.extend(generate(&mut app, &picture).1);
    }
    print("generating", working);
}
