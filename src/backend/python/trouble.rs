//! What Python raised, as a [`PythonError`].

use std::path::Path;

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyModuleNotFoundError, PySystemExit};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::PythonError;

/// Most characters of a message.
const MESSAGE: usize = 400;

/// Most lines of a traceback in the log, the last ones.
const TRACEBACK: usize = 30;

/// The package's own classes of errors, by name; a class of theirs comes before its parent.
const CLASSES: [(&str, fn(String) -> PythonError); 4] = [
    ("CheckpointError", PythonError::Checkpoint),
    ("DeviceMemoryError", PythonError::DeviceMemory),
    ("DeviceLostError", PythonError::DeviceLost),
    ("TrellisError", PythonError::Refused),
];

/// Whether an error says that the work was stopped because our callback said so.
pub(super) fn is_cancel(py: pyo3::Python<'_>, error: &PyErr) -> bool {
    lineage(&error.get_type(py))
        .iter()
        .any(|n| n == "Cancelled")
}

/// What an exception means here. Its traceback goes to the log at debug level.
pub(super) fn trouble(py: pyo3::Python<'_>, error: &PyErr, program: &Path) -> PythonError {
    let value = error.value(py);
    let told = value.str().map(|text| text.to_string_lossy().into_owned());
    let message = one_line(&told.unwrap_or_default());
    let kind = error.get_type(py);
    if let Some(Ok(traceback)) = error.traceback(py).map(|traceback| traceback.format()) {
        let lines: Vec<&str> = traceback.trim_end().lines().collect();
        let from = lines.len().saturating_sub(TRACEBACK);
        let end = lines.get(from..).unwrap_or_default().join("\n");
        tracing::debug!("Python raised {kind}: {message}\n{end}");
    }
    if error.is_instance_of::<PySystemExit>(py) {
        return PythonError::Exit(if message.is_empty() {
            "0".into()
        } else {
            message
        });
    }
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return PythonError::Interrupted;
    }
    if error.is_instance_of::<PyMemoryError>(py) {
        return PythonError::Memory;
    }
    if error.is_instance_of::<PyModuleNotFoundError>(py) {
        let name = value
            .getattr("name")
            .and_then(|name| name.extract::<String>());
        return missing(name.unwrap_or(message), program);
    }
    let lineage = lineage(&kind);
    for (class, make) in CLASSES {
        if lineage.iter().any(|name| name == class) {
            return make(message);
        }
    }
    PythonError::Raised {
        kind: lineage.into_iter().next().unwrap_or_default(),
        message,
    }
}

fn missing(name: String, program: &Path) -> PythonError {
    let program = program.into();
    match name.split_once('.') {
        // Our package is there, and older than this program.
        Some(("crossworld_trellis", _)) => PythonError::Package {
            found: "of another version".into(),
            program,
        },
        Some((package, _)) => PythonError::MissingPackage {
            package: package.into(),
            program,
        },
        None => PythonError::MissingPackage {
            package: name,
            program,
        },
    }
}

/// Names of a class and those it descends from, nearest first.
fn lineage(kind: &Bound<'_, PyType>) -> Vec<String> {
    kind.mro()
        .iter()
        .filter_map(|class| class.getattr("__name__").ok()?.extract().ok())
        .collect()
}

/// A message on one line of readable length.
fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= MESSAGE {
        return line;
    }
    line.chars().take(MESSAGE).chain(['…']).collect()
}
