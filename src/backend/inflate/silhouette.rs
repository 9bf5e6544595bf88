//! [`Silhouette`]: the object laid on the grid, one flag and one colour a cell.
//!
//! The object's bounding box fills the grid in its longer direction, stands on the bottom and is centred in x.
//! Columns run to the right as in the picture, rows **upwards**: `[x, y]` is the x and y of the voxel frame. A cell
//! is solid where the object covers half of it, or where a thin part needs it (see [`super::thin`]).

use super::color::{Color, linear};
use super::cut_out::CutOut;
use super::grid::Grid;
use super::parts::{Part, Parts, Run, Touch};
use super::thin::Joiner;

/// Covered share from which a cell is solid.
pub(super) const SOLID: f32 = 0.5;

/// The object's front view at grid resolution.
#[derive(Clone, Debug)]
pub(super) struct Silhouette {
    /// Which columns hold voxels.
    pub solid: Grid<bool>,
    /// The picture's mean colour over each solid cell, in linear light.
    pub color: Grid<Color>,
}

impl Silhouette {
    /// Lays an object on a grid of `resolution` cells an axis.
    pub fn of(object: &CutOut, resolution: usize) -> Self {
        let weight = &object.weight;
        let parts = Parts::find(weight.width(), weight.height(), Touch::Corner, |x, y| {
            weight[[x, y]] > 0
        });
        let layout = Layout::around(&parts, resolution);
        Self {
            solid: solid_cells(&parts, &layout),
            color: mean_colors(object, &parts, &layout),
        }
        .with_every_cell_colored()
    }

    /// Gives solid cells that no pixel of the object touches the mean colour of their nearest neighbours.
    fn with_every_cell_colored(mut self) -> Self {
        let is_blank = |color: &Color| color[0].is_nan();
        let mut blank: Vec<usize> = (0..self.solid.len())
            .filter(|&place| self.solid[place] && is_blank(&self.color[place]))
            .collect();
        while !blank.is_empty() {
            let found: Vec<(usize, Color)> = blank
                .iter()
                .filter_map(|&place| {
                    let near = self.color.block(place).map(|n| self.color[n]);
                    let known: Vec<Color> = near.filter(|c| !is_blank(c)).collect();
                    mean(&known).map(|color| (place, color))
                })
                .collect();
            if found.is_empty() {
                break;
            }
            for (place, color) in found {
                self.color[place] = color;
            }
            blank.retain(|&place| is_blank(&self.color[place]));
        }
        self
    }
}

/// The mean of some colours, `None` of none.
fn mean(colors: &[Color]) -> Option<Color> {
    let count = colors.len() as f32;
    let sum = colors
        .iter()
        .copied()
        .reduce(|a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]])?;
    Some(sum.map(|channel| channel / count))
}

/// Where the picture's pixels fall on the grid.
struct Layout {
    /// Cells an axis.
    resolution: usize,
    /// Cells a pixel is wide.
    scale: f32,
    /// The object's box, in pixels.
    object: Part,
    /// Pixels of the smallest part that is no speck.
    least_area: usize,
}

impl Layout {
    /// Fits the parts that are no specks to the grid.
    ///
    /// A speck is too small to show: below half a cell, and not the largest part there is.
    fn around(parts: &Parts, resolution: usize) -> Self {
        let sizes = || parts.parts.iter().map(|part| part.area);
        let all = Self::fit(parts.parts.iter().copied(), resolution);
        let largest = sizes().max().unwrap_or(0);
        let shows = |area: usize| area as f32 * all.scale * all.scale >= SOLID;
        let least_area = sizes().filter(|&area| shows(area)).min().unwrap_or(largest);
        let kept = parts.parts.iter().copied();
        Self {
            least_area,
            ..Self::fit(kept.filter(|part| part.area >= least_area), resolution)
        }
    }

    fn fit(parts: impl Iterator<Item = Part>, resolution: usize) -> Self {
        let object = parts.reduce(Part::with).unwrap_or(Part {
            area: 0,
            min: [0; 2],
            max: [0; 2],
        });
        let [width, height] = object.size();
        Self {
            resolution,
            scale: resolution as f32 / width.max(height) as f32,
            object,
            least_area: 0,
        }
    }

