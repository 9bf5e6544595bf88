//! The colour of what the picture does not show: sides, back and inside.
//!
//! A face mirrored onto the back of a head looks wrong, and so does a dark outline smeared along the side. So the
//! picture's colours are first sorted into a few paints, and the cells vote. A cell's vote counts more the farther it
//! is from the next paint (outlines and eyes have hardly any), the nearer it is to the silhouette's rim (what wraps
//! around the rim goes on behind it, a face or a window does not) and the more its paint covers in all. Around each
//! cell, in a wider circle the farther it is from the rim, the votes are counted and the paints are mixed in favour of
//! the one with most, each in the mean shade it has there.

use super::color::{Color, distance_squared, lab};
use super::grid::Grid;
use super::silhouette::Silhouette;

/// Most paints that a picture's colours are sorted into.
const PAINTS: usize = 10;

/// Least distance of two paints.
const APART: f32 = 14.0;

/// How much lightness counts in the distance of paints: a lit and a shaded side are one paint.
const LIGHTNESS: f32 = 0.45;

/// Cells that the paints are chosen from; more would not choose better.
const SAMPLES: usize = 2048;

/// Rounds of k-means that choose the paints.
const ROUNDS: usize = 6;

/// Colour of the solid behind each cell of the silhouette, in linear light.
pub(super) fn colors(silhouette: &Silhouette) -> Grid<Color> {
    let Silhouette { solid, color } = silhouette;
    let places: Vec<usize> = (0..solid.len()).filter(|&place| solid[place]).collect();
    let hues: Vec<Color> = places.iter().map(|&place| hue(color[place])).collect();
    let paints = paints(&hues);
    let mut paint = solid.map(|_| None);
    for (&place, &hue) in places.iter().zip(&hues) {
        paint[place] = nearest(&paints, hue);
    }
    let to_rim = steps_to_rim(solid);
    let votes = votes(&paint, &to_rim);
    let mut mixed = solid.map(|_| [0.0f32; 4]);
    for index in 0..paints.len() {
        let of_paint = || places.iter().filter(|&&place| paint[place] == Some(index));
        let total: f32 = of_paint().map(|&place| votes[place]).sum();
        // Linear light times vote and, last, the vote itself.
        let mut count = solid.map(|_| [0.0f32; 4]);
        for &place in of_paint() {
            let vote = votes[place] * total.sqrt().sqrt();
            let [r, g, b] = color[place];
            count[place] = [r * vote, g * vote, b * vote, vote];
        }
        let count = counted_around(count, &to_rim);
        for &place in &places {
            let [.., votes] = count[place];
            // At this power the strongest paint silences the others and still meets them in a soft edge.
            let share = count[place].map(|channel| channel * votes.powi(3));
            shift(&mut mixed[place], &share, 1.0);
        }
    }
    let mut body = color.clone();
    for place in places {
        let [r, g, b, total] = mixed[place];
        if total > 0.0 {
            body[place] = [r / total, g / total, b / total];
        }
    }
    body
}

/// Lab with little weight on lightness.
fn hue(color: Color) -> Color {
    let [l, a, b] = lab(color);
    [LIGHTNESS * l, a, b]
}

/// A few colours that stand for all, by k-means from far-apart starts.
fn paints(hues: &[Color]) -> Vec<Color> {
    let step = hues.len().div_ceil(SAMPLES).max(1);
    let samples: Vec<Color> = hues.iter().copied().step_by(step).collect();
    let mut paints: Vec<Color> = samples.first().copied().into_iter().collect();
    let mut far = vec![f32::INFINITY; samples.len()];
    while paints.len() < PAINTS {
        let Some(&last) = paints.last() else { break };
        for (far, &sample) in far.iter_mut().zip(&samples) {
            *far = far.min(distance_squared(sample, last));
        }
        let farthest = far.iter().zip(&samples).max_by(|a, b| a.0.total_cmp(b.0));
        match farthest {
            Some((&far, &sample)) if far > APART * APART => paints.push(sample),
            _ => break,
        }
    }
    for _ in 0..ROUNDS {
        let mut sums = vec![[0.0f32; 4]; paints.len()];
        for &sample in &samples {
            let paint = nearest(&paints, sample).and_then(|index| sums.get_mut(index));
            if let Some(sum) = paint {
                let [l, a, b] = sample;
                *sum = [sum[0] + l, sum[1] + a, sum[2] + b, sum[3] + 1.0];
            }
        }
        for (paint, [l, a, b, count]) in paints.iter_mut().zip(sums) {
            if count > 0.0 {
                *paint = [l / count, a / count, b / count];
            }
        }
    }
    paints
}

fn nearest(paints: &[Color], hue: Color) -> Option<usize> {
    let distances = paints.iter().map(|&paint| distance_squared(paint, hue));
    let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    nearest.map(|(index, _)| index)
}

