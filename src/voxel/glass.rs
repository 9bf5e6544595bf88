//! [`GlassKinds`]: which translucent colours of a palette are one glass.
//!
//! Between two voxels of one glass there is no wall. A generated thing has its glass in dozens of tints; with a wall
//! wherever two of them meet it would be full of sheets, and look like frosted plastic. So tints that go over into each
//! other in small steps are one kind, and a drink in a bottle, a colour far from the next, is another.

use quantette::deps::palette::convert::FromColorUnclamped;
use quantette::deps::palette::{Oklab, Srgb};

use super::{Palette, PaletteEntry};

/// How far tints of one glass may lie apart: a tenth of the way from black to white in OKLab. Fainter colours look
/// closer, in proportion to alpha.
const STEP: f32 = 0.1;

/// The kinds of glass of a palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlassKinds {
    of_index: [u8; 256],
}

impl GlassKinds {
    /// The kinds of a palette. Crossworld's materials are a kind each, since they are different substances.
    #[must_use]
    pub fn of(palette: &Palette) -> Self {
        let entries = (1..=u8::MAX).zip(palette.entries());
        let glass = entries.filter(|(_, entry)| entry.is_translucent());
        let tints: Vec<(u8, [f32; 4])> = glass.map(|(index, e)| (index, tint(e))).collect();
        let mut of_index = [0; 256];
        for &(index, _) in &tints {
            if let Some(slot) = of_index.get_mut(usize::from(index)) {
                *slot = index;
            }
        }
        let mut kinds = Self { of_index };
        if !palette.is_crossworld() {
            kinds.join(&tints);
        }
        kinds
    }

    /// Whether there is any glass.
    #[must_use]
    pub fn any(&self) -> bool {
        self.of_index.iter().any(|&kind| kind != 0)
    }

    /// The kind of a palette index; 0 for what is opaque or empty, or what the palette lacks.
    #[must_use]
    pub fn kind(&self, index: u8) -> u8 {
        self.of_index.get(usize::from(index)).copied().unwrap_or(0)
    }

    /// Makes all tints that a chain of small steps links one kind, named by its lowest index.
    fn join(&mut self, tints: &[(u8, [f32; 4])]) {
        for (place, (index, tint)) in tints.iter().enumerate() {
            for (other, other_tint) in tints.iter().take(place) {
                let gap = tint.iter().zip(other_tint).map(|(a, b)| (a - b) * (a - b));
                let (kind, joined) = (self.kind(*index), self.kind(*other));
                if kind != joined && gap.sum::<f32>() <= STEP * STEP {
                    let (low, high) = (kind.min(joined), kind.max(joined));
                    for slot in self.of_index.iter_mut().filter(|slot| **slot == high) {
                        *slot = low;
                    }
                }
            }
        }
    }
}

/// Where a glass lies among glasses: its colour in OKLab, the fainter the clearer it is, and its alpha.
fn tint(entry: &PaletteEntry) -> [f32; 4] {
    let [r, g, b, alpha] = entry.drawn_rgba();
    let color = Oklab::from_color_unclamped(Srgb::new(r, g, b).into_linear::<f32>());
    let alpha = f32::from(alpha) / 255.0;
    [color.l * alpha, color.a * alpha, color.b * alpha, alpha]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(colors: &[[u8; 4]]) -> Vec<u8> {
        let entries = colors
            .iter()
            .map(|&rgba| PaletteEntry::matte(rgba))
            .collect();
        let palette = Palette::from_entries(entries).unwrap();
        let kinds = GlassKinds::of(&palette);
        (1..=u8::MAX)
            .take(colors.len())
            .map(|index| kinds.kind(index))
            .collect()
    }

    #[test]
    fn tints_that_go_over_into_each_other_are_one_glass() {
        let tints: Vec<[u8; 4]> = (0..20)
            .map(|i| [40 + 8 * i, 60, 200 - 8 * i, 90 + i])
            .collect();
        assert_eq!(kinds(&tints), [1; 20]);
    }

    #[test]
    fn a_drink_is_no_part_of_its_bottle() {
        assert_eq!(
            kinds(&[[220, 235, 230, 60], [120, 60, 10, 170], [222, 236, 228, 66]]),
            [1, 2, 1]
        );
    }

    #[test]
    fn what_is_opaque_is_no_glass() {
        assert_eq!(
            kinds(&[[9, 9, 9, 255], [9, 9, 9, 250], [9, 9, 9, 90]]),
            [0, 0, 3]
        );
    }

    #[test]
    fn each_of_crossworlds_materials_is_a_substance_of_its_own() {
        let palette = Palette::crossworld();
        let kinds = GlassKinds::of(palette);
        for (index, entry) in (1..=u8::MAX).zip(palette.entries()) {
            let expected = if entry.is_translucent() { index } else { 0 };
            assert_eq!(kinds.kind(index), expected);
        }
    }
}
