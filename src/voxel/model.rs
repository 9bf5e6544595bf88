//! [`VoxelModel`]: voxels with a palette, ready to be meshed, drawn, edited and saved.

use std::sync::Arc;

use glam::IVec3;

use super::chunk::{CHUNK_EDGE, ChunkKey, ChunkVoxels};
use super::{Bounds, Palette, SparseVoxels};

/// A model: solid cells of a cubic grid, each with an index into the model's palette.
///
/// Frame and order as in [`SparseVoxels`]. The model's origin is the centre of the bottom face of its bounds, see
/// [`VoxelModel::origin`]. Cloning is cheap: the data is shared.
#[cfg_attr(feature = "bevy", derive(bevy::asset::Asset, bevy::reflect::TypePath))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoxelModel {
    resolution: u32,
    voxels: Arc<Cells>,
    palette: Arc<Palette>,
}

/// Cells in Morton order and their palette indices (1 to 255), equally long.
#[derive(Debug, PartialEq, Eq)]
struct Cells {
    coords: Vec<[u16; 3]>,
    indices: Vec<u8>,
}

/// The voxels of a model that lie in one chunk, still in Morton order.
#[derive(Clone, Copy, Debug)]
pub struct ModelChunk<'a> {
    /// Which chunk of the model's grid.
    pub key: ChunkKey,
    /// Cells of the model's grid.
    pub coords: &'a [[u16; 3]],
    /// Palette index of each cell.
    pub indices: &'a [u8],
}

impl From<&SparseVoxels> for VoxelModel {
    /// Chooses a palette for the voxels, see [`Palette::quantize`].
    fn from(voxels: &SparseVoxels) -> Self {
        let (palette, indices) = Palette::quantize(voxels);
        Self {
            resolution: voxels.resolution(),
            voxels: Arc::new(Cells {
                coords: voxels.coords().to_vec(),
                indices,
            }),
            palette: Arc::new(palette),
        }
    }
}

impl VoxelModel {
    /// Cells per axis of the grid.
    #[must_use]
    pub fn resolution(&self) -> u32 {
        self.resolution
    }

    /// Solid cells in Morton order.
    #[must_use]
    pub fn coords(&self) -> &[[u16; 3]] {
        &self.voxels.coords
    }

    /// Palette index of each cell.
    #[must_use]
    pub fn indices(&self) -> &[u8] {
        &self.voxels.indices
    }

    /// The model's colours.
    #[must_use]
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// Number of solid cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.coords().len()
    }

    /// Whether no cell is solid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.coords().is_empty()
    }

    /// The smallest box around the solid cells, or `None` where there are none.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        Bounds::of(self.coords())
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

    /// The model's chunks that hold voxels, in Morton order. Costs one comparison per voxel at most, copies nothing:
    /// a chunk is a contiguous run of the Morton order.
    pub fn chunks(&self) -> impl Iterator<Item = ModelChunk<'_>> {
        // Cells of a chunk agree in all bits above those of a place within it.
        let same_chunk = |&[ax, ay, az]: &[u16; 3], &[bx, by, bz]: &[u16; 3]| {
            usize::from((ax ^ bx) | (ay ^ by) | (az ^ bz)) < CHUNK_EDGE
        };
        let mut start = 0;
        self.coords()
            .chunk_by(same_chunk)
            .filter_map(move |coords| {
                let indices = self.indices().get(start..start + coords.len())?;
                start += coords.len();
                Some(ModelChunk {
                    key: chunk_of(coords.first()?),
                    coords,
                    indices,
                })
            })
    }
}

impl ModelChunk<'_> {
    /// The chunk as a dense cube.
    #[must_use]
    pub fn to_dense(&self) -> ChunkVoxels {
        let mut dense = ChunkVoxels::default();
        let within = |c: u16| usize::from(c) % CHUNK_EDGE;
        for (&[x, y, z], &index) in self.coords.iter().zip(self.indices) {
            dense.set([within(x), within(y), within(z)], index);
        }
        dense
    }
}

fn chunk_of(cell: &[u16; 3]) -> ChunkKey {
    ChunkKey::of_cell(IVec3::from(cell.map(i32::from)))
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "colours made from small counts"
)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(resolution: u32, coords: Vec<[u16; 3]>) -> VoxelModel {
        let rgba = (0..coords.len())
            .map(|i| [(i % 200) as u8, 0, 0, 255])
            .collect();
        VoxelModel::from(&SparseVoxels::new(resolution, coords, rgba, None).unwrap())
    }

    #[test]
    fn the_origin_is_the_centre_of_the_bottom_face() {
        let model = model(16, vec![[2, 3, 4], [5, 9, 4]]);
        assert_eq!(model.origin(), glam::Vec3::new(4.0, 3.0, 4.5));
    }

    #[test]
    fn a_model_without_voxels_has_no_chunks_and_stands_on_the_middle_of_its_grid() {
        let model = model(16, vec![]);
        assert_eq!(model.chunks().count(), 0);
        assert_eq!(model.origin(), glam::Vec3::new(8.0, 0.0, 8.0));
    }

    #[test]
    fn a_dense_chunk_holds_its_voxels_at_their_place_within_it() {
        let model = model(64, vec![[33, 0, 63]]);
        let chunks: Vec<_> = model.chunks().collect();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].key, ChunkKey(IVec3::new(1, 0, 1)));
        assert_eq!(chunks[0].to_dense().get([1, 0, 31]), 1);
    }

    proptest! {
        #[test]
        fn chunks_hold_every_voxel_once_under_the_right_key(
            cells in prop::collection::hash_set([0u16..100, 0u16..100, 0u16..100], 0..300),
        ) {
            let model = model(100, cells.into_iter().collect());
            let mut keys = std::collections::HashSet::new();
            let mut coords = Vec::new();
            let mut indices = Vec::new();
            for chunk in model.chunks() {
                prop_assert!(keys.insert(chunk.key), "a key comes once");
                for cell in chunk.coords {
                    let relative = IVec3::from(cell.map(i32::from)) - chunk.key.min_cell();
                    prop_assert!((0..32).contains(&relative.min_element()) && relative.max_element() < 32);
                }
                coords.extend_from_slice(chunk.coords);
                indices.extend_from_slice(chunk.indices);
            }
            prop_assert_eq!(&coords[..], model.coords());
            prop_assert_eq!(&indices[..], model.indices());
        }
    }
}