    /// The runs of the parts that are laid on the grid, from the top.
    fn runs<'a>(&self, parts: &'a Parts) -> impl Iterator<Item = &'a Run> {
        parts.runs_of(|_, part| part.area >= self.least_area)
    }

    /// Cells of the grid's x axis that pixels `start..end` of a row overlap, with the overlap's length in cells.
    fn columns(&self, start: usize, end: usize) -> impl Iterator<Item = (usize, f32)> + use<> {
        let margin = (self.resolution as f32 - self.object.size()[0] as f32 * self.scale) / 2.0;
        let to = |x: usize| (x as f32 - self.object.min[0] as f32) * self.scale + margin;
        overlaps(to(start), to(end), self.resolution)
    }

    /// Cells of the grid's y axis that a row of pixels overlaps, with the overlap's length in cells.
    fn rows(&self, row: usize) -> impl Iterator<Item = (usize, f32)> + use<> {
        let to = |y: usize| (self.object.max[1] as f32 + 1.0 - y as f32) * self.scale;
        overlaps(to(row + 1), to(row), self.resolution)
    }
}

/// Cells that an interval overlaps and how much of each.
#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to the grid before"
)]
fn overlaps(from: f32, to: f32, cells: usize) -> impl Iterator<Item = (usize, f32)> {
    let limit = cells as f32;
    let (from, to) = (from.clamp(0.0, limit), to.clamp(0.0, limit));
    let first = from as usize;
    let end = (to.ceil() as usize).min(cells);
    (first..end).map(move |cell| {
        let low = from.max(cell as f32);
        let high = to.min(cell as f32 + 1.0);
        (cell, (high - low).max(0.0))
    })
}

/// Cells that are half covered, with thin parts joined.
fn solid_cells(parts: &Parts, layout: &Layout) -> Grid<bool> {
    let resolution = layout.resolution;
    let mut runs_of: Vec<Vec<Run>> = vec![Vec::new(); parts.parts.len()];
    let mut total = Grid::new(resolution, resolution, 0.0);
    for run in layout.runs(parts) {
        cover(run, layout, |place, share| total[place] += share);
        if let Some(runs) = runs_of.get_mut(run.part) {
            runs.push(*run);
        }
    }
    let mut joiner = Joiner::new(total);
    for runs in runs_of.iter().filter(|runs| !runs.is_empty()) {
        for run in runs {
            cover(run, layout, |place, share| joiner.cover(place, share));
        }
        joiner.finish_part();
    }
    joiner.into_solid()
}

/// Hands every cell that a run overlaps to `add`, with the covered share of the cell.
fn cover(run: &Run, layout: &Layout, mut add: impl FnMut(usize, f32)) {
    for (y, height) in layout.rows(run.row) {
        for (x, width) in layout.columns(run.start, run.end) {
            add(y * layout.resolution + x, width * height);
        }
    }
}

/// The object's mean colour over each cell in linear light, NaN where it has no pixel.
fn mean_colors(object: &CutOut, parts: &Parts, layout: &Layout) -> Grid<Color> {
    let resolution = layout.resolution;
    let columns: Vec<Vec<(usize, f32)>> = (0..object.pixels.width())
        .map(|x| layout.columns(x, x + 1).collect())
        .collect();
    let mut sums = Grid::new(resolution, resolution, [0.0f32; 4]);
    let mut line = vec![[0.0f32; 4]; resolution];
    let runs: Vec<&Run> = layout.runs(parts).collect();
    for row in runs.chunk_by(|a, b| a.row == b.row) {
        line.fill([0.0; 4]);
        for run in row {
            add_pixels(&mut line, object, run, &columns);
        }
        let Some(first) = row.first() else { continue };
        for (y, height) in layout.rows(first.row) {
            for (x, sum) in line.iter().enumerate() {
                let cell = &mut sums[[x, y]];
                for (total, value) in cell.iter_mut().zip(sum) {
                    *total += value * height;
                }
            }
        }
    }
    sums.map(|&[r, g, b, weight]| {
        if weight > 0.0 {
            [r / weight, g / weight, b / weight]
        } else {
            [f32::NAN; 3]
        }
    })
}

/// Adds the weighted colours of a run of pixels to the cells of one line.
fn add_pixels(line: &mut [[f32; 4]], object: &CutOut, run: &Run, columns: &[Vec<(usize, f32)>]) {
    let spans = columns.get(run.start..run.end).unwrap_or(&[]);
    for (x, spans) in (run.start..run.end).zip(spans) {
        let [r, g, b, _] = object.pixels[[x, run.row]];
        let color = linear([r, g, b]);
        let weight = f32::from(object.weight[[x, run.row]]);
        for &(cell, width) in spans {
            let share = weight * width;
            if let Some(sum) = line.get_mut(cell) {
                sum[0] += color[0] * share;
                sum[1] += color[1] * share;
                sum[2] += color[2] * share;
                sum[3] += share;
            }
        }
    }
}

#[cfg(test)]
mod tests;
