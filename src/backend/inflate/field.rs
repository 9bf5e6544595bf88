//! [`Field`]: a smooth background, fitted to pixels of which many may not belong to it.
//!
//! A polynomial of second order for each channel of CIE Lab, over picture coordinates from -1 to 1. Fitted by
//! iteratively reweighted least squares with Tukey's biweight (Beaton and Tukey, 1974), so that pixels of an object
//! that reaches into the sample lose their say.

use super::color::{Color, distance};

/// Number of terms: 1, u, v, u², uv, v².
const TERMS: usize = 6;

/// A pixel of the sample: where it is and its colour in Lab.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub at: [f32; 2],
    pub lab: Color,
}

/// A colour in Lab for every point of the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field {
    channels: [[f32; TERMS]; 3],
}

impl Field {
    /// The same colour everywhere.
    pub fn flat([l, a, b]: Color) -> Self {
        Self {
            channels: [l, a, b].map(|c| [c, 0.0, 0.0, 0.0, 0.0, 0.0]),
        }
    }

    /// The smooth background that most of a sample agrees on.
    ///
    /// Starts from the median colour, lets it slope, then bend.
    pub fn fit(samples: &[Sample]) -> Self {
        let mut field = Self::flat(median_color(samples));
        for terms in [1, 3, 3, 3, 6, 6, 6, 6] {
            field = field.refitted(samples, terms);
        }
        field
    }

    /// One more round of reweighted least squares from this field on, with the first `terms` terms.
    pub fn refitted(&self, samples: &[Sample], terms: usize) -> Self {
        let reach = 4.0 * self.spread(samples) + 1.0;
        let mut normal = [[0.0f64; TERMS + 3]; TERMS];
        for sample in samples {
            let off = distance(self.at(sample.at), sample.lab) / reach;
            if off < 1.0 {
                let weight = f64::from((1.0 - off * off).powi(2));
                accumulate(&mut normal, sample, weight, terms);
            }
        }
        solve(normal).map_or(*self, |channels| Self { channels })
    }

    /// The colour at a point.
    pub fn at(&self, at: [f32; 2]) -> Color {
        let basis = basis(at);
        self.channels
            .map(|terms| terms.iter().zip(basis).map(|(c, b)| c * b).sum())
    }

    /// The colour along the row at `v`, as a function of `u`: much cheaper than [`Field::at`] for every pixel.
    pub fn row(&self, v: f32) -> impl Fn(f32) -> Color + use<> {
        let curves = self
            .channels
            .map(|[one, u, v1, uu, uv, vv]| [one + v * (v1 + v * vv), u + v * uv, uu]);
        move |u| curves.map(|[one, slope, bend]| one + u * (slope + u * bend))
    }

    /// Median distance of a sample from the field.
    pub fn spread(&self, samples: &[Sample]) -> f32 {
        median(
            samples
                .iter()
                .map(|s| distance(self.at(s.at), s.lab))
                .collect(),
        )
    }
}

/// The middle one of some values, 0 where there are none.
pub(super) fn median(mut values: Vec<f32>) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

fn median_color(samples: &[Sample]) -> Color {
    let channel = |pick: fn(&Sample) -> f32| median(samples.iter().map(pick).collect());
    [
        channel(|s| s.lab[0]),
        channel(|s| s.lab[1]),
        channel(|s| s.lab[2]),
    ]
}

fn basis([u, v]: [f32; 2]) -> [f32; TERMS] {
    [1.0, u, v, u * u, u * v, v * v]
}

/// Adds a sample to the normal equations; the last three columns are the right-hand sides.
fn accumulate(normal: &mut [[f64; TERMS + 3]; TERMS], sample: &Sample, weight: f64, terms: usize) {
    let basis = basis(sample.at).map(f64::from);
    let [l, a, b] = sample.lab.map(f64::from);
    let [b0, b1, b2, b3, b4, b5] = basis;
    let columns = [b0, b1, b2, b3, b4, b5, l, a, b];
    for (row, factor) in normal.iter_mut().zip(basis).take(terms) {
        for (cell, column) in row.iter_mut().zip(columns) {
            *cell += weight * factor * column;
        }
    }
}

/// Solves the normal equations by Gauss-Jordan elimination; a term without support becomes 0.
#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "rows and columns below fixed sizes, and a colour needs no more than f32"
)]
fn solve(mut rows: [[f64; TERMS + 3]; TERMS]) -> Option<[[f32; TERMS]; 3]> {
    let total = rows[0][0];
    if total <= 0.0 {
        return None;
    }
    for pivot in 0..TERMS {
        // A trace of a prior towards 0 keeps terms that the sample says nothing about at rest.
        rows[pivot][pivot] += total * 1e-9;
        let scale = 1.0 / rows[pivot][pivot];
        let line = rows[pivot].map(|value| value * scale);
        rows[pivot] = line;
        for (index, row) in rows.iter_mut().enumerate() {
            if index != pivot {
                let factor = row[pivot];
                for (cell, value) in row.iter_mut().zip(line) {
                    *cell -= factor * value;
                }
            }
        }
    }
    let channels =
        std::array::from_fn(|c| std::array::from_fn(|term| rows[term][TERMS + c] as f32));
    channels
        .iter()
        .flatten()
        .all(|value: &f32| value.is_finite())
        .then_some(channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame of a square, coloured by `paint`.
    fn frame(paint: impl Fn(f32, f32) -> Color) -> Vec<Sample> {
        (-20..=20)
            .map(|i| i as f32 / 20.0)
            .flat_map(|t| [[t, -1.0], [t, 1.0], [-1.0, t], [1.0, t]])
            .map(|at| Sample {
                at,
                lab: paint(at[0], at[1]),
            })
            .collect()
    }

    #[test]
    fn a_vignette_is_followed_into_the_picture() {
        let vignette = |u: f32, v: f32| [60.0 - 12.0 * u * u - 9.0 * v * v, 5.0 + u, -8.0];
        let field = Field::fit(&frame(vignette));
        assert!(distance(field.at([0.0, 0.0]), vignette(0.0, 0.0)) < 0.1);
        assert!(distance(field.at([0.4, -0.6]), vignette(0.4, -0.6)) < 0.1);
    }

    #[test]
    fn a_row_has_the_colors_of_its_points() {
        let field = Field::fit(&frame(|u, v| {
            [50.0 + 9.0 * u * v - 4.0 * v, u * u, v * v - u]
        }));
        let row = field.row(-0.3);
        for u in [-1.0, -0.2, 0.0, 0.7] {
            assert!(distance(row(u), field.at([u, -0.3])) < 1e-4);
        }
    }

    #[test]
    fn an_object_that_covers_a_third_of_the_border_has_no_say() {
        let slope = |_: f32, v: f32| [70.0 + 10.0 * v, 0.0, 3.0];
        let field = Field::fit(&frame(|u, v| {
            if v > 0.9 && u.abs() < 0.95 || v > 0.5 && u < -0.9 {
                [20.0, 40.0, 30.0]
            } else {
                slope(u, v)
            }
        }));
        assert!(distance(field.at([0.0, 0.0]), slope(0.0, 0.0)) < 0.5);
        assert!(distance(field.at([0.5, 0.5]), slope(0.5, 0.5)) < 0.5);
    }

    #[test]
    fn one_pixel_is_enough_for_a_flat_field() {
        let sample = Sample {
            at: [0.0, 0.0],
            lab: [50.0, 1.0, 2.0],
        };
        let field = Field::fit(&[sample]);
        assert!(distance(field.at([1.0, -1.0]), sample.lab) < 0.1);
    }
}
