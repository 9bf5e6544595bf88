//! How long a frame of the main thread takes while a model of 128^3 appears, beside an idle one.
//!
//! `cargo bench --bench frame --no-default-features --features bevy`. An app without a renderer runs at 60 frames a
//! second, as a game does; the time of `App::update` alone is measured. A backend hands over a prepared shell of about
//! 69 000 voxels with many colours, twice: as preview and as result. Printed are the longest frame from the request
//! until the model stands, and for comparison the longest of as many idle frames and of as many beside threads that
//! only count: what is left of a model's cost when the machine's own is taken away.

#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "a bench may panic"
)]

mod paced;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bevy::prelude::*;
use crossworld_trellis::backend::{Backend, BackendError, BackendInfo, Backends, Prompt, Watch};
use crossworld_trellis::prelude::*;
use paced::{Spread, frame, settle};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

const RESOLUTION: u16 = 128;
const MODELS: usize = 20;
/// The worker and a task that meshes.
const COUNTERS: usize = 2;

/// Hands over the same voxels every time.
struct Prepared(SparseVoxels);

impl Backend for Prepared {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "prepared",
            model: "shell".into(),
            family: None,
            device: "memory".into(),
            ready: true,
            resolutions: 1..=1024,
        }
    }

    fn generate(
        &mut self,
        _: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        watch.preview(self.0.clone())?;
        Ok(self.0.clone())
    }
}

/// A ball's shell, about 1.5 voxels thick, coloured by place.
fn shell() -> SparseVoxels {
    let middle = f32::from(RESOLUTION - 1) / 2.0;
    let range = || 0..RESOLUTION;
    let distance = |x: u16, y: u16, z: u16| {
        let [x, y, z] = [x, y, z].map(|c| f32::from(c) - middle);
        (x * x + y * y + z * z).sqrt()
    };
    let coords: Vec<[u16; 3]> = range()
        .flat_map(|z| range().flat_map(move |y| range().map(move |x| [x, y, z])))
        .filter(|&[x, y, z]| (middle - 1.4..=middle).contains(&distance(x, y, z)))
        .collect();
    let rgba = coords.iter().map(|cell| {
        let [r, g, b] = cell.map(|c| (c * 2) as u8);
        [r, g, b, 255]
    });
    let rgba = rgba.collect();
    SparseVoxels::new(u32::from(RESOLUTION), coords, rgba, None).expect("cells are inside the grid")
}

fn app(voxels: SparseVoxels) -> App {
    let mut backends = Backends::none();
    backends.register("prepared", move || Ok(Box::new(Prepared(voxels.clone()))));
    paced::app(|app| {
        app.insert_resource(backends);
    })
}

/// The frames of one model, and as many of two other kinds right after it.
struct Round {
    appearing: Vec<Duration>,
    idle: Vec<Duration>,
    /// While as many threads as the plugin has at work do nothing but count, at the worker's priority: what this
    /// machine makes of any threads in the background.
    beside_counters: Vec<Duration>,
}

/// Asks for a model and measures the frames until it stands, then as many others.
fn round(app: &mut App) -> Round {
    let picture = Picture::new(1, 1, vec![255; 4]).expect("one pixel is a picture");
    let entity = paced::ask(app, GenerateRequest::new(picture));
    let mut appearing = Vec::new();
    while !paced::status(app, entity).is_some_and(GenerationStatus::is_end) {
        appearing.push(frame(app));
    }
    // The removal is part of the game too, but not of this question.
    app.world_mut().entity_mut(entity).despawn();
    settle(app);
    let idle = appearing.iter().map(|_| frame(app)).collect();
    let counting = AtomicBool::new(true);
    let beside_counters = std::thread::scope(|scope| {
        for _ in 0..COUNTERS {
            scope.spawn(|| {
                let priority = ThreadPriorityValue::try_from(25_u8).expect("25 is a priority");
                let _ = set_current_thread_priority(ThreadPriority::Crossplatform(priority));
                while counting.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let frames = appearing.iter().map(|_| frame(app)).collect();
        counting.store(false, Ordering::Relaxed);
        frames
    });
    settle(app);
    Round {
        appearing,
        idle,
        beside_counters,
    }
}

fn main() {
    let voxels = shell();
    println!("{} voxels at {RESOLUTION}^3", voxels.len());
    let mut app = app(voxels);
    settle(&mut app);
    let rounds: Vec<Round> = (0..MODELS).map(|_| round(&mut app)).collect();
    let idle = Spread::of(rounds.iter().flat_map(|round| round.idle.iter().copied())).median();
    println!("idle frame: median {idle:.3} ms");
    println!("longest frame of {MODELS} rounds, less the idle frame:");
    let kinds: [(&str, fn(&Round) -> &Vec<Duration>); 3] = [
        ("idle", |round| &round.idle),
        ("beside threads that count", |round| &round.beside_counters),
        ("while a model appears", |round| &round.appearing),
    ];
    for (name, frames) in kinds {
        let longest = rounds
            .iter()
            .filter_map(|round| frames(round).iter().copied().max());
        let longest = Spread::of(longest);
        println!(
            "{name}: median {:.3} ms, worst {:.3} ms",
            longest.median() - idle,
            longest.longest() - idle
        );
    }
}
