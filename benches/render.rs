//! Time of a preview picture. Compare two builds with `cargo bench --bench render -- --save-baseline before`, then
//! `-- --baseline before`; add `--no-default-features` to build without Bevy.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up shall stop"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use crossworld_trellis::render::{Placed, View, render};
use crossworld_trellis::voxel::{SparseVoxels, VoxelModel};
use glam::Vec3;

/// A ball, full inside, that fills its grid.
fn ball(resolution: u16) -> VoxelModel {
    let radius = f32::from(resolution) / 2.0;
    let axis = 0..resolution;
    let coords: Vec<[u16; 3]> = axis
        .clone()
        .flat_map(|x| axis.clone().map(move |y| [x, y]))
        .flat_map(|[x, y]| axis.clone().map(move |z| [x, y, z]))
        .filter(|cell| (Vec3::from(cell.map(f32::from)) + 0.5 - radius).length() < radius)
        .collect();
    let rgba = vec![[200, 80, 60, 255]; coords.len()];
    let voxels = SparseVoxels::new(u32::from(resolution), coords, rgba, None);
    VoxelModel::from(&voxels.expect("a ball is valid"))
}

fn previews(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("preview of a ball");
    group.sample_size(20);
    for (resolution, edge) in [(64, 512), (256, 512), (64, 2048)] {
        let model = ball(resolution);
        let placed = Placed {
            model: &model,
            position: Vec3::ZERO,
            voxel_size: 0.1,
        };
        let view = View {
            width: edge,
            height: edge,
            ..View::default()
        };
        let name = format!("{resolution}^3 at {edge} x {edge}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| render(&[placed], &view));
        });
    }
    group.finish();
}

criterion_group!(benches, previews);
criterion_main!(benches);
