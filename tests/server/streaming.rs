//! The backend `Server` and the real server.

use std::time::{Duration, Instant};

use crossworld_trellis::backend::{
    Backend, BackendError, Cancelled, HealthStatus, Progress, Prompt, Stage, Watch,
};
use crossworld_trellis::voxel::SparseVoxels;
use serde_json::Value;

use crate::log::{Heard, Log, picture, prompt};
use crate::place::STRUCTURE_STEPS;
use crate::running::Running;

#[test]
fn progress_comes_in_order_and_previews_come_before_the_result() {
    let Some(running) = Running::find() else {
        return;
    };
    let mut log = Log::default();
    let result = running.server().generate(&prompt(), &mut log).unwrap();
    assert_eq!(result.resolution(), 64);
    assert!(!result.is_empty());

    let progress = log.progress();
    assert!(progress.is_sorted(), "{progress:?}");
    for stage in [
        Stage::Picture,
        Stage::Structure,
        Stage::Appearance,
        Stage::Decoding,
    ] {
        assert!(
            progress.iter().any(|step| step.0 == stage),
            "no {stage}: {progress:?}"
        );
    }
    let all = (Stage::Structure, STRUCTURE_STEPS, STRUCTURE_STEPS);
    assert!(progress.contains(&all), "{progress:?}");

    let previews = log.previews();
    let last = previews.last().unwrap();
    assert_eq!(
        last.coords(),
        result.coords(),
        "the solid cells do not change any more"
    );
    let position = |wanted: &dyn Fn(&Heard) -> bool| log.heard.iter().position(wanted).unwrap();
    let shown = position(&|heard| matches!(heard, Heard::Preview(voxels) if voxels == *last));
    let decoding = position(&|heard| matches!(heard, Heard::Progress(Stage::Decoding, ..)));
    assert!(
        shown < decoding,
        "a preview after {shown}, decoding after {decoding}"
    );
}

#[test]
fn a_finer_grid_and_several_pictures_give_voxels_and_the_seed_decides_which() {
    let Some(running) = Running::find() else {
        return;
    };
    let mut server = running.server();
    let mut made = |prompt: Prompt| server.generate(&prompt, &mut Log::default()).unwrap();
    assert_ne!(
        made(prompt()),
        made(Prompt {
            seed: 8,
            ..prompt()
        })
    );
    let resolution = 128;
    let voxels = made(Prompt {
        resolution,
        ..prompt()
    });
    assert_eq!(voxels.resolution(), resolution);
    assert!(!voxels.is_empty());
    let pictures = vec![picture(), picture()];
    assert!(
        !made(Prompt {
            pictures,
            ..prompt()
        })
        .is_empty()
    );
}

#[test]
fn what_the_server_cannot_make_is_refused_with_its_words_and_the_next_one_works() {
    let Some(running) = Running::find() else {
        return;
    };
    let mut server = running.server();
    let odd = Prompt {
        resolution: 100,
        ..prompt()
    };
    let error = server
        .generate(&odd, &mut Log::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("resolution"), "{error}");
    assert!(server.generate(&prompt(), &mut Log::default()).is_ok());
    assert_eq!(server.health().unwrap().status, HealthStatus::Healthy);
}

/// Stops in the middle of the first stage, and measures how long its steps take.
#[derive(Default)]
struct Stopper {
    first: Option<(u32, Instant)>,
    step: Duration,
}

impl Watch for Stopper {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        if progress.stage != Stage::Structure || progress.steps == 0 {
            return Ok(());
        }
        let (first, began) = *self.first.get_or_insert((progress.step, Instant::now()));
        if progress.step < first + 2 {
            return Ok(());
        }
        self.step = began.elapsed() / (progress.step - first);
        Err(Cancelled)
    }

    fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
        Ok(())
    }
}

#[test]
fn cancelling_frees_the_worker_within_a_step() {
    let Some(running) = Running::find() else {
        return;
    };
    let cancelled = || running.metric("trellis_generations_total{outcome=\"cancelled\"}");
    let before = cancelled();
    let mut stopper = Stopper::default();
    let outcome = running.server().generate(&prompt(), &mut stopper);
    let stopped = Instant::now();
    assert!(
        matches!(outcome, Err(BackendError::Cancelled(_))),
        "{outcome:?}"
    );
    while running.metric("trellis_running") > 0.0 {
        assert!(
            stopped.elapsed() < Duration::from_secs(60),
            "it still works"
        );
    }
    let took = stopped.elapsed();
    assert!(cancelled() > before, "it was not cancelled");
    // Asking takes time as well; a worker that went on would have many more steps before it.
    let limit = stopper.step * STRUCTURE_STEPS / 2;
    assert!(took < limit, "{took:?} for a step of {:?}", stopper.step);
    let health: Value = serde_json::from_slice(&running.curl("/health", &[])).unwrap();
    assert_eq!(health["queue"], 0);
}
