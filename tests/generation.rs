//! The worker and its queue, driven by a backend that does what the test says.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
mod common;

use std::fs::File;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use crossworld_trellis::backend::BackendError;
use crossworld_trellis::generation::{
    Event, GenerationError, Generator, Job, JobId, Priority, ResultCache,
};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;

use common::choir::choir_backends;
use common::puppet::{Act, puppet_backends};

fn generator(capacity: usize) -> (Generator, Sender<Act>) {
    let (backends, hand) = puppet_backends();
    (Generator::new(backends, capacity), hand)
}

fn job() -> Job {
    Job::new(Picture::new(1, 1, vec![255; 4]).unwrap())
}

/// Events up to and with the first that `wanted` accepts.
fn until(generator: &mut Generator, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut events = Vec::new();
    while Instant::now() < deadline {
        match generator.poll() {
            Some(event) => {
                events.push(event);
                if events.last().is_some_and(&wanted) {
                    return events;
                }
            }
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    panic!("the awaited event never came, only {events:?}");
}

fn end_of(generator: &mut Generator, id: JobId) -> Event {
    until(generator, |event| event.job() == id && event.is_end())
        .pop()
        .unwrap()
}

#[test]
fn a_job_starts_progresses_shows_a_preview_and_finishes() {
    let (mut generator, hand) = generator(4);
    let id = generator.submit(job()).unwrap();
    for act in [Act::Step, Act::Preview, Act::Finish] {
        hand.send(act).unwrap();
    }
    let events = until(&mut generator, Event::is_end);
    assert!(matches!(&events[0], Event::Started { backend, .. } if backend.name == "puppet"));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Progress { .. }))
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::Preview { model, .. } if model.len() == 1))
    );
    assert!(
        matches!(events.last(), Some(Event::Finished { model, .. }) if model.cells().map(|(cell, _)| cell).eq([[1, 2, 3]]))
    );
    assert!(events.iter().all(|event| event.job() == id));
}

#[test]
fn a_result_is_told_before_it_is_written_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path());
    // Whoever keeps a result waits for this lock.
    let sum = File::create(folder.path().join("bytes")).unwrap();
    sum.lock().unwrap();
    let (backends, _calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 8);
    let keeping = || Job {
        cache: Some(cache.clone()),
        ..job()
    };
    let first = generator.submit(keeping()).unwrap();
    go.send(()).unwrap();
    let is_cached = |event| matches!(event, Event::Finished { cached: true, .. });
    assert!(!is_cached(end_of(&mut generator, first)));
    assert_eq!(cache.info().unwrap().results, 0);
    sum.unlock().unwrap();
    let second = generator.submit(keeping()).unwrap();
    assert!(is_cached(end_of(&mut generator, second)));
}

#[test]
fn a_job_without_previews_sends_none() {
    let (mut generator, hand) = generator(4);
    generator
        .submit(Job {
            previews: false,
            ..job()
        })
        .unwrap();
    hand.send(Act::Preview).unwrap();
    hand.send(Act::Finish).unwrap();
    let events = until(&mut generator, Event::is_end);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Preview { .. }))
    );
}

#[test]
fn a_running_job_can_be_cancelled_and_the_next_one_runs() {
    let (mut generator, hand) = generator(4);
    let first = generator.submit(job()).unwrap();
    let second = generator.submit(job()).unwrap();
    until(&mut generator, |event| {
        matches!(event, Event::Progress { .. })
    });
    generator.cancel(first);
    assert!(matches!(
        end_of(&mut generator, first),
        Event::Cancelled { .. }
    ));
    hand.send(Act::Finish).unwrap();
    assert!(matches!(
        end_of(&mut generator, second),
        Event::Finished { .. }
    ));
}

#[test]
fn a_waiting_job_can_be_cancelled_and_never_starts() {
    let (mut generator, hand) = generator(4);
    let first = generator.submit(job()).unwrap();
    let second = generator.submit(job()).unwrap();
    generator.cancel(second);
    assert!(matches!(
        end_of(&mut generator, second),
        Event::Cancelled { .. }
    ));
    hand.send(Act::Finish).unwrap();
    assert!(matches!(
        end_of(&mut generator, first),
        Event::Finished { .. }
    ));
    assert_eq!((generator.waiting(), generator.at_work()), (0, None));
}

#[test]
fn cancelling_a_job_that_has_ended_changes_nothing() {
    let (mut generator, hand) = generator(4);
    let id = generator.submit(job()).unwrap();
    hand.send(Act::Finish).unwrap();
    end_of(&mut generator, id);
    generator.cancel(id);
    assert!(generator.poll().is_none());
}

