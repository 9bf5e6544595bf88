//! How a palette is chosen: exactly where the colours fit, else by Wu's quantiser in OKLab.
//!
//! Source: X. Wu, "Efficient statistical computations for optimal color quantization", Graphics Gems II (1991), as
//! implemented by the crate `quantette`; OKLab after B. Ottosson (2020).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use quantette::PaletteSize;
use quantette::color_map::IndexedColorMap;
use quantette::color_space::{oklab_to_srgb8, srgb8_to_oklab};
use quantette::deps::palette::Srgb;
use quantette::wu::{BinnerF32x3, WuF32x3};

use super::{Palette, PaletteEntry};

/// Every distinct entry, in order of first appearance, or `None` where there are more than a palette holds.
pub(super) fn exact(voxels: &[PaletteEntry]) -> Option<(Palette, Vec<u8>)> {
    let mut places: HashMap<u64, u8, BuildHasherDefault<EntryHasher>> = HashMap::default();
    let mut entries = Vec::new();
    let mut indices = Vec::with_capacity(voxels.len());
    let mut last = (None, 0);
    for voxel in voxels {
        // Neighbours in Morton order mostly share their colour, which spares the look-up.
        if last.0 != Some(voxel) {
            let index = match places.get(&bytes_of(voxel)) {
                Some(&index) => index,
                None => {
                    let index = u8::try_from(entries.len() + 1).ok()?;
                    entries.push(*voxel);
                    places.insert(bytes_of(voxel), index);
                    index
                }
            };
            last = (Some(voxel), index);
        }
        indices.push(last.1);
    }
    Some((Palette::from_entries(entries)?, indices))
}

/// An entry's six bytes as one number.
fn bytes_of(entry: &PaletteEntry) -> u64 {
    let [r, g, b, a] = entry.rgba;
    u64::from_le_bytes([r, g, b, a, entry.metallic, entry.roughness, 0, 0])
}

/// A multiplicative hash of one `u64`. The map that uses it never holds more than 255 keys, so input made to
/// collide costs at most as many comparisons a voxel.
#[derive(Default)]
struct EntryHasher(u64);

impl Hasher for EntryHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // The golden ratio's bits; the map takes its slot from the low bits, where a product mixes least.
        let product = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// At most 255 entries that stand for many.
///
/// Voxels are split by kind first (translucent or not, metal or not, smooth or not), so that glass and metal never
/// melt into paint of the same colour; each kind gets a share of the entries by its number of voxels.
pub(super) fn reduced(voxels: &[PaletteEntry]) -> (Palette, Vec<u8>) {
    let mut entries = Vec::with_capacity(Palette::MAX_ENTRIES);
    let kinds_in_common = |(any, all), kind| (any | kind, all & kind);
    let (any, all) = voxels
        .iter()
        .map(kind)
        .fold((0, KINDS - 1), kinds_in_common);
    if any == all {
        let indices = reduce_kind(voxels, Palette::MAX_ENTRIES, &mut entries);
        return (Palette::from_entries(entries).unwrap_or_default(), indices);
    }
    let mut members = [0; KINDS];
    for voxel in voxels {
        if let Some(count) = members.get_mut(kind(voxel)) {
            *count += 1;
        }
    }
    let kinds = members.iter().filter(|&&count| count > 0).count();
    let mut indices = vec![0; voxels.len()];
    for (this, &count) in members.iter().enumerate().filter(|&(_, &count)| count > 0) {
        let of_kind: Vec<PaletteEntry> = voxels
            .iter()
            .filter(|voxel| kind(voxel) == this)
            .copied()
            .collect();
        // One entry is kept back for every kind, so that none goes without.
        let share = 1 + (Palette::MAX_ENTRIES - kinds) * count / voxels.len();
        let local = reduce_kind(&of_kind, share, &mut entries);
        let slots = indices.iter_mut().zip(voxels);
        let slots = slots.filter(|(_, voxel)| kind(voxel) == this);
        for ((slot, _), index) in slots.zip(local) {
            *slot = index;
        }
    }
    (Palette::from_entries(entries).unwrap_or_default(), indices)
}

/// Number of kinds that [`kind`] tells apart.
const KINDS: usize = 8;

/// Kinds whose members may share entries.
fn kind(entry: &PaletteEntry) -> usize {
    let bit = |set: bool, place: usize| usize::from(set) << place;
    bit(entry.is_translucent(), 0) | bit(entry.metallic >= 128, 1) | bit(entry.roughness < 96, 2)
}

