//! [`Chain`]: a texture and its halvings, each pixel the mean of the area it stands for.
//!
//! Means are taken over linear light multiplied by alpha, so that what is transparent lends no colour. An odd edge is
//! halved to the smaller half, whose pixels then share the pixels between them by area.

use glam::{Vec2, Vec4};

use super::color::{linear_bytes, steps};
use super::{Filter, Texture, Wrap};
use crate::picture::Picture;

/// What a picture's bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    /// sRGB with alpha.
    Color,
    /// sRGB whose alpha counts as full.
    OpaqueColor,
    /// Linear values.
    Numbers,
}

/// A texture and as many halvings as were asked for.
#[derive(Debug)]
pub(super) struct Chain {
    picture: Picture,
    content: Content,
    /// The picture halved once, twice and so on.
    levels: Vec<Level>,
}

/// Linear pixels, multiplied by alpha, in 1/65535.
#[derive(Debug)]
struct Level {
    width: u32,
    height: u32,
    pixels: Vec<[u16; 4]>,
}

impl Chain {
    pub(super) fn new(picture: Picture, content: Content) -> Self {
        Self {
            picture,
            content,
            levels: Vec::new(),
        }
    }

    /// Halves the picture so many times, or until it is one pixel.
    pub(super) fn make_levels(&mut self, count: u32) {
        while self.levels.len() < count as usize {
            let (width, height) = self.size(self.levels.len());
            if width == 1 && height == 1 {
                return;
            }
            let level = self.halved(width, height);
            self.levels.push(level);
        }
    }

    /// The last level, halved.
    fn halved(&self, width: u32, height: u32) -> Level {
        let pixels = if width.is_multiple_of(2) && height.is_multiple_of(2) {
            let decode = Decoder::new(self.content);
            match self.levels.last() {
                Some(level) => halved_evenly(&level.pixels, width as usize, wide),
                None => halved_evenly(self.picture.pixels(), width as usize, |p| decode.pixel(p)),
            }
        } else {
            self.halved_by_area(width, height)
        };
        Level {
            width: (width / 2).max(1),
            height: (height / 2).max(1),
            pixels,
        }
    }

    /// The pixels of the last level, halved, whose edges may be odd.
    fn halved_by_area(&self, width: u32, height: u32) -> Vec<[u16; 4]> {
        let columns = taps(width);
        let mut pixels = Vec::new();
        let mut sum = vec![Vec4::ZERO; width as usize];
        for row in taps(height) {
            sum.fill(Vec4::ZERO);
            for (y, part) in row.into_iter().filter(|&(_, part)| part > 0.0) {
                self.add_row(y, part, &mut sum);
            }
            let mean = |column: &[(usize, f32); 3]| -> Vec4 {
                let parts = column
                    .iter()
                    .filter_map(|&(x, part)| Some(*sum.get(x)? * part));
                parts.sum()
            };
            pixels.extend(columns.iter().map(|c| mean(c).to_array().map(steps)));
        }
        pixels
    }

    /// Adds a part of a row of the last level.
    fn add_row(&self, y: usize, part: f32, sum: &mut [Vec4]) {
        let row = y * sum.len()..(y + 1) * sum.len();
        if let Some(level) = self.levels.last() {
            let pixels = level.pixels.get(row).unwrap_or_default();
            for (sum, pixel) in sum.iter_mut().zip(pixels) {
                *sum += wide(*pixel) * part;
            }
            return;
        }
        let pixels = self.picture.pixels().get(row).unwrap_or_default();
        let decode = Decoder::new(self.content);
        for (sum, &pixel) in sum.iter_mut().zip(pixels) {
            *sum += decode.pixel(pixel) * part;
        }
    }

    fn size(&self, level: usize) -> (u32, u32) {
        match level.checked_sub(1).and_then(|l| self.levels.get(l)) {
            Some(level) => (level.width, level.height),
            None => (self.picture.width(), self.picture.height()),
        }
    }