/// Steps from each cell to the nearest one outside the silhouette.
fn steps_to_rim(solid: &Grid<bool>) -> Grid<f32> {
    let far = solid.width() as f32;
    let mut to_rim = solid.map(|&solid| if solid { far } else { 0.0 });
    to_rim.sweep_to_and_fro(|steps, place| {
        let around = steps.neighbors(place).map(|near| steps[near] + 1.0);
        around.fold(steps[place], f32::min)
    });
    to_rim
}

/// How much the vote of each cell counts.
///
/// The silhouette's rim is no border between paints, so that a thin limb keeps its own colour.
fn votes(paint: &Grid<Option<usize>>, to_rim: &Grid<f32>) -> Grid<f32> {
    let size = paint.width() as f32;
    let mut votes = paint.map(|_| size / 16.0);
    votes.sweep_to_and_fro(|steps, place| {
        let around = steps.neighbors(place).filter(|&near| paint[near].is_some());
        let ways = around.map(|near| {
            let same = paint[near] == paint[place];
            1.0 + if same { steps[near] } else { 0.0 }
        });
        ways.fold(steps[place], f32::min)
    });
    for place in 0..votes.len() {
        let nearness = 1.0 + (20.0 * to_rim[place] / size).powi(2);
        votes[place] = (votes[place] - 0.6).powi(2) / nearness;
    }
    votes
}

/// The votes around each cell: in a small circle at the rim, in a wide ellipse far from it. Things are built in
/// storeys - hat, head, trunk, feet - so a cell looks farther to its sides than up and down.
fn counted_around(votes: Grid<[f32; 4]>, to_rim: &Grid<f32>) -> Grid<[f32; 4]> {
    let size = votes.width();
    let blurred = |votes: &Grid<_>, [across, along]: [usize; 2]| {
        let once = blurred_rows_turned(&blurred_rows_turned(votes, across), along);
        blurred_rows_turned(&blurred_rows_turned(&once, across), along)
    };
    let small = blurred(&votes, [(size / 16).max(1), (size / 20).max(1)]);
    let large = blurred(&small, [(size / 8).max(1), (size / 24).max(1)]);
    let mut counted = small;
    for place in 0..counted.len() {
        let part = (12.0 * to_rim[place] / size as f32 - 0.5).clamp(0.0, 1.0);
        for (small, large) in counted[place].iter_mut().zip(large[place]) {
            *small += part * (large - *small);
        }
    }
    counted
}

/// Means over `2 radius + 1` cells of each row, with rows and columns exchanged.
fn blurred_rows_turned(values: &Grid<[f32; 4]>, radius: usize) -> Grid<[f32; 4]> {
    let size = values.width();
    let share = 1.0 / (2 * radius + 1) as f32;
    let mut turned = Grid::new(size, size, [0.0; 4]);
    for (y, row) in values.rows().enumerate() {
        let mut sum = [0.0f32; 4];
        for x in 0..size + radius {
            if let Some(next) = row.get(x) {
                shift(&mut sum, next, 1.0);
            }
            if let Some(gone) = x.checked_sub(2 * radius + 1).and_then(|x| row.get(x)) {
                shift(&mut sum, gone, -1.0);
            }
            if let Some(center) = x.checked_sub(radius) {
                turned[[y, center]] = sum.map(|s| s.max(0.0) * share);
            }
        }
    }
    turned
}

fn shift(sum: &mut [f32; 4], value: &[f32; 4], sign: f32) {
    for (sum, value) in sum.iter_mut().zip(value) {
        *sum += sign * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Color = [0.8, 0.05, 0.05];
    const CREAM: Color = [0.9, 0.8, 0.6];
    const BLACK: Color = [0.0, 0.0, 0.0];

    fn body(paint: impl Fn(usize, usize) -> Color) -> Grid<Color> {
        let mut color = Grid::new(40, 40, BLACK);
        for place in 0..color.len() {
            let [x, y] = color.position(place);
            color[place] = paint(x, y);
        }
        let solid = color.map(|_| true);
        colors(&Silhouette { solid, color })
    }

    fn close(a: Color, b: Color) -> bool {
        distance_squared(a, b) < 0.01
    }

    #[test]
    fn an_outline_does_not_reach_the_back() {
        let outlined = body(|x, y| {
            if x.min(y).min(39 - x).min(39 - y) < 2 {
                BLACK
            } else {
                RED
            }
        });
        assert!(outlined.cells().iter().all(|&color| close(color, RED)));
    }

    #[test]
    fn eyes_do_not_look_out_of_the_back() {
        let face = body(|x, y| {
            let eye = x.abs_diff(12).max(y.abs_diff(24)) < 3;
            if eye { BLACK } else { CREAM }
        });
        assert!(close(face[[12, 24]], CREAM));
    }

    #[test]
    fn a_cap_and_a_stem_keep_their_colors() {
        let mushroom = body(|_, y| if y < 20 { CREAM } else { RED });
        assert!(close(mushroom[[20, 15]], CREAM));
        assert!(close(mushroom[[20, 25]], RED));
    }
}
