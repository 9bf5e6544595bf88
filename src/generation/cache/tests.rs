//! What becomes of kept results: found, too many, broken, claimed by another.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use proptest::prelude::*;

use super::claim::Claim;
use super::*;
use crate::backend::{
    Backend, BackendError, BackendInfo, Cancelled, Progress, Prompt, Unwatched, Watch,
};
use crate::picture::Picture;

/// Makes one voxel per prompt, in the colour of the seed, and counts.
#[derive(Default)]
struct Counting {
    made: Arc<AtomicUsize>,
    batches: Vec<usize>,
    nameless: bool,
}

impl Backend for Counting {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "counting",
            model: "one voxel".into(),
            family: None,
            device: "cpu".into(),
            ready: true,
            resolutions: 1..=64,
        }
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        _: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        self.made.fetch_add(1, Ordering::SeqCst);
        Ok(voxel(prompt.seed))
    }

    fn generate_batch(
        &mut self,
        prompts: &[Prompt],
        watches: &mut [&mut dyn Watch],
    ) -> Vec<Result<SparseVoxels, BackendError>> {
        self.batches.push(prompts.len());
        let each = prompts.iter().zip(watches);
        each.map(|(prompt, watch)| self.generate(prompt, &mut **watch))
            .collect()
    }

    fn cache_identity(&mut self) -> Option<String> {
        (!self.nameless).then(|| "one voxel 1".into())
    }
}

impl Counting {
    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

struct Stopped;

impl Watch for Stopped {
    fn progress(&mut self, _: Progress) -> Result<(), Cancelled> {
        Err(Cancelled)
    }

    fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
        Err(Cancelled)
    }
}

fn voxel(seed: u64) -> SparseVoxels {
    let [red, green, blue, ..] = seed.to_le_bytes();
    SparseVoxels::new(8, vec![[1, 2, 3]], vec![[red, green, blue, 255]], None).unwrap()
}

fn prompt(seed: u64) -> Prompt {
    Prompt {
        seed,
        ..Prompt::new(Picture::new(1, 1, vec![9; 4]).unwrap())
    }
}

fn key(seed: u64) -> CacheKey {
    CacheKey::new("counting", "one voxel 1", &prompt(seed))
}

fn cache() -> (tempfile::TempDir, ResultCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path().join("results"));
    (folder, cache)
}

fn make(cache: &ResultCache, backend: &mut Counting, seed: u64) -> Made {
    generate_or_find(Some(cache), backend, &prompt(seed), &mut Unwatched).unwrap()
}

#[test]
fn the_same_request_twice_is_made_once() {
    let (_folder, cache) = cache();
    let mut backend = Counting::default();
    let first = make(&cache, &mut backend, 7);
    let again = make(&cache, &mut backend, 7);
    assert_eq!((first.cached, again.cached), (false, true));
    assert_eq!(first.voxels, again.voxels);
    assert_eq!(backend.made(), 1);
    assert!(!make(&cache, &mut backend, 8).cached);
    let claims = cache.folder().join(claim::FOLDER);
    assert_eq!(fs::read_dir(claims).unwrap().count(), 0);
}

#[test]
fn without_a_cache_or_an_identity_everything_is_made_anew() {
    let (_folder, cache) = cache();
    let mut nameless = Counting {
        nameless: true,
        ..Counting::default()
    };
    make(&cache, &mut nameless, 1);
    assert!(!make(&cache, &mut nameless, 1).cached);
    assert!(!cache.folder().exists());
    let mut backend = Counting::default();
    for _ in 0..2 {
        generate_or_find(None, &mut backend, &prompt(1), &mut Unwatched).unwrap();
    }
    assert_eq!(backend.made(), 2);
}

