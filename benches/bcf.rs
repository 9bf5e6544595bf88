//! Crossworld's binary format: reading and writing a shell of 128 cells an axis, on one thread.
//!
//! `alone` holds each part once, as [`bcf::encode`] writes it; in `shared` all eight octants are the same bytes. Run
//! with `cargo bench --no-default-features --features cli --bench bcf`. To compare two builds, run the first with
//! `-- --save-baseline before` and the second with `-- --baseline before`.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot be set up shall stop"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossworld_trellis::format::bcf;
use crossworld_trellis::voxel::Octree;

/// A ball's shell of 128 cells an axis with colours that vary with the place: about 70 000 voxels.
fn shell() -> Octree {
    let axis = || 0..128_u16;
    let cells = axis().flat_map(|z| axis().flat_map(move |y| axis().map(move |x| [x, y, z])));
    let in_wall = |cell: &[u16; 3]| {
        let offset = cell.map(|c| f32::from(c) + 0.5 - 64.0);
        let distance = offset.iter().map(|c| c * c).sum::<f32>().sqrt();
        (62.64..64.0).contains(&distance)
    };
    let voxels = cells.filter(in_wall).map(|cell| {
        let [x, y, z] = cell.map(u32::from);
        ([x, y, z], 128 + ((x / 3 + y / 5 + z / 7) % 128) as u8)
    });
    Octree::from_cells(7, voxels).expect("all cells are inside")
}

/// A file whose root's eight pointers lead to the root of another, which follows unchanged.
fn shared(file: &[u8]) -> Vec<u8> {
    let (header, _) = file.split_at(8);
    let mut shared = header.to_vec();
    let root = u32::try_from(file.len()).expect("it is small");
    shared.extend(root.to_le_bytes());
    shared.extend(file.iter().skip(12));
    shared.push(0xa2);
    for _ in 0..8 {
        shared.extend(12_u32.to_le_bytes());
    }
    shared
}

fn bcf_file(criterion: &mut Criterion) {
    let octree = shell();
    let file = bcf::encode(&octree).expect("it is small");
    println!("shell 128: {} voxels, {} bytes", octree.len(), file.len());
    let mut group = criterion.benchmark_group("bcf");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("read alone", |bencher| {
        bencher.iter(|| bcf::decode(black_box(&file)));
    });
    let shared = shared(&file);
    group.bench_function("read shared", |bencher| {
        bencher.iter(|| bcf::decode(black_box(&shared)));
    });
    group.bench_function("write", |bencher| {
        bencher.iter(|| bcf::encode(black_box(&octree)));
    });
    group.finish();
}

criterion_group!(benches, bcf_file);
criterion_main!(benches);
