//! The one Python of this process: started once, with the packages of one interpreter.
//!
//! It is never ended, since torch cannot be loaded twice. Its signal handlers are not installed: Ctrl-C stays the
//! game's. Everything that is done with it happens on the thread of [`super::thread`].

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::PythonError;
use super::program::Facts;
use super::trouble::trouble;

const ADOPT: &str = include_str!("adopt.py");

/// The program whose packages this process uses, once it does.
static ADOPTED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Sees to it that Python runs here with the packages of a program, and finds those in some folders before.
///
/// # Errors
/// [`PythonError::AnotherRuns`] where it runs with others', else as [`Facts::ask`].
pub(super) fn embed(program: &Path, folders: &[PathBuf]) -> Result<(), PythonError> {
    let mut adopted = ADOPTED.lock().unwrap_or_else(PoisonError::into_inner);
    match adopted.as_deref() {
        Some(running) if running != program => {
            return Err(PythonError::AnotherRuns {
                running: running.into(),
                wanted: program.into(),
            });
        }
        Some(_) => {}
        None => {
            let facts = Facts::ask(program)?;
            let is_ours = pyo3::Python::try_attach(|_| ()).is_none();
            pyo3::Python::initialize();
            pyo3::Python::attach(|py| adopt(py, &facts, is_ours))
                .map_err(|error| attached(&error, program))?;
            *adopted = Some(program.into());
        }
    }
    pyo3::Python::attach(|py| find_in(py, folders)).map_err(|error| attached(&error, program))
}

fn adopt(py: pyo3::Python<'_>, facts: &Facts, is_ours: bool) -> PyResult<()> {
    let code = CString::new(ADOPT)?;
    let module = PyModule::from_code(py, &code, c"adopt.py", c"crossworld_trellis_adopt")?;
    module.call_method1("adopt", (&facts.0, is_ours))?;
    Ok(())
}

/// Puts folders before all others in which packages are looked for, and makes Python look anew.
fn find_in(py: pyo3::Python<'_>, folders: &[PathBuf]) -> PyResult<()> {
    let path = py.import("sys")?.getattr("path")?;
    for folder in folders.iter().rev() {
        if !path.contains(folder)? {
            path.call_method1("insert", (0, folder.as_os_str()))?;
        }
    }
    py.import("importlib")?.call_method0("invalidate_caches")?;
    Ok(())
}

fn attached(error: &PyErr, program: &Path) -> PythonError {
    pyo3::Python::attach(|py| trouble(py, error, program))
}
