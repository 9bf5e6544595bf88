//! A backend that does several prompts at once and whose results can be kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossworld_trellis::backend::{
    Backend, BackendError, BackendInfo, Backends, Progress, Prompt, Stage, Watch,
};
use crossworld_trellis::voxel::SparseVoxels;

/// Most prompts at once.
pub const SEATS: usize = 4;

/// What it was asked to do, call by call: the seeds of the prompts.
pub type Calls = Arc<Mutex<Vec<Vec<u64>>>>;

struct Choir {
    calls: Calls,
    goes: Receiver<()>,
}

/// The only backend is the choir. It ends a call for each `()` that is sent.
pub fn choir_backends() -> (Backends, Calls, Sender<()>) {
    let (go, goes) = unbounded();
    let calls = Calls::default();
    let mut backends = Backends::none();
    backends.register("choir", {
        let calls = Arc::clone(&calls);
        move || {
            Ok(Box::new(Choir {
                calls: Arc::clone(&calls),
                goes: goes.clone(),
            }))
        }
    });
    (backends, calls, go)
}

/// What it makes of a seed: one voxel.
pub fn voice(seed: u64) -> SparseVoxels {
    let level = u8::try_from(seed % 200).unwrap();
    SparseVoxels::new(8, vec![[1, 2, 3]], vec![[level, 9, 9, 255]], None).unwrap()
}

impl Backend for Choir {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "choir",
            model: "voices".into(),
            family: None,
            device: "stage".into(),
            ready: true,
            resolutions: 1..=64,
        }
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        let mut results = self.generate_batch(std::slice::from_ref(prompt), &mut [watch]);
        results.remove(0)
    }

    fn batch_size(&self) -> usize {
        SEATS
    }

    fn generate_batch(
        &mut self,
        prompts: &[Prompt],
        watches: &mut [&mut dyn Watch],
    ) -> Vec<Result<SparseVoxels, BackendError>> {
        let seeds = prompts.iter().map(|prompt| prompt.seed).collect();
        self.calls.lock().unwrap().push(seeds);
        let mut cancelled = vec![false; prompts.len()];
        while self.goes.recv_timeout(Duration::from_millis(2)).is_err() {
            for (watch, cancelled) in watches.iter_mut().zip(&mut cancelled) {
                let progress = Progress {
                    stage: Stage::Structure,
                    step: 1,
                    steps: 2,
                };
                *cancelled |= watch.progress(progress).is_err();
            }
            if cancelled.iter().all(|&cancelled| cancelled) {
                break;
            }
        }
        let each = prompts.iter().zip(cancelled);
        each.map(|(prompt, cancelled)| match cancelled {
            true => Err(crossworld_trellis::backend::Cancelled.into()),
            false => Ok(voice(prompt.seed)),
        })
        .collect()
    }

    fn cache_identity(&mut self) -> Option<String> {
        Some("voices 1".into())
    }
}
