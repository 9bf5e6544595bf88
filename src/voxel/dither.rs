//! Ordered dithering in space: which cells take which of two colours, and which two colours.
//!
//! The pattern is Bayer's (1973), folded so that it works in three dimensions: of the 16 cells of any 4 x 4 square of
//! a layer, along x, y or z, exactly n take the second colour at a share of n sixteenths. So a wall has the right mean
//! whichever way it faces, though only its outermost layer is seen. The pattern repeats every four cells, so that an
//! octree shares one 4 x 4 x 4 part between all equal ones; noise would make every cell a leaf.

use quantette::deps::palette::color_difference::EuclideanDistance;
use quantette::deps::palette::convert::FromColorUnclamped;
use quantette::deps::palette::{LinSrgb, Oklab};

use super::color_match::Swatch;

/// Parts of which a mix counts its shares: the cells of one layer of the pattern.
const PARTS: u8 = 16;

/// How many colours near the wanted one are tried as the second of a mix. With all 128 plain colours the mixes come
/// nearer by a few per cent only.
const PARTNERS: usize = 16;

/// What grain costs beside a wrong mean: the variance of a mix counts this much against its squared error.
const GRAIN: f32 = 0.1;

/// The second colour of a mix and its share; none by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mix {
    /// Palette index of the second colour.
    pub(super) other: u8,
    /// Its share in sixteenths, at most half.
    share: u8,
}

impl Mix {
    /// The mix of the nearest colour with another that comes nearest to a wanted colour; no mix where none is
    /// nearer than the nearest colour alone.
    ///
    /// Colours mix as light does, in linear sRGB; the result is compared in OKLab.
    pub(super) fn best(wanted: Oklab, nearest: &Swatch, targets: &[Swatch]) -> Self {
        let distance = |target: &Swatch| wanted.distance_squared(target.oklab);
        let alone = distance(nearest);
        let mut best = (alone, Self::default());
        let mut partners: Vec<(f32, &Swatch)> = targets
            .iter()
            .filter(|target| target.linear != nearest.linear)
            .map(|target| (distance(target), target))
            .collect();
        if partners.len() > PARTNERS {
            partners.select_nth_unstable_by(PARTNERS, |(a, at), (b, bt)| {
                a.total_cmp(b).then(at.index.cmp(&bt.index))
            });
            partners.truncate(PARTNERS);
        }
        for (_, partner) in partners {
            let mut last = alone;
            for share in 1..=PARTS / 2 {
                let cost = cost_of_mix(wanted, nearest, partner, share);
                if cost < best.0 {
                    let other = partner.index;
                    best = (cost, Self { other, share });
                }
                // Past the nearest point of its line a mix only gets worse.
                if cost > last {
                    break;
                }
                last = cost;
            }
        }
        best.1
    }

    /// Whether a cell takes the second colour.
    pub(super) fn is_other_at(self, cell: [u32; 3]) -> bool {
        threshold(cell) < u32::from(self.share)
    }
}

/// Squared error of a mix's mean in OKLab, and its grain.
fn cost_of_mix(wanted: Oklab, first: &Swatch, second: &Swatch, share: u8) -> f32 {
    let share = f32::from(share) / f32::from(PARTS);
    let mean: LinSrgb<f32> = first.linear + (second.linear - first.linear) * share;
    let error = wanted.distance_squared(Oklab::from_color_unclamped(mean));
    let variance = share * (1.0 - share) * first.oklab.distance_squared(second.oklab);
    error + GRAIN * variance
}

/// A cell's place in the order, 0 to 15, in which the cells of a layer turn to the second colour.
///
/// For a fixed x, y or z the four bits are four independent sums of the other two coordinates' bits, so each place
/// occurs once in every layer of the period. Of all such sums these spread the cells of a layer most evenly.
fn threshold([x, y, z]: [u32; 3]) -> u32 {
    let (a, b) = (x ^ z, y ^ z);
    (b & 1) << 3 | (a & 1) << 2 | (b & 2) | (a & 2) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells along each axis after which the pattern repeats.
    const PERIOD: u32 = 4;

    /// The cells of one layer of the period.
    fn layer(axis: usize, at: u32) -> impl Iterator<Item = [u32; 3]> {
        (0..PERIOD * PERIOD).map(move |i| {
            let mut cell = [at, i % PERIOD, i / PERIOD];
            cell.rotate_right(axis);
            cell
        })
    }

    #[test]
    fn every_layer_along_every_axis_takes_exactly_its_share() {
        for (axis, at) in (0..3).flat_map(|axis| (0..PERIOD).map(move |at| (axis, at))) {
            let mut places: Vec<u32> = layer(axis, at).map(threshold).collect();
            places.sort_unstable();
            assert_eq!(
                places,
                (0..16).collect::<Vec<u32>>(),
                "axis {axis}, layer {at}"
            );
        }
    }

    #[test]
    fn the_pattern_repeats_every_four_cells() {
        for cell in [[0, 1, 2], [3, 3, 0], [2, 0, 1]] {
            for axis in 0..3 {
                let mut next = cell;
                next[axis] += PERIOD;
                assert_eq!(threshold(cell), threshold(next));
            }
        }
    }

    #[test]
    fn a_quarter_never_puts_two_cells_side_by_side() {
        let quarter = Mix { other: 1, share: 4 };
        for (axis, at) in (0..3).flat_map(|axis| (0..PERIOD).map(move |at| (axis, at))) {
            for cell in layer(axis, at).filter(|&cell| quarter.is_other_at(cell)) {
                for side in (0..3).filter(|&side| side != axis) {
                    let mut next = cell;
                    next[side] += 1;
                    assert!(!quarter.is_other_at(next), "{cell:?} and {next:?}");
                }
            }
        }
    }
}
