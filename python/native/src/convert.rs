//! `convert`: voxels in another format, as `trellis convert` writes them.

use std::path::PathBuf;

use crossworld_trellis::format::{self, Contents, PaletteChoice, voxels};
use crossworld_trellis::voxel::ColorMatch;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::border::{Failure, released};

/// The file in another format that says the same as a `.voxels` file.
#[pyfunction]
pub fn convert<'py>(
    py: Python<'py>,
    data: &[u8],
    format: &str,
    palette: &str,
    named: bool,
    dither: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    released(py, || {
        let output = file_named(format)?;
        let palette = choice(palette, ColorMatch { named, dither })?;
        let contents = Contents::Sparse(voxels::decode(data)?);
        Ok(format::encode(&output, contents, palette)?)
    })
}

/// A name of a file in a format: the crate tells formats by that.
fn file_named(format: &str) -> Result<PathBuf, Failure> {
    if format::extensions().any(|known| known == format) {
        return Ok(PathBuf::from("output").with_extension(format));
    }
    let known: Vec<&str> = format::extensions().collect();
    Err(Failure::Refused(format!(
        "there is no format {}: use one of {}",
        shown(format),
        known.join(", ")
    )))
}

fn choice(palette: &str, colors: ColorMatch) -> Result<PaletteChoice, Failure> {
    match palette {
        "auto" => Ok(PaletteChoice::implied_by(colors)),
        "model" => Ok(PaletteChoice::Model),
        "crossworld" => Ok(PaletteChoice::Crossworld(colors)),
        other => Err(Failure::Refused(format!(
            "there is no palette {}: use auto, model or crossworld",
            shown(other)
        ))),
    }
}

/// A caller's text, cut to a readable length.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(40).collect();
    format!("'{}'", start.escape_debug())
}
