//! A backend with a choice of models: the colour of what it makes tells which one made it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use crossworld_trellis::backend::{
    Backend, BackendError, BackendInfo, Backends, Progress, Prompt, Stage, Watch,
};
use crossworld_trellis::voxel::{SparseVoxels, VoxelModel};

struct Painter {
    model: String,
    goes: Receiver<()>,
    loaded: Loaded,
    is_ready: bool,
}

/// How many models are held.
pub type Loaded = Arc<AtomicUsize>;

/// The only backend is the painter. It finishes a thing for each `()` that is sent.
pub fn painter_backends() -> (Backends, Loaded, Sender<()>) {
    let (go, goes) = unbounded();
    let loaded = Loaded::default();
    let mut backends = Backends::none();
    backends.register_with_model("painter", {
        let loaded = Arc::clone(&loaded);
        move |model| {
            let before = loaded.fetch_add(1, Ordering::SeqCst);
            assert_eq!(before, 0, "two models at once");
            Ok(Box::new(Painter {
                model: model.unwrap_or("plain").into(),
                goes: goes.clone(),
                loaded: Arc::clone(&loaded),
                is_ready: false,
            }))
        }
    });
    (backends, loaded, go)
}

/// The colour of a model's things.
pub fn color_of(model: &str) -> [u8; 4] {
    let level = model.bytes().fold(0_u8, u8::wrapping_add);
    [level, 9, 9, 255]
}

/// Whether a model made a thing.
pub fn is_by(thing: &VoxelModel, model: &str) -> bool {
    let mut entries = thing.palette().entries().iter();
    entries.any(|entry| entry.rgba == color_of(model))
}

impl Drop for Painter {
    fn drop(&mut self) {
        self.loaded.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Backend for Painter {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "painter",
            model: self.model.clone(),
            family: None,
            device: "easel".into(),
            ready: true,
            resolutions: 1..=64,
        }
    }

    fn generate(
        &mut self,
        _: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        while self.goes.recv_timeout(Duration::from_millis(2)).is_err() {
            watch.progress(Progress {
                stage: Stage::Structure,
                step: 1,
                steps: 2,
            })?;
        }
        let color = color_of(&self.model);
        Ok(SparseVoxels::new(8, vec![[1, 2, 3]], vec![color], None).unwrap())
    }

    fn make_ready(&mut self, _: &mut dyn Watch) -> Result<(), BackendError> {
        self.is_ready = true;
        Ok(())
    }

    /// As with a server that loads, this is not known from the start.
    fn cache_identity(&mut self) -> Option<String> {
        self.is_ready.then(|| self.model.clone())
    }
}
