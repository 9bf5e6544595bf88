//! Which pixels of an opaque picture are its background.
//!
//! The background is whatever smooth [`Field`] the picture's border agrees on; the object is what differs from it
//! by more than the noise. Background that the object encloses is a hole where it clearly is background (a cup's
//! handle), else a part of the object (an eye).

use super::color::{Color, distance, lab, linear};
use super::cut_out::CutOutError;
use super::field::{Field, Sample, median};
use super::grid::Grid;
use super::parts::{Part, Parts, Touch};

/// Samples a fit is made from; more would not make it better.
const SAMPLES: usize = 4096;

/// ΔE*ab below which a difference is never seen as an object, however clean the background.
const LEAST_CONTRAST: f32 = 5.0;

/// Median ΔE*ab between border and field above which there is no calm background.
const BUSY: f32 = 12.0;

/// Median ΔE*ab between border and field above which the background is grainy.
const GRAINY: f32 = 1.5;

/// Colour weight of a pixel on the object's rim, where the background shines through.
const RIM_WEIGHT: u8 = 16;

/// How much each pixel's colour counts: 0 for background, less on the rim, 255 inside.
pub(super) fn weights(pixels: &Grid<[u8; 4]>) -> Result<Grid<u8>, CutOutError> {
    let labs = pixels.map(|&[r, g, b, _]| lab(linear([r, g, b])));
    let border = samples(&labs, &border(&labs).collect::<Vec<_>>());
    let field = Field::fit(&border);
    let spread = field.spread(&border);
    if spread > BUSY {
        return Err(CutOutError::Busy);
    }
    let field = refined(&thinned(&labs), &field, spread);

    let contrast = Contrast::of(&labs, &field, spread);
    let mut outside = outside(&contrast, contrast.threshold);
    if border_share(&outside) < 0.35 {
        return Err(CutOutError::Fills);
    }
    open_holes(&mut outside, &contrast, &field);
    object_weights(&outside)
}

/// The field fitted anew to all that is probably background, so that it need not be guessed from the border alone.
fn refined(labs: &Grid<Color>, field: &Field, spread: f32) -> Field {
    let contrast = Contrast::of(labs, field, spread);
    let outside = outside(&contrast, 3.0 * contrast.threshold);
    let pixels = (0..labs.len()).filter(|&place| outside[place]);
    let pixels: Vec<[usize; 2]> = pixels.map(|place| labs.position(place)).collect();
    field.refitted(&samples(labs, &pixels), 6)
}

/// Every n-th pixel of every n-th row: fine enough to fit a smooth field to.
fn thinned(labs: &Grid<Color>) -> Grid<Color> {
    let step = (labs.width().min(labs.height()) / 256).max(1);
    let rows = labs.rows().step_by(step);
    let pixels = rows.flat_map(|row| row.iter().copied().step_by(step));
    Grid::from_cells(labs.width().div_ceil(step), pixels.collect())
}

/// How far each pixel is from the background.
struct Contrast {
    /// ΔE*ab.
    distance: Grid<f32>,
    /// What still counts as background.
    threshold: f32,
    /// Median distance of the border.
    noise: f32,
}

impl Contrast {
    fn of(labs: &Grid<Color>, field: &Field, spread: f32) -> Self {
        let mut difference = Vec::with_capacity(labs.len());
        for (y, row) in labs.rows().enumerate() {
            let background = field.row(normalized(y, labs.height()));
            difference.extend(row.iter().enumerate().map(|(x, [l, a, b])| {
                let [fl, fa, fb] = background(normalized(x, labs.width()));
                [l - fl, a - fa, b - fb]
            }));
        }
        let difference = Grid::from_cells(labs.width(), difference);
        let length = |difference: &Grid<Color>| difference.map(|&d| distance(d, [0.0; 3]));
        let mut distance = length(&difference);
        if spread > GRAINY {
            // Grain averages out over a block, an object does not; its edge stays where it is in the picture itself.
            let smooth = length(&smoothed(&difference));
            for place in 0..distance.len() {
                distance[place] = distance[place].min(smooth[place]);
            }
        }
        let border = border(&distance).map(|[x, y]| distance[[x, y]]);
        let noise = median(border.collect());
        Self {
            threshold: LEAST_CONTRAST.max(4.0 * noise + 1.0),
            distance,
            noise,
        }
    }
}

/// A column or row as a coordinate from -1 to 1.
fn normalized(at: usize, size: usize) -> f32 {
    2.0 * (at as f32 + 0.5) / size as f32 - 1.0
}

/// Pixels in the frame along the picture's edges.
fn border<T>(grid: &Grid<T>) -> impl Iterator<Item = [usize; 2]> + use<T> {
    let (width, height) = (grid.width(), grid.height());
    let band = (width.min(height) / 64).clamp(1, 8);
    let middle = band.min(height)..height.saturating_sub(band);
    let ends = (0..height).filter(move |y| !middle.contains(y));
    let full = ends.flat_map(move |y| (0..width).map(move |x| [x, y]));
    let sides = (band..height.saturating_sub(band)).flat_map(move |y| {
        let left = 0..band.min(width);
        let right = width.saturating_sub(band).max(band)..width;
        left.chain(right).map(move |x| [x, y])
    });
    full.chain(sides)
}

/// Evenly picked ones of some pixels.
fn samples(labs: &Grid<Color>, pixels: &[[usize; 2]]) -> Vec<Sample> {
    let step = pixels.len().div_ceil(SAMPLES).max(1);
    let picked = pixels.iter().step_by(step);
    picked
        .map(|&[x, y]| Sample {
            at: [normalized(x, labs.width()), normalized(y, labs.height())],
            lab: labs[[x, y]],
        })
        .collect()
}