    /// A pixel of a level, linear and multiplied by alpha.
    fn pixel(&self, level: usize, x: u32, y: u32) -> Vec4 {
        if let Some(level) = level.checked_sub(1).and_then(|l| self.levels.get(l)) {
            let place = y as usize * level.width as usize + x as usize;
            let pixel = level.pixels.get(place).copied().unwrap_or_default();
            return wide(pixel);
        }
        let place = y as usize * self.picture.width() as usize + x as usize;
        let pixel = self.picture.pixels().get(place);
        Decoder::new(self.content).pixel(pixel.copied().unwrap_or_default())
    }

    /// The texture at a place, from a level or the last there is: linear and multiplied by alpha.
    pub(super) fn sample(&self, uv: Vec2, level: u32, texture: &Texture) -> Vec4 {
        let level = (level as usize).min(self.levels.len());
        let (width, height) = self.size(level);
        let at = uv * Vec2::new(width as f32, height as f32);
        let [wrap_x, wrap_y] = texture.wrap;
        let pixel = |x: i64, y: i64| {
            self.pixel(level, wrapped(x, width, wrap_x), wrapped(y, height, wrap_y))
        };
        match texture.filter {
            Filter::Nearest => pixel(whole(at.x), whole(at.y)),
            Filter::Linear => {
                let (corner, part) = ((at - 0.5).floor(), (at - 0.5).fract_gl());
                // What is no number has no part either.
                let part = if part.is_finite() { part } else { Vec2::ZERO };
                let (x, y) = (whole(corner.x), whole(corner.y));
                let (right, below) = (x.saturating_add(1), y.saturating_add(1));
                let above = pixel(x, y).lerp(pixel(right, y), part.x);
                let under = pixel(x, below).lerp(pixel(right, below), part.x);
                above.lerp(under, part.y)
            }
        }
    }
}

/// Bytes to linear numbers multiplied by alpha.
struct Decoder {
    content: Content,
    table: &'static [f32; 256],
}

impl Decoder {
    fn new(content: Content) -> Self {
        let table = linear_bytes();
        Self { content, table }
    }

    fn pixel(&self, pixel: [u8; 4]) -> Vec4 {
        let linear = |byte: u8| self.table.get(usize::from(byte)).copied().unwrap_or(1.0);
        let [r, g, b, a] = pixel;
        match self.content {
            Content::Numbers => Vec4::from(pixel.map(f32::from)) / 255.0,
            Content::OpaqueColor => Vec4::new(linear(r), linear(g), linear(b), 1.0),
            Content::Color => {
                Vec4::new(linear(r), linear(g), linear(b), 1.0) * (f32::from(a) / 255.0)
            }
        }
    }
}

/// The means of two by two pixels; most textures need no more.
fn halved_evenly<P: Copy>(pixels: &[P], width: usize, decode: impl Fn(P) -> Vec4) -> Vec<[u16; 4]> {
    let mut halved = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(2 * width) {
        let (above, below) = rows.split_at(width);
        let (above, _) = above.as_chunks::<2>();
        let (below, _) = below.as_chunks::<2>();
        halved.extend(above.iter().zip(below).map(|(&[a, b], &[c, d])| {
            let sum = decode(a) + decode(b) + decode(c) + decode(d);
            (sum * 0.25).to_array().map(steps)
        }));
    }
    halved
}

fn wide(pixel: [u16; 4]) -> Vec4 {
    Vec4::from(pixel.map(f32::from)) / 65535.0
}

/// Which pixels of a row go into each pixel of the halved row, and their parts.
fn taps(edge: u32) -> Vec<[(usize, f32); 3]> {
    if edge == 1 {
        return vec![[(0, 1.0), (0, 0.0), (0, 0.0)]];
    }
    let half = edge / 2;
    let span = edge as f32;
    (0..half)
        .map(|pixel| {
            let [first, second, third] = if edge.is_multiple_of(2) {
                [0.5, 0.5, 0.0]
            } else {
                // Each covers 2 + 1/half pixels; the first and the last of its three are shared.
                [(half - pixel) as f32, half as f32, (pixel + 1) as f32].map(|part| part / span)
            };
            let place = 2 * pixel as usize;
            [(place, first), (place + 1, second), (place + 2, third)]
        })
        .collect()
}

