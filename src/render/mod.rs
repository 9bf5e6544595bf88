//! Pictures of voxel models, drawn on the CPU: previews, thumbnails and screenshots where there is no GPU.
//!
//! A small deferred renderer. The faces that look at the camera are drawn into a layer of nearest faces, two by two
//! samples a pixel, and each sample is lit once: sun with soft shadows, sky and ground light, occlusion between
//! neighbouring voxels and in hollows. Only surface faces are kept, so a solid model costs little more than a hollow
//! one. Translucent faces are blended over what lies behind, up to four deep, and throw no shadow; smooth ones and metal
//! mirror a studio. Frame: metres, right-handed, +Y up. The light follows the camera, as in a photo studio. One thread;
//! see `benches/` for the time it takes.

mod cells;
mod color;
mod crowd;
mod ground;
mod layer;
mod projection;
mod shine;
mod solid;
mod studio;
mod sun;
mod surface;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;

use glam::{Vec3, Vec4};

use crate::picture::{Picture, PictureError};
use crate::voxel::VoxelModel;

use layer::Layer;
use studio::{SAMPLES, Studio};
use surface::SurfaceCache;

/// Most samples held at a time.
const BAND_SAMPLES: usize = 4 << 20;

/// From where models are seen, and how large the picture of them is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Degrees about the vertical axis. 0 sees the front (+Z); positive angles walk to the model's left, so that its
    /// +X side comes into view on the right of the picture.
    pub yaw: f32,
    /// Degrees above the horizon, held to [`View::PITCHES`]. Below 0 the ground is not drawn.
    pub pitch: f32,
    /// Pixels in a row, within [`View::EDGES`].
    pub width: u32,
    /// Rows, within [`View::EDGES`].
    pub height: u32,
    /// What is seen where no model is.
    pub background: Background,
}

/// Why nothing was drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The picture would be too small or too large.
    #[error(
        "a picture of {width} x {height} cannot be drawn: use {} to {} pixels an edge",
        View::EDGES.start(), View::EDGES.end()
    )]
    Size {
        /// Pixels in a row.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The drawn pixels make no picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// What is seen where no model is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Nothing: alpha 0, and translucent black where a model throws its shadow on the ground.
    Transparent,
    /// A bright sky that runs into a bright ground, with shadows.
    #[default]
    Sky,
}

impl View {
    /// Pixels that an edge may have.
    pub const EDGES: RangeInclusive<u32> = 16..=4096;

    /// Degrees above the horizon from which models can be seen.
    pub const PITCHES: RangeInclusive<f32> = -89.0..=89.0;
}

impl Default for View {
    fn default() -> Self {
        Self {
            yaw: 30.0,
            pitch: 20.0,
            width: 512,
            height: 512,
            background: Background::Sky,
        }
    }
}

/// A model at its place.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// What stands there.
    pub model: &'a VoxelModel,
    /// Where its [origin](VoxelModel::origin) stands, in metres. The lowest model stands on the ground.
    pub position: Vec3,
    /// Metres per voxel. A model with a size or position that is not finite, or a size of 0 or less, is left out.
    pub voxel_size: f32,
}

/// Most voxels of a model that are drawn one by one.
const MOST_VOXELS: usize = 1 << 24;

/// A model and its voxel size, in larger voxels where it has more than anybody would tell apart.
fn drawable(placed: &Placed<'_>) -> (VoxelModel, f32) {
    let (mut model, mut voxel_size) = (placed.model.clone(), placed.voxel_size);
    while model.len() > MOST_VOXELS {
        (model, voxel_size) = (model.coarser(), voxel_size * 2.0);
    }
    (model, voxel_size)
}

/// Draws one model by itself: the preview of a file.
///
/// # Errors
/// As [`render`].
pub fn portrait(model: &VoxelModel, view: &View) -> Result<Picture, RenderError> {
    let placed = Placed {
        model,
        position: Vec3::ZERO,
        voxel_size: 1.0,
    };
    render(&[placed], view)
}

/// Draws models; the camera takes all of them into the frame. Without any voxel the picture shows the background.
///
/// # Errors
/// [`RenderError::Size`] for an edge outside [`View::EDGES`].
pub fn render(models: &[Placed<'_>], view: &View) -> Result<Picture, RenderError> {
    let &View { width, height, .. } = view;
    if !View::EDGES.contains(&width) || !View::EDGES.contains(&height) {
        return Err(RenderError::Size { width, height });
    }
    let coarse: Vec<(VoxelModel, f32)> = models.iter().map(drawable).collect();
    let models: Vec<Placed<'_>> = models
        .iter()
        .zip(&coarse)
        .map(|(placed, (model, voxel_size))| Placed {
            model,
            voxel_size: *voxel_size,
            ..*placed
        })
        .collect();
    let studio = Studio::new(&models, view);
    let (columns, rows) = (width as usize, height as usize);
    // Large pictures are made in bands, so that the samples of a whole one never lie in memory.
    let band = BAND_SAMPLES / (columns * SAMPLES * SAMPLES * studio.layers());
    let band = band.clamp(1, rows);
    let layer = || Layer::new(columns * SAMPLES, band * SAMPLES);
    let mut layers: Vec<Layer> = std::iter::repeat_with(layer)
        .take(studio.layers())
        .collect();
    let mut seen = SurfaceCache::new();
    let mut light = vec![Vec4::ZERO; columns];
    let mut rgba = Vec::with_capacity(rows * columns * 4);
    for first in (0..rows).step_by(band) {
        for layer in &mut layers {
            layer.restart(first * SAMPLES);
        }
        studio.draw(&mut layers);
        for row in first..rows.min(first + band) {
            studio.light_row(&layers, row, &mut seen, &mut light);
            rgba.extend(light.iter().flat_map(|&light| color::pixel(light)));
        }
    }
    Ok(Picture::new(width, height, rgba)?)
}
