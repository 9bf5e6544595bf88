//! [`Session`]: `crossworld_trellis.embedded` from this side. Only the thread of [`super::thread`] uses it.
//!
//! Pictures go over as raw pixels, copied once; results and previews come as `bytes` that are decoded where they lie,
//! without holding Python up meanwhile. Callbacks wait for their answer, without holding Python up either.

use std::path::Path;

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyCFunction};

use super::PythonError;
use super::thread::{Failure, Order, Talk};
use super::trouble::{is_cancel, trouble};
use crate::backend::{Progress, Stage};
use crate::format::voxels;
use crate::voxel::SparseVoxels;

const MODULE: &str = "crossworld_trellis.embedded";

/// The number of what stands in the module that this side knows.
const INTERFACE: u32 = 1;

/// Levels of Python's `logging`.
const WARNING: u32 = 30;
const INFO: u32 = 20;

/// What runs where.
#[derive(Clone, Debug)]
pub(super) struct Description {
    /// The checkpoint's identity.
    pub model: String,
    /// The device's name.
    pub device: String,
    /// Everything besides the prompt that decides the result.
    pub identity: String,
    /// Cells per axis that the model makes by itself.
    pub resolution: u32,
}

/// A model in Python, loaded when it is needed.
pub(super) struct Session {
    object: Py<PyAny>,
}

impl Session {
    /// A session over a checkpoint; loads nothing.
    pub(super) fn open(
        py: pyo3::Python<'_>,
        model: &str,
        program: &Path,
    ) -> Result<Self, PythonError> {
        let open = || {
            let module = py.import(MODULE)?;
            let interface: u32 = module.getattr("INTERFACE")?.extract()?;
            if interface != INTERFACE {
                let version = module.getattr("__version__")?.extract::<String>()?;
                return Ok(Err(version));
            }
            module.call_method1("forward_log", (forward_log(py)?,))?;
            let object = module.call_method1("Session", (model,))?;
            Ok(Ok(object.unbind()))
        };
        match open() {
            Ok(Ok(object)) => Ok(Self { object }),
            Ok(Err(found)) => Err(PythonError::Package {
                found,
                program: program.into(),
            }),
            Err(error) => Err(trouble(py, &error, program)),
        }
    }

    /// What would run, where a GPU works and the checkpoint is complete.
    pub(super) fn examine(&self, py: pyo3::Python<'_>) -> PyResult<Option<Description>> {
        let found = self.object.call_method0(py, "examine")?.into_bound(py);
        if found.is_none() {
            return Ok(None);
        }
        description(&found).map(Some)
    }

    /// Loads the model.
    pub(super) fn load(&self, py: pyo3::Python<'_>, talk: &Talk) -> PyResult<Description> {
        let loaded = self.object.call_method1(py, "load", (tell(py, talk)?,))?;
        description(loaded.bind(py))
    }

    /// Makes what an order asks for.
    pub(super) fn generate(
        &self,
        py: pyo3::Python<'_>,
        order: &Order,
        talk: &Talk,
    ) -> Result<(SparseVoxels, Description), Failure> {
        let made = self.call_generate(py, order, talk);
        let (bytes, description) = made.map_err(Failure::Raised)?;
        let voxels = py.detach(|| voxels::decode(&bytes));
        let voxels = voxels.map_err(|error| PythonError::Damaged(Box::new(error)))?;
        Ok((voxels, description))
    }

    fn call_generate(
        &self,
        py: pyo3::Python<'_>,
        order: &Order,
        talk: &Talk,
    ) -> PyResult<(PyBackedBytes, Description)> {
        let pictures = order.pictures.iter().map(|picture| {
            let pixels = PyBytes::new(py, picture.pixels().as_flattened());
            (pixels, picture.width(), picture.height())
        });
        let pictures: Vec<_> = pictures.collect();
        let show = order.previews.then(|| show(py, talk)).transpose()?;
        let arguments = (
            pictures,
            order.seed,
            order.resolution,
            tell(py, talk)?,
            show,
        );
        let made = self.object.call_method1(py, "generate", arguments)?;
        let (bytes, made_by): (PyBackedBytes, Bound<'_, PyAny>) = made.extract(py)?;
        Ok((bytes, description(&made_by)?))
    }
}

/// What a call raised, in our words.
pub(super) fn failure(py: pyo3::Python<'_>, failure: Failure, program: &Path) -> Failure {
    match failure {
        Failure::Raised(error) if is_cancel(py, &error) => Failure::Cancelled,
        Failure::Raised(error) => Failure::Error(trouble(py, &error, program)),
        other => other,
    }
}

fn description(object: &Bound<'_, PyAny>) -> PyResult<Description> {
    let text = |name: &str| object.getattr(name)?.extract::<String>();
    Ok(Description {
        model: text("model")?,
        device: text("device")?,
        identity: text("identity")?,
        resolution: object.getattr("resolution")?.extract()?,
    })
}

/// The callback for progress: whether to go on.
fn tell<'py>(py: pyo3::Python<'py>, talk: &Talk) -> PyResult<Bound<'py, PyCFunction>> {
    let talk = talk.clone();
    PyCFunction::new_closure(py, Some(c"tell"), None, move |arguments, _| {
        let (stage, step, steps) = arguments.extract::<(PyBackedStr, u32, u32)>()?;
        let known = Stage::ALL.into_iter();
        let Some(stage) = known.into_iter().find(|known| known.name() == &*stage) else {
            return PyResult::Ok(true);
        };
        let progress = Progress { stage, step, steps };
        Ok(arguments.py().detach(|| talk.progress(progress)))
    })
}

/// The callback for previews: whether to go on.
fn show<'py>(py: pyo3::Python<'py>, talk: &Talk) -> PyResult<Bound<'py, PyCFunction>> {
    let talk = talk.clone();
    PyCFunction::new_closure(py, Some(c"show"), None, move |arguments, _| {
        let (bytes,) = arguments.extract::<(PyBackedBytes,)>()?;
        let go_on = arguments.py().detach(|| match voxels::decode(&bytes) {
            Ok(preview) => talk.preview(preview),
            Err(error) => {
                tracing::debug!("a preview is damaged: {error}");
                true
            }
        });
        PyResult::Ok(go_on)
    })
}

/// The callback for records of Python's `logging`.
fn forward_log(py: pyo3::Python<'_>) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, Some(c"log"), None, move |arguments, _| {
        let (level, name, message) = arguments.extract::<(u32, PyBackedStr, PyBackedStr)>()?;
        let (name, message) = (&*name, &*message);
        match level {
            WARNING.. => tracing::warn!("{message} ({name})"),
            INFO.. => tracing::info!("{message} ({name})"),
            _ => tracing::debug!("{message} ({name})"),
        }
        PyResult::Ok(())
    })
}