/// The pixel that stands for one that may lie outside.
fn wrapped(pixel: i64, edge: u32, wrap: Wrap) -> u32 {
    let edge = i64::from(edge);
    let inside = match wrap {
        _ if (0..edge).contains(&pixel) => pixel,
        Wrap::Repeat => pixel.rem_euclid(edge),
        Wrap::Mirror => {
            let place = pixel.rem_euclid(2 * edge);
            place.min(2 * edge - 1 - place)
        }
        Wrap::Clamp => pixel.clamp(0, edge - 1),
    };
    u32::try_from(inside).unwrap_or(0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and gives 0 for what is no number"
)]
fn whole(value: f32) -> i64 {
    value.floor() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texture(width: u32, pixels: &[[u8; 4]], wrap: Wrap, filter: Filter) -> Texture {
        let height = u32::try_from(pixels.len()).unwrap() / width;
        Texture {
            picture: Picture::new(width, height, pixels.as_flattened()).unwrap(),
            uv_set: 0,
            wrap: [wrap; 2],
            filter,
        }
    }

    fn sampled(texture: &Texture, content: Content, u: f32, level: u32) -> Vec4 {
        let mut chain = Chain::new(texture.picture.clone(), content);
        chain.make_levels(level);
        chain.sample(Vec2::new(u, 0.5), level, texture)
    }

    const RAMP: [[u8; 4]; 4] = [
        [0, 0, 0, 255],
        [50, 0, 0, 255],
        [100, 0, 0, 255],
        [150, 0, 0, 255],
    ];

    #[test]
    fn wrapping_repeats_mirrors_or_holds_the_edge() {
        let at = |wrap, u| {
            let texture = texture(4, &RAMP, wrap, Filter::Nearest);
            (sampled(&texture, Content::Numbers, u, 0).x * 255.0).round()
        };
        assert_eq!(
            [at(Wrap::Repeat, 1.1), at(Wrap::Repeat, -0.1)],
            [0.0, 150.0]
        );
        assert_eq!(
            [at(Wrap::Mirror, 1.1), at(Wrap::Mirror, -0.3)],
            [150.0, 50.0]
        );
        assert_eq!([at(Wrap::Clamp, 7.0), at(Wrap::Clamp, -7.0)], [150.0, 0.0]);
    }

    #[test]
    fn coordinates_that_are_no_numbers_are_harmless() {
        for filter in [Filter::Linear, Filter::Nearest] {
            for u in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
                let texture = texture(4, &RAMP, Wrap::Mirror, filter);
                assert!(sampled(&texture, Content::Color, u, 0).is_finite());
            }
        }
    }

    #[test]
    fn pixels_blend_in_linear_light() {
        let pixels = [[0, 0, 0, 255], [255, 255, 255, 255]];
        let texture = texture(2, &pixels, Wrap::Clamp, Filter::Linear);
        let middle = sampled(&texture, Content::Color, 0.5, 0);
        assert!((middle.x - 0.5).abs() < 1e-6);
    }

    #[test]
    fn halving_keeps_the_mean_also_of_odd_edges() {
        for width in 1..=9u32 {
            let pixels: Vec<[u8; 4]> = (0..width)
                .map(|x| [u8::try_from(x * x * 3).unwrap(), 0, 0, 255])
                .collect();
            let mean = pixels.iter().map(|p| f32::from(p[0])).sum::<f32>() / width as f32;
            let texture = texture(width, &pixels, Wrap::Clamp, Filter::Linear);
            let last = sampled(&texture, Content::Numbers, 0.5, 9).x * 255.0;
            assert!(
                (last - mean).abs() < 0.02,
                "{width}: {last} instead of {mean}"
            );
        }
    }

    #[test]
    fn transparent_pixels_lend_no_colour() {
        let pixels = [[255, 0, 0, 255], [0, 255, 0, 0]];
        let texture = texture(2, &pixels, Wrap::Clamp, Filter::Linear);
        let half = sampled(&texture, Content::Color, 0.5, 1);
        assert!(
            half.distance(Vec4::new(0.5, 0.0, 0.0, 0.5)) < 1e-4,
            "{half}"
        );
        let opaque = sampled(&texture, Content::OpaqueColor, 0.5, 1);
        assert!(
            opaque.distance(Vec4::new(0.5, 0.5, 0.0, 1.0)) < 1e-4,
            "{opaque}"
        );
    }
}
