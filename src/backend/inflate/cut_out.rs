//! [`CutOut`]: the object of a picture, told from its background by transparency or by colour.
//!
//! Rows run from the top, as in the picture. A picture longer than [`MAX_EDGE`] is averaged down first, in linear
//! light. Colours of pixels outside the object are never looked at again, so a matte leaves no halo.

use std::borrow::Cow;

use super::background;
use super::color::{byte, linear, srgb};
use super::grid::Grid;
use crate::picture::Picture;

/// Longest edge that is worked on; four pixels a cell on the finest grid are plenty.
pub(super) const MAX_EDGE: usize = 2048;

/// The least opaque pixel that belongs to an object.
const OPAQUE: u8 = 128;

/// A picture whose transparent pixels are fewer than one in this many is taken for opaque.
const FEW_TRANSPARENT: usize = 256;

/// Fewest pixels an object may have.
const MIN_AREA: usize = 4;

/// Why the object could not be told from its background.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutOutError {
    /// Every pixel is (almost) transparent.
    #[error("the picture is fully transparent: draw something on it")]
    Transparent,
    /// Nothing differs from the background.
    #[error("the picture is all one colour: give one with an object on a calm background")]
    Uniform,
    /// The border shows no calm background.
    #[error(
        "the picture's border is too busy to be a background: use a plain backdrop or erase it to transparency"
    )]
    Busy,
    /// The object reaches the border almost everywhere.
    #[error(
        "the object fills the picture: leave some background around it or erase it to transparency"
    )]
    Fills,
    /// The object has too few pixels to have a shape.
    #[error("the object is too small ({area} pixels): give at least {MIN_AREA}")]
    TooSmall {
        /// Its pixels.
        area: usize,
    },
}

/// An object's pixels and how much the colour of each counts.
#[derive(Debug)]
pub(super) struct CutOut {
    /// sRGB with straight alpha.
    pub pixels: Grid<[u8; 4]>,
    /// 0 outside the object; inside how far the pixel's colour is the object's own, up to 255.
    pub weight: Grid<u8>,
}

impl CutOut {
    /// Tells the object from its background.
    pub fn of(picture: &Picture) -> Result<Self, CutOutError> {
        let pixels = reduced(picture);
        let most_opaque = pixels.cells().iter().map(|p| p[3]).max().unwrap_or(0);
        if most_opaque < 16 {
            return Err(CutOutError::Transparent);
        }
        // A ghost that is translucent all over is cut at half its own opacity.
        let threshold = OPAQUE.min(most_opaque.div_ceil(2));
        let clear = pixels.cells().iter().filter(|p| p[3] < threshold).count();
        let weight = if clear * FEW_TRANSPARENT > pixels.len() {
            pixels.map(|p| if p[3] < threshold { 0 } else { p[3] })
        } else if pixels.width().min(pixels.height()) < 3 {
            return Err(CutOutError::Fills);
        } else {
            background::weights(&pixels)?
        };
        let area = weight.cells().iter().filter(|&&w| w > 0).count();
        if area < MIN_AREA {
            return Err(CutOutError::TooSmall { area });
        }
        Ok(Self { pixels, weight })
    }
}

/// The picture's pixels, averaged over blocks where it is longer than [`MAX_EDGE`].
fn reduced(picture: &Picture) -> Grid<[u8; 4]> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let factor = width.max(height).div_ceil(MAX_EDGE);
    let pixels = Cow::Borrowed(picture.pixels());
    if factor <= 1 {
        return Grid::from_cells(width, pixels.into_owned());
    }
    let small_width = width.div_ceil(factor);
    let mut small = Grid::new(small_width, height.div_ceil(factor), [0; 4]);
    let mut sums = vec![[0.0f32; 5]; small_width];
    for (row, rows) in pixels.chunks(width * factor).enumerate() {
        sums.fill([0.0; 5]);
        for line in rows.chunks(width) {
            for (sum, block) in sums.iter_mut().zip(line.chunks(factor)) {
                block.iter().for_each(|&pixel| add(sum, pixel));
            }
        }
        for (x, sum) in sums.iter().enumerate() {
            small[[x, row]] = mean(*sum);
        }
    }
    small
}

/// Adds a pixel to sums of linear light weighted by alpha, alpha and count.
fn add(sum: &mut [f32; 5], [r, g, b, a]: [u8; 4]) {
    let alpha = f32::from(a);
    let [r, g, b] = linear([r, g, b]);
    sum[0] += r * alpha;
    sum[1] += g * alpha;
    sum[2] += b * alpha;
    sum[3] += alpha;
    sum[4] += 1.0;
}

/// The pixel that stands for the sums of [`add`].
fn mean([r, g, b, alpha, count]: [f32; 5]) -> [u8; 4] {
    if alpha <= 0.0 {
        return [0; 4];
    }
    let [r, g, b] = srgb([r / alpha, g / alpha, b / alpha]);
    [r, g, b, byte(alpha / count)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, paint: impl Fn(u32, u32) -> [u8; 4]) -> Picture {
        let pixels: Vec<u8> = (0..width * height)
            .flat_map(|i| paint(i % width, i / width))
            .collect();
        Picture::new(width, height, pixels).unwrap()
    }

    #[test]
    fn transparency_decides_and_hidden_colors_do_not_count() {
        let cut = CutOut::of(&picture(8, 8, |x, _| match x {
            0..3 => [255, 0, 255, 0],
            3 => [0, 255, 0, 90],
            _ => [10, 20, 30, 255],
        }))
        .unwrap();
        assert_eq!(cut.weight.cells()[..8], [0, 0, 0, 0, 255, 255, 255, 255]);
    }

    #[test]
    fn a_ghost_that_is_translucent_all_over_is_still_an_object() {
        let ghost = picture(8, 8, |x, _| [9, 9, 9, if x < 4 { 0 } else { 90 }]);
        let cut = CutOut::of(&ghost).unwrap();
        assert_eq!(cut.weight.cells().iter().filter(|&&w| w > 0).count(), 32);
    }

    #[test]
    fn a_picture_of_nothing_is_refused_with_its_reason() {
        let of = |width, height, paint: fn(u32, u32) -> [u8; 4]| {
            CutOut::of(&picture(width, height, paint)).unwrap_err()
        };
        assert_eq!(of(9, 9, |_, _| [255, 0, 0, 3]), CutOutError::Transparent);
        assert_eq!(of(9, 9, |_, _| [80, 0, 0, 255]), CutOutError::Uniform);
        assert_eq!(of(1, 1, |_, _| [80, 0, 0, 255]), CutOutError::Fills);
        let dot = of(9, 9, |x, y| [80, 0, 0, if x + y == 0 { 255 } else { 0 }]);
        assert_eq!(dot, CutOutError::TooSmall { area: 1 });
    }

    #[test]
    fn a_huge_picture_is_averaged_in_linear_light() {
        let edge = u32::try_from(MAX_EDGE).unwrap() + 2;
        let stripes = picture(edge, 2, |x, _| {
            let v = if x % 2 == 0 { 0 } else { 255 };
            [v, v, v, 255]
        });
        let small = reduced(&stripes);
        assert_eq!(small.width(), MAX_EDGE / 2 + 1);
        assert!(small.cells().iter().all(|&p| p == [188, 188, 188, 255]));
    }
}
