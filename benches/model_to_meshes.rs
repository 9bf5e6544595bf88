//! From a backend's voxels to vertex buffers, on one thread: the work between a generation's end and its first frame.
//!
//! Run with `cargo bench --no-default-features --features cli --bench model_to_meshes`. To compare two builds, run
//! the first with `-- --save-baseline before` and the second with `-- --baseline before`.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up shall stop"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossworld_trellis::meshing::mesh_model;
use crossworld_trellis::voxel::{Palette, SparseVoxels, VoxelModel};
use palette::color_difference::EuclideanDistance;
use palette::{FromColor, Oklab, Srgb};

/// Voxels between two radii around the middle of a grid. Colours vary smoothly with the direction and carry noise,
/// as those of a picture do, so nearly every voxel has a colour of its own.
#[expect(clippy::cast_possible_truncation, reason = "the clamp leaves a byte")]
fn ball(resolution: u16, radii: std::ops::Range<f32>) -> SparseVoxels {
    let middle = f32::from(resolution) / 2.0;
    let mut noise = 0x2545_f491_u32;
    let (mut coords, mut rgba) = (Vec::new(), Vec::new());
    for z in 0..resolution {
        for y in 0..resolution {
            for x in 0..resolution {
                let offset = [x, y, z].map(|c| f32::from(c) + 0.5 - middle);
                let radius = offset.iter().map(|c| c * c).sum::<f32>().sqrt();
                if !radii.contains(&radius) {
                    continue;
                }
                let [r, g, b] = offset.map(|c| {
                    noise ^= noise << 13;
                    noise ^= noise >> 17;
                    noise ^= noise << 5;
                    let grain = (noise >> 24) as f32 / 255.0 - 0.5;
                    (128.0 + 100.0 * (c / radius.max(1.0)) + 12.0 * grain).clamp(0.0, 255.0) as u8
                });
                coords.push([x, y, z]);
                rgba.push([r, g, b, 255]);
            }
        }
    }
    SparseVoxels::new(u32::from(resolution), coords, rgba, None).expect("cells are inside the grid")
}

/// Mean distance in OKLab between the voxels' colours and those of their palette entries.
fn mean_error(voxels: &SparseVoxels, model: &VoxelModel) -> f32 {
    let oklab = |[r, g, b, _]: [u8; 4]| Oklab::from_color(Srgb::new(r, g, b).into_format::<f32>());
    let entries = model.cells().map(|(_, index)| model.palette().get(index));
    let distances = voxels.rgba().iter().zip(entries).map(|(&color, entry)| {
        let entry = entry.expect("every voxel has an entry");
        oklab(color).distance(oklab(entry.rgba))
    });
    distances.sum::<f32>() / voxels.len() as f32
}

fn model_to_meshes(criterion: &mut Criterion) {
    let inputs = [
        ("shell_64", ball(64, 30.4..31.76)),
        ("shell_128", ball(128, 62.45..63.8)),
        ("solid_128", ball(128, 0.0..63.8)),
    ];
    for (name, voxels) in &inputs {
        let model = VoxelModel::from(voxels);
        let quads: usize = mesh_model(&model)
            .iter()
            .map(|(_, mesh)| mesh.quads())
            .sum();
        eprintln!(
            "{name}: {} voxels, {quads} quads, mean OKLab error {:.5}",
            voxels.len(),
            mean_error(voxels, &model)
        );
        let mut group = criterion.benchmark_group("model_to_meshes");
        group.throughput(Throughput::Elements(voxels.len() as u64));
        group.bench_function(BenchmarkId::new("palette", name), |bencher| {
            bencher.iter(|| Palette::quantize(black_box(voxels)));
        });
        group.bench_function(BenchmarkId::new("chunks_and_meshes", name), |bencher| {
            bencher.iter(|| mesh_model(black_box(&model)));
        });
        group.bench_function(BenchmarkId::new("all", name), |bencher| {
            bencher.iter(|| mesh_model(&VoxelModel::from(black_box(voxels))));
        });
        group.finish();
    }
}

criterion_group!(benches, model_to_meshes);
criterion_main!(benches);
