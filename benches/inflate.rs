//! How long the built-in method takes from decoded pixels to voxels, on one thread.
//!
//! Compare two builds with `cargo bench --no-default-features --features cli --bench inflate -- --save-baseline old`
//! and then `-- --baseline old`. `TRELLIS_BENCH_PICTURE` names a picture to use instead of the drawn one.

#![expect(clippy::expect_used, reason = "a bench without its picture shall stop")]

use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use crossworld_trellis::backend::{Backend, Inflate, Prompt, Unwatched};
use crossworld_trellis::picture::Picture;

/// Pixels along an edge of the drawn pictures.
const EDGE: u32 = 720;

/// A toadstool with a textured, spotted cap over a background or none.
fn toadstool(background: [u8; 4]) -> Picture {
    let paint = |i: u32| {
        let x = (i % EDGE) as f32 / EDGE as f32;
        let y = (i / EDGE) as f32 / EDGE as f32;
        let grain = (i.wrapping_mul(0x9e37_79b9) >> 28) as u8;
        let spot = (x * 40.0).sin() * (y * 40.0).sin() > 0.7;
        let cap = ((x - 0.5) / 0.48).hypot((y - 0.5) / 0.45) < 1.0 && y < 0.55;
        let stem = (x - 0.5).abs() < 0.16 && (0.55..0.98).contains(&y);
        match (cap, stem) {
            (true, _) if spot => [240 + grain, 230, 210, 255],
            (true, _) => [200 + grain, 40 + grain, 30, 255],
            (_, true) => [220 + grain, 190 + grain, 150, 255],
            _ => background,
        }
    };
    let pixels: Vec<u8> = (0..EDGE * EDGE).flat_map(paint).collect();
    Picture::new(EDGE, EDGE, pixels).expect("the size matches")
}

fn inflate(criterion: &mut Criterion) {
    let mut pictures = vec![
        ("transparent", toadstool([0; 4])),
        ("opaque", toadstool([180, 210, 240, 255])),
    ];
    if let Ok(path) = std::env::var("TRELLIS_BENCH_PICTURE") {
        let picture = Picture::open(Path::new(&path)).expect("TRELLIS_BENCH_PICTURE is a picture");
        pictures.push(("given", picture));
    }
    let mut group = criterion.benchmark_group("inflate");
    group.sample_size(20);
    for (name, picture) in pictures {
        for resolution in [64, 128, 256] {
            let prompt = Prompt {
                resolution,
                ..Prompt::new(picture.clone())
            };
            group.bench_function(BenchmarkId::new(name, resolution), |bencher| {
                bencher.iter(|| Inflate.generate(&prompt, &mut Unwatched));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, inflate);
criterion_main!(benches);
