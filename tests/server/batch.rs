//! Several prompts at once, and results that are kept longer than the server that made them lives.

use std::time::{Duration, Instant};

use crossworld_trellis::backend::{
    Backend, BackendError, LocalServer, Prompt, Server, Stage, Unwatched, Watch,
};
use crossworld_trellis::generation::{ResultCache, generate_or_find};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;

use crate::killing::options;
use crate::log::{Heard, Log, prompt};
use crate::place::Place;
use crate::process::kill;
use crate::running::Running;

type Ends = Vec<Result<SparseVoxels, BackendError>>;

fn together(server: &mut dyn Backend, prompts: &[Prompt], logs: &mut [Log]) -> Ends {
    let mut watches: Vec<&mut dyn Watch> =
        logs.iter_mut().map(|log| log as &mut dyn Watch).collect();
    server.generate_batch(prompts, &mut watches)
}

fn prompts() -> [Prompt; 3] {
    [7, 8, 9].map(|seed| Prompt { seed, ..prompt() })
}

fn three_logs() -> [Log<'static>; 3] {
    std::array::from_fn(|_| Log::default())
}

#[test]
fn prompts_sent_at_once_give_the_cells_that_each_gives_alone_and_each_is_watched() {
    let Some(running) = Running::find() else {
        return;
    };
    let mut server = running.server();
    let mut logs = three_logs();
    let ends = together(&mut server, &prompts(), &mut logs);
    assert_eq!(server.batch_size(), 4);
    for ((end, prompt), log) in ends.into_iter().zip(&prompts()).zip(&logs) {
        let made = end.unwrap();
        let lone = server.generate(prompt, &mut Unwatched).unwrap();
        assert_eq!(made.coords(), lone.coords());
        let mut previews = log.previews().into_iter();
        assert!(previews.any(|preview| preview.coords() == made.coords()));
        let decoded = |heard: &Heard| matches!(heard, Heard::Progress(Stage::Decoding, ..));
        assert!(log.heard.iter().any(decoded));
    }
}

#[test]
fn one_of_three_is_cancelled_and_one_cannot_be_made_and_the_third_is_there() {
    let Some(running) = Running::find() else {
        return;
    };
    let mut prompts = prompts();
    prompts[2].pictures = vec![Picture::new(8, 8, vec![0; 4 * 64]).unwrap()];
    let mut logs = three_logs();
    logs[1] = Log::acting_at(Stage::Structure, 1, || false);
    let ends = together(&mut running.server(), &prompts, &mut logs);
    let [Ok(_), Err(BackendError::Cancelled(_)), Err(bad)] = ends.as_slice() else {
        panic!("{ends:?}");
    };
    assert!(bad.to_string().contains("no object"), "{bad}");
}

#[test]
fn a_server_killed_under_a_batch_fails_it_with_one_cause_and_counts_as_one_failure() {
    let Some(place) = Place::find() else { return };
    let mut server = Server::spawn(options(place)).unwrap();
    let process = server.process_id().unwrap();
    let mut logs = three_logs();
    logs[0] = Log::acting_at(Stage::Structure, 1, move || {
        kill(process);
        true
    });
    for end in together(&mut server, &prompts(), &mut logs) {
        let error = end.unwrap_err().to_string();
        assert!(error.contains("ended (signal: 9"), "{error}");
    }
    assert!(server.describe().ready, "three failures would pass it over");
    let ends = together(&mut server, &prompts(), &mut three_logs());
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
}

/// A server process whose model is loaded.
fn loaded(place: &Place) -> LocalServer {
    let mut server = Server::spawn(options(place)).unwrap();
    let began = Instant::now();
    while server.cache_identity().is_none() {
        assert!(began.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

#[test]
fn what_a_server_process_made_is_found_by_the_next_one() {
    let Some(place) = Place::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path());
    let ask = || {
        let mut server = loaded(place);
        generate_or_find(Some(&cache), &mut server, &prompt(), &mut Unwatched).unwrap()
    };
    let (first, second) = (ask(), ask());
    assert!(!first.cached && second.cached);
    assert_eq!(first.voxels, second.voxels);
}
