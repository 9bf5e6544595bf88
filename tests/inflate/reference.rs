//! [`Reference`]: what a picture should look like on the grid, worked out anew and simply.
//!
//! The object is what alpha says; in an opaque picture what differs from a background that runs straight from the
//! left edge to the right one in each row. Rows run from the top.

use std::collections::BTreeSet;

use crossworld_trellis::picture::Picture;
use palette::color_difference::ImprovedCiede2000;
use palette::{FromColor, IntoColor, Lab, LinSrgb, Srgb};

use crate::shape::Shape;

/// Coverage and colour of each cell, rows from the bottom.
pub struct Reference {
    resolution: usize,
    coverage: Vec<f32>,
    color: Vec<LinSrgb>,
    /// Coverage by each part of the picture that is at least half a cell.
    parts: Vec<Vec<f32>>,
}

impl Reference {
    pub fn of(picture: &Picture, resolution: usize) -> Self {
        let width = picture.width() as usize;
        let label = labels(&object(picture), width);
        let count = label.iter().flatten().max().map_or(0, |last| last + 1);
        let inside = (0..label.len()).filter(|&i| label[i].is_some());
        let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, usize::MAX, 0);
        for i in inside.clone() {
            (left, right) = (left.min(i % width), right.max(i % width + 1));
            (top, bottom) = (top.min(i / width), bottom.max(i / width + 1));
        }
        let scale = resolution as f32 / (right - left).max(bottom - top) as f32;
        let margin = (resolution as f32 - (right - left) as f32 * scale) / 2.0;
        let mut reference = Self {
            resolution,
            coverage: vec![0.0; resolution * resolution],
            color: vec![LinSrgb::new(0.0, 0.0, 0.0); resolution * resolution],
            parts: vec![vec![0.0; resolution * resolution]; count],
        };
        let mut weight = reference.coverage.clone();
        for i in inside {
            let x = (i % width - left) as f32 * scale + margin;
            let y = (bottom - 1 - i / width) as f32 * scale;
            let [r, g, b, alpha] = picture.pixels()[i];
            let color: LinSrgb = Srgb::new(r, g, b).into_format::<f32>().into_linear();
            for (cell, area) in reference.cells(x, y, scale) {
                reference.coverage[cell] += area;
                reference.parts[label[i].unwrap()][cell] += area;
                reference.color[cell] += color * (area * f32::from(alpha));
                weight[cell] += area * f32::from(alpha);
            }
        }
        for (color, weight) in reference.color.iter_mut().zip(weight) {
            *color /= weight.max(1e-9);
        }
        reference
            .parts
            .retain(|part| part.iter().sum::<f32>() >= 0.5);
        reference
    }

    /// Cells that a pixel of edge `scale` overlaps, with the area of each overlap.
    fn cells(&self, x: f32, y: f32, scale: f32) -> Vec<(usize, f32)> {
        let along = |from: f32| {
            let end = ((from + scale).ceil() as usize).min(self.resolution);
            (from.max(0.0) as usize..end).map(move |cell| {
                let high = (from + scale).min(cell as f32 + 1.0);
                (cell, (high - from.max(cell as f32)).max(0.0))
            })
        };
        along(y)
            .flat_map(|(row, h)| {
                along(x).map(move |(column, w)| (row * self.resolution + column, w * h))
            })
            .collect()
    }

    /// Intersection over union of the front view and the cells that are at least half covered.
    pub fn overlap(&self, shape: &Shape) -> f32 {
        let (mut both, mut either) = (0, 0);
        for (i, coverage) in self.coverage.iter().enumerate() {
            let solid = shape
                .front(i % self.resolution, i / self.resolution)
                .is_some();
            both += usize::from(solid && *coverage >= 0.5);
            either += usize::from(solid || *coverage >= 0.5);
        }
        both as f32 / either as f32
    }

    /// Mean CIEDE2000 between the front view and the picture's mean colour over each cell.
    pub fn mean_color_difference(&self, shape: &Shape) -> f32 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (i, coverage) in self.coverage.iter().enumerate() {
            let Some([r, g, b, _]) = shape.front(i % self.resolution, i / self.resolution) else {
                continue;
            };
            if *coverage > 0.0 {
                let ours = Lab::from_color(Srgb::new(r, g, b).into_format::<f32>());
                let theirs: Lab = self.color[i].into_color();
                sum += ours.improved_difference(theirs);
                count += 1.0;
            }
        }
        sum / count
    }

    /// For each part of the picture the solids that its cells belong to.
    pub fn solids_of_parts(&self, shape: &Shape) -> Vec<BTreeSet<usize>> {
        let solids = shape.solids();
        let of_part = |part: &Vec<f32>| {
            let cells = part.iter().zip(&solids);
            let own = cells.filter(|(coverage, _)| **coverage >= 0.5);
            own.filter_map(|(_, solid)| *solid).collect::<BTreeSet<_>>()
        };
        let found = self.parts.iter().map(of_part);
        found.filter(|solids| !solids.is_empty()).collect()
    }
}