#[test]
fn a_panic_fails_its_job_with_its_message_and_the_backend_starts_anew() {
    let (mut generator, hand) = generator(4);
    let first = generator.submit(job()).unwrap();
    let second = generator.submit(job()).unwrap();
    hand.send(Act::Panic).unwrap();
    let Event::Failed { error, .. } = end_of(&mut generator, first) else {
        panic!("not failed")
    };
    assert!(
        error.to_string().contains("puppet crashed: strings torn"),
        "{error}"
    );
    hand.send(Act::Finish).unwrap();
    assert!(matches!(
        end_of(&mut generator, second),
        Event::Finished { .. }
    ));
}

#[test]
fn a_dead_worker_fails_its_job_and_a_new_one_takes_over() {
    let (mut generator, hand) = generator(4);
    let first = generator.submit(job()).unwrap();
    let second = generator.submit(job()).unwrap();
    hand.send(Act::PanicWithBomb).unwrap();
    let Event::Failed { error, .. } = end_of(&mut generator, first) else {
        panic!("not failed")
    };
    assert!(matches!(error, GenerationError::WorkerDied), "{error}");
    hand.send(Act::Finish).unwrap();
    assert!(matches!(
        end_of(&mut generator, second),
        Event::Finished { .. }
    ));
}

#[test]
fn an_error_of_the_backend_ends_the_job_with_it() {
    let (mut generator, hand) = generator(4);
    let id = generator.submit(job()).unwrap();
    hand.send(Act::Fail).unwrap();
    let Event::Failed { error, .. } = end_of(&mut generator, id) else {
        panic!("not failed")
    };
    assert!(matches!(
        error,
        GenerationError::Backend(BackendError::NoPicture)
    ));
}

#[test]
fn a_result_without_voxels_is_a_failure() {
    let (mut generator, hand) = generator(4);
    let id = generator.submit(job()).unwrap();
    let nothing = SparseVoxels::new(8, vec![], vec![], None).unwrap();
    hand.send(Act::FinishWith(nothing)).unwrap();
    let Event::Failed { error, .. } = end_of(&mut generator, id) else {
        panic!("not failed")
    };
    assert!(matches!(error, GenerationError::NoVoxels));
}

#[test]
fn a_missing_picture_file_fails_the_job_and_names_the_file() {
    let (mut generator, _hand) = generator(4);
    let id = generator
        .submit(Job::new(std::path::PathBuf::from("no/such.png")))
        .unwrap();
    let Event::Failed { error, .. } = end_of(&mut generator, id) else {
        panic!("not failed")
    };
    assert!(error.to_string().contains("such.png"), "{error}");
}

#[test]
fn a_full_queue_refuses_and_takes_again_when_there_is_room() {
    let (mut generator, hand) = generator(2);
    let running = generator.submit(job()).unwrap();
    generator.submit(job()).unwrap();
    generator.submit(job()).unwrap();
    let refusal = generator.submit(job()).unwrap_err();
    assert!(
        matches!(refusal, GenerationError::QueueFull { waiting: 2 }),
        "{refusal}"
    );
    hand.send(Act::Finish).unwrap();
    end_of(&mut generator, running);
    assert!(generator.submit(job()).is_ok());
}

#[test]
fn urgent_jobs_overtake_waiting_ones_but_not_the_running_one() {
    let (mut generator, hand) = generator(8);
    let mut submit = |priority| generator.submit(Job { priority, ..job() }).unwrap();
    let ids = [
        submit(Priority::Normal),
        submit(Priority::Normal),
        submit(Priority::High),
    ];
    for _ in 0..3 {
        hand.send(Act::Finish).unwrap();
    }
    let mut ends = Vec::new();
    while ends.len() < 3 {
        ends.push(until(&mut generator, Event::is_end).pop().unwrap().job());
    }
    assert_eq!(ends, [ids[0], ids[2], ids[1]]);
}

#[test]
fn a_reader_that_never_polls_does_not_hold_up_the_work() {
    let (mut generator, hand) = generator(1);
    generator.submit(job()).unwrap();
    for _ in 0..1000 {
        hand.send(Act::Step).unwrap();
    }
    hand.send(Act::Finish).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !hand.is_empty() {
        assert!(Instant::now() < deadline, "{} acts are left", hand.len());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn jobs_nobody_could_do_are_refused_at_once() {
    let (mut generator, _hand) = generator(1);
    let unknown = generator
        .submit(Job {
            backend: "sculptor".into(),
            ..job()
        })
        .unwrap_err();
    assert!(matches!(
        unknown,
        GenerationError::Backend(BackendError::Unknown { .. })
    ));
    let blind = generator
        .submit(Job {
            pictures: vec![],
            ..job()
        })
        .unwrap_err();
    assert!(matches!(
        blind,
        GenerationError::Backend(BackendError::NoPicture)
    ));
}
