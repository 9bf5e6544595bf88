//! [`Layer`]: a rectangle of samples that keeps the nearest face of each.

use glam::Vec2;

use super::projection::Nearness;

/// Widens spans by this many samples, so that rounding leaves no crack between two faces that share an edge.
const OVERLAP: f32 = 1e-3;

/// Samples of some rows of a picture, each with the number of its nearest face (0: none) and how near that is.
pub(super) struct Layer {
    width: usize,
    rows: usize,
    /// The row of the picture that this layer begins with.
    first_row: usize,
    nearest: Vec<(f32, u32)>,
}

const NOTHING: (f32, u32) = (f32::NEG_INFINITY, 0);

impl Layer {
    pub(super) fn new(width: usize, rows: usize) -> Self {
        Self {
            width,
            rows,
            first_row: 0,
            nearest: vec![NOTHING; width * rows],
        }
    }

    /// Forgets all faces and stands for the rows from `first_row` on.
    pub(super) fn restart(&mut self, first_row: usize) {
        self.first_row = first_row;
        self.nearest.fill(NOTHING);
    }

    /// How near the nearest face of a sample is, and its number, 0 where there is none or outside the layer.
    pub(super) fn get(&self, x: usize, row: usize) -> (f32, u32) {
        row.checked_sub(self.first_row)
            .filter(|_| x < self.width)
            .and_then(|row| self.nearest.get(row * self.width + x))
            .copied()
            .unwrap_or(NOTHING)
    }

    /// Draws a convex face wherever it is nearer than what is there.
    pub(super) fn draw(&mut self, corners: [Vec2; 4], nearness: Nearness, number: u32) {
        self.draw_where(corners, nearness, number, |_, _| true);
    }

    /// The same where its nearness lies between that of two other layers of the same samples: behind what is in the one
    /// (everywhere, where there is no such layer) and before what is in the other.
    pub(super) fn draw_between(
        &mut self,
        [behind, before]: [Option<&Self>; 2],
        corners: [Vec2; 4],
        nearness: Nearness,
        number: u32,
    ) {
        let at = |layer: Option<&Self>, place: usize, nothing: f32| {
            let sample = layer.and_then(|layer| layer.nearest.get(place));
            sample.map_or(nothing, |sample| sample.0)
        };
        self.draw_where(corners, nearness, number, |place, near| {
            near < at(behind, place, f32::INFINITY) && near > at(before, place, f32::NEG_INFINITY)
        });
    }

    /// Draws a convex face wherever it is nearer than what is there and the place in the layer and its nearness suit.
    fn draw_where(
        &mut self,
        corners: [Vec2; 4],
        nearness: Nearness,
        number: u32,
        suits: impl Fn(usize, f32) -> bool,
    ) {
        let [a, b, c, d] = corners;
        let low = a.min(b).min(c).min(d);
        let high = a.max(b).max(c).max(d);
        let last_row = self.first_row + self.rows;
        let rows = first_centre(low.y).max(self.first_row)..first_centre(high.y).min(last_row);
        for row in rows {
            let y = row as f32 + 0.5;
            let (mut left, mut right) = (f32::INFINITY, f32::NEG_INFINITY);
            for (from, to) in [(a, b), (b, c), (c, d), (d, a)] {
                if (from.y <= y) != (to.y <= y) {
                    let x = from.x + (y - from.y) / (to.y - from.y) * (to.x - from.x);
                    left = left.min(x);
                    right = right.max(x);
                }
            }
            let end = first_centre(right + OVERLAP).min(self.width);
            let start = first_centre(left - OVERLAP).min(end);
            let offset = (row - self.first_row) * self.width;
            let span = self.nearest.get_mut(offset + start..offset + end);
            for (x, nearest) in (start..).zip(span.into_iter().flatten()) {
                let near = nearness.at(x as f32 + 0.5, y);
                if near > nearest.0 && suits(offset + x, near) {
                    *nearest = (near, number);
                }
            }
        }
    }
}

/// The first sample whose middle lies at or after a position; 0 for positions before the layer.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and positions outside the layer are cut by the caller"
)]
fn first_centre(position: f32) -> usize {
    (position - 0.5).ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAT: Nearness = Nearness {
        per_x: 0.0,
        per_y: 0.0,
        at_zero: 1.0,
    };

    fn square(low: Vec2, high: Vec2) -> [Vec2; 4] {
        [
            low,
            Vec2::new(high.x, low.y),
            high,
            Vec2::new(low.x, high.y),
        ]
    }

    fn numbers(layer: &Layer) -> Vec<u32> {
        layer.nearest.iter().map(|nearest| nearest.1).collect()
    }

    #[test]
    fn a_square_covers_the_samples_whose_middles_it_holds() {
        let mut layer = Layer::new(4, 3);
        layer.draw(square(Vec2::new(0.6, 0.4), Vec2::new(3.4, 1.6)), FLAT, 7);
        assert_eq!(numbers(&layer), [0, 7, 7, 0, 0, 7, 7, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_nearer_face_wins_in_either_order() {
        let whole = square(Vec2::ZERO, Vec2::splat(2.0));
        let near = Nearness {
            at_zero: 2.0,
            ..FLAT
        };
        for [first, second] in [[(FLAT, 1), (near, 2)], [(near, 2), (FLAT, 1)]] {
            let mut layer = Layer::new(2, 2);
            layer.draw(whole, first.0, first.1);
            layer.draw(whole, second.0, second.1);
            assert_eq!(numbers(&layer), [2; 4]);
        }
    }

    #[test]
    fn faces_outside_or_without_size_or_number_draw_nothing() {
        let mut layer = Layer::new(2, 2);
        layer.restart(10);
        let far = Vec2::splat(1e30);
        for (low, high) in [
            (-far, Vec2::splat(-5.0)),
            (Vec2::splat(30.0), far),
            (Vec2::new(0.0, 0.0), Vec2::new(2.0, 9.0)),
            (Vec2::splat(10.7), Vec2::splat(10.7)),
            (Vec2::NAN, Vec2::NAN),
        ] {
            layer.draw(square(low, high), FLAT, 1);
        }
        assert_eq!(numbers(&layer), [0; 4]);
        layer.draw(square(-far, far), FLAT, 1);
        assert_eq!(numbers(&layer), [1; 4]);
        assert_eq!(layer.get(1, 11), (1.0, 1));
        assert_eq!(layer.get(0, 9).1 + layer.get(2, 10).1, 0);
    }
}
