//! Walking an octree: leaves and cells in Morton order, and the leaf at a place.

use super::{Node, Octree};
use crate::voxel::morton;

/// A uniform cube of an octree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Smallest cell.
    pub min: [u32; 3],
    /// Cells an axis, a power of two.
    pub edge: u32,
    /// Value, 0 for empty.
    pub value: u8,
}

/// Leaves with a value other than 0, in Morton order.
pub struct Leaves<'a> {
    /// Nodes to be visited, the next one on top, with their smallest cell and height.
    stack: Vec<(Visit<'a>, [u32; 3], u32)>,
}

enum Visit<'a> {
    Node(&'a Node),
    Leaf(u8),
}

impl<'a> Iterator for Leaves<'a> {
    type Item = Leaf;

    fn next(&mut self) -> Option<Leaf> {
        while let Some((visit, min, height)) = self.stack.pop() {
            let mut push = |octant: u32, visit: Visit<'a>| {
                self.stack
                    .push((visit, octant_min(min, octant, height), height - 1));
            };
            match visit {
                Visit::Leaf(0) | Visit::Node(Node::Leaf(0)) => {}
                Visit::Leaf(value) | Visit::Node(&Node::Leaf(value)) => {
                    let edge = 1 << height;
                    return Some(Leaf { min, edge, value });
                }
                Visit::Node(Node::Octa(leaves)) => {
                    for (octant, &value) in (0..8).zip(leaves).rev() {
                        push(octant, Visit::Leaf(value));
                    }
                }
                Visit::Node(Node::Branch(children)) => {
                    for (octant, child) in (0..8).zip(children.iter()).rev() {
                        push(octant, Visit::Node(child));
                    }
                }
            }
        }
        None
    }
}

/// Smallest cell of an octant of a node `height` levels high.
fn octant_min([x, y, z]: [u32; 3], octant: u32, height: u32) -> [u32; 3] {
    let half = 1 << (height - 1);
    [
        x + half * (octant & 1),
        y + half * (octant >> 1 & 1),
        z + half * (octant >> 2 & 1),
    ]
}

impl Octree {
    /// Leaves that are not empty, in Morton order. A tree may have more than anybody can walk: see [`Octree::len`].
    #[must_use]
    pub fn leaves(&self) -> Leaves<'_> {
        Leaves {
            stack: vec![(Visit::Node(&self.root), [0; 3], self.depth)],
        }
    }

    /// Solid cells with their values, in Morton order. There may be more than memory holds: see [`Octree::len`].
    pub fn cells(&self) -> impl Iterator<Item = ([u32; 3], u8)> {
        self.leaves().flat_map(|Leaf { min, edge, value }| {
            let [x, y, z] = min;
            let volume = u64::from(edge).pow(3);
            (0..volume).map(move |code| {
                let [dx, dy, dz] = morton::decode_deep(code);
                ([x + dx, y + dy, z + dz], value)
            })
        })
    }

    /// The leaf that holds a cell of the cube.
    pub(super) fn leaf_at(&self, cell: [u32; 3]) -> Leaf {
        let mut height = self.depth;
        let mut node = &self.root;
        let value = loop {
            match node {
                Node::Leaf(value) => break *value,
                Node::Octa(leaves) => {
                    height = height.saturating_sub(1);
                    let octant = octant_of(cell, height);
                    break leaves.get(octant).copied().unwrap_or(0);
                }
                Node::Branch(children) => {
                    height = height.saturating_sub(1);
                    match children.get(octant_of(cell, height)) {
                        Some(child) => node = child,
                        None => break 0,
                    }
                }
            }
        };
        let edge = 1 << height;
        Leaf {
            min: cell.map(|c| c & !(edge - 1)),
            edge,
            value,
        }
    }
}

/// Which octant of its node a cell lies in, the octants being `height` levels high.
pub(super) fn octant_of([x, y, z]: [u32; 3], height: u32) -> usize {
    let bit = |c: u32| (c >> height & 1) as usize;
    bit(x) | bit(y) << 1 | bit(z) << 2
}
