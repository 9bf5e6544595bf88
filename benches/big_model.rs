//! Big models in a game: when their first chunks stand, when all do, what frames cost meanwhile, and memory.
//!
//! `cargo bench --no-default-features --features bevy --bench big_model`. An app without a renderer runs at 60 frames a
//! second; a camera looks at the place from the front. A backend hands over a prepared shell of many colours and
//! finishes: 1.5 million voxels at 512^3, and 4 million at 1024^3, as an entity of its own and stamped into a world with
//! ground. For each of these is printed: the time from the end of the backend's work to the frame that takes the
//! result (the palette is chosen and the octree built), the frames from there to the first chunks, the time until all
//! stand, the longest frame and the 99th percentile less an idle frame, the same for the frames in which it goes
//! again, the memory of its parts, and what its `.voxels` file takes to be written and read. An argument picks runs by name.

#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "a bench may panic"
)]

mod paced;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use crossworld_trellis::backend::{Backend, BackendError, BackendInfo, Backends, Prompt, Watch};
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::{Node, Octree, Region};
use crossworld_trellis::world::{Chunk, ModelReady, WorldReady};
use paced::{Spread, frame, ms, settle};

const ROUNDS: usize = 5;

/// When a backend's work ended.
type Ended = Arc<Mutex<Option<Instant>>>;

/// Hands over the same voxels every time.
struct Prepared {
    voxels: Arc<SparseVoxels>,
    ended: Ended,
}

impl Backend for Prepared {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "prepared",
            model: "shell".into(),
            device: "memory".into(),
            ready: true,
            family: None,
            resolutions: 1..=1024,
        }
    }

    fn generate(&mut self, _: &Prompt, _: &mut dyn Watch) -> Result<SparseVoxels, BackendError> {
        let voxels = SparseVoxels::clone(&self.voxels);
        *self.ended.lock().expect("nobody panics") = Some(Instant::now());
        Ok(voxels)
    }
}

/// Models and worlds that stand.
#[derive(Resource, Default)]
struct Standing(HashSet<Entity>);

/// A ball's shell whose colours vary smoothly and carry noise, as those of a picture do, with bands of metal and of
/// polish.
fn shell(resolution: u16, thickness: f32) -> SparseVoxels {
    let middle = f32::from(resolution) / 2.0;
    let outer = middle - 1.0;
    let mut noise = 0x2545_f491_u32;
    let (mut coords, mut rgba, mut finish) = (Vec::new(), Vec::new(), Vec::new());
    let at = |c: u16| f32::from(c) + 0.5 - middle;
    for (y, x) in (0..resolution).flat_map(|y| (0..resolution).map(move |x| (y, x))) {
        let flat = at(x).powi(2) + at(y).powi(2);
        for z in 0..resolution {
            let radius = (flat + at(z).powi(2)).sqrt();
            if !(outer - thickness..outer).contains(&radius) {
                continue;
            }
            let offset = [x, y, z].map(at);
            let grain = |noise: &mut u32| {
                *noise ^= *noise << 13;
                *noise ^= *noise >> 17;
                *noise ^= *noise << 5;
                (*noise >> 24) as f32 / 255.0 - 0.5
            };
            let [r, g, b] = offset.map(|c| {
                let color = 128.0 + 100.0 * (c / radius) + 12.0 * grain(&mut noise);
                color.clamp(0.0, 255.0) as u8
            });
            coords.push([x, y, z]);
            rgba.push([r, g, b, 255]);
            let metallic = if y / 32 % 3 == 0 { 240 } else { 10 };
            let roughness = if x / 64 % 2 == 0 { 60 } else { 180 };
            finish.push([metallic, roughness + (20.0 * grain(&mut noise)) as u8]);
        }
    }
    SparseVoxels::new(u32::from(resolution), coords, rgba, Some(finish)).expect("cells are inside")
}

