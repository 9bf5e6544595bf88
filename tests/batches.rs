//! Jobs that are done together, kept results, and a switch of the backend, without Bevy.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
mod common;

use std::time::{Duration, Instant};

use crossworld_trellis::backend::{BackendChoice, Inflate};
use crossworld_trellis::generation::{Event, Generator, Job, JobId, Priority, ResultCache};
use crossworld_trellis::picture::Picture;

use common::choir::{SEATS, choir_backends};

fn job(seed: u64) -> Job {
    Job {
        seed,
        ..Job::new(Picture::new(1, 1, vec![255; 4]).unwrap())
    }
}

fn batch(seeds: impl IntoIterator<Item = u64>) -> Vec<Job> {
    let member = |seed| Job {
        batch: Some(1),
        ..job(seed)
    };
    seeds.into_iter().map(member).collect()
}

fn submit(generator: &mut Generator, jobs: Vec<Job>) -> Vec<JobId> {
    let answers = generator.submit_all(jobs).into_iter();
    answers.map(Result::unwrap).collect()
}

/// Polls until `done` says so, for ten seconds at most; returns every event.
fn until(generator: &mut Generator, mut done: impl FnMut(&[Event]) -> bool) -> Vec<Event> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut events = Vec::new();
    while !done(&events) {
        assert!(Instant::now() < deadline, "only {events:?} came");
        match generator.poll() {
            Some(event) => events.push(event),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    events
}

fn ends(events: &[Event]) -> usize {
    events.iter().filter(|event| event.is_end()).count()
}

fn started(events: &[Event], id: JobId) -> bool {
    let starts = |event: &Event| matches!(event, Event::Started { job, .. } if *job == id);
    events.iter().any(starts)
}

/// The colour that jobs ended with, or `None` where they were not finished.
fn level(events: &[Event], id: JobId) -> Option<u8> {
    events.iter().find_map(|event| match event {
        Event::Finished { job, model, .. } if *job == id => {
            Some(model.palette().entries()[0].rgba[0])
        }
        _ => None,
    })
}

fn levels(events: &[Event], ids: &[JobId]) -> Vec<Option<u8>> {
    ids.iter().map(|&id| level(events, id)).collect()
}

#[test]
fn a_batch_is_done_in_as_few_calls_as_the_backend_can() {
    let (backends, calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 16);
    let ids = submit(&mut generator, batch(0..6));
    (0..2).for_each(|_| go.send(()).unwrap());
    let events = until(&mut generator, |events| ends(events) == 6);
    assert_eq!(*calls.lock().unwrap(), [vec![0, 1, 2, 3], vec![4, 5]]);
    assert_eq!(SEATS, 4);
    for (seed, id) in (0..).zip(ids) {
        assert!(started(&events, id));
        assert_eq!(level(&events, id), Some(seed));
    }
}

#[test]
fn jobs_without_a_batch_are_done_one_by_one() {
    let (backends, calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 16);
    submit(&mut generator, vec![job(0), job(1)]);
    (0..2).for_each(|_| go.send(()).unwrap());
    until(&mut generator, |events| ends(events) == 2);
    assert_eq!(*calls.lock().unwrap(), [[0], [1]]);
}

#[test]
fn one_of_a_batch_can_be_cancelled_at_work_or_waiting_and_the_others_are_made() {
    let (backends, calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 16);
    let ids = submit(&mut generator, batch(0..6));
    until(&mut generator, |events| started(events, ids[3]));
    generator.cancel(ids[1]);
    generator.cancel(ids[4]);
    let early = until(&mut generator, |events| ends(events) == 1);
    let waited = |event: &Event| matches!(event, Event::Cancelled { job } if *job == ids[4]);
    assert!(early.iter().any(waited), "it does not wait for the others");
    // The choir looks at all its watches before it takes the next word.
    let seen = |event: &Event| matches!(event, Event::Progress { job, .. } if *job == ids[3]);
    for _ in 0..3 {
        until(&mut generator, |events| events.iter().any(seen));
    }
    (0..2).for_each(|_| go.send(()).unwrap());
    let events = until(&mut generator, |events| ends(events) == 5);
    assert_eq!(
        levels(&events, &ids),
        [Some(0), None, Some(2), Some(3), None, Some(5)]
    );
    assert_eq!(*calls.lock().unwrap(), [vec![0, 1, 2, 3], vec![5]]);
}

#[test]
fn batches_cancelled_at_once_end_and_make_room_for_the_next_job() {
    let (backends, _calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 1000);
    for _ in 0..20 {
        for id in submit(&mut generator, batch(0..6)) {
            generator.cancel(id);
        }
    }
    until(&mut generator, |events| ends(events) == 120);
    let last = submit(&mut generator, vec![job(9)]);
    go.send(()).unwrap();
    let events = until(&mut generator, |events| ends(events) == 1);
    assert_eq!(level(&events, last[0]), Some(9));
}

#[test]
fn a_picture_that_is_none_fails_its_job_and_no_other_of_the_batch() {
    let (backends, _calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 16);
    let mut jobs = batch(0..3);
    jobs[1].pictures = vec![b"no picture".to_vec().into()];
    let ids = submit(&mut generator, jobs);
    go.send(()).unwrap();
    let events = until(&mut generator, |events| ends(events) == 3);
    assert_eq!(levels(&events, &ids), [Some(0), None, Some(2)]);
}

#[test]
fn a_kept_result_comes_in_the_usual_order_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (backends, calls, go) = choir_backends();
    let mut generator = Generator::new(backends, 16);
    let kept = || Job {
        cache: Some(ResultCache::at(folder.path())),
        ..job(5)
    };
    go.send(()).unwrap();
    for expected in [false, true] {
        let id = submit(&mut generator, vec![kept()])[0];
        let events = until(&mut generator, |events| ends(events) == 1);
        assert!(matches!(events.first(), Some(Event::Started { job, .. }) if *job == id));
        let Some(Event::Finished { cached, .. }) = events.last() else {
            panic!("{events:?}");
        };
        assert_eq!(*cached, expected);
        let previews = events
            .iter()
            .any(|event| matches!(event, Event::Preview { .. }));
        assert!(!previews);
    }
    assert_eq!(calls.lock().unwrap().len(), 1);
    go.send(()).unwrap();
    let anew = submit(&mut generator, vec![job(5)]);
    let events = until(&mut generator, |events| ends(events) == 1);
    assert_eq!(level(&events, anew[0]), Some(5));
    assert_eq!(calls.lock().unwrap().len(), 2);
}

#[test]
fn jobs_that_wait_for_auto_follow_a_switch_and_those_that_named_someone_do_not() {
    let (mut backends, calls, go) = choir_backends();
    backends.register("inflate", || Ok(Box::new(Inflate)));
    let mut generator = Generator::new(backends, 16);
    generator.switch("choir".into());
    let named = Job {
        backend: "choir".into(),
        priority: Priority::Low,
        ..job(3)
    };
    let ids = submit(&mut generator, vec![job(1), job(2), named]);
    until(&mut generator, |events| started(events, ids[0]));
    generator.switch("inflate".into());
    assert_eq!(generator.waiting(), 2);
    (0..2).for_each(|_| go.send(()).unwrap());
    let events = until(&mut generator, |events| ends(events) == 3);
    let worker = |id| {
        events.iter().find_map(|event| match event {
            Event::Started { job, backend } if *job == id => Some(backend.name),
            _ => None,
        })
    };
    assert_eq!(worker(ids[1]), Some("inflate"));
    assert_eq!(worker(ids[2]), Some("choir"));
    assert_eq!(*calls.lock().unwrap(), [[1], [3]]);
    generator.switch(BackendChoice::Auto);
}
