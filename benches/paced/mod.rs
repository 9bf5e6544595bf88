//! What the benches of frames share: an app without a renderer that runs at 60 frames a second, as a game does. The time
//! of `App::update` alone is measured.

#![allow(dead_code, reason = "each bench uses a part of it")]

use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossworld_trellis::prelude::*;

/// From the start of a frame to the start of the next.
const PACE: Duration = Duration::from_micros(16_667);

/// Frames after which an app that has just done something is idle again.
const SETTLING_FRAMES: usize = 30;

/// Bevy's core and the plugin, with whatever a bench adds.
pub fn app(add: impl FnOnce(&mut App)) -> App {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        AssetPlugin::default(),
        TransformPlugin,
        bevy::mesh::MeshPlugin,
        ImagePlugin::default(),
        TrellisPlugin,
    ));
    add(&mut app);
    app.finish();
    app.cleanup();
    app
}

/// Runs a frame, tells how long it took, and waits for the next.
pub fn frame(app: &mut App) -> Duration {
    let started = Instant::now();
    app.update();
    let took = started.elapsed();
    std::thread::sleep(PACE.saturating_sub(took));
    took
}

/// Lets frames pass until the app is idle; tells how long they took.
pub fn settle(app: &mut App) -> Vec<Duration> {
    (0..SETTLING_FRAMES).map(|_| frame(app)).collect()
}

/// Asks for a generation.
pub fn ask(app: &mut App, request: GenerateRequest) -> Entity {
    let world = app.world_mut();
    let entity = world.resource_scope(|world, mut image_to_3d: Mut<ImageTo3D>| {
        image_to_3d.generate(&mut world.commands(), request)
    });
    world.flush();
    entity
}

/// How far a generation is, unless it has gone.
pub fn status(app: &App, entity: Entity) -> Option<&GenerationStatus> {
    let generation = app.world().get::<Generation>(entity);
    generation.map(|generation| &generation.status)
}

/// Times in order.
pub struct Spread(Vec<Duration>);

impl Spread {
    pub fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times: Vec<Duration> = times.into_iter().collect();
        times.sort();
        Self(times)
    }

    /// Milliseconds that so many per cent of the times do not exceed, 0 where there are none.
    pub fn percentile(&self, percent: usize) -> f64 {
        let place = self.0.len() * percent / 100;
        let last = self.0.len().saturating_sub(1);
        self.0.get(place.min(last)).copied().map_or(0.0, ms)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub fn longest(&self) -> f64 {
        self.percentile(100)
    }
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