fn app(voxels: &Arc<SparseVoxels>, ended: &Ended) -> App {
    let mut backends = Backends::none();
    // In front of the model and a little above its middle.
    let far = voxels.resolution() as f32 * 0.05;
    let place = Transform::from_xyz(0.0, far * 0.6, far * 1.2);
    let (voxels, ended) = (Arc::clone(voxels), Arc::clone(ended));
    backends.register("prepared", move || {
        Ok(Box::new(Prepared {
            voxels: Arc::clone(&voxels),
            ended: Arc::clone(&ended),
        }))
    });
    let mut app = paced::app(|app| {
        app.insert_resource(backends)
            .init_resource::<Standing>()
            .add_observer(|ready: On<ModelReady>, mut standing: ResMut<Standing>| {
                standing.0.insert(ready.entity);
            })
            .add_observer(|ready: On<WorldReady>, mut standing: ResMut<Standing>| {
                standing.0.insert(ready.entity);
            });
    });
    app.world_mut().spawn((Camera3d::default(), place));
    app
}

/// What one appearance took.
struct Round {
    preparing: Duration,
    frames_to_first: usize,
    all: Duration,
    appearing: Vec<Duration>,
    going: Vec<Duration>,
    chunks: usize,
}

fn chunks(app: &mut App) -> usize {
    let world = app.world_mut();
    world
        .query_filtered::<(), With<Chunk>>()
        .iter(world)
        .count()
}

/// Asks for the model and measures frames until it stands, then those after it has gone.
fn round(app: &mut App, ended: &Ended, into: Option<Entity>) -> Round {
    let before = chunks(app);
    let picture = Picture::new(1, 1, vec![255; 4]).expect("one pixel is a picture");
    let request = GenerateRequest::new(picture).no_cache();
    let request = match into {
        Some(_) => request.into_world(),
        None => request,
    };
    let entity = paced::ask(app, request);
    app.world_mut().resource_mut::<Standing>().0.clear();
    let mut appearing = Vec::new();
    let (mut arrival, mut first) = (None, None);
    let stands = loop {
        appearing.push(frame(app));
        let has_come = match paced::status(app, entity) {
            Some(GenerationStatus::Meshing | GenerationStatus::Done) => true,
            Some(GenerationStatus::Failed { message }) => panic_with(message),
            _ => false,
        };
        let now = (appearing.len(), Instant::now());
        if has_come {
            arrival.get_or_insert(now);
        }
        if chunks(app) > before {
            first.get_or_insert(now);
        }
        let is_done = matches!(paced::status(app, entity), Some(GenerationStatus::Done));
        let shown_by = into.unwrap_or(entity);
        if !is_done {
            // Parts of it may have stood before.
            app.world_mut().resource_mut::<Standing>().0.clear();
        }
        if is_done && app.world().resource::<Standing>().0.contains(&shown_by) {
            break now.1;
        }
    };
    let (arrival, first) = arrival.zip(first).expect("both have come");
    let chunks = chunks(app) - before;
    settle(app);
    app.world_mut().entity_mut(entity).despawn();
    if let Some(world) = into {
        let mut world = app.world_mut().get_mut::<VoxelWorld>(world);
        assert!(world.as_mut().is_some_and(|world| world.undo()));
    }
    let going = (0..90).map(|_| frame(app)).collect();
    let ended = ended.lock().expect("nobody panics").take();
    let preparing = arrival.1.duration_since(ended.expect("it has worked"));
    Round {
        preparing,
        frames_to_first: first.0 - arrival.0,
        all: stands.duration_since(arrival.1),
        appearing,
        going,
        chunks,
    }
}

#[expect(clippy::panic, reason = "a bench may panic")]
fn panic_with(message: &str) -> ! {
    panic!("{message}")
}

/// Ground around the origin.
fn ground() -> VoxelWorld {
    let mut world = VoxelWorld::default();
    let [min, max] = [IVec3::new(-600, -20, -600), IVec3::new(600, 0, 600)];
    world
        .fill(&Region::Box { min, max }, 20)
        .expect("the ground is inside the largest world");
    world
}

