//! A world of 1024 x 1024 columns: how long it takes to stand, and a dig to be seen.
//!
//! `cargo bench --no-default-features --features bevy --bench world`. An app without a renderer runs at 60 frames a
//! second, as a game does. Printed are the time and the longest frame until the world stands, the frames from a dig to
//! its new mesh, and the main thread's time for a frame with a dig and an idle one.

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

mod paced;

use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::Region;
use crossworld_trellis::world::WorldReady;
use paced::{Spread, frame, ms};

const DIGS: usize = 200;

#[derive(Resource, Default)]
struct Ready(Option<WorldReady>);

/// Hills in columns of 4 x 4, made of several materials.
fn hills() -> VoxelWorld {
    let mut world = VoxelWorld::default();
    for z in (-512..512).step_by(4) {
        for x in (-512..512).step_by(4) {
            let [wave, other] = [x, z].map(|c| f64::from(c) / 40.0);
            let height = (30.0 * (wave.sin() + other.cos())) as i32;
            let min = IVec3::new(x, -96, z);
            let max = IVec3::new(x + 4, height, z + 4);
            let value = 20 + (x / 16 + z / 16).rem_euclid(4) as u8;
            if let Err(error) = world.fill(&Region::Box { min, max }, value) {
                eprintln!("{error}");
            }
        }
    }
    world
}

fn app() -> App {
    paced::app(|app| {
        app.init_resource::<Ready>()
            .add_observer(|ready: On<WorldReady>, mut last: ResMut<Ready>| last.0 = Some(*ready));
    })
}

/// Runs frames until the world stands; tells how long each took.
fn until_ready(app: &mut App) -> Vec<Duration> {
    app.world_mut().resource_mut::<Ready>().0 = None;
    let mut frames = Vec::new();
    while app.world().resource::<Ready>().0.is_none() {
        frames.push(frame(app));
    }
    frames
}

fn main() {
    let mut app = app();
    let idle: Vec<Duration> = (0..60).map(|_| frame(&mut app)).collect();
    let started = Instant::now();
    let entity = app.world_mut().spawn(hills()).id();
    println!("hills made in {:.0} ms", ms(started.elapsed()));
    let started = Instant::now();
    let frames = until_ready(&mut app);
    let ready = app.world().resource::<Ready>().0;
    println!(
        "{ready:?} after {:.0} ms, first frame {:.3} ms, longest {:.3} ms",
        ms(started.elapsed()),
        frames.first().copied().map_or(0.0, ms),
        ms(frames.iter().copied().max().unwrap_or_default())
    );
    let (mut counts, mut longest) = (vec![0; 8], Vec::new());
    for dig in 0..DIGS {
        let cell = IVec3::new(dig as i32 * 4 - 400, -50, 5);
        if let Some(mut world) = app.world_mut().get_mut::<VoxelWorld>(entity) {
            let _ = world.set(cell, 0);
        }
        let frames = until_ready(&mut app);
        let most = counts.len() - 1;
        counts[frames.len().min(most)] += 1;
        longest.extend(frames.into_iter().max());
    }
    println!("digs by frames until they are seen, 0 to 7 or more: {counts:?}");
    println!(
        "longest frame of a dig: {}; idle: {}",
        spread(longest),
        spread(idle)
    );
}

fn spread(times: Vec<Duration>) -> String {
    let times = Spread::of(times);
    format!(
        "median {:.3} ms, worst {:.3} ms",
        times.median(),
        times.longest()
    )
}
