//! The Rust side of the Python module `crossworld_trellis.native`: bytes in, bytes out.
//!
//! Every function does what the program `trellis` does, with the same code below it, and without holding Python's
//! lock. Data come as `bytes`, which nobody can change meanwhile; other buffers are copied into such by the Python
//! side, since the stable interface of Python 3.10 knows no buffers. Frame and units are those of the crate: +Y up, front
//! at +Z, degrees. What a caller can mend is raised as `Refused`; a panic ends at the border as a `RuntimeError`.

mod border;
mod convert;
mod inflate;
mod preview;

use pyo3::prelude::*;

/// The module as Python imports it.
#[pymodule]
mod crossworld_trellis_native {
    use super::*;

    #[pymodule_export]
    use super::convert::convert;
    #[pymodule_export]
    use super::inflate::inflate;
    #[pymodule_export]
    use super::preview::preview;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("Refused", module.py().get_type::<border::Refused>())
    }
}
