//! [`SparseVoxels`]: the solid cells of a grid with their true colours, as every backend returns them.

use glam::U16Vec3;

use super::{Palette, PaletteEntry, morton};

/// Most cells an axis may have (octree depth 10).
pub const MAX_RESOLUTION: u32 = 1024;

/// Solid cells of a cubic grid, each with a colour and optionally a surface finish.
///
/// Frame: right-handed, +Y up, front at +Z, cells counted from the minimum corner. Cells are unique, inside the
/// grid and sorted in [Morton order](super::morton); [`SparseVoxels::new`] sees to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SparseVoxels {
    resolution: u32,
    coords: Vec<[u16; 3]>,
    rgba: Vec<[u8; 4]>,
    metallic_roughness: Option<Vec<[u8; 2]>>,
}

/// Smallest and largest solid cell, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Smallest coordinate on each axis.
    pub min: [u16; 3],
    /// Largest coordinate on each axis.
    pub max: [u16; 3],
}

impl Bounds {
    /// Cells on each axis.
    #[must_use]
    pub fn size(&self) -> [u32; 3] {
        let [min, max] =
            [self.min, self.max].map(|corner| glam::UVec3::from(corner.map(u32::from)));
        (max.saturating_sub(min) + 1).to_array()
    }

    /// The smallest box around two.
    pub(super) fn around(self, other: Self) -> Self {
        let [min, max] = [[self.min, other.min], [self.max, other.max]]
            .map(|corners| corners.map(U16Vec3::from));
        Self {
            min: min[0].min(min[1]).to_array(),
            max: max[0].max(max[1]).to_array(),
        }
    }

    /// Bounds of a list of cells, or `None` for an empty one.
    #[must_use]
    pub fn of(coords: &[[u16; 3]]) -> Option<Self> {
        let mut cells = coords.iter().map(|&cell| U16Vec3::from(cell));
        let first = cells.next()?;
        let (min, max) = cells.fold((first, first), |(min, max), cell| {
            (min.min(cell), max.max(cell))
        });
        Some(Self {
            min: min.to_array(),
            max: max.to_array(),
        })
    }
}

/// Why a list of voxels was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SparseVoxelsError {
    /// The grid is empty or larger than [`MAX_RESOLUTION`].
    #[error("resolution {got} is out of range: use 1 to {MAX_RESOLUTION}")]
    Resolution {
        /// Cells per axis asked for.
        got: u32,
    },
    /// Two columns of the list differ in length.
    #[error("{column} has {got} entries, but there are {expected} voxels")]
    Length {
        /// Which column.
        column: &'static str,
        /// Its length.
        got: usize,
        /// The length of `coords`.
        expected: usize,
    },
    /// A voxel lies outside the grid.
    #[error("voxel {index} at {cell:?} lies outside a grid of resolution {resolution}")]
    Outside {
        /// Its place in the list.
        index: usize,
        /// Its cell.
        cell: [u16; 3],
        /// Cells per axis.
        resolution: u32,
    },
    /// A cell is listed twice.
    #[error("cell {cell:?} is listed twice")]
    Duplicate {
        /// The cell.
        cell: [u16; 3],
    },
}

impl SparseVoxels {
    /// Checks and sorts a list of voxels. Cheap where the list is already in Morton order.
    ///
    /// `coords` are cells `[x, y, z]`, `rgba` sRGB bytes with straight alpha, `metallic_roughness` bytes for 0..=1,
    /// all in the same order.
    ///
    /// # Errors
    /// [`SparseVoxelsError`] when the resolution is not 1..=1024, columns differ in length, a cell lies outside the
    /// grid or is listed twice.
    pub fn new(
        resolution: u32,
        coords: Vec<[u16; 3]>,
        rgba: Vec<[u8; 4]>,
        metallic_roughness: Option<Vec<[u8; 2]>>,
    ) -> Result<Self, SparseVoxelsError> {
        check_resolution(resolution)?;
        check_length("rgba", rgba.len(), coords.len())?;
        if let Some(column) = &metallic_roughness {
            check_length("metallic_roughness", column.len(), coords.len())?;
        }
        if let Some((index, cell)) = coords
            .iter()
            .enumerate()
            .find(|(_, cell)| cell.iter().any(|&c| u32::from(c) >= resolution))
        {
            return Err(SparseVoxelsError::Outside {
                index,
                cell: *cell,
                resolution,
            });
        }
        let mut voxels = Self {
            resolution,
            coords,
            rgba,
            metallic_roughness,
        };
        if !voxels.coords.is_sorted_by_key(|&cell| morton::encode(cell)) {
            voxels.sort();
        }
        match voxels.coords.array_windows().find(|[a, b]| a == b) {
            Some([cell, _]) => Err(SparseVoxelsError::Duplicate { cell: *cell }),
            None => Ok(voxels),
        }
    }

