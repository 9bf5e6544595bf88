//! Chunks of an octree as dense cells, as meshing reads them: whole, or the layer of cells at one side.

use glam::IVec3;

use super::region::{commonest, upper};
use super::{Node, Octree};
use crate::voxel::{CHUNK_DEPTH, CHUNK_EDGE, ChunkKey, ChunkVoxels, morton};

/// One side of a chunk's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSide {
    /// 0 for x, 1 for y, 2 for z.
    pub axis: usize,
    /// Whether it is the last layer of cells along the axis, else the first.
    pub upper: bool,
}

/// A layer of a chunk's cells; of the two axes along it the lower one runs fastest.
pub type ChunkLayer = [[u8; CHUNK_EDGE]; CHUNK_EDGE];

impl Octree {
    /// Keys of the chunks that may have visible faces, in Morton order: those that hold voxels, without those inside
    /// a full cube of chunks.
    #[must_use]
    pub fn chunk_keys(&self) -> Vec<ChunkKey> {
        let mut keys = Vec::new();
        list_keys(&self.root, IVec3::ZERO, self.depth, &mut keys);
        keys
    }

    /// How many keys [`Octree::chunk_keys`] lists. Parts that are shared within the tree are walked once.
    #[must_use]
    pub fn chunk_key_count(&self) -> u64 {
        let outermost = |height: u32| {
            let edge = 1_u64 << height.saturating_sub(CHUNK_DEPTH);
            edge.pow(3) - edge.saturating_sub(2).pow(3)
        };
        self.root.fold(
            self.depth,
            &mut |value, height| u64::from(value != 0) * outermost(height),
            &mut |counts: [u64; 8], height| match height {
                ..=CHUNK_DEPTH => u64::from(counts.iter().any(|&count| count > 0)),
                _ => counts.iter().sum(),
            },
        )
    }

    /// Writes a chunk's cells; empty outside the cube. At detail d each aligned cube of edge 2^d has one value: empty
    /// where all its cells are, else the commonest value of its octants, found from the bottom up.
    pub fn read_chunk(&self, key: ChunkKey, detail: u32, chunk: &mut ChunkVoxels) {
        chunk.cells_mut().fill(0);
        let node = self.chunk_node(key);
        write(&node, CHUNK_DEPTH, detail, 0, chunk.cells_mut());
    }

    /// Writes the cells at one side of a chunk, as [`Octree::read_chunk`] would have them.
    pub fn read_side(&self, key: ChunkKey, side: ChunkSide, detail: u32, layer: &mut ChunkLayer) {
        let cells = layer.as_flattened_mut();
        cells.fill(0);
        let node = self.chunk_node(key);
        write_side(&node, CHUNK_DEPTH, side, detail, 0, cells);
    }

    /// The node of a chunk, [`CHUNK_DEPTH`] levels high.
    #[must_use]
    pub fn chunk_node(&self, key: ChunkKey) -> Node {
        self.node_at(CHUNK_DEPTH, key.0)
    }
}

/// What is drawn of a node at a detail: the node itself, or one value for all of it.
fn at_detail(node: &Node, height: u32, detail: u32) -> Option<u8> {
    match node {
        Node::Leaf(value) => Some(*value),
        node if height <= detail => Some(commonest(node)),
        _ => None,
    }
}

