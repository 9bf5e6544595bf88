//! A textured ball of 20 000 triangles becomes voxels, on one thread.
//!
//! Run with `cargo bench --no-default-features --features cli --bench voxelize`. To compare two builds, run the first
//! with `-- --save-baseline before` and the second with `-- --baseline before`.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up shall stop"
)]

use std::f32::consts::{PI, TAU};
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxelize::{
    Fill, Filter, Grid, Surface, Texture, TriangleMesh, Wrap, voxelize,
};

const RINGS: u32 = 100;
const STEPS: u32 = 100;

/// A ball with a texture of coloured checks around it.
fn ball(texture_edge: u32) -> TriangleMesh {
    let mut mesh = TriangleMesh {
        uv_sets: vec![vec![]],
        surfaces: vec![checks(texture_edge)],
        ..TriangleMesh::default()
    };
    for ring in 0..=RINGS {
        for step in 0..=STEPS {
            let (down, around) = (ring as f32 / RINGS as f32, step as f32 / STEPS as f32);
            let (high, turn) = (down * PI, around * TAU);
            mesh.positions
                .push([high.sin() * turn.sin(), high.cos(), high.sin() * turn.cos()]);
            if let Some(uvs) = mesh.uv_sets.first_mut() {
                uvs.push([around, down]);
            }
            if ring < RINGS && step < STEPS {
                let a = ring * (STEPS + 1) + step;
                let b = a + STEPS + 1;
                mesh.triangles.extend([[a, b, b + 1], [a, b + 1, a + 1]]);
            }
        }
    }
    mesh.surface_of = vec![0; mesh.triangles.len()];
    mesh
}

fn checks(edge: u32) -> Surface {
    let pixel = |i: u32| {
        let [x, y] = [i % edge, i / edge].map(|c| (c / 8).to_le_bytes()[0]);
        [x.wrapping_mul(31), y.wrapping_mul(17), x ^ y, 255]
    };
    let pixels: Vec<u8> = (0..edge * edge).flat_map(pixel).collect();
    Surface {
        base_texture: Some(Texture {
            picture: Picture::new(edge, edge, pixels).expect("a picture of that size"),
            uv_set: 0,
            wrap: [Wrap::Repeat; 2],
            filter: Filter::Linear,
        }),
        ..Surface::default()
    }
}

fn voxelize_ball(criterion: &mut Criterion) {
    let mesh = ball(1024);
    let mut group = criterion.benchmark_group("voxelize");
    group.sample_size(20);
    for (name, fill, resolution) in [
        ("shell", Fill::Shell, 64),
        ("shell", Fill::Shell, 256),
        ("filled", Fill::Enclosed, 64),
        ("filled", Fill::Enclosed, 256),
    ] {
        let run = || {
            let grid = Grid::fit(&mesh, resolution).expect("the ball has a size");
            voxelize(black_box(&mesh), &grid, fill).expect("the ball becomes voxels")
        };
        eprintln!(
            "{name}_{resolution}: {} triangles, {} voxels",
            mesh.triangles.len(),
            run().len()
        );
        group.bench_function(BenchmarkId::new(name, resolution), |bencher| {
            bencher.iter(run);
        });
    }
    group.finish();
}

criterion_group!(benches, voxelize_ball);
criterion_main!(benches);
