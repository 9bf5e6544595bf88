//! [`Layout`]: which palette index of a file each colour of a model gets.
//!
//! The Crossworld engine takes the colour of index i from the palette entry before the right one (from the first one
//! for index 1). With at most 128 colours both readings agree all the same: colour 0 stands in entry 0 and is used
//! as index 1, and every further colour j stands in entries 2j - 1 and 2j and is used as index 2j + 1. More colours
//! stand once each and are right for every other reader only.

use crate::voxel::{PaletteEntry, VoxelModel};

use super::VoxError;

/// Most colours that Crossworld reads right.
const BOTH_READERS: usize = 128;

/// The palette of a file and where a model's colours are in it.
pub(super) struct Layout {
    /// The colours of RGBA: entry 0 is that of index 1.
    pub(super) colors: [[u8; 4]; 256],
    /// The indices that voxels use, with their colours.
    pub(super) used: Vec<(u8, PaletteEntry)>,
    /// For every palette index of the model the one of the file.
    indices: [u8; 256],
}

impl Layout {
    /// Places the colours that the model's voxels have; equal ones share a place.
    pub(super) fn of(model: &VoxelModel) -> Result<Self, VoxError> {
        let (distinct, places) = distinct(model)?;
        let doubled = distinct.len() <= BOTH_READERS;
        let mut layout = Self {
            colors: [[0; 4]; 256],
            used: Vec::with_capacity(distinct.len()),
            indices: [0; 256],
        };
        // The file's index of each distinct colour.
        let steps = (1..=u8::MAX).step_by(if doubled { 2 } else { 1 });
        for (index, entry) in steps.zip(distinct) {
            let [r, g, b, _] = entry.rgba;
            let last = usize::from(index) - 1;
            let first = if doubled {
                last.saturating_sub(1)
            } else {
                last
            };
            if let Some(entries) = layout.colors.get_mut(first..=last) {
                entries.fill([r, g, b, u8::MAX]);
            }
            layout.used.push((index, entry));
        }
        for (index, place) in layout.indices.iter_mut().zip(places) {
            let used = place.and_then(|place| layout.used.get(place));
            *index = used.map_or(0, |&(index, _)| index);
        }
        Ok(layout)
    }

    /// The file's index for a palette index of the model; 0 for one that no voxel has.
    pub(super) fn index(&self, index: u8) -> u8 {
        let index = self.indices.get(usize::from(index));
        index.copied().unwrap_or_default()
    }
}

/// The colours that voxels have, each once, and for every palette index its place among them.
fn distinct(model: &VoxelModel) -> Result<(Vec<PaletteEntry>, [Option<usize>; 256]), VoxError> {
    let mut used = [false; 256];
    for leaf in model.octree().leaves() {
        if let Some(used) = used.get_mut(usize::from(leaf.value)) {
            *used = true;
        }
    }
    let palette = model.palette();
    let mut distinct: Vec<PaletteEntry> = Vec::new();
    let mut places = [None; 256];
    for ((index, place), _) in (0..=u8::MAX)
        .zip(&mut places)
        .zip(used)
        .filter(|(_, used)| *used)
    {
        let entry = *palette.get(index).ok_or(VoxError::Color {
            index,
            colors: palette.entries().len(),
        })?;
        let known = distinct.iter().position(|other| *other == entry);
        *place = known.or_else(|| {
            distinct.push(entry);
            Some(distinct.len() - 1)
        });
    }
    Ok((distinct, places))
}