/// Writes a node into the cells of a chunk, its smallest cell at `base`.
fn write(node: &Node, height: u32, detail: u32, base: usize, cells: &mut [u8]) {
    let step = [1, CHUNK_EDGE, CHUNK_EDGE * CHUNK_EDGE];
    if let Some(value) = at_detail(node, height, detail) {
        let edge = 1 << height;
        let rows = (0..edge).flat_map(|z| (0..edge).map(move |y| y * step[1] + z * step[2]));
        for row in rows.take_while(|_| value != 0) {
            if let Some(row) = cells.get_mut(base + row..base + row + edge) {
                row.fill(value);
            }
        }
        return;
    }
    match node {
        Node::Leaf(_) => {}
        Node::Octa([a, b, c, d, e, f, g, h]) if height == 1 => {
            // The commonest node by far, written row by row.
            for (row, pair) in [
                (0, [*a, *b]),
                (step[1], [*c, *d]),
                (step[2], [*e, *f]),
                (step[1] + step[2], [*g, *h]),
            ] {
                if let Some(cells) = cells.get_mut(base + row..base + row + 2) {
                    cells.copy_from_slice(&pair);
                }
            }
        }
        Node::Octa(leaves) => {
            for (octant, value) in (0..8).zip(leaves) {
                let base = base + octant_offset(octant, height, step);
                write(&Node::Leaf(*value), height - 1, detail, base, cells);
            }
        }
        Node::Branch(children) => {
            for (octant, child) in (0..8).zip(children.iter()) {
                let base = base + octant_offset(octant, height, step);
                write(child, height - 1, detail, base, cells);
            }
        }
    }
}

/// Way from a node's smallest cell to that of its octant.
fn octant_offset(octant: usize, height: u32, step: [usize; 3]) -> usize {
    let half = 1 << (height - 1);
    half * ((octant & 1) * step[0] + (octant >> 1 & 1) * step[1] + (octant >> 2) * step[2])
}

/// Writes the cells at one side of a node into a layer, the node's smallest cell at `base`.
fn write_side(
    node: &Node,
    height: u32,
    side: ChunkSide,
    detail: u32,
    base: usize,
    cells: &mut [u8],
) {
    if let Some(value) = at_detail(node, height, detail) {
        let edge = 1 << height;
        for row in (0..edge).take_while(|_| value != 0) {
            let start = base + row * CHUNK_EDGE;
            if let Some(row) = cells.get_mut(start..start + edge) {
                row.fill(value);
            }
        }
        return;
    }
    // The octants at the side, by their place along the two other axes.
    let (u, v) = match side.axis {
        0 => (1, 2),
        1 => (0, 2),
        _ => (0, 1),
    };
    let half = 1 << (height - 1);
    for (across, along) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let octant = usize::from(side.upper) << side.axis | along << u | across << v;
        let base = base + half * (along + across * CHUNK_EDGE);
        match node {
            Node::Branch(children) => {
                if let Some(child) = children.get(octant) {
                    write_side(child, height - 1, side, detail, base, cells);
                }
            }
            other => write_side(&other.child(octant), height - 1, side, detail, base, cells),
        }
    }
}

fn list_keys(node: &Node, min: IVec3, height: u32, keys: &mut Vec<ChunkKey>) {
    if *node == Node::EMPTY {
        return;
    }
    let Some(above) = height.checked_sub(CHUNK_DEPTH).filter(|&above| above > 0) else {
        keys.push(ChunkKey::of_cell(min));
        return;
    };
    if let Node::Leaf(_) = node {
        let first = ChunkKey::of_cell(min).0;
        let place = |code| glam::UVec3::from(morton::decode_deep(code)).as_ivec3();
        let outermost = shell(above).into_iter();
        keys.extend(outermost.map(|code| ChunkKey(first + place(code))));
        return;
    }
    let half = 1 << (height - 1);
    for (octant, child) in (0..).zip(node.children()) {
        list_keys(&child, min + upper(octant) * half, height - 1, keys);
    }
}

/// Morton codes of the outermost chunks of a cube of 2^`above` chunks an axis, in order.
pub(super) fn shell(above: u32) -> Vec<u64> {
    let mut codes = Vec::new();
    list_shell(0, above, above, &mut codes);
    codes
}

/// Lists the outermost chunks of a part of the cube that is 2^`height` chunks an axis; what lies inside is not walked.
fn list_shell(code: u64, height: u32, above: u32, codes: &mut Vec<u64>) {
    let last = (1 << (above - height)) - 1;
    let place = morton::decode_deep(code);
    if !place.iter().any(|&c| c == 0 || c == last) {
        return;
    }
    if height == 0 {
        codes.push(code);
        return;
    }
    for octant in 0..8 {
        list_shell(code << 3 | octant, height - 1, above, codes);
    }
}
