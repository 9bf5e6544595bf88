//! [`VoxelModel`]: voxels with a palette, ready to be meshed, drawn, edited and saved.

use std::sync::Arc;

use super::{Bounds, ColorMatch, MAX_RESOLUTION, Octree, Palette, PaletteMap, SparseVoxels};

/// Most voxels that are listed one by one; an octree may hold far more in a few leaves.
pub const MAX_LISTED_VOXELS: u64 = 1 << 26;

/// A model: an octree of palette indices and the palette.
///
/// Frame and order as in [`SparseVoxels`]. The model's origin is the centre of the bottom face of its bounds, see
/// [`VoxelModel::origin`]. Cloning is cheap: the data is shared.
#[cfg_attr(feature = "bevy", derive(bevy::asset::Asset, bevy::reflect::TypePath))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoxelModel {
    resolution: u32,
    octree: Octree,
    palette: Arc<Palette>,
    len: usize,
    bounds: Option<Bounds>,
}

/// Why a model could not be made or listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoxelModelError {
    /// The grid is empty or larger than [`MAX_RESOLUTION`].
    #[error("a model of {got} cells an axis is out of range: use 1 to {MAX_RESOLUTION}")]
    Resolution {
        /// Cells per axis asked for.
        got: u32,
    },
    /// A voxel lies outside the grid.
    #[error("voxels reach to {max:?}, outside a grid of resolution {resolution}")]
    Outside {
        /// Largest coordinate on each axis.
        max: [u16; 3],
        /// Cells per axis.
        resolution: u32,
    },
    /// More voxels than [`MAX_LISTED_VOXELS`].
    #[error("{got} voxels are too many to be listed one by one: at most {MAX_LISTED_VOXELS} are")]
    TooMany {
        /// Solid cells.
        got: u64,
    },
}

impl From<&SparseVoxels> for VoxelModel {
    /// Chooses a palette for the voxels, see [`Palette::quantize`].
    fn from(voxels: &SparseVoxels) -> Self {
        let (palette, indices) = Palette::quantize(voxels);
        Self {
            resolution: voxels.resolution(),
            octree: Octree::from_sparse(voxels, &indices),
            palette: Arc::new(palette),
            len: voxels.len(),
            bounds: voxels.bounds(),
        }
    }
}

impl VoxelModel {
    /// A model of `resolution` cells an axis; values of the octree are indices into the palette.
    ///
    /// # Errors
    /// [`VoxelModelError::Resolution`], [`VoxelModelError::Outside`].
    pub fn new(resolution: u32, octree: Octree, palette: Palette) -> Result<Self, VoxelModelError> {
        if !(1..=MAX_RESOLUTION).contains(&resolution) {
            return Err(VoxelModelError::Resolution { got: resolution });
        }
        let bounds = octree.bounds();
        if let Some(Bounds { max, .. }) = bounds
            && max.iter().any(|&c| u32::from(c) >= resolution)
        {
            return Err(VoxelModelError::Outside { max, resolution });
        }
        Ok(Self {
            resolution,
            len: usize::try_from(octree.len()).unwrap_or(usize::MAX),
            octree,
            palette: Arc::new(palette),
            bounds,
        })
    }

    /// Cells per axis of the grid.
    #[must_use]
    pub fn resolution(&self) -> u32 {
        self.resolution
    }

    /// Palette index of every cell.
    #[must_use]
    pub fn octree(&self) -> &Octree {
        &self.octree
    }

    /// Solid cells and their palette indices, in Morton order.
    pub fn cells(&self) -> impl Iterator<Item = ([u16; 3], u8)> {
        // A model has at most 1024 cells an axis.
        let short = |c: u32| u16::try_from(c).unwrap_or(u16::MAX);
        self.octree
            .cells()
            .map(move |(cell, index)| (cell.map(short), index))
    }

