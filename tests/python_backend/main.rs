//! The in-process backend over real torch on the CPU, with a tiny checkpoint.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

mod batch;
#[path = "../common/torch.rs"]
mod torch;
mod trouble;

use std::collections::BTreeSet;

use crossworld_trellis::backend::{
    Backend, BackendError, Cancelled, Progress, Prompt, Python, Stage, Unwatched, Watch,
};
use crossworld_trellis::voxel::SparseVoxels;

use torch::{alone, backend, made_by_command_line, prompt, run_inside, shared_checkpoint};

/// Notes everything, and says stop at the first progress of a stage.
#[derive(Default)]
struct Notes {
    progress: Vec<Progress>,
    previews: Vec<SparseVoxels>,
    stop_at: Option<Stage>,
    /// Calls after the one that was answered with stop.
    after_stop: usize,
    stopped: bool,
}

impl Notes {
    fn stages(&self) -> BTreeSet<Stage> {
        self.progress
            .iter()
            .map(|progress| progress.stage)
            .collect()
    }

    fn go_on(&mut self, stop: bool) -> Result<(), Cancelled> {
        self.after_stop += usize::from(self.stopped);
        self.stopped |= stop;
        if self.stopped { Err(Cancelled) } else { Ok(()) }
    }
}

impl Watch for Notes {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        self.progress.push(progress);
        self.go_on(self.stop_at == Some(progress.stage))
    }

    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled> {
        self.previews.push(voxels);
        self.go_on(false)
    }
}

#[test]
fn the_result_is_bit_for_bit_that_of_the_command_line() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    let mut notes = Notes::default();
    let made = python.generate(&prompt(7), &mut notes).unwrap();
    assert_eq!(made, made_by_command_line(shared_checkpoint(), 7));
    assert_eq!(notes.stages(), Stage::ALL.into_iter().collect());
    for stage in [Stage::Structure, Stage::Appearance] {
        let last = notes.progress.iter().rfind(|p| p.stage == stage).unwrap();
        assert!(last.steps > 1 && last.step == last.steps, "{last:?}");
    }
    let preview = notes.previews.last().unwrap();
    assert!(!preview.is_empty());
    let info = python.describe();
    assert!(info.model.starts_with("tiny@"), "{info:?}");
    assert!(!info.ready, "auto would work on the CPU: {info:?}");
}

#[test]
fn a_generation_stops_within_a_step_at_each_stage_and_the_next_one_works() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    for stage in Stage::ALL {
        let mut notes = Notes {
            stop_at: Some(stage),
            ..Notes::default()
        };
        let end = python.generate(&prompt(1), &mut notes);
        assert!(matches!(end, Err(BackendError::Cancelled(_))), "{stage}");
        assert_eq!(notes.after_stop, 0, "{stage} went on");
    }
    assert!(python.generate(&prompt(1), &mut Unwatched).is_ok());
}

#[test]
fn a_model_that_loads_ahead_is_waited_for_and_not_loaded_twice() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    python.warm_up();
    python.warm_up();
    let mut notes = Notes::default();
    python.generate(&prompt(1), &mut notes).unwrap();
    // What the load itself told came before the order, which then found it done.
    let after = notes
        .progress
        .iter()
        .skip_while(|p| p.stage == Stage::Loading);
    assert!(after.into_iter().all(|p| p.stage != Stage::Loading));
    let mut again = Notes::default();
    python.generate(&prompt(1), &mut again).unwrap();
    assert!(!again.stages().contains(&Stage::Loading));
}

#[test]
fn who_waits_for_a_model_that_loads_ahead_can_be_cancelled() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    python.warm_up();
    let mut notes = Notes {
        stop_at: Some(Stage::Loading),
        ..Notes::default()
    };
    let end = python.generate(&prompt(1), &mut notes);
    assert!(matches!(end, Err(BackendError::Cancelled(_))));
    assert!(python.generate(&prompt(1), &mut Unwatched).is_ok());
}

#[test]
fn a_prompt_that_cannot_be_is_refused_with_the_possible_values() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    let ask = |python: &mut Python, resolution| {
        let prompt = Prompt {
            resolution,
            ..prompt(1)
        };
        python.generate(&prompt, &mut Unwatched).unwrap_err()
    };
    let before = ask(&mut python, 65).to_string();
    assert!(before.contains("32, 64, 128, 256, got 65"), "{before}");
    python.generate(&prompt(1), &mut Unwatched).unwrap();
    let after = ask(&mut python, 8).to_string();
    assert!(after.contains("use 32 to 256"), "{after}");
    let none = Prompt {
        pictures: Vec::new(),
        ..prompt(1)
    };
    let end = python.generate(&none, &mut Unwatched);
    assert!(matches!(end, Err(BackendError::NoPicture)));
}

#[test]
fn ctrl_c_stays_the_games() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    python.generate(&prompt(1), &mut Unwatched).unwrap();
    run_inside(
        "import signal\nassert signal.getsignal(signal.SIGINT) is not signal.default_int_handler\n",
    );
}

#[test]
fn programs_that_python_starts_use_the_same_packages() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    python.generate(&prompt(1), &mut Unwatched).unwrap();
    run_inside(
        "import subprocess, sys\n\
         found = subprocess.check_output([sys.executable, '-c', 'import torch; print(torch.__file__)'], text=True)\n\
         assert found.strip() == sys.modules['torch'].__file__, found\n",
    );
}