    /// Cells in Morton order, inside the grid and each once, in the colours of a palette; the finish is kept where it
    /// is told for all and differs from [`PaletteEntry::matte`] anywhere.
    pub(super) fn of_palette(
        resolution: u32,
        coords: Vec<[u16; 3]>,
        indices: &[u8],
        palette: &Palette,
    ) -> Self {
        // An index that the palette lacks is drawn as its texture has it: transparent black.
        let missing = PaletteEntry::matte([0; 4]);
        let entries: Vec<PaletteEntry> = indices
            .iter()
            .map(|&index| *palette.get(index).unwrap_or(&missing))
            .collect();
        let has_finish = entries
            .iter()
            .any(|entry| *entry != PaletteEntry::matte(entry.rgba));
        let finish = |entry: &PaletteEntry| [entry.metallic, entry.roughness];
        Self {
            resolution,
            coords,
            rgba: entries.iter().map(|entry| entry.rgba).collect(),
            metallic_roughness: has_finish.then(|| entries.iter().map(finish).collect()),
        }
    }

    /// Cells per axis.
    #[must_use]
    pub fn resolution(&self) -> u32 {
        self.resolution
    }

    /// Solid cells in Morton order.
    #[must_use]
    pub fn coords(&self) -> &[[u16; 3]] {
        &self.coords
    }

    /// Colour of each cell: sRGB, straight alpha.
    #[must_use]
    pub fn rgba(&self) -> &[[u8; 4]] {
        &self.rgba
    }

    /// Metallic and perceptual roughness of each cell, where the backend tells them.
    #[must_use]
    pub fn metallic_roughness(&self) -> Option<&[[u8; 2]]> {
        self.metallic_roughness.as_deref()
    }

    /// Number of solid cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.coords.len()
    }

    /// Whether no cell is solid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coords.is_empty()
    }

    /// The smallest box around the solid cells, or `None` where there are none.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::of(&self.coords)
    }

    /// The same voxels in cells twice as large, as a rough look at them: each cell has the mean colour and finish of
    /// the voxels in it.
    #[must_use]
    pub fn coarser(&self) -> Self {
        let finish = self.metallic_roughness.as_deref();
        let mut coarse = Self {
            resolution: self.resolution.div_ceil(2),
            coords: Vec::new(),
            rgba: Vec::new(),
            metallic_roughness: finish.map(|_| Vec::new()),
        };
        // In Morton order the voxels of a larger cell follow each other.
        let larger = |cell: &[u16; 3]| cell.map(|c| c >> 1);
        let mut first = 0;
        for group in self.coords.chunk_by(|a, b| larger(a) == larger(b)) {
            let range = first..first + group.len();
            first = range.end;
            coarse.coords.extend(group.first().map(larger));
            coarse.rgba.extend(self.rgba.get(range.clone()).map(mean));
            if let (Some(finish), Some(means)) = (finish, &mut coarse.metallic_roughness) {
                means.extend(finish.get(range).map(mean));
            }
        }
        coarse
    }

    /// Puts every column into Morton order.
    fn sort(&mut self) {
        // Code in the high half, place in the low half: one sort of plain integers instead of a permuted one.
        let mut order: Vec<u64> = (0u64..)
            .zip(&self.coords)
            .map(|(place, &cell)| (u64::from(morton::encode(cell)) << 32) | place)
            .collect();
        order.sort_unstable();
        self.coords = order
            .iter()
            .map(|key| morton::decode((key >> 32) as u32))
            .collect();
        self.rgba = permuted(&self.rgba, &order);
        self.metallic_roughness = self
            .metallic_roughness
            .take()
            .map(|column| permuted(&column, &order));
    }
}

/// `column` in the order of the places in the low halves of `order`.
fn permuted<T: Copy>(column: &[T], order: &[u64]) -> Vec<T> {
    order
        .iter()
        .filter_map(|key| column.get((key & 0xffff_ffff) as usize).copied())
        .collect()
}

/// The mean of some entries, rounded; zeros of none.
fn mean<const N: usize>(entries: &[[u8; N]]) -> [u8; N] {
    let mut sums = [0; N];
    for entry in entries {
        for (sum, &value) in sums.iter_mut().zip(entry) {
            *sum += u32::from(value);
        }
    }
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let mean = |sum: u32| (sum + count / 2).checked_div(count).unwrap_or(0);
    sums.map(|sum| u8::try_from(mean(sum)).unwrap_or(u8::MAX))
}

fn check_resolution(resolution: u32) -> Result<(), SparseVoxelsError> {
    if (1..=MAX_RESOLUTION).contains(&resolution) {
        Ok(())
    } else {
        Err(SparseVoxelsError::Resolution { got: resolution })
    }
}