#[test]
fn a_batch_makes_what_is_not_kept_and_nothing_twice_from_then_on() {
    let (_folder, cache) = cache();
    let mut backend = Counting::default();
    make(&cache, &mut backend, 2);
    let prompts = [1, 2, 3, 3].map(prompt);
    for (batches, cached) in [(1, [false, true, false, false]), (1, [true; 4])] {
        let mut watches = [Unwatched; 4];
        let mut watches: Vec<&mut dyn Watch> = watches.iter_mut().map(|watch| watch as _).collect();
        let made = generate_or_find_all(Some(&cache), &mut backend, &prompts, &mut watches);
        let kept = made.into_iter().map(|(made, keeping)| {
            let made = made.unwrap();
            if let Some(keeping) = keeping {
                keeping.keep(&made.voxels);
            }
            made
        });
        let made: Vec<Made> = kept.collect();
        assert_eq!(backend.batches.len(), batches);
        assert!(made.iter().map(|made| made.cached).eq(cached));
        assert!(
            made.iter()
                .map(|made| &made.voxels)
                .eq(&[1, 2, 3, 3].map(voxel))
        );
    }
    assert_eq!(backend.batches, [3]);
}

#[test]
fn who_asks_for_what_another_makes_waits_and_gets_it() {
    let (_folder, cache) = cache();
    let claim = Claim::take(cache.folder(), &key(5)).unwrap().unwrap();
    let mut backend = Counting::default();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| make(&cache, &mut backend, 5));
        cache.keep(&key(5), &voxel(5));
        claim.fulfilled();
        assert!(waiting.join().unwrap().cached);
    });
    assert_eq!(backend.made(), 0);
}

#[test]
fn who_waits_for_another_that_makes_nothing_makes_it() {
    let (_folder, cache) = cache();
    let claim = Claim::take(cache.folder(), &key(5)).unwrap();
    let mut backend = Counting::default();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| make(&cache, &mut backend, 5));
        drop(claim);
        assert!(!waiting.join().unwrap().cached);
    });
    assert_eq!(backend.made(), 1);
}

#[test]
fn waiting_for_another_can_be_cancelled() {
    let (_folder, cache) = cache();
    let _claim = Claim::take(cache.folder(), &key(5)).unwrap().unwrap();
    let made = generate_or_find(
        Some(&cache),
        &mut Counting::default(),
        &prompt(5),
        &mut Stopped,
    );
    assert!(matches!(made, Err(BackendError::Cancelled(_))));
}

#[test]
fn many_who_ask_at_once_have_it_made_once() {
    let (_folder, cache) = cache();
    let made = Arc::<AtomicUsize>::default();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut backend = Counting {
                    made: Arc::clone(&made),
                    ..Counting::default()
                };
                for seed in 0..20 {
                    assert_eq!(make(&cache, &mut backend, seed).voxels, voxel(seed));
                }
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 20);
}

