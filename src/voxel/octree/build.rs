//! Building octrees: from cells in Morton order in one pass, from cells in any order, from dense cubes.

use super::{Node, Octree, OctreeError};
use crate::voxel::{CHUNK_DEPTH, ChunkVoxels, SparseVoxels, morton};

/// The code behind every other: an end that no comparison needs to look for.
const END: (u64, u8) = (u64::MAX, 0);

impl Octree {
    /// An octree of cells in any order; where a cell is listed twice, the first holds.
    ///
    /// # Errors
    /// [`OctreeError::TooDeep`], [`OctreeError::Outside`].
    pub fn from_cells(
        depth: u32,
        cells: impl IntoIterator<Item = ([u32; 3], u8)>,
    ) -> Result<Self, OctreeError> {
        let octree = Self::empty(depth)?;
        let code = |(cell, value): ([u32; 3], u8)| match octree.contains(cell) {
            true => Ok((morton::encode_deep(cell), value)),
            false => Err(OctreeError::Outside {
                cell,
                edge: octree.edge(),
            }),
        };
        let mut codes: Vec<(u64, u8)> = cells.into_iter().map(code).collect::<Result<_, _>>()?;
        // Stable, so that the first of two stays the first; nearly free where the order is right already.
        codes.sort_by_key(|&(code, _)| code);
        Ok(Self::from_codes(depth, codes))
    }

    /// An octree of sparse voxels and one value for each, in their order.
    pub(in crate::voxel) fn from_sparse(voxels: &SparseVoxels, values: &[u8]) -> Self {
        let codes = voxels
            .coords()
            .iter()
            .map(|&cell| u64::from(morton::encode(cell)));
        let depth = Self::depth_for(voxels.resolution());
        Self::from_codes(depth, codes.zip(values.iter().copied()))
    }

    /// An octree of Morton codes in order, all inside; the first of two equal ones holds.
    fn from_codes(depth: u32, codes: impl IntoIterator<Item = (u64, u8)>) -> Self {
        let mut codes = codes.into_iter();
        let mut pass = Pass {
            next: codes.next().unwrap_or(END),
            codes,
        };
        let root = pass.node(depth, 0);
        Self { depth, root }
    }
}

/// One pass over Morton codes. Since they are in depth-first order, a node's cells come in one run.
struct Pass<I> {
    codes: I,
    next: (u64, u8),
}

impl<I: Iterator<Item = (u64, u8)>> Pass<I> {
    /// The node `height` levels high whose cells' codes begin with `prefix`.
    fn node(&mut self, height: u32, prefix: u64) -> Node {
        match height {
            0 => self.cell(prefix).map_or(Node::EMPTY, Node::Leaf),
            1 => {
                let mut leaves = [0; 8];
                for (octant, leaf) in (0..).zip(&mut leaves) {
                    if let Some(value) = self.cell(prefix << 3 | octant) {
                        *leaf = value;
                    }
                }
                Node::octa(leaves)
            }
            _ => {
                let mut children = [const { Node::EMPTY }; 8];
                for (octant, child) in (0..).zip(&mut children) {
                    let prefix = prefix << 3 | octant;
                    if self.next.0 >> (3 * (height - 1)) == prefix {
                        *child = self.node(height - 1, prefix);
                    }
                }
                Node::new(children)
            }
        }
    }

    /// The value of a cell, if it comes next.
    fn cell(&mut self, code: u64) -> Option<u8> {
        let (found, value) = self.next;
        if found != code {
            return None;
        }
        while self.next.0 == code {
            self.next = self.codes.next().unwrap_or(END);
        }
        Some(value)
    }
}

impl From<&ChunkVoxels> for Node {
    /// The node of a chunk, [`CHUNK_DEPTH`] levels high.
    fn from(chunk: &ChunkVoxels) -> Self {
        dense_node(chunk, [0; 3], CHUNK_DEPTH)
    }
}

fn dense_node(chunk: &ChunkVoxels, [x, y, z]: [usize; 3], height: u32) -> Node {
    let half = 1 << (height - 1);
    let corner = |octant: usize| {
        [
            x + half * (octant & 1),
            y + half * (octant >> 1 & 1),
            z + half * (octant >> 2),
        ]
    };
    if height == 1 {
        Node::octa([0, 1, 2, 3, 4, 5, 6, 7].map(|octant| chunk.get(corner(octant))))
    } else {
        Node::new(
            [0, 1, 2, 3, 4, 5, 6, 7].map(|octant| dense_node(chunk, corner(octant), height - 1)),
        )
    }
}
