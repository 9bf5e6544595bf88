//! Keeping and finding results, beside making them anew with the quickest backend.
//!
//! `cargo bench --bench cache --no-default-features`; compare builds with `--save-baseline` and `--baseline`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros document nothing, and a bench may panic"
)]

use std::fs;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use crossworld_trellis::backend::{Backend, Inflate, Prompt, Unwatched};
use crossworld_trellis::generation::{CacheKey, ResultCache};
use crossworld_trellis::picture::Picture;

/// Results in a folder that is well filled.
const MANY: u32 = 10_000;

fn cache(c: &mut Criterion) {
    let picture = Picture::open(Path::new("assets/images/mushroom_house.png")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path());
    for resolution in [64, 128] {
        let prompt = Prompt {
            resolution,
            ..Prompt::new(picture.clone())
        };
        let key = CacheKey::new("inflate", "1", &prompt);
        let voxels = Inflate.generate(&prompt, &mut Unwatched).unwrap();
        println!("{resolution}: {} voxels", voxels.len());
        c.bench_function(&format!("make/{resolution}"), |b| {
            b.iter(|| Inflate.generate(&prompt, &mut Unwatched).unwrap());
        });
        c.bench_function(&format!("keep/{resolution}"), |b| {
            b.iter(|| cache.keep(&key, &voxels));
        });
        c.bench_function(&format!("find/{resolution}"), |b| {
            b.iter(|| cache.find(&CacheKey::new("inflate", "1", &prompt)).unwrap());
        });
    }
    for number in 0..MANY {
        fs::write(folder.path().join(format!("{number:064x}.voxels")), "").unwrap();
    }
    let mut prompt = Prompt {
        resolution: 16,
        ..Prompt::new(picture)
    };
    let voxels = Inflate.generate(&prompt, &mut Unwatched).unwrap();
    c.bench_function("keep/16 among 10000", |b| {
        b.iter(|| {
            prompt.seed += 1;
            cache.keep(&CacheKey::new("inflate", "1", &prompt), &voxels);
        });
    });
}

criterion_group!(benches, cache);
criterion_main!(benches);
