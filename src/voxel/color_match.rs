//! [`PaletteMap`]: a model's colours in terms of another palette, such as Crossworld's materials.
//!
//! Colours are compared in OKLab (B. Ottosson, 2020), where equal distances look equally far, with straight alpha as
//! a fourth axis. This makes tables of palette indices; it walks no voxels.

use quantette::deps::palette::color_difference::EuclideanDistance;
use quantette::deps::palette::convert::FromColorUnclamped;
use quantette::deps::palette::{LinSrgb, Oklab, Srgb};

use super::dither::Mix;
use super::{Material, Palette, PaletteEntry};

/// How colours are mapped onto a palette. The default is the nearest colour, and plain colours alone for Crossworld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ColorMatch {
    /// Whether Crossworld's named materials may be used besides its 128 plain colours. They come with the names'
    /// meaning (and texture), and are the only ones that are translucent. Without effect on other palettes.
    pub named: bool,
    /// Whether a colour that the palette lacks is drawn as a regular pattern of two that it has.
    pub dither: bool,
}

/// The indices of one palette expressed in another.
///
/// Empty stays empty. A colour that the target has is kept; any other becomes the nearest, where opaque ones stay
/// opaque as long as the target has an opaque entry, and an index that the source lacks counts as transparent
/// black. Among equal colours the nearest finish wins, then Crossworld's plain colours, then the lowest index. A
/// palette mapped onto itself changes nothing.
///
/// Of Crossworld's palette only [ordinary](Material::is_ordinary) materials are used. A target without entries makes
/// everything empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaletteMap {
    table: [u8; 256],
    mixes: [Mix; 256],
}

impl PaletteMap {
    /// Finds for each index of one palette what stands for it in another.
    #[must_use]
    pub fn new(from: &Palette, to: &Palette, how: ColorMatch) -> Self {
        let mut map = Self {
            table: std::array::from_fn(|index| index.to_le_bytes()[0]),
            mixes: [Mix::default(); 256],
        };
        if from == to {
            return map;
        }
        let all = targets(to, how.named);
        let opaque: Vec<Swatch> = all
            .iter()
            .filter(|t| !t.is_translucent())
            .copied()
            .collect();
        for (index, mix) in map.table.iter_mut().zip(&mut map.mixes).skip(1) {
            let missing = PaletteEntry::matte([0; 4]);
            let source = Swatch::new(*index, *from.get(*index).unwrap_or(&missing));
            let keep_opaque = !source.is_translucent() && !opaque.is_empty();
            let Some(nearest) = source.nearest(if keep_opaque { &opaque } else { &all }) else {
                *index = 0;
                continue;
            };
            *index = nearest.index;
            // A pattern in glass would show through it as a lattice.
            if how.dither && !nearest.is_translucent() {
                *mix = Mix::best(source.oklab, nearest, &opaque);
            }
        }
        map
    }

    /// The nearest index of the target palette for each of the source's, without dithering.
    #[must_use]
    pub fn table(&self) -> &[u8; 256] {
        &self.table
    }

    /// The target's index for a source index at a cell. Without dithering all cells are alike.
    #[must_use]
    pub fn index_at(&self, cell: [u32; 3], from: u8) -> u8 {
        let place = usize::from(from);
        match self.mixes.get(place) {
            Some(mix) if mix.is_other_at(cell) => mix.other,
            _ => self.table.get(place).copied().unwrap_or(0),
        }
    }
}

/// What of a palette may be chosen, the preferred ones first.
fn targets(palette: &Palette, named: bool) -> Vec<Swatch> {
    let entries = (1..=u8::MAX).zip(palette.entries());
    let mut targets: Vec<Swatch> = entries.map(|(i, entry)| Swatch::new(i, *entry)).collect();
    if palette.is_crossworld() {
        let is_plain = |target: &Swatch| target.index >= Material::FIRST_COLOR;
        targets.retain(|t| is_plain(t) || named && Material(t.index).is_ordinary());
        targets.sort_by_key(|target| !is_plain(target));
    }
    targets
}

/// A palette entry with its place in OKLab.
#[derive(Clone, Copy)]
pub(super) struct Swatch {
    pub(super) index: u8,
    pub(super) oklab: Oklab,
    /// What its light adds up to in a mix.
    pub(super) linear: LinSrgb<f32>,
    entry: PaletteEntry,
}

impl Swatch {
    fn new(index: u8, entry: PaletteEntry) -> Self {
        let [r, g, b, _] = entry.rgba;
        let linear = Srgb::new(r, g, b).into_linear();
        Self {
            index,
            oklab: Oklab::from_color_unclamped(linear),
            linear,
            entry,
        }
    }

    fn is_translucent(&self) -> bool {
        self.entry.is_translucent()
    }

    fn nearest<'a>(&self, targets: &'a [Swatch]) -> Option<&'a Swatch> {
        let far = |target: &Swatch| (self.distance_squared(target), self.finish_gap(target));
        let keyed = targets.iter().map(|target| (far(target), target));
        keyed
            .min_by(|((a, a_finish), _), ((b, b_finish), _)| {
                a.total_cmp(b).then(a_finish.cmp(b_finish))
            })
            .map(|(_, target)| target)
    }

    fn distance_squared(&self, other: &Self) -> f32 {
        let alpha = |swatch: &Self| f32::from(swatch.entry.rgba[3]) / 255.0;
        self.oklab.distance_squared(other.oklab) + (alpha(self) - alpha(other)).powi(2)
    }

    fn finish_gap(&self, other: &Self) -> u16 {
        let metallic = self.entry.metallic.abs_diff(other.entry.metallic);
        let roughness = self.entry.roughness.abs_diff(other.entry.roughness);
        u16::from(metallic) + u16::from(roughness)
    }
}

#[cfg(test)]
mod tests;
