//! A backend on strings: it does what the test says, when the test says it.

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossworld_trellis::backend::{
    Backend, BackendError, BackendInfo, Backends, Progress, Prompt, Stage, Watch,
};
use crossworld_trellis::voxel::SparseVoxels;

/// What the backend does next; while nothing is said it reports progress.
pub enum Act {
    Step,
    Preview,
    Panic,
    /// Panics in a way that takes the worker thread down.
    PanicWithBomb,
    Fail,
    Finish,
    FinishWith(SparseVoxels),
}

struct Puppet {
    acts: Receiver<Act>,
}

/// A panic payload that panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("bomb");
    }
}

/// What [`Act::Preview`] and [`Act::Finish`] show.
pub fn one_voxel() -> SparseVoxels {
    SparseVoxels::new(8, vec![[1, 2, 3]], vec![[9, 9, 9, 255]], None).unwrap()
}

/// The only backend is the puppet; the sender moves it.
pub fn puppet_backends() -> (Backends, Sender<Act>) {
    let (hand, acts) = unbounded();
    let mut backends = Backends::none();
    backends.register("puppet", move || {
        Ok(Box::new(Puppet { acts: acts.clone() }))
    });
    (backends, hand)
}

impl Backend for Puppet {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "puppet",
            model: "strings".into(),
            family: None,
            device: "hand".into(),
            ready: true,
            resolutions: 1..=64,
        }
    }

    fn generate(
        &mut self,
        _: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        loop {
            let act = self
                .acts
                .recv_timeout(Duration::from_millis(2))
                .unwrap_or(Act::Step);
            let progress = Progress {
                stage: Stage::Structure,
                step: 1,
                steps: 2,
            };
            match act {
                Act::Step => watch.progress(progress)?,
                Act::Preview => watch.preview(one_voxel())?,
                Act::Panic => panic!("strings torn"),
                Act::PanicWithBomb => std::panic::panic_any(Bomb),
                Act::Fail => return Err(BackendError::NoPicture),
                Act::Finish => return Ok(one_voxel()),
                Act::FinishWith(voxels) => return Ok(voxels),
            }
        }
    }
}
