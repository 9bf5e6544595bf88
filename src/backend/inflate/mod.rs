//! [`Inflate`]: the built-in method, which needs no GPU, no weights and no network.
//!
//! It cuts the object out of the picture ([`cut_out`]), lays it on the grid ([`silhouette`]), inflates it like a
//! balloon ([`relief`]), and paints the front with the picture and the rest with the object's main colours
//! ([`body`]). It knows nothing about objects: flat art and toys come out well, a photo of a street does not, and
//! the back is a guess. Takes milliseconds on one thread.

mod background;
mod body;
mod color;
mod cut_out;
mod field;
mod grid;
mod parts;
mod relief;
mod silhouette;
mod solid;
mod thin;

use std::ops::RangeInclusive;

pub use cut_out::CutOutError;

use self::cut_out::CutOut;
use self::silhouette::Silhouette;
use self::solid::Solid;
use super::{Backend, BackendError, BackendInfo, Cancelled, Progress, Prompt, Stage, Watch};
use crate::voxel::{SparseVoxels, SparseVoxelsError};

/// The built-in CPU method: cuts the object out of the first picture and inflates its silhouette to a solid.
///
/// Its results are not kept: they take milliseconds, and would push those out that took minutes. Only the first
/// picture of a [`Prompt`] is looked at. The method makes no random choice, so the seed changes nothing and the same
/// picture always gives the same voxels. The object fills the grid in the longer direction of its front view, stands
/// on the grid's bottom, is centred in x and z and symmetric about one layer in z; every voxel is opaque.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inflate;

impl Inflate {
    /// The name it is chosen by.
    const NAME: &'static str = "inflate";

    /// Cells per axis that it makes.
    const RESOLUTIONS: RangeInclusive<u32> = 8..=256;
}

impl Backend for Inflate {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: Self::NAME,
            model: "silhouette inflation".into(),
            family: None,
            device: "cpu".into(),
            ready: true,
            resolutions: Self::RESOLUTIONS,
        }
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        let picture = prompt.pictures.first().ok_or(BackendError::NoPicture)?;
        let resolution = checked_resolution(prompt.resolution)?;
        let cells = usize::from(resolution);

        report(watch, Stage::Picture, 0, 2)?;
        let object = CutOut::of(picture)?;
        report(watch, Stage::Picture, 1, 2)?;
        let silhouette = Silhouette::of(&object, cells);
        report(watch, Stage::Picture, 2, 2)?;

        let flat = silhouette.solid.map(|&solid| solid.then_some(0));
        preview(watch, || {
            Solid::new(flat, &silhouette.color, &silhouette.color).voxels()
        })?;
        let half_depths = inflate(&silhouette, watch)?;
        let reaches = relief::reaches(&silhouette.solid, &half_depths, Solid::limit(resolution));

        report(watch, Stage::Appearance, 0, 2)?;
        let body = body::colors(&silhouette);
        let solid = Solid::new(reaches, &silhouette.color, &body);
        report(watch, Stage::Appearance, 1, 2)?;
        preview(watch, || solid.shell())?;
        let voxels = solid.voxels().map_err(failed)?;
        report(watch, Stage::Appearance, 2, 2)?;
        Ok(voxels)
    }
}

fn checked_resolution(got: u32) -> Result<u16, BackendError> {
    u16::try_from(got)
        .ok()
        .filter(|_| Inflate::RESOLUTIONS.contains(&got))
        .ok_or(BackendError::Resolution {
            got,
            backend: Inflate::NAME,
            possible: Inflate::RESOLUTIONS,
        })
}

/// Solves for the depth of every column, with a step of progress for each sweep of the solver.
fn inflate(silhouette: &Silhouette, watch: &mut dyn Watch) -> Result<grid::Grid<f32>, Cancelled> {
    let steps = u32::try_from(relief::sweeps(silhouette.solid.width())).unwrap_or(0);
    let mut step = 0;
    report(watch, Stage::Structure, step, steps)?;
    relief::half_depths(&silhouette.solid, &mut || {
        step += 1;
        report(watch, Stage::Structure, step, steps)
    })
}

fn report(watch: &mut dyn Watch, stage: Stage, step: u32, steps: u32) -> Result<(), Cancelled> {
    watch.progress(Progress { stage, step, steps })
}

/// Shows a preview to a watcher who looks at them.
fn preview(
    watch: &mut dyn Watch,
    voxels: impl FnOnce() -> Result<SparseVoxels, SparseVoxelsError>,
) -> Result<(), BackendError> {
    if watch.wants_previews() {
        watch.preview(voxels().map_err(failed)?)?;
    }
    Ok(())
}

fn failed(error: SparseVoxelsError) -> BackendError {
    BackendError::Failed {
        backend: Inflate::NAME,
        source: error.into(),
    }
}
