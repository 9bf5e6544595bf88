//! [`PictureInput`]: the ways a game can point at a picture.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;

use crate::picture::{Picture, PictureError, check_size};

/// A picture of the thing to make.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PictureInput {
    /// An image asset. It may still be loading.
    Image(Handle<Image>),
    /// A picture file (PNG, JPEG, WebP).
    Path(PathBuf),
    /// A picture file in memory.
    Bytes(Arc<[u8]>),
    /// Decoded pixels.
    Picture(Picture),
    /// A photo that this camera takes: what it sees, without the user interface. The camera need not be active; with
    /// a transparent [`Camera::clear_color`] the photo's background is transparent.
    Camera(Entity),
}

impl From<Handle<Image>> for PictureInput {
    fn from(image: Handle<Image>) -> Self {
        Self::Image(image)
    }
}

impl From<PathBuf> for PictureInput {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&Path> for PictureInput {
    fn from(path: &Path) -> Self {
        Self::Path(path.into())
    }
}

impl From<Vec<u8>> for PictureInput {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Picture> for PictureInput {
    fn from(picture: Picture) -> Self {
        Self::Picture(picture)
    }
}

impl fmt::Display for PictureInput {
    /// A short name for lists and reports.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(image) => match image.path() {
                Some(path) => path.fmt(f),
                None => f.write_str("image"),
            },
            Self::Path(path) => path.display().fmt(f),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Picture(picture) => {
                write!(f, "{} x {} pixels", picture.width(), picture.height())
            }
            Self::Camera(_) => f.write_str("photo"),
        }
    }
}

/// Why an input gave no picture.
#[derive(Debug, thiserror::Error)]
pub(super) enum InputError {
    #[error("the image asset did not load: {reason}")]
    Asset { reason: String },
    #[error(
        "the image's pixels are not in memory or of an unknown format: load it with RenderAssetUsages::MAIN_WORLD"
    )]
    NoPixels,
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error("no photo can be taken: {reason}")]
    Photo { reason: &'static str },
}

/// Copies the pixels of an image asset.
pub(super) fn pixels_of(image: &Image) -> Result<Picture, InputError> {
    let UVec2 {
        x: width,
        y: height,
    } = image.size();
    check_size(width, height)?;
    // The usual case with one copy instead of three: a large photo must not hold up a frame.
    if let (TextureFormat::Rgba8UnormSrgb, 1, Some(data)) = (
        image.texture_descriptor.format,
        image.texture_descriptor.mip_level_count,
        &image.data,
    ) {
        return Ok(Picture::new(width, height, data.as_slice())?);
    }
    let pixels = image
        .clone()
        .try_into_dynamic()
        .map_err(|_| InputError::NoPixels)?;
    Ok(Picture::new(width, height, pixels.into_rgba8().into_raw())?)
}
