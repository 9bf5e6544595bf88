//! [`released`]: the one way from Python into the crate and back.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

create_exception!(
    crossworld_trellis_native,
    Refused,
    PyValueError,
    "Data or settings that were refused; the message is that of the Rust side, on one line."
);

/// Why a call returns nothing.
pub enum Failure {
    /// Something the caller can mend, in words.
    Refused(String),
    /// A function of the caller's raised this.
    Raised(PyErr),
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Refused(error.to_string())
    }
}

/// Does work without Python's lock and gives its bytes to Python.
pub fn released<'py>(
    py: Python<'py>,
    work: impl FnOnce() -> Result<Vec<u8>, Failure> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    // Nothing outlives the work that a panic could have left half changed.
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(Ok(bytes)) => Ok(PyBytes::new(py, &bytes)),
        Ok(Err(Failure::Refused(message))) => Err(Refused::new_err(one_line(&message))),
        Ok(Err(Failure::Raised(error))) => Err(error),
        Err(panic) => {
            let said = one_line(words_of(panic.as_ref()));
            Err(PyRuntimeError::new_err(format!(
                "the compiled part broke: {said}; this is a mistake in it, please report it"
            )))
        }
    }
}

/// What a panic said, where it said it in text.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let owned = || panic.downcast_ref::<String>().map(String::as_str);
    let fixed = panic.downcast_ref::<&str>().copied();
    fixed.or_else(owned).unwrap_or("no reason given")
}

/// What decoders say may have several lines.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
