//! [`Session`]: `crossworld_trellis.embedded` from this side. Only the thread of [`super::thread`] uses it.
//!
//! Pictures go over as raw pixels, copied once; results and previews come as `bytes` that are decoded where they lie,
//! without holding Python up meanwhile. Callbacks wait for their answer, without holding Python up either.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyCFunction};

use super::PythonError;
use super::thread::{Failure, Far, Order};
use super::trouble::{is_cancel, trouble};
use crate::backend::{Progress, Stage, Watch};
use crate::format::voxels;
use crate::voxel::SparseVoxels;

const PACKAGE: &str = "crossworld_trellis";

const MODULE: &str = "crossworld_trellis.embedded";

/// The number of what stands in the module that this side knows.
const INTERFACE: u32 = 3;

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
    /// Cells per axis that can be asked for, the least and the most.
    pub resolutions: RangeInclusive<u32>,
    /// Most prompts that gain from being made in one batch.
    pub together: usize,
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
                let package = py.import(PACKAGE)?;
                let version = package.getattr("__version__")?.extract::<String>()?;
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

    /// What would run, where the device works and the checkpoint is complete.
    pub(super) fn examine(&self, py: pyo3::Python<'_>) -> PyResult<Option<Description>> {
        let found = self.object.call_method0(py, "examine")?.into_bound(py);
        if found.is_none() {
            return Ok(None);
        }
        description(&found).map(Some)
    }

    /// Loads the model and tells how far that is, and hears whether to go on.
    pub(super) fn load(
        &self,
        py: pyo3::Python<'_>,
        loading: impl Fn(Progress) -> bool + Send + Sync + 'static,
    ) -> PyResult<Description> {
        let loaded = self
            .object
            .call_method1(py, "load", (tell(py, loading)?,))?;
        description(loaded.bind(py))
    }

    /// Frees what the model holds, also on the device.
    pub(super) fn close(self, py: pyo3::Python<'_>) {
        if let Err(error) = self.object.call_method0(py, "close") {
            tracing::warn!("the memory of the model may not be free again: {error}");
        }
    }

    /// Makes what some orders ask for, together: an end for each, and what runs, once that is known.
    pub(super) fn generate(
        &self,
        py: pyo3::Python<'_>,
        orders: Vec<Order>,
        program: &Path,
    ) -> PyResult<(Vec<Result<SparseVoxels, Failure>>, Option<Description>)> {
        let Some(resolution) = orders.first().map(|order| order.resolution) else {
            return Ok((Vec::new(), None));
        };
        let orders: Vec<_> = orders
            .into_iter()
            .map(|order| arguments(py, order))
            .collect::<PyResult<_>>()?;
        let made = self
            .object
            .call_method1(py, "generate", (orders, resolution))?;
        let (answers, running): (Vec<Bound<'_, PyAny>>, Option<Bound<'_, PyAny>>) =
            made.extract(py)?;
        let ends = answers.into_iter().map(|answer| end(answer, program));
        let ends = ends.collect();
        Ok((ends, running.as_ref().map(description).transpose()?))
    }
}

/// A picture as Python gets it: pixels, width, height.
type Pixels<'py> = (Bound<'py, PyBytes>, u32, u32);

type Arguments<'py> = (
    Vec<Pixels<'py>>,
    u64,
    Bound<'py, PyCFunction>,
    Option<Bound<'py, PyCFunction>>,
);

/// An order as Python gets it: pictures, seed, callbacks.
fn arguments(py: pyo3::Python<'_>, order: Order) -> PyResult<Arguments<'_>> {
    let pictures = order.pictures.iter().map(|picture| {
        let pixels = PyBytes::new(py, picture.pixels().as_flattened());
        (pixels, picture.width(), picture.height())
    });
    let pictures = pictures.collect();
    let wants_previews = order.watch.wants_previews();
    let show = wants_previews.then(|| show(py, order.watch.clone()));
    Ok((
        pictures,
        order.seed,
        tell(py, move |progress| {
            order.watch.clone().progress(progress).is_ok()
        })?,
        show.transpose()?,
    ))
}

/// The voxels in an answer, or what was raised instead.
fn end(answer: Bound<'_, PyAny>, program: &Path) -> Result<SparseVoxels, Failure> {
    let py = answer.py();
    match answer.extract::<PyBackedBytes>() {
        Ok(bytes) => {
            let voxels = py.detach(|| voxels::decode(&bytes));
            Ok(voxels.map_err(|error| PythonError::Damaged(Arc::new(error)))?)
        }
        Err(_) => Err(failure(py, &PyErr::from_value(answer), program)),
    }
}

/// What a call raised, in our words.
pub(super) fn failure(py: pyo3::Python<'_>, error: &PyErr, program: &Path) -> Failure {
    if is_cancel(py, error) {
        Failure::Cancelled
    } else {
        Failure::Error(trouble(py, error, program))
    }
}

fn description(object: &Bound<'_, PyAny>) -> PyResult<Description> {
    let text = |name: &str| object.getattr(name)?.extract::<String>();
    let resolutions: Vec<u32> = object.getattr("resolutions")?.extract()?;
    let [least, most] = [resolutions.iter().min(), resolutions.iter().max()];
    let [least, most] = [least, most].map(|end| end.copied().unwrap_or_default());
    Ok(Description {
        model: text("model")?,
        device: text("device")?,
        identity: text("identity")?,
        resolutions: least..=most,
        together: object.getattr("together")?.extract()?,
    })
}

/// The callback for progress: whether to go on.
fn tell(
    py: pyo3::Python<'_>,
    hear: impl Fn(Progress) -> bool + Send + Sync + 'static,
) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, Some(c"tell"), None, move |arguments, _| {
        let (stage, step, steps) = arguments.extract::<(PyBackedStr, u32, u32)>()?;
        let known = Stage::ALL.into_iter();
        let Some(stage) = known.into_iter().find(|known| known.name() == &*stage) else {
            return PyResult::Ok(true);
        };
        let progress = Progress { stage, step, steps };
        Ok(arguments.py().detach(|| hear(progress)))
    })
}

/// The callback for previews: whether to go on.
fn show(py: pyo3::Python<'_>, watch: Far) -> PyResult<Bound<'_, PyCFunction>> {
    PyCFunction::new_closure(py, Some(c"show"), None, move |arguments, _| {
        let (bytes,) = arguments.extract::<(PyBackedBytes,)>()?;
        let go_on = arguments.py().detach(|| match voxels::decode(&bytes) {
            Ok(preview) => watch.clone().preview(preview).is_ok(),
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
