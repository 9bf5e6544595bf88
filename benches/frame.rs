//! How long a frame of the main thread takes while a model of 128^3 appears, beside an idle one.
//!
//! `cargo bench --bench frame --no-default-features --features bevy`. An app without a renderer runs at 60 frames a
//! second, as a game does; the time of `App::update` alone is measured. A backend hands over a prepared shell of about
//! 69 000 voxels with many colours, twice: as preview and as result. Printed are the idle frames, the longest frame
//! from the request until the model stands, over several models, and how much longer that is.

#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench may panic"
)]

use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossworld_trellis::backend::{Backend, BackendError, BackendInfo, Backends, Prompt, Watch};
use crossworld_trellis::prelude::*;

const RESOLUTION: u16 = 128;
const IDLE_FRAMES: usize = 120;
const MODELS: usize = 20;
/// From the start of a frame to the start of the next.
const PACE: Duration = Duration::from_micros(16_667);

/// Hands over the same voxels every time.
struct Prepared(SparseVoxels);

impl Backend for Prepared {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "prepared",
            model: "shell".into(),
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

/// Longest frame from the request until the model stands.
fn longest_frame(app: &mut App) -> Duration {
    let picture = Picture::new(1, 1, vec![255; 4]).expect("one pixel is a picture");
    let request = GenerateRequest::new(picture);
    let world = app.world_mut();
    let entity = world.resource_scope(|world, mut image_to_3d: Mut<ImageTo3D>| {
        image_to_3d.generate(&mut world.commands(), request)
    });
    world.flush();
    let mut longest = Duration::ZERO;
    loop {
        longest = longest.max(frame(app));
        match app
            .world()
            .get::<Generation>(entity)
            .map(|generation| &generation.status)
        {
            Some(status) if status.is_end() => break,
            _ => {}
        }
    }
    // The removal is part of the game too, but not of this question.
    app.world_mut().entity_mut(entity).despawn();
    app.update();
    longest
}

fn main() {
    let voxels = shell();
    println!("{} voxels at {RESOLUTION}^3", voxels.len());
    let mut app = app(voxels);
    let mut idle: Vec<Duration> = (0..IDLE_FRAMES).map(|_| frame(&mut app)).collect();
    idle.sort();
    let median_idle = idle[IDLE_FRAMES / 2];
    let mut longest: Vec<Duration> = (0..MODELS).map(|_| longest_frame(&mut app)).collect();
    longest.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "idle frame: median {:.3} ms, longest {:.3} ms",
        ms(median_idle),
        ms(idle[IDLE_FRAMES - 1])
    );
    println!(
        "longest frame while a model appears, over {MODELS} models: median {:.3} ms, worst {:.3} ms",
        ms(longest[MODELS / 2]),
        ms(longest[MODELS - 1])
    );
    println!(
        "the worst exceeds the idle frame by {:.3} ms",
        ms(longest[MODELS - 1].saturating_sub(median_idle))
    );
}
