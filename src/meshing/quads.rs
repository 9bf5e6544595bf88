//! Binary greedy meshing: visible faces as bits of rows, merged into quads.
//!
//! Culling compares whole rows of cells at once; merging then grows runs over the layers of one direction, first
//! from row to row, then along the row. The idea is that of
//! [binary greedy meshing](https://github.com/cgerikj/binary-greedy-meshing); here also whether neighbours share
//! their index is kept as bits, so that merging never looks at cells.

#![expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "rows, layers and bits count to the edge that every array here has"
)]

use super::padded::{PaddedChunk, equal_cells, same_as_next};
use crate::voxel::CHUNK_EDGE;

/// A rectangle of unit faces of one palette index.
#[derive(Clone, Copy)]
pub(super) struct Quad {
    /// Smallest corner in voxels.
    pub(super) min: [u8; 3],
    /// Extent in voxels, 0 along the normal.
    pub(super) size: [u8; 3],
    /// Palette index.
    pub(super) index: u8,
}

/// Quads that look at -x, +x, -y, +y, -z, +z.
pub(super) type Quads = [Vec<Quad>; 6];

/// A bit for each cell of a layer, by rows.
type Plane = [u32; CHUNK_EDGE];

/// The cells of one place on an axis. Rows of x layers run along y and follow each other along z; those of y layers
/// run along x and follow along z; those of z layers run along x and follow along y.
#[derive(Clone, Copy, Default)]
struct Layer {
    /// Visible faces towards the lower and the higher neighbour.
    faces: [Plane; 2],
    /// Where a cell with a face has the index of the next in its row, and of that in the next row.
    same: [Plane; 2],
}

/// Finds the quads of one chunk after another; keeps its buffers.
pub(super) struct QuadFinder {
    layers: Box<[[Layer; CHUNK_EDGE]; 3]>,
}

impl Default for QuadFinder {
    fn default() -> Self {
        Self {
            layers: Box::new([[Layer::default(); CHUNK_EDGE]; 3]),
        }
    }
}

impl QuadFinder {
    /// Replaces `quads` by those of a chunk.
    pub(super) fn find(&mut self, chunk: &PaddedChunk, quads: &mut Quads) {
        self.layers.as_flattened_mut().fill(Layer::default());
        for z in 0..CHUNK_EDGE {
            for y in 0..CHUNK_EDGE {
                self.cull_row(chunk, y, z);
            }
        }
        quads.iter_mut().for_each(Vec::clear);
        for (axis, layers) in self.layers.iter().enumerate() {
            for (place, layer) in layers.iter().enumerate() {
                for side in 0..2 {
                    let quads = &mut quads[2 * axis + side];
                    merge(&layer.faces[side], &layer.same, |u, v, width, height| {
                        quads.push(quad(chunk, [axis, place, side], [u, v], [width, height]));
                    });
                }
            }
        }
    }

    /// Enters the visible faces of a row of the chunk into its layers.
    fn cull_row(&mut self, chunk: &PaddedChunk, y: usize, z: usize) {
        let (cells, opaque) = (&chunk.cells, &chunk.opaque);
        let (py, pz) = (y + 1, z + 1);
        let glass = chunk.translucent[pz][py];
        let solid = opaque[pz][py] | glass;
        if solid == 0 {
            return;
        }
        let row = &cells[pz][py];
        // A neighbour hides a face if it is opaque, or glass of the same kind.
        let visible = |to_y: usize, to_z: usize| {
            let both = glass & chunk.translucent[to_z][to_y];
            let alike = match both {
                0 => 0,
                both => both & equal_cells(&chunk.kinds[pz][py], &chunk.kinds[to_z][to_y]),
            };
            solid & !(opaque[to_z][to_y] | alike)
        };
        let along_y = [visible(py - 1, pz), visible(py + 1, pz)];
        let along_z = [visible(py, pz - 1), visible(py, pz + 1)];
        let along_x = visible_along_x(chunk, py, pz);
        let any = |sides: [u32; 2]| sides[0] | sides[1];
        if any(along_x) | any(along_y) | any(along_z) == 0 {
            return;
        }
        let same_x = same_as_next(cells, py, pz);
        let same_y = equal_cells(row, &cells[pz][py + 1]);
        let same_z = equal_cells(row, &cells[pz + 1][py]);
        let [x_layers, y_layers, z_layers] = &mut *self.layers;
        enter(&mut y_layers[y], z, along_y, [same_x, same_z]);
        enter(&mut z_layers[z], y, along_z, [same_x, same_y]);
        let mut left = any(along_x);
        while left != 0 {
            let x = left.trailing_zeros();
            left &= left - 1;
            let moved = |bits: u32| (bits >> x & 1) << y;
            let layer = &mut x_layers[x as usize];
            layer.faces[0][z] |= moved(along_x[0]);
            layer.faces[1][z] |= moved(along_x[1]);
            layer.same[0][z] |= moved(same_y);
            layer.same[1][z] |= moved(same_z);
        }
    }
}