#[test]
fn an_entry_with_any_byte_changed_or_cut_off_is_dropped_and_made_anew() {
    let (_folder, cache) = cache();
    cache.keep(&key(1), &voxel(1));
    let path = cache.path(&key(1));
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        for bad in [&flipped[..], &whole[..place]] {
            fs::write(&path, bad).unwrap();
            // A flipped bit of a name or of the padding is no harm.
            if let Some(found) = cache.find(&key(1)) {
                assert_eq!(found, voxel(1), "byte {place}");
            } else {
                assert!(!path.exists(), "byte {place}");
            }
        }
    }
    fs::write(cache.path(&key(2)), &whole).unwrap();
    assert!(cache.find(&key(2)).is_none(), "it is another one's");
    assert!(!make(&cache, &mut Counting::default(), 2).cached);
    assert!(cache.find(&key(2)).is_some());
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let (_folder, cache) = cache();
    cache.keep(&key(0), &voxel(0));
    let bytes = cache.info().unwrap().bytes;
    let cache = cache.with_capacity(bytes * 10);
    for seed in 1..10 {
        cache.keep(&key(seed), &voxel(seed));
    }
    assert!(cache.find(&key(0)).is_some());
    cache.keep(&key(10), &voxel(10));
    let found: Vec<u64> = (0..=10)
        .filter(|&seed| cache.find(&key(seed)).is_some())
        .collect();
    assert_eq!(found, [0, 3, 4, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn what_is_larger_than_the_whole_cache_is_not_kept() {
    let (_folder, cache) = cache();
    let cache = cache.with_capacity(100);
    assert!(!make(&cache, &mut Counting::default(), 1).cached);
    assert_eq!(cache.info().unwrap().results, 0);
}

#[test]
fn a_result_without_voxels_is_not_kept() {
    let (_folder, cache) = cache();
    cache.keep(
        &key(1),
        &SparseVoxels::new(8, vec![], vec![], None).unwrap(),
    );
    assert!(!cache.folder().exists());
}

#[test]
fn ten_thousand_results_stay_under_the_bound_and_are_kept_quickly() {
    let (_folder, cache) = cache();
    let entry = entry::encode(&key(0), &voxel(0));
    let bound = entry.len() as u64 * 6000;
    let cache = cache.with_capacity(bound);
    fs::create_dir_all(cache.folder()).unwrap();
    let started = Instant::now();
    for seed in 0..10_000 {
        // As `keep` does, but for waiting until the disk has it.
        let ledger = Ledger::open(cache.folder()).unwrap();
        assert!(ledger.make_room(entry.len() as u64, bound).unwrap());
        fs::write(cache.path(&key(seed)), &entry).unwrap();
        if seed % 1000 == 999 {
            assert!(cache.info().unwrap().bytes <= bound);
        }
    }
    println!("{:?} an entry", started.elapsed() / 10_000);
    let info = cache.info().unwrap();
    assert!((5000..=6000).contains(&info.results), "{info:?}");
}

#[test]
fn a_lost_or_wrong_sum_is_made_right() {
    let (_folder, cache) = cache();
    cache.keep(&key(0), &voxel(0));
    let one = cache.info().unwrap().bytes;
    let cache = cache.with_capacity(one * 3);
    let sum = cache.folder().join("bytes");
    for (seed, text) in (1..).zip([
        "",
        "nonsense",
        "99999999999999999999",
        "18446744073709551615",
    ]) {
        fs::write(&sum, text).unwrap();
        cache.keep(&key(seed), &voxel(seed));
        assert!(cache.find(&key(seed)).is_some(), "{text}");
        assert!(cache.info().unwrap().bytes <= one * 3);
    }
}

#[test]
fn clearing_takes_results_and_leftovers_and_nothing_else() {
    let (_folder, cache) = cache();
    assert_eq!(cache.clear().unwrap().results, 0);
    cache.keep(&key(0), &voxel(0));
    let leftover = cache.folder().join(format!(".{}.voxels.1-2.tmp", key(1)));
    let models = ["mine.voxels", "note.txt"].map(|name| cache.folder().join(name));
    fs::write(&leftover, "half").unwrap();
    for model in &models {
        fs::write(model, "mine").unwrap();
    }
    assert_eq!(cache.clear().unwrap().results, 1);
    assert_eq!(
        cache.info().unwrap(),
        CacheInfo {
            results: 0,
            bytes: 0
        }
    );
    assert!(!leftover.exists());
    assert!(models.iter().all(|model| model.exists()));
    cache.keep(&key(0), &voxel(0));
    assert_eq!(cache.info().unwrap().results, 1);
}

#[test]
fn a_folder_that_cannot_be_one_keeps_nothing_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for cache in [
        ResultCache::at(&file),
        ResultCache::at(file.join("results")),
    ] {
        let mut backend = Counting::default();
        for _ in 0..2 {
            assert!(!make(&cache, &mut backend, 1).cached);
        }
        assert!(cache.warned.load(Ordering::Relaxed));
    }
}

proptest! {
    #[test]
    fn what_is_kept_is_found_as_it_was(
        cells in prop::collection::btree_map([0u16..16, 0..16, 0..16], any::<([u8; 4], [u8; 2])>(), 1..50),
        finished: bool,
    ) {
        let coords = cells.keys().copied().collect();
        let rgba = cells.values().map(|(rgba, _)| *rgba).collect();
        let finishes = finished.then(|| cells.values().map(|(_, finish)| *finish).collect());
        let voxels = SparseVoxels::new(16, coords, rgba, finishes).unwrap();
        let bytes = entry::encode(&key(1), &voxels);
        prop_assert_eq!(entry::decode(&key(1), &bytes).unwrap(), voxels);
        prop_assert!(entry::decode(&key(2), &bytes).is_err());
    }
}