/// Appends at most `share` entries for voxels of one kind and answers the palette index of each.
fn reduce_kind(voxels: &[PaletteEntry], share: usize, entries: &mut Vec<PaletteEntry>) -> Vec<u8> {
    let colors: Vec<Srgb<u8>> = voxels
        .iter()
        .map(|entry| Srgb::new(entry.rgba[0], entry.rgba[1], entry.rgba[2]))
        .collect();
    let oklab = srgb8_to_oklab(&colors);
    let size = u16::try_from(share)
        .ok()
        .and_then(|share| PaletteSize::try_from(share).ok());
    let Some(map) = WuF32x3::run_slice(&oklab, BinnerF32x3::oklab_from_srgb8())
        .ok()
        .zip(size)
        .map(|(wu, size)| wu.color_map(size))
    else {
        return Vec::new();
    };
    let mut indices = map.map_to_indices(&oklab);
    let mut finishes = vec![MeanFinish::default(); map.palette().len()];
    for (&index, entry) in indices.iter().zip(voxels) {
        if let Some(mean) = finishes.get_mut(usize::from(index)) {
            mean.add(entry);
        }
    }
    // Entries that no voxel uses are dropped; the others keep their order.
    let mut new_index = [0u8; 256];
    let chosen = oklab_to_srgb8(map.palette());
    for ((mean, color), slot) in finishes.iter().zip(&chosen).zip(&mut new_index) {
        if let Some(entry) = mean.entry(*color) {
            entries.push(entry);
            *slot = u8::try_from(entries.len()).unwrap_or(u8::MAX);
        }
    }
    for index in &mut indices {
        *index = new_index.get(usize::from(*index)).copied().unwrap_or(0);
    }
    indices
}

/// Running mean of alpha, metallic and roughness: their sums and the number of voxels.
#[derive(Clone, Copy, Default)]
struct MeanFinish([u64; 4]);

impl MeanFinish {
    fn add(&mut self, entry: &PaletteEntry) {
        let finish = [entry.rgba[3], entry.metallic, entry.roughness, 1];
        for (sum, value) in self.0.iter_mut().zip(finish) {
            *sum += u64::from(value);
        }
    }

    /// An entry of this finish, or `None` where nothing was added.
    fn entry(&self, color: Srgb<u8>) -> Option<PaletteEntry> {
        let [alpha, metallic, roughness, count] = self.0;
        let mean = |sum: u64| Some((sum + count / 2).checked_div(count)?.to_le_bytes()[0]);
        Some(PaletteEntry {
            rgba: [color.red, color.green, color.blue, mean(alpha)?],
            metallic: mean(metallic)?,
            roughness: mean(roughness)?,
        })
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "colours made from small counts"
)]
mod tests {
    use super::*;

    fn matte(rgb: [u8; 3]) -> PaletteEntry {
        PaletteEntry::matte([rgb[0], rgb[1], rgb[2], 255])
    }

    /// A ramp through more colours than a palette holds.
    fn many(count: u32) -> Vec<PaletteEntry> {
        (0..count)
            .map(|i| matte([(i % 256) as u8, (i / 7 % 256) as u8, (i * 31 % 256) as u8]))
            .collect()
    }

    #[test]
    fn up_to_255_colours_are_kept_exactly() {
        let voxels: Vec<_> = (1..=255).map(|i| matte([i, 255 - i, i / 2])).collect();
        let (palette, indices) = exact(&voxels).unwrap();
        for (voxel, index) in voxels.iter().zip(indices) {
            assert_eq!(palette.get(index), Some(voxel));
        }
    }

    #[test]
    fn entries_that_differ_in_finish_alone_are_kept_apart() {
        let finish = |metallic, roughness| PaletteEntry {
            rgba: [9, 9, 9, 255],
            metallic,
            roughness,
        };
        let voxels = [finish(0, 1), finish(1, 0), finish(0, 1), finish(0, 0)];
        let (palette, indices) = exact(&voxels).unwrap();
        assert_eq!(indices, [1, 2, 1, 3]);
        assert_eq!(palette.entries(), [voxels[0], voxels[1], voxels[3]]);
    }

    #[test]
    fn the_256th_colour_makes_exactness_impossible() {
        assert!(exact(&many(256)).is_none());
    }

    #[test]
    fn a_reduced_palette_stays_close_to_its_voxels() {
        use palette::color_difference::ImprovedCiede2000;
        use palette::{FromColor, Lab};

        let voxels = many(20_000);
        let (palette, indices) = reduced(&voxels);
        let lab = |entry: &PaletteEntry| {
            let [r, g, b, _] = entry.rgba.map(|c| f32::from(c) / 255.0);
            Lab::from_color(palette::Srgb::new(r, g, b))
        };
        let total: f32 = voxels
            .iter()
            .zip(indices)
            .map(|(voxel, index)| lab(voxel).improved_difference(lab(palette.get(index).unwrap())))
            .sum();
        let mean = total / voxels.len() as f32;
        assert!(mean < 6.0, "mean dE2000 {mean}");
    }

    #[test]
    fn glass_and_metal_do_not_melt_into_paint_of_their_colour() {
        let mut voxels = many(5_000);
        let glass = PaletteEntry {
            rgba: [200, 30, 30, 90],
            metallic: 0,
            roughness: 20,
        };
        let gold = PaletteEntry {
            rgba: [200, 30, 30, 255],
            metallic: 255,
            roughness: 60,
        };
        voxels.extend([glass, gold, matte([200, 30, 30])]);
        let (palette, indices) = reduced(&voxels);
        let [glass_index, gold_index, paint_index] = indices[5_000..] else {
            panic!("three more voxels")
        };
        assert_eq!(palette.get(glass_index).unwrap().rgba[3], 90);
        assert_eq!(palette.get(gold_index).unwrap().metallic, 255);
        assert_eq!(palette.get(paint_index).unwrap().metallic, 0);
    }

    #[test]
    fn no_voxels_need_no_entries() {
        assert_eq!(exact(&[]), Some((Palette::default(), vec![])));
    }
}
