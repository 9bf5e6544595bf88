//! Chunks: cubes of 32^3 cells, the unit that is meshed, drawn and edited as one.
//!
//! A chunk key counts chunks, so the chunk at key k spans cells `32k .. 32k + 32` on each axis of its grid.

use glam::IVec3;

/// Octree depth of a chunk.
pub const CHUNK_DEPTH: u32 = 5;

/// Cells along an edge of a chunk.
pub const CHUNK_EDGE: usize = 1 << CHUNK_DEPTH;

/// Cells of a chunk.
pub const CHUNK_VOLUME: usize = CHUNK_EDGE * CHUNK_EDGE * CHUNK_EDGE;

/// A chunk's place in its grid, in chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChunkKey(pub IVec3);

impl ChunkKey {
    /// The chunk that holds a cell.
    #[must_use]
    pub fn of_cell(cell: IVec3) -> Self {
        Self(cell >> CHUNK_DEPTH)
    }

    /// The chunk's minimum corner, in cells.
    #[must_use]
    pub fn min_cell(self) -> IVec3 {
        self.0 << CHUNK_DEPTH
    }
}

/// Palette indices of all cells of one chunk, 0 where empty; x runs fastest, then y, then z.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkVoxels(Box<[u8; CHUNK_VOLUME]>);

impl Default for ChunkVoxels {
    fn default() -> Self {
        Self(Box::new([0; CHUNK_VOLUME]))
    }
}

impl ChunkVoxels {
    /// All cells, x fastest, then y, then z.
    #[must_use]
    pub fn cells(&self) -> &[u8; CHUNK_VOLUME] {
        &self.0
    }

    /// All cells to be changed, x fastest, then y, then z.
    pub fn cells_mut(&mut self) -> &mut [u8; CHUNK_VOLUME] {
        &mut self.0
    }

    /// Palette index at a cell of the chunk; 0 (empty) outside `0..32`.
    #[must_use]
    pub fn get(&self, cell: [usize; 3]) -> u8 {
        offset(cell)
            .and_then(|place| self.0.get(place))
            .copied()
            .unwrap_or(0)
    }

    /// Sets a cell of the chunk; does nothing outside `0..32`.
    pub fn set(&mut self, cell: [usize; 3], index: u8) {
        if let Some(slot) = offset(cell).and_then(|place| self.0.get_mut(place)) {
            *slot = index;
        }
    }
}

/// Place of a cell in [`ChunkVoxels::cells`], or `None` outside the chunk.
fn offset([x, y, z]: [usize; 3]) -> Option<usize> {
    let inside = x < CHUNK_EDGE && y < CHUNK_EDGE && z < CHUNK_EDGE;
    inside.then_some(x + CHUNK_EDGE * (y + CHUNK_EDGE * z))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_reads_back_what_was_written_and_its_neighbours_stay_empty() {
        let mut chunk = ChunkVoxels::default();
        chunk.set([1, 2, 3], 7);
        assert_eq!(chunk.get([1, 2, 3]), 7);
        assert_eq!(chunk.cells().iter().filter(|&&index| index != 0).count(), 1);
        assert_eq!(chunk.cells()[1 + 32 * (2 + 32 * 3)], 7);
    }

    #[test]
    fn cells_outside_the_chunk_are_empty_and_cannot_be_set() {
        let mut chunk = ChunkVoxels::default();
        chunk.set([32, 0, 0], 7);
        assert_eq!(chunk, ChunkVoxels::default());
        assert_eq!(chunk.get([0, 32, 0]), 0);
    }

    #[test]
    fn every_cell_lies_in_the_chunk_that_holds_it() {
        for cell in [IVec3::ZERO, IVec3::splat(31), IVec3::new(32, -1, -33)] {
            let inside = cell - ChunkKey::of_cell(cell).min_cell();
            assert!(
                inside.min_element() >= 0 && inside.max_element() < 32,
                "{cell}: {inside}"
            );
        }
    }

    #[test]
    fn keys_of_chunks_below_the_origin_have_negative_corners() {
        assert_eq!(
            ChunkKey(IVec3::new(-1, 0, 2)).min_cell(),
            IVec3::new(-32, 0, 64)
        );
    }
}