/// Writes a row of a layer.
fn enter(layer: &mut Layer, row: usize, faces: [u32; 2], same: [u32; 2]) {
    for k in [0, 1] {
        layer.faces[k][row] = faces[k];
        layer.same[k][row] = same[k];
    }
}

/// Visible faces of a row towards -x and +x, by its padded place.
fn visible_along_x(chunk: &PaddedChunk, py: usize, pz: usize) -> [u32; 2] {
    let (opaque, glass) = (chunk.opaque[pz][py], chunk.translucent[pz][py]);
    let ends = chunk.ends[pz][py];
    let [before, after] = ends.map(|end| u32::from(end.opaque));
    let mut hidden = [opaque << 1 | before, opaque >> 1 | after << 31];
    if glass != 0 {
        let row = &chunk.kinds[pz][py];
        let same = same_as_next(&chunk.kinds, py, pz);
        hidden[0] |= glass & (same << 1 | u32::from(row[0] == ends[0].kind));
        hidden[1] |= glass & (same | u32::from(row[CHUNK_EDGE - 1] == ends[1].kind) << 31);
    }
    hidden.map(|hidden| (opaque | glass) & !hidden)
}

/// Covers the faces of a layer by rectangles of one index: place along and across rows, extent along and across.
fn merge(faces: &Plane, same: &[Plane; 2], mut found: impl FnMut(u8, u8, u8, u8)) {
    // Columns whose run goes on into this row, and the rows in which these runs start.
    let mut open = 0;
    let mut starts = [0u8; CHUNK_EDGE];
    for (v, &bits) in (0u8..).zip(faces) {
        if bits == 0 {
            continue;
        }
        let row = usize::from(v);
        let going_on = bits & same[1][row] & faces.get(row + 1).unwrap_or(&0);
        let mut opening = going_on & !open;
        while opening != 0 {
            starts[opening.trailing_zeros() as usize] = v;
            opening &= opening - 1;
        }
        let start = |u: usize| if open >> u & 1 != 0 { starts[u] } else { v };
        let mut ends = bits & !going_on;
        let joins = ends & (ends >> 1) & same[0][row];
        while ends != 0 {
            let first = ends.trailing_zeros() as usize;
            let top = start(first);
            let mut end = first + 1;
            while joins >> (end - 1) & 1 != 0 && start(end) == top {
                end += 1;
            }
            // Shifted twice, since the last column leaves nothing above it.
            ends &= u32::MAX << (end - 1) << 1;
            found(first as u8, top, (end - first) as u8, v - top + 1);
        }
        open = going_on;
    }
}

/// The quad of a rectangle in a layer.
fn quad(
    chunk: &PaddedChunk,
    [axis, place, side]: [usize; 3],
    [u, v]: [u8; 2],
    [width, height]: [u8; 2],
) -> Quad {
    let plane = (place + side) as u8;
    let (min, size) = match axis {
        0 => ([plane, u, v], [0, width, height]),
        1 => ([u, plane, v], [width, 0, height]),
        _ => ([u, v, plane], [width, height, 0]),
    };
    let mut cell = min.map(usize::from);
    cell[axis] = place;
    let [x, y, z] = cell;
    Quad {
        min,
        size,
        index: chunk.cells[z + 1][y + 1][x],
    }
}
