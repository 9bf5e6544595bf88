//! What a piece of work costs: its time, and the most memory that it holds at once. Only its own thread is counted.

#![expect(unsafe_code, reason = "an allocator can be written no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The costs of a piece of work.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub time: Duration,
    /// Bytes, beyond what was held before.
    pub memory: i64,
}

/// A piece of work's result and costs: the time of the fastest of three runs, since others use the machine as well.
pub fn measured<T>(mut work: impl FnMut() -> T) -> (T, Cost) {
    let mut run = || {
        HELD.set(Held { now: 0, most: 0 });
        let start = Instant::now();
        let result = work();
        let time = start.elapsed();
        let memory = HELD.get().most;
        (result, Cost { time, memory })
    };
    let (_, first) = run();
    let (_, second) = run();
    let (result, cost) = run();
    let time = cost.time.min(first.time).min(second.time);
    (result, Cost { time, ..cost })
}

/// Bytes held by a thread.
#[derive(Clone, Copy)]
struct Held {
    now: i64,
    most: i64,
}

thread_local! {
    static HELD: Cell<Held> = const { Cell::new(Held { now: 0, most: 0 }) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: usize, sign: i64) {
    let Held { now, most } = HELD.get();
    let now = now + sign * i64::try_from(bytes).unwrap_or(i64::MAX);
    let most = most.max(now);
    HELD.set(Held { now, most });
}

// SAFETY: all is left to the system's allocator; counting neither allocates nor panics, and the counter lives as long
// as its thread, since it needs no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may exist side by side while the bytes are copied.
        count(size, 1);
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
