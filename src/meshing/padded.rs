//! A chunk with a border of one cell copied from its neighbours, as rows along x.

#![expect(
    clippy::indexing_slicing,
    reason = "rows count to the edge that every array here has"
)]

use wide::u8x32;

use crate::voxel::{CHUNK_EDGE, ChunkLayer, ChunkVoxels, GlassKinds, Palette};

/// Palette indices of a row of 32 cells along x.
pub(super) type Row = [u8; CHUNK_EDGE];

/// Rows along an edge with the border on both sides.
const EDGE: usize = CHUNK_EDGE + 2;

/// A value per row, `[z][y]`; the chunk's own rows are 1 to 32 on both axes.
pub(super) type Rows<T> = [[T; EDGE]; EDGE];

/// Palette indices and occupancy of a chunk and its border. Edges and corners of the border stay empty: no face
/// looks at them.
pub(super) struct PaddedChunk {
    pub(super) cells: Box<Rows<Row>>,
    /// One bit a cell, set where it is neither empty nor translucent.
    pub(super) opaque: Box<Rows<u32>>,
    /// One bit a cell, set where it is translucent.
    pub(super) translucent: Box<Rows<u32>>,
    /// Kinds of glass, 0 where there is none. Up to date only in rows that have some.
    pub(super) kinds: Box<Rows<Row>>,
    /// The cells before and after each row.
    pub(super) ends: Box<Rows<[End; 2]>>,
}

/// A cell of the border at an end of a row.
#[derive(Clone, Copy, Default)]
pub(super) struct End {
    /// Its kind of glass, 0 for none.
    pub(super) kind: u8,
    pub(super) opaque: bool,
}

impl Default for PaddedChunk {
    fn default() -> Self {
        Self {
            cells: Box::new([[[0; CHUNK_EDGE]; EDGE]; EDGE]),
            opaque: Box::new([[0; EDGE]; EDGE]),
            translucent: Box::new([[0; EDGE]; EDGE]),
            kinds: Box::new([[[0; CHUNK_EDGE]; EDGE]; EDGE]),
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
        let end = |index| {
            let kind = glass.kind(index);
            End {
                kind,
                opaque: index != 0 && kind == 0,
            }
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

    fn put(&mut self, y: usize, z: usize, row: &Row, glass: &Translucency) {
        self.cells[z][y] = *row;
        let solid = !equal_cells(row, &EMPTY);
        let translucent = if glass.any && solid != 0 {
            let kinds = row.map(|index| glass.kind(index));
            self.kinds[z][y] = kinds;
            !equal_cells(&kinds, &EMPTY)
        } else {
            0
        };
        self.opaque[z][y] = solid & !translucent;
        self.translucent[z][y] = translucent;
    }
}

/// One bit for each cell of a row, set where the next has its value; the last has no next. Takes padded places.
pub(super) fn same_as_next(rows: &Rows<Row>, y: usize, z: usize) -> u32 {
    // Read one cell further on, since to move a row by a cell would cost more than the comparison.
    let further_on = (z * EDGE + y) * CHUNK_EDGE + 1;
    let cells = rows.as_flattened().as_flattened();
    let next = cells[further_on..].first_chunk().unwrap_or(&EMPTY);
    equal_cells(&rows[z][y], next) & (u32::MAX >> 1)
}

/// The kinds of glass of a palette, and whether there is any. Empty space and indices that a palette lacks are none.
pub(super) struct Translucency {
    any: bool,
    kinds: GlassKinds,
}

impl Translucency {
    pub(super) fn of(palette: &Palette) -> Self {
        let kinds = GlassKinds::of(palette);
        Self {
            any: kinds.any(),
            kinds,
        }
    }

    /// Whether the palette has any translucent entry.
    pub(super) fn any(&self) -> bool {
        self.any
    }

    pub(super) fn contains(&self, index: u8) -> bool {
        self.kind(index) != 0
    }

    fn kind(&self, index: u8) -> u8 {
        self.kinds.kind(index)
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