fn check_length(
    column: &'static str,
    got: usize,
    expected: usize,
) -> Result<(), SparseVoxelsError> {
    if got == expected {
        Ok(())
    } else {
        Err(SparseVoxelsError::Length {
            column,
            got,
            expected,
        })
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "colours made from small counts"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RED: [u8; 4] = [255, 0, 0, 255];
    const BLUE: [u8; 4] = [0, 0, 255, 255];

    #[test]
    fn voxels_come_out_in_morton_order_with_their_own_colours() {
        let voxels = SparseVoxels::new(
            4,
            vec![[0, 0, 1], [1, 0, 0]],
            vec![RED, BLUE],
            Some(vec![[1, 2], [3, 4]]),
        )
        .unwrap();
        assert_eq!(voxels.coords(), [[1, 0, 0], [0, 0, 1]]);
        assert_eq!(voxels.rgba(), [BLUE, RED]);
        assert_eq!(voxels.metallic_roughness(), Some(&[[3, 4], [1, 2]][..]));
    }

    #[test]
    fn an_empty_list_is_fine_and_has_no_bounds() {
        let voxels = SparseVoxels::new(64, vec![], vec![], None).unwrap();
        assert!(voxels.is_empty());
        assert_eq!(voxels.bounds(), None);
    }

    #[test]
    fn bounds_hold_every_cell_and_no_more() {
        let coords = vec![[3, 1, 2], [0, 5, 2]];
        let bounds = SparseVoxels::new(8, coords, vec![RED; 2], None)
            .unwrap()
            .bounds()
            .unwrap();
        assert_eq!(
            bounds,
            Bounds {
                min: [0, 1, 2],
                max: [3, 5, 2]
            }
        );
        assert_eq!(bounds.size(), [4, 5, 1]);
    }

    #[test]
    fn coarser_voxels_fill_the_same_space_in_mean_colours() {
        let coords = vec![[0, 0, 0], [1, 1, 0], [4, 0, 0], [2, 3, 4]];
        let rgba = vec![[10, 0, 0, 255], [20, 1, 0, 255], RED, BLUE];
        let finish = vec![[0, 9], [1, 11], [2, 2], [3, 3]];
        let voxels = SparseVoxels::new(5, coords, rgba, Some(finish)).unwrap();
        let coarse = voxels.coarser();
        let expected = SparseVoxels::new(
            3,
            vec![[0, 0, 0], [2, 0, 0], [1, 1, 2]],
            vec![[15, 1, 0, 255], RED, BLUE],
            Some(vec![[1, 10], [2, 2], [3, 3]]),
        );
        assert_eq!(coarse, expected.unwrap());
        assert_eq!(coarse.coarser().resolution(), 2);
    }

    #[test]
    fn a_cell_outside_the_grid_is_refused_by_name() {
        let error =
            SparseVoxels::new(8, vec![[0, 0, 0], [0, 8, 0]], vec![RED; 2], None).unwrap_err();
        assert_eq!(
            error,
            SparseVoxelsError::Outside {
                index: 1,
                cell: [0, 8, 0],
                resolution: 8
            }
        );
    }

    #[test]
    fn a_cell_listed_twice_is_refused_also_when_the_two_stand_apart() {
        let coords = vec![[1, 1, 1], [0, 0, 0], [1, 1, 1]];
        let error = SparseVoxels::new(8, coords, vec![RED; 3], None).unwrap_err();
        assert_eq!(error, SparseVoxelsError::Duplicate { cell: [1, 1, 1] });
    }

    #[test]
    fn columns_of_different_length_are_refused() {
        let short = SparseVoxels::new(8, vec![[0; 3]], vec![], None).unwrap_err();
        assert_eq!(
            short,
            SparseVoxelsError::Length {
                column: "rgba",
                got: 0,
                expected: 1
            }
        );
        let long =
            SparseVoxels::new(8, vec![[0; 3]], vec![RED], Some(vec![[0; 2]; 2])).unwrap_err();
        assert_eq!(
            long,
            SparseVoxelsError::Length {
                column: "metallic_roughness",
                got: 2,
                expected: 1
            }
        );
    }

    #[test]
    fn a_grid_has_1_to_1024_cells_an_axis() {
        for got in [0, 1025, u32::MAX] {
            let error = SparseVoxels::new(got, vec![], vec![], None).unwrap_err();
            assert_eq!(error, SparseVoxelsError::Resolution { got });
        }
        assert!(SparseVoxels::new(1, vec![[0; 3]], vec![RED], None).is_ok());
        assert!(SparseVoxels::new(1024, vec![[1023; 3]], vec![RED], None).is_ok());
    }

    proptest! {
        #[test]
        fn any_list_is_either_refused_or_sorted_and_complete(
            cells in prop::collection::vec([0u16..40, 0u16..40, 0u16..40], 0..200),
            resolution in 0u32..48,
        ) {
            let colours: Vec<[u8; 4]> = (0..cells.len()).map(|i| [(i % 251) as u8, 0, 0, 255]).collect();
            let mut unique = cells.clone();
            unique.sort_unstable();
            unique.dedup();
            let fits = resolution > 0 && cells.iter().flatten().all(|&c| u32::from(c) < resolution);
            match SparseVoxels::new(resolution, cells.clone(), colours.clone(), None) {
                Ok(voxels) => {
                    prop_assert!(fits && unique.len() == cells.len());
                    prop_assert!(voxels.coords().is_sorted_by_key(|&c| morton::encode(c)));
                    for (cell, colour) in voxels.coords().iter().zip(voxels.rgba()) {
                        let place = cells.iter().position(|c| c == cell).unwrap();
                        prop_assert_eq!(*colour, colours[place]);
                    }
                }
                Err(_) => prop_assert!(!fits || unique.len() < cells.len()),
            }
        }
    }
}
