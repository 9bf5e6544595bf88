//! How a palette is chosen: exactly where the colours fit, else by Wu's quantiser in OKLab, and where finishes vary by
//! `cluster`.
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

use super::{Palette, PaletteEntry, cluster};

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

/// At most 255 entries that stand for many: by Wu's quantiser where colours alone differ, else by [`cluster`].
pub(super) fn reduced(voxels: &[PaletteEntry]) -> (Palette, Vec<u8>) {
    let finish = |voxel: &PaletteEntry| (voxel.rgba[3], voxel.metallic, voxel.roughness);
    let first = voxels
        .first()
        .copied()
        .unwrap_or(PaletteEntry::matte([255; 4]));
    if voxels.iter().any(|voxel| finish(voxel) != finish(&first)) {
        return cluster::reduced(voxels);
    }
    reduced_colors(voxels, first)
}

/// The same for voxels that have the finish of the first.
fn reduced_colors(voxels: &[PaletteEntry], first: PaletteEntry) -> (Palette, Vec<u8>) {
    let colors: Vec<Srgb<u8>> = voxels
        .iter()
        .map(|entry| Srgb::new(entry.rgba[0], entry.rgba[1], entry.rgba[2]))
        .collect();
    let oklab = srgb8_to_oklab(&colors);
    let size = u16::try_from(Palette::MAX_ENTRIES)
        .ok()
        .and_then(|most| PaletteSize::try_from(most).ok());
    let Some(map) = WuF32x3::run_slice(&oklab, BinnerF32x3::oklab_from_srgb8())
        .ok()
        .zip(size)
        .map(|(wu, size)| wu.color_map(size))
    else {
        return (Palette::default(), Vec::new());
    };
    let mut indices = map.map_to_indices(&oklab);
    let mut is_used = [false; 256];
    for &index in &indices {
        if let Some(used) = is_used.get_mut(usize::from(index)) {
            *used = true;
        }
    }
    // Entries that no voxel uses are dropped; the others keep their order.
    let mut entries = Vec::with_capacity(Palette::MAX_ENTRIES);
    let mut new_index = [0u8; 256];
    let chosen = oklab_to_srgb8(map.palette());
    let slots = chosen.iter().zip(is_used).zip(&mut new_index);
    for ((color, _), slot) in slots.filter(|((_, used), _)| *used) {
        entries.push(PaletteEntry {
            rgba: [color.red, color.green, color.blue, first.rgba[3]],
            ..first
        });
        *slot = u8::try_from(entries.len()).unwrap_or(u8::MAX);
    }
    for index in &mut indices {
        *index = new_index.get(usize::from(*index)).copied().unwrap_or(0);
    }
    (Palette::from_entries(entries).unwrap_or_default(), indices)
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
