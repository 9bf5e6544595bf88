//! `inflate`: a picture made into voxels by the built-in method, as `trellis generate --backend inflate` does.

use crossworld_trellis::backend::{Backend, Cancelled, Inflate, Progress, Prompt, Watch};
use crossworld_trellis::format::voxels;
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::border::{Failure, released};

/// The `.voxels` file of the object in a PNG, JPEG or WebP file. Whatever `on_progress` raises stops the work.
#[pyfunction]
pub fn inflate<'py>(
    py: Python<'py>,
    picture: &[u8],
    resolution: u32,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyBytes>> {
    released(py, || {
        let prompt = Prompt {
            resolution,
            ..Prompt::new(Picture::decode(picture)?)
        };
        let mut watch = Listener {
            on_progress,
            raised: None,
        };
        let made = Inflate.generate(&prompt, &mut watch);
        if let Some(error) = watch.raised {
            return Err(Failure::Raised(error));
        }
        Ok(voxels::encode(&made?))
    })
}

/// A function of Python's that hears of progress.
struct Listener {
    on_progress: Option<Py<PyAny>>,
    raised: Option<PyErr>,
}

impl Watch for Listener {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        let Some(listener) = &self.on_progress else {
            return Ok(());
        };
        let Progress { stage, step, steps } = progress;
        let heard = Python::attach(|py| listener.call1(py, (stage.name(), step, steps)).map(drop));
        heard.map_err(|error| {
            self.raised = Some(error);
            Cancelled
        })
    }

    fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
        Ok(())
    }

    fn wants_previews(&self) -> bool {
        false
    }
}
