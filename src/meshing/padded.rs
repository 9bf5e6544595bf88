//! A chunk with a border of one cell copied from its neighbours, as rows along x.

#![expect(
    clippy::indexing_slicing,
    reason = "rows count to the edge that every array here has"
)]

use wide::u8x32;

use crate::voxel::{CHUNK_EDGE, ChunkLayer, ChunkVoxels, Palette};

/// Palette indices of a row of 32 cells along x.
pub(super) type Row = [u8; CHUNK_EDGE];

/// Rows along an edge with the border on both sides.
const EDGE: usize = CHUNK_EDGE + 2;

/// A value per row, `[z][y]`; the chunk's own rows are 1 to 32 on both axes.
type Rows<T> = [[T; EDGE]; EDGE];

/// Palette indices and occupancy of a chunk and its border. Edges and corners of the border stay empty: no face
/// looks at them.
pub(super) struct PaddedChunk {
    pub(super) cells: Box<Rows<Row>>,
    /// One bit a cell, set where it is neither empty nor translucent.
    pub(super) opaque: Box<Rows<u32>>,
    /// One bit a cell, set where it is translucent.
    pub(super) translucent: Box<Rows<u32>>,
    /// The cells before and after each row.
    pub(super) ends: Box<Rows<[End; 2]>>,
}

/// A cell of the border at an end of a row.
#[derive(Clone, Copy, Default)]
pub(super) struct End {
    pub(super) index: u8,
    pub(super) opaque: bool,
}

impl Default for PaddedChunk {
    fn default() -> Self {
        Self {
            cells: Box::new([[[0; CHUNK_EDGE]; EDGE]; EDGE]),
            opaque: Box::new([[0; EDGE]; EDGE]),
            translucent: Box::new([[0; EDGE]; EDGE]),
            ends: Box::new([[[End::default(); 2]; EDGE]; EDGE]),
        }
    }
}

impl PaddedChunk {
    /// Takes over a chunk and the cells beyond its sides (-x, +x, -y, +y, -z, +z).
    pub(super) fn fill(
        &mut self,
        chunk: &ChunkVoxels,
        [before_x, after_x, before_y, after_y, before_z, after_z]: &[ChunkLayer; 6],
        glass: &Translucency,
    ) {
        let end = |index| End {
            index,
            opaque: index != 0 && !glass.contains(index),
        };
        for z in 0..CHUNK_EDGE {
            for (y, row) in rows(chunk, z).iter().enumerate() {
                self.put(y + 1, z + 1, row, glass);
                self.ends[z + 1][y + 1] = [end(before_x[z][y]), end(after_x[z][y])];
            }
            self.put(0, z + 1, &before_y[z], glass);
            self.put(EDGE - 1, z + 1, &after_y[z], glass);
        }
        for y in 0..CHUNK_EDGE {
            self.put(y + 1, 0, &before_z[y], glass);
            self.put(y + 1, EDGE - 1, &after_z[y], glass);
        }
    }

    /// One bit for each cell of a row, set where the next has its index; the last has no next. Takes padded places.
    pub(super) fn same_as_next(&self, y: usize, z: usize) -> u32 {
        // Read one cell further on, since to move a row by a cell would cost more than the comparison.
        let further_on = (z * EDGE + y) * CHUNK_EDGE + 1;
        let cells = self.cells.as_flattened().as_flattened();
        let next = cells[further_on..].first_chunk().unwrap_or(&EMPTY);
        equal_cells(&self.cells[z][y], next) & (u32::MAX >> 1)
    }

    fn put(&mut self, y: usize, z: usize, row: &Row, glass: &Translucency) {
        let translucent = glass.cells(row);
        self.cells[z][y] = *row;
        self.opaque[z][y] = !equal_cells(row, &EMPTY) & !translucent;
        self.translucent[z][y] = translucent;
    }
}

/// Which palette indices are translucent. Empty space and indices that a palette lacks are not.
pub(super) struct Translucency {
    any: bool,
    of_index: [bool; 256],
}

impl Translucency {
    pub(super) fn of(palette: &Palette) -> Self {
        let mut of_index = [false; 256];
        for (slot, entry) in of_index.iter_mut().skip(1).zip(palette.entries()) {
            *slot = entry.is_translucent();
        }
        Self {
            any: of_index.contains(&true),
            of_index,
        }
    }

    /// Whether the palette has any translucent entry.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    pub(super) fn contains(&self, index: u8) -> bool {
        self.of_index
            .get(usize::from(index))
            .copied()
            .unwrap_or(false)
    }

    /// One bit for each cell of a row, set where it is translucent.
    fn cells(&self, row: &Row) -> u32 {
        if !self.any {
            return 0;
        }
        row.iter().rev().fold(0, |bits, &index| {
            (bits << 1) | u32::from(self.contains(index))
        })
    }
}

const EMPTY: Row = [0; CHUNK_EDGE];

/// One bit for each cell, set where two rows agree.
pub(super) fn equal_cells(a: &Row, b: &Row) -> u32 {
    u8x32::new(*a).simd_eq(u8x32::new(*b)).to_bitmask()
}

/// The rows of a chunk at a z, by their y.
fn rows(chunk: &ChunkVoxels, z: usize) -> &[Row; CHUNK_EDGE] {
    let (rows, _) = chunk.cells().as_chunks::<CHUNK_EDGE>();
    let (layers, _) = rows.as_chunks::<CHUNK_EDGE>();
    &layers[z]
}
