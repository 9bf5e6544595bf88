//! Octrees of a world's size: built, meshed on two threads, and hit by rays. Without Bevy.
//!
//! Run with `cargo bench --no-default-features --features cli --bench octree`. To compare two builds, run the first with
//! `-- --save-baseline before` and the second with `-- --baseline before`. Of rays, the time of one is told.

#![expect(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    reason = "a bench that cannot be set up shall stop"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossworld_trellis::meshing::{ChunkMesher, Detail};
use crossworld_trellis::voxel::{Octree, Region, SparseVoxels, VoxelModel, VoxelWorld};
use glam::{IVec3, Vec3};

/// A ball's shell of about 1.5 million voxels at 512^3 whose colours vary smoothly and carry noise, as those of a
/// picture do.
fn shell() -> SparseVoxels {
    let resolution = 512_u16;
    let middle = f32::from(resolution) / 2.0;
    let mut noise = 0x2545_f491_u32;
    let (mut coords, mut rgba) = (Vec::new(), Vec::new());
    for z in 0..resolution {
        for y in 0..resolution {
            for x in 0..resolution {
                let offset = [x, y, z].map(|c| f32::from(c) + 0.5 - middle);
                let radius = offset.iter().map(|c| c * c).sum::<f32>().sqrt();
                if !(253.0..254.85).contains(&radius) {
                    continue;
                }
                let [r, g, b] = offset.map(|c| {
                    noise ^= noise << 13;
                    noise ^= noise >> 17;
                    noise ^= noise << 5;
                    let grain = (noise >> 24) as f32 / 255.0 - 0.5;
                    (128.0 + 100.0 * (c / radius) + 12.0 * grain).clamp(0.0, 255.0) as u8
                });
                coords.push([x, y, z]);
                rgba.push([r, g, b, 255]);
            }
        }
    }
    SparseVoxels::new(u32::from(resolution), coords, rgba, None).expect("cells are inside the grid")
}

/// Hills of 1024^3 cells about the origin, in columns of 4 x 4.
fn hills() -> VoxelWorld {
    let mut world = VoxelWorld::default();
    for z in (-512..512).step_by(4) {
        for x in (-512..512).step_by(4) {
            let [wave, other] = [x, z].map(|c| f64::from(c) / 40.0);
            let height = (30.0 * (wave.sin() + other.cos())) as i32;
            let min = IVec3::new(x, -512, z);
            let max = IVec3::new(x + 4, height, z + 4);
            world
                .fill(&Region::Box { min, max }, 20)
                .expect("the hills are inside the largest world");
        }
    }
    world
}

/// Meshes a model on two threads; tells the number of quads.
fn mesh_on_two_threads(model: &VoxelModel) -> usize {
    let keys = model.octree().chunk_keys();
    let half = |first: usize| {
        let mut mesher = ChunkMesher::new();
        let keys = keys.iter().skip(first).step_by(2);
        let meshes: Vec<_> = keys
            .map(|&key| mesher.mesh(model.octree(), key, Detail::default(), model.palette()))
            .collect();
        meshes.iter().map(|mesh| mesh.quads()).sum::<usize>()
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        half(0) + other.join().expect("meshing does not panic")
    })
}

fn build_and_mesh(criterion: &mut Criterion) {
    let voxels = shell();
    let model = VoxelModel::from(&voxels);
    let cells: Vec<([u32; 3], u8)> = model.octree().cells().collect();
    eprintln!(
        "{} voxels, {} quads",
        cells.len(),
        mesh_on_two_threads(&model)
    );
    let mut group = criterion.benchmark_group("shell_512");
    group.sample_size(10);
    group.throughput(Throughput::Elements(voxels.len() as u64));
    group.bench_function("octree", |bencher| {
        bencher.iter(|| Octree::from_cells(9, black_box(&cells).iter().copied()));
    });
    group.bench_function("meshes_on_two_threads", |bencher| {
        bencher.iter(|| mesh_on_two_threads(black_box(&model)));
    });
    group.bench_function("palette_octree_and_meshes_on_two_threads", |bencher| {
        bencher.iter(|| mesh_on_two_threads(&VoxelModel::from(black_box(&voxels))));
    });
    group.finish();
}

fn rays(criterion: &mut Criterion) {
    let world = hills();
    assert_eq!(world.octree().edge(), 1024);
    // From above the hills over the whole world, most of them slanting.
    let rays: Vec<(Vec3, Vec3)> = (0..1024_u16)
        .map(|i| {
            let [turn, far] = [f32::from(i) * 2.4, f32::from(i) / 1024.0];
            let (sin, cos) = turn.sin_cos();
            let from = Vec3::new(cos, 0.0, sin) * far * 500.0 + Vec3::Y * 90.0;
            (from, Vec3::new(sin, -0.05 - far, cos))
        })
        .collect();
    let hit = |&(from, towards): &(Vec3, Vec3)| world.raycast(from, towards, 2000.0).is_some();
    let hits = rays.iter().filter(|ray| hit(ray)).count();
    eprintln!("{hits} of {} rays meet the ground", rays.len());
    let mut group = criterion.benchmark_group("world_1024");
    let mut next = rays.iter().cycle();
    group.bench_function("ray", |bencher| {
        bencher.iter(|| next.next().map(|ray| hit(black_box(ray))));
    });
    let mut world = world.clone();
    let mut turn = 0;
    group.bench_function("dig", |bencher| {
        bencher.iter(|| {
            turn = (turn + 7) % 1000;
            let cell = IVec3::new(turn - 500, -100, 3);
            world.set(cell, u8::from(turn % 2 == 0)).is_ok()
        });
    });
    group.finish();
}

criterion_group!(benches, build_and_mesh, rays);
criterion_main!(benches);
