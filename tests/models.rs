//! Another model in the middle of the work: who finishes what, what is found again, what is freed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
mod common;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};
use crossworld_trellis::backend::BackendInfo;
use crossworld_trellis::generation::{Event, Generator, Job, JobId, ResultCache};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::VoxelModel;

use common::painter::{Loaded, is_by, painter_backends};

const PATIENCE: Duration = Duration::from_secs(10);

fn generator() -> (Generator, Loaded, Sender<()>) {
    let (backends, loaded, go) = painter_backends();
    (Generator::new(backends, 8), loaded, go)
}

fn job() -> Job {
    Job::new(Picture::new(1, 1, vec![255; 4]).unwrap())
}

/// Polls until something is there.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What came of a job, and whether it was kept from before.
fn made(generator: &mut Generator, id: JobId) -> (VoxelModel, bool) {
    until("the end of a job", || match generator.poll()? {
        Event::Finished {
            job, model, cached, ..
        } if job == id => Some((model, cached)),
        event => {
            assert!(!event.is_end(), "{event:?}");
            None
        }
    })
}

fn described(generator: &mut Generator) -> BackendInfo {
    let (outbox, inbox) = bounded(1);
    generator.describe(move |answer| outbox.send(answer).unwrap());
    inbox.recv_timeout(PATIENCE).unwrap().unwrap()
}

#[test]
fn what_waits_follows_another_model_and_what_is_at_work_is_finished_by_the_one_that_began() {
    let (mut generator, loaded, go) = generator();
    let ids = [(); 3].map(|()| generator.submit(job()).unwrap());
    until("the start", || {
        matches!(generator.poll()?, Event::Started { .. }).then_some(())
    });
    generator.use_model(Some("oil"));
    go.send(()).unwrap();
    assert!(is_by(&made(&mut generator, ids[0]).0, "plain"));
    for id in &ids[1..] {
        go.send(()).unwrap();
        assert!(is_by(&made(&mut generator, *id).0, "oil"));
    }
    assert_eq!(loaded.load(Ordering::SeqCst), 1);
}

#[test]
fn what_a_model_held_is_free_before_anything_is_asked_of_the_next_one() {
    let (mut generator, loaded, go) = generator();
    let id = generator.submit(job()).unwrap();
    go.send(()).unwrap();
    made(&mut generator, id);
    assert_eq!(loaded.load(Ordering::SeqCst), 1);
    generator.use_model(None);
    assert_eq!(described(&mut generator).model, "plain");
    generator.use_model(Some("oil"));
    until("letting go", || {
        (loaded.load(Ordering::SeqCst) == 0).then_some(())
    });
}

#[test]
fn a_backend_tells_what_works_with_the_model_that_was_named_last() {
    let (mut generator, _loaded, _go) = generator();
    assert_eq!(described(&mut generator).model, "plain");
    generator.use_model(Some("oil"));
    generator.use_model(Some("chalk"));
    assert_eq!(described(&mut generator).model, "chalk");
}

#[test]
fn the_kept_results_of_a_model_are_found_for_that_model_only() {
    let (mut generator, _loaded, go) = generator();
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path());
    for (model, is_kept) in [
        (None, false),
        (Some("oil"), false),
        (None, true),
        (Some("oil"), true),
    ] {
        generator.use_model(model);
        let job = Job {
            cache: Some(cache.clone()),
            ..job()
        };
        let id = generator.submit(job).unwrap();
        if !is_kept {
            go.send(()).unwrap();
        }
        let (thing, cached) = made(&mut generator, id);
        assert!(is_by(&thing, model.unwrap_or("plain")), "{model:?}");
        assert_eq!(cached, is_kept, "{model:?}");
    }
}
