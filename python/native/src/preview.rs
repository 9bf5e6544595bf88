//! `preview`: a picture of voxels, as `trellis preview` draws it.

use crossworld_trellis::format::{Contents, voxels};
use crossworld_trellis::render::{Background, View, portrait};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::border::{Failure, released};

/// A PNG file that shows a `.voxels` file; angles in degrees, size in pixels an edge.
#[pyfunction]
pub fn preview<'py>(
    py: Python<'py>,
    data: &[u8],
    yaw: f32,
    pitch: f32,
    size: u32,
    transparent: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    released(py, || {
        check_angles(yaw, pitch)?;
        let view = View {
            yaw,
            pitch,
            width: size,
            height: size,
            background: if transparent {
                Background::Transparent
            } else {
                Background::Sky
            },
        };
        let model = Contents::Sparse(voxels::decode(data)?).to_model()?;
        Ok(portrait(&model, &view)?.to_png()?)
    })
}

/// The renderer holds angles to what it can draw; whoever asks for others should know.
fn check_angles(yaw: f32, pitch: f32) -> Result<(), Failure> {
    if !yaw.is_finite() {
        return Err(Failure::Refused(format!(
            "yaw {yaw} is no angle: give a number of degrees"
        )));
    }
    if !View::PITCHES.contains(&pitch) {
        let (least, most) = View::PITCHES.into_inner();
        return Err(Failure::Refused(format!(
            "pitch {pitch} is out of range: use {least} to {most} degrees"
        )));
    }
    Ok(())
}