    /// The model's colours.
    #[must_use]
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// Number of solid cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no cell is solid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The smallest box around the solid cells, or `None` where there are none.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        self.bounds
    }

    /// The model's origin in its grid, in cells: the centre of the bottom face of its bounds (of the grid, where
    /// there are no voxels). This point stands where the model's transform is.
    #[must_use]
    pub fn origin(&self) -> glam::Vec3 {
        match self.bounds() {
            Some(Bounds {
                min: [x0, y0, z0],
                max: [x1, _, z1],
            }) => {
                let middle = |low: u16, high: u16| (f32::from(low) + f32::from(high) + 1.0) / 2.0;
                glam::Vec3::new(middle(x0, x1), f32::from(y0), middle(z0, z1))
            }
            None => glam::Vec3::new(0.5, 0.0, 0.5) * self.resolution as f32,
        }
    }

    /// The voxels one by one, in the colours of the palette.
    ///
    /// # Errors
    /// [`VoxelModelError::TooMany`].
    pub fn to_sparse(&self) -> Result<SparseVoxels, VoxelModelError> {
        self.check_listable()?;
        let (coords, indices): (Vec<[u16; 3]>, Vec<u8>) = self.cells().unzip();
        Ok(SparseVoxels::of_palette(
            self.resolution,
            coords,
            &indices,
            &self.palette,
        ))
    }

    /// The same model in the colours of another palette, such as [`Palette::crossworld`].
    ///
    /// # Errors
    /// [`VoxelModelError::TooMany`], only when dithering.
    pub fn with_palette(
        &self,
        palette: &Palette,
        how: ColorMatch,
    ) -> Result<Self, VoxelModelError> {
        let map = PaletteMap::new(&self.palette, palette, how);
        let octree = if how.dither {
            self.check_listable()?;
            let cells = self.octree.cells();
            let mixed = cells.map(|(cell, index)| (cell, map.index_at(cell, index)));
            Octree::from_cells(self.octree.depth(), mixed).unwrap_or_default()
        } else {
            self.octree.mapped(map.table())
        };
        Self::new(self.resolution, octree, palette.clone())
    }

    /// The same model in cells twice as large, as it looks from far away; see [`Octree::coarser`].
    #[must_use]
    pub fn coarser(&self) -> Self {
        let octree = self.octree.coarser();
        Self {
            resolution: self.resolution.div_ceil(2),
            len: usize::try_from(octree.len()).unwrap_or(usize::MAX),
            bounds: octree.bounds(),
            octree,
            palette: Arc::clone(&self.palette),
        }
    }

    fn check_listable(&self) -> Result<(), VoxelModelError> {
        match self.octree.len() {
            got if got > MAX_LISTED_VOXELS => Err(VoxelModelError::TooMany { got }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::PaletteEntry;
    use super::*;

    fn model(resolution: u32, coords: Vec<[u16; 3]>) -> VoxelModel {
        let rgba = vec![[9, 9, 9, 255]; coords.len()];
        VoxelModel::from(&SparseVoxels::new(resolution, coords, rgba, None).unwrap())
    }

    #[test]
    fn the_origin_is_the_centre_of_the_bottom_face() {
        let model = model(16, vec![[2, 3, 4], [5, 9, 4]]);
        assert_eq!(model.origin(), glam::Vec3::new(4.0, 3.0, 4.5));
    }

    #[test]
    fn a_model_without_voxels_stands_on_the_middle_of_its_grid() {
        let model = model(16, vec![]);
        assert!(model.is_empty());
        assert_eq!(model.origin(), glam::Vec3::new(8.0, 0.0, 8.0));
    }

    #[test]
    fn a_model_lists_the_voxels_it_was_made_of() {
        let coords = vec![[0, 0, 0], [99, 0, 7], [3, 64, 98]];
        let rgba = vec![[1, 2, 3, 255], [4, 5, 6, 255], [7, 8, 9, 40]];
        let finish = vec![[255, 10], [0, 20], [0, 30]];
        let voxels = SparseVoxels::new(100, coords, rgba, Some(finish)).unwrap();
        assert_eq!(VoxelModel::from(&voxels).to_sparse().unwrap(), voxels);
    }

    #[test]
    fn a_grid_out_of_range_and_voxels_outside_it_are_refused() {
        let octree = Octree::from_cells(4, [([9, 0, 0], 1)]).unwrap();
        let palette = Palette::from_entries(vec![PaletteEntry::matte([1; 4])]).unwrap();
        let make = |resolution| VoxelModel::new(resolution, octree.clone(), palette.clone());
        assert_eq!(make(0).unwrap_err(), VoxelModelError::Resolution { got: 0 });
        assert_eq!(
            make(1025).unwrap_err(),
            VoxelModelError::Resolution { got: 1025 }
        );
        let outside = VoxelModelError::Outside {
            max: [9, 0, 0],
            resolution: 9,
        };
        assert_eq!(make(9).unwrap_err(), outside);
        assert_eq!(make(10).unwrap().len(), 1);
    }

    #[test]
    fn a_model_in_crossworlds_colours_keeps_its_cells_and_takes_plain_colours() {
        let coords = vec![[0, 0, 0], [1, 0, 0], [5, 6, 7]];
        let rgba = vec![[250, 3, 2, 255], [1, 1, 250, 255], [255, 255, 255, 255]];
        let model = VoxelModel::from(&SparseVoxels::new(8, coords, rgba, None).unwrap());
        for dither in [false, true] {
            let how = ColorMatch {
                named: false,
                dither,
            };
            let mapped = model.with_palette(Palette::crossworld(), how).unwrap();
            let cells: Vec<_> = mapped.cells().map(|(cell, _)| cell).collect();
            assert_eq!(
                cells,
                model.cells().map(|(cell, _)| cell).collect::<Vec<_>>()
            );
            assert!(mapped.cells().all(|(_, material)| material >= 128));
            assert_eq!(mapped.octree().get([5, 6, 7]), 255);
        }
    }

    #[test]
    fn a_full_model_of_the_largest_grid_is_counted_but_not_listed() {
        let full = Octree::from_root(10, super::super::Node::Leaf(1)).unwrap();
        let model = VoxelModel::new(1024, full, Palette::default()).unwrap();
        assert_eq!(model.len(), 1 << 30);
        assert_eq!(
            model.to_sparse().unwrap_err(),
            VoxelModelError::TooMany { got: 1 << 30 }
        );
    }
}