/// Means over blocks of three by three.
fn smoothed(values: &Grid<Color>) -> Grid<Color> {
    let mut result = values.clone();
    for place in 0..values.len() {
        let (mut sum, mut count) = ([0.0; 3], 0.0);
        for near in values.block(place) {
            let [l, a, b] = values[near];
            sum = [sum[0] + l, sum[1] + a, sum[2] + b];
            count += 1.0;
        }
        result[place] = sum.map(|s: f32| s / count);
    }
    result
}

/// Pixels below a threshold that are connected with the picture's border.
fn outside(contrast: &Contrast, threshold: f32) -> Grid<bool> {
    let distance = &contrast.distance;
    let near = near_parts(contrast, threshold);
    let mut outside = Grid::new(distance.width(), distance.height(), false);
    fill(&mut outside, &near, |part| reaches_border(distance, part));
    outside
}

fn near_parts(contrast: &Contrast, threshold: f32) -> Parts {
    let distance = &contrast.distance;
    Parts::find(distance.width(), distance.height(), Touch::Edge, |x, y| {
        distance[[x, y]] <= threshold
    })
}

fn reaches_border<T>(grid: &Grid<T>, part: &Part) -> bool {
    part.min[0] == 0
        || part.min[1] == 0
        || part.max[0] + 1 == grid.width()
        || part.max[1] + 1 == grid.height()
}

/// Sets the pixels of the parts that `keep` picks.
fn fill(mask: &mut Grid<bool>, parts: &Parts, keep: impl Fn(&Part) -> bool) {
    for run in parts.runs_of(|_, part| keep(part)) {
        for x in run.start..run.end {
            mask[[x, run.row]] = true;
        }
    }
}

/// The part of the picture's outermost pixels that is background.
fn border_share(outside: &Grid<bool>) -> f32 {
    let (width, height) = (outside.width(), outside.height());
    let edge = (0..width)
        .flat_map(|x| [[x, 0], [x, height - 1]])
        .chain((0..height).flat_map(|y| [[0, y], [width - 1, y]]));
    let (mut clear, mut all) = (0.0, 0.0f32);
    for at in edge {
        clear += f32::from(u8::from(outside[at]));
        all += 1.0;
    }
    clear / all
}

/// Opens enclosed background where it clearly is background.
///
/// A hole must match the field as well as the border does. On white, grey or black even that proves little - eyes
/// are white too - so there it must besides lie close behind the object's rim for its size, as a handle's hole does,
/// and must not be most of the object, as a penguin's belly is.
fn open_holes(outside: &mut Grid<bool>, contrast: &Contrast, field: &Field) {
    let near = near_parts(contrast, contrast.threshold);
    let object = outside.cells().iter().filter(|&&out| !out).count();
    let least = (object / 1000).max(12);
    let enclosed = |part: &Part| part.area >= least && !reaches_border(outside, part);
    if !near.parts.iter().any(enclosed) {
        return;
    }
    let depth = depth(outside);
    let mut facts = vec![(0.0f32, usize::MAX); near.parts.len()];
    for run in &near.runs {
        let Some((total, nearest)) = facts.get_mut(run.part) else {
            continue;
        };
        for x in run.start..run.end {
            *total += contrast.distance[[x, run.row]];
            *nearest = depth[[x, run.row]].min(*nearest);
        }
    }
    let [lightness, a, b] = field.at([0.0, 0.0]);
    let telling = a.hypot(b) > 10.0 && (10.0..95.0).contains(&lightness);
    let opened: Vec<bool> = near
        .parts
        .iter()
        .zip(facts)
        .map(|(part, (total, nearest))| {
            let area = part.area as f32;
            let matches = total / area < (1.3 * contrast.noise).max(1.5);
            let like_a_handle = nearest as f32 <= 0.5 * area.sqrt() && part.area * 5 < object;
            enclosed(part) && matches && (telling || like_a_handle)
        })
        .collect();
    for run in near.runs_of(|index, _| opened.get(index).copied().unwrap_or(false)) {
        for x in run.start..run.end {
            outside[[x, run.row]] = true;
        }
    }
}

/// Steps from each pixel to the nearest one outside, going straight or diagonally.
fn depth(outside: &Grid<bool>) -> Grid<usize> {
    let mut depth = outside.map(|&out| if out { 0 } else { usize::MAX - 1 });
    depth.sweep_to_and_fro(|depth, place| {
        let least = depth.block(place).map(|near| depth[near]).min();
        depth[place].min(least.unwrap_or(0) + 1)
    });
    depth
}

/// Weights of the parts that are no specks.
fn object_weights(outside: &Grid<bool>) -> Result<Grid<u8>, CutOutError> {
    let (width, height) = (outside.width(), outside.height());
    let object = Parts::find(width, height, Touch::Corner, |x, y| !outside[[x, y]]);
    let largest = object.parts.iter().map(|part| part.area).max();
    let least = (largest.ok_or(CutOutError::Uniform)? / 500).max(4);
    let mut mask = Grid::new(width, height, false);
    fill(&mut mask, &object, |part| part.area >= least);
    if !mask.cells().contains(&true) {
        return Err(CutOutError::Uniform);
    }
    let mut weight = mask.map(|&inside| if inside { u8::MAX } else { 0 });
    for place in 0..mask.len() {
        if mask[place] && mask.neighbors(place).any(|near| !mask[near]) {
            weight[place] = RIM_WEIGHT;
        }
    }
    Ok(weight)
}

#[cfg(test)]
mod tests;