/// Which pixels belong to the object.
fn object(picture: &Picture) -> Vec<bool> {
    let pixels = picture.pixels();
    if pixels.iter().any(|p| p[3] < 128) {
        return pixels.iter().map(|p| p[3] >= 128).collect();
    }
    let width = picture.width() as usize;
    let lab = |place: usize| -> [f32; 3] {
        let [r, g, b, _] = pixels[place];
        let lab = Lab::from_color(Srgb::new(r, g, b).into_format::<f32>());
        [lab.l, lab.a, lab.b]
    };
    let edge = |row: usize, start: usize| -> [f32; 3] {
        let near = (start..start + 8).map(|x| lab(row * width + x));
        let sum = near.fold([0.0; 3], |s, c| [s[0] + c[0], s[1] + c[1], s[2] + c[2]]);
        sum.map(|channel| channel / 8.0)
    };
    let mut differs = Vec::with_capacity(pixels.len());
    for row in 0..picture.height() as usize {
        let (left, right) = (edge(row, 0), edge(row, width - 8));
        for x in 0..width {
            let t = x as f32 / width as f32;
            let color = lab(row * width + x);
            let off: f32 = (0..3)
                .map(|c| (color[c] - left[c] * (1.0 - t) - right[c] * t).powi(2))
                .sum();
            differs.push(off > 81.0);
        }
    }
    // Background that is enclosed belongs to the object, unless it is large.
    let background: Vec<bool> = differs.iter().map(|d| !d).collect();
    let label = labels(&background, width);
    let mut area = vec![0; label.iter().flatten().max().map_or(0, |last| last + 1)];
    label.iter().flatten().for_each(|&part| area[part] += 1);
    let small = |part: usize| area[part] * 400 < pixels.len();
    label.iter().map(|part| part.is_none_or(small)).collect()
}

/// The number of the part that each pixel of a mask belongs to; parts touch at edges or corners. Specks have none.
fn labels(mask: &[bool], width: usize) -> Vec<Option<usize>> {
    let mut label: Vec<Option<usize>> = vec![None; mask.len()];
    let mut done = vec![false; mask.len()];
    let mut next = 0;
    for start in 0..mask.len() {
        if !mask[start] || done[start] {
            continue;
        }
        let (mut open, mut part) = (vec![start], vec![]);
        done[start] = true;
        while let Some(place) = open.pop() {
            part.push(place);
            let (x, y) = (place % width, place / width);
            for row in y.saturating_sub(1)..(y + 2).min(mask.len() / width) {
                for near in (x.saturating_sub(1)..(x + 2).min(width)).map(|x| row * width + x) {
                    if mask[near] && !done[near] {
                        done[near] = true;
                        open.push(near);
                    }
                }
            }
        }
        if part.len() * 20_000 >= mask.len() {
            part.iter().for_each(|&place| label[place] = Some(next));
            next += 1;
        }
    }
    label
}
