//! What broken files may cost: each is read or refused within 50 ms and 64 MiB. One test alone in its process, since it
//! counts all memory there is.

#![expect(unsafe_code, reason = "counting memory takes an allocator of its own")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crossworld_trellis::format::{ReadOptions, load, vox};

const MOST_BYTES: usize = 64 << 20;
const LONGEST: Duration = Duration::from_millis(50);

/// The system's allocator, with a count of what is taken.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is; the counters are no part of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(taken, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` above, thus from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_broken_file_costs_little_time_and_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/crossworld/hostile");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let before = TAKEN.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        let started = Instant::now();
        let loaded = load(&path, &ReadOptions::default());
        if name.ends_with(".vox") {
            let bytes = fs::read(&path).unwrap();
            let _ = vox::decode_as_crossworld(&bytes, vox::Extent::Canvas);
        }
        let took = started.elapsed();
        let memory = PEAK.load(Ordering::Relaxed) - before;
        assert!(memory < MOST_BYTES, "{name}: {memory} bytes");
        // The fastest of three: another process may have had the core.
        let again = (0..2).map(|_| {
            let started = Instant::now();
            let _ = load(&path, &ReadOptions::default());
            started.elapsed()
        });
        let took = again.fold(took, Duration::min);
        assert!(took < LONGEST, "{name}: {took:?}");
        drop(loaded);
        read += 1;
    }
    assert!(read >= 70, "only {read} files are there");
}
