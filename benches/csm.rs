//! Crossworld's text format: reading and writing shells of 64 and 128 cells, on one thread.
//!
//! Crossworld's own reader takes 26 ms and 402 ms for such texts. Run with
//! `cargo bench --no-default-features --features cli --bench csm`. To compare two builds, run the first with
//! `-- --save-baseline before` and the second with `-- --baseline before`.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up shall stop"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossworld_trellis::format::csm;
use crossworld_trellis::voxel::Octree;

const SHELL_64: &str = include_str!("../tests/golden/crossworld/models/shell64.csm");

/// A ball's shell with a wall of `wall` cells and colours that vary with the place.
fn shell(depth: u32, wall: f32) -> Octree {
    let edge = 1_u16 << depth;
    let radius = f32::from(edge) / 2.0;
    let axis = || 0..edge;
    let cells = axis().flat_map(|z| axis().flat_map(move |y| axis().map(move |x| [x, y, z])));
    let in_wall = |cell: &[u16; 3]| {
        let offset = cell.map(|c| f32::from(c) + 0.5 - radius);
        let distance = offset.iter().map(|c| c * c).sum::<f32>().sqrt();
        (radius - wall..radius).contains(&distance)
    };
    let voxels = cells.filter(in_wall).map(|cell| {
        let [x, y, z] = cell.map(u32::from);
        ([x, y, z], 128 + ((x / 3 + y / 5 + z / 7) % 128) as u8)
    });
    Octree::from_cells(depth, voxels).expect("all cells are inside")
}

fn csm_text(criterion: &mut Criterion) {
    let shell_64 = csm::decode(SHELL_64.as_bytes()).expect("the file is whole");
    for (name, octree) in [("shell 64", shell_64), ("shell 128", shell(7, 1.36))] {
        let text = csm::encode(&octree).expect("it is small");
        println!("{name}: {} voxels, {} bytes", octree.len(), text.len());
        let mut group = criterion.benchmark_group("csm");
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_with_input(BenchmarkId::new("read", name), &text, |bencher, text| {
            bencher.iter(|| csm::decode(black_box(text)));
        });
        group.bench_with_input(
            BenchmarkId::new("write", name),
            &octree,
            |bencher, octree| {
                bencher.iter(|| csm::encode(black_box(octree)));
            },
        );
        group.finish();
    }
}

criterion_group!(benches, csm_text);
criterion_main!(benches);