fn run(name: &str, voxels: &Arc<SparseVoxels>, is_into_world: bool) {
    let ended = Ended::default();
    let mut app = app(voxels, &ended);
    settle(&mut app);
    let into = is_into_world.then(|| app.world_mut().spawn(ground()).id());
    for _ in 0..4 {
        settle(&mut app);
    }
    let idle = Spread::of(settle(&mut app)).median();
    forget_peak();
    let resident = memory("VmRSS");
    let rounds: Vec<Round> = (0..ROUNDS).map(|_| round(&mut app, &ended, into)).collect();
    let peak = memory("VmHWM");
    let spread = |times: fn(&Round) -> Duration| {
        let times = Spread::of(rounds.iter().map(times));
        format!("{:.0} ms, worst {:.0} ms", times.median(), times.longest())
    };
    let longest = |frames: fn(&Round) -> &Vec<Duration>| {
        let worst = Spread::of(
            rounds
                .iter()
                .filter_map(|round| frames(round).iter().copied().max()),
        );
        let all = Spread::of(
            rounds
                .iter()
                .flat_map(|round| frames(round).iter().copied()),
        );
        format!(
            "longest frame less an idle one {:.2} ms, worst {:.2} ms, 99th percentile {:.2} ms",
            worst.median() - idle,
            worst.longest() - idle,
            all.percentile(99) - idle
        )
    };
    let frames: Vec<usize> = rounds.iter().map(|round| round.frames_to_first).collect();
    println!(
        "{name}: {} chunks, idle frame {idle:.3} ms",
        rounds.first().map_or(0, |round| round.chunks)
    );
    println!("  palette and octree: {}", spread(|round| round.preparing));
    println!(
        "  first chunks after {frames:?} frames, all after {}",
        spread(|round| round.all)
    );
    println!("  while it appears: {}", longest(|round| &round.appearing));
    println!("  while it goes: {}", longest(|round| &round.going));
    println!("  resident {resident:.0} MB before, {peak:.0} MB at most");
}

/// Prints how much a model's parts take.
fn print_parts(voxels: &SparseVoxels) {
    let started = Instant::now();
    let model = VoxelModel::from(voxels);
    let took = ms(started.elapsed());
    let started = Instant::now();
    let bytes = crossworld_trellis::format::voxels::encode(voxels);
    let written = ms(started.elapsed());
    let started = Instant::now();
    let read = crossworld_trellis::format::voxels::decode(&bytes);
    let read = read.map(|_| ms(started.elapsed())).unwrap_or(f64::NAN);
    println!(
        "as a .voxels file {} MB, written in {written:.0} ms, read in {read:.0} ms",
        bytes.len() / 1_000_000
    );
    let per_voxel = |bytes: usize| bytes as f64 / voxels.len() as f64;
    let meshes = crossworld_trellis::meshing::mesh_model(&model);
    let quads: usize = meshes.iter().map(|(_, mesh)| mesh.quads()).sum();
    println!(
        "{} voxels at {}^3, {} colours, {quads} quads, palette and octree alone {took:.0} ms; bytes a voxel: \
         list {:.1}, octree {:.1}, meshes {:.1}; palette {} bytes",
        voxels.len(),
        voxels.resolution(),
        model.palette().entries().len(),
        per_voxel(voxels.len() * 12),
        per_voxel(octree_bytes(model.octree())),
        per_voxel(quads * (4 * 32 + 6 * 2)),
        model.palette().entries().len() * 6,
    );
}

/// Bytes of an octree's nodes: eight behind each pointer, with its two counts; eight leaves lie in their parent.
fn octree_bytes(octree: &Octree) -> usize {
    let mut branches = 0;
    octree.root().fold(
        octree.depth(),
        &mut |_, _| true,
        &mut |is_leaf: [bool; 8], _| {
            branches += usize::from(is_leaf != [true; 8]);
            false
        },
    );
    branches * (8 * size_of::<Node>() + 2 * size_of::<usize>())
}

/// A number of this process that Linux tells, in MB; 0 elsewhere.
fn memory(field: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    number.unwrap_or(0.0) / 1e3
}

/// Lets the peak of memory count from here.
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    for (size, resolution, thickness) in [("512^3", 512, 1.87), ("1024^3", 1024, 1.24)] {
        let names = [
            (format!("{size}, entity"), false),
            (format!("{size}, world"), true),
        ];
        if !names.iter().any(|(name, _)| is_wanted(name)) {
            continue;
        }
        let voxels = Arc::new(shell(resolution, thickness));
        print_parts(&voxels);
        for (name, is_into_world) in names {
            if is_wanted(&name) {
                run(&name, &voxels, is_into_world);
            }
        }
    }
}
