//! Changing an octree: one cell, a region, a chunk. Only the nodes on the way are copied, and only while shared.

use std::sync::Arc;

use glam::IVec3;

use super::leaves::octant_of;
use super::{Node, Octree};
use crate::voxel::{CHUNK_DEPTH, ChunkKey};

/// Cells that belong together, in the coordinates of an octree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Region {
    /// All cells from `min` up to, without, `max`.
    Box {
        /// Smallest cell.
        min: IVec3,
        /// The first cell beyond on each axis.
        max: IVec3,
    },
    /// All cells whose middle lies within `radius` of `center`, in cells; the middle of cell c is c + 0.5.
    Ball {
        /// Middle of the ball.
        center: glam::Vec3,
        /// Radius in cells.
        radius: f32,
    },
}

/// How much of a cube belongs to a region.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    Some,
    All,
}

impl Region {
    /// A box around the region: the smallest cell and the first beyond. Empty where `max` is not above `min`.
    #[must_use]
    pub fn bounds(&self) -> [IVec3; 2] {
        match *self {
            Self::Box { min, max } => [min, max],
            Self::Ball { center, radius } => [
                (center - radius).floor().as_ivec3(),
                (center + radius).ceil().as_ivec3(),
            ],
        }
    }

    /// The same region elsewhere.
    #[must_use]
    pub fn moved(&self, by: IVec3) -> Self {
        match *self {
            Self::Box { min, max } => Self::Box {
                min: min.saturating_add(by),
                max: max.saturating_add(by),
            },
            Self::Ball { center, radius } => Self::Ball {
                center: center + by.as_vec3(),
                radius,
            },
        }
    }

    /// Whether a cell belongs to it.
    #[must_use]
    pub fn contains(&self, cell: IVec3) -> bool {
        self.share(cell, 1) == Share::All
    }

    /// How much of the cube of `edge` cells at `corner` belongs to it.
    fn share(&self, corner: IVec3, edge: i32) -> Share {
        let last = corner + (edge - 1);
        match *self {
            Self::Box { min, max } => {
                if corner.cmpge(max).any() || last.cmplt(min).any() {
                    Share::None
                } else if corner.cmpge(min).all() && last.cmplt(max).all() {
                    Share::All
                } else {
                    Share::Some
                }
            }
            Self::Ball { center, radius } => {
                let [low, high] = [corner, last].map(|cell| cell.as_vec3() + 0.5 - center);
                let nearest = glam::Vec3::ZERO.clamp(low, high).length();
                let farthest = low.abs().max(high.abs()).length();
                // A radius that is no number holds nothing.
                if nearest.is_nan() || radius.is_nan() || nearest > radius {
                    Share::None
                } else if farthest <= radius {
                    Share::All
                } else {
                    Share::Some
                }
            }
        }
    }
}

impl Octree {
    /// Sets a cell; does nothing outside.
    pub fn set(&mut self, cell: [u32; 3], value: u8) {
        if self.contains(cell) {
            set_in(&mut self.root, self.depth, cell, value);
        }
    }

    /// Sets all cells of a region that lie in the cube.
    pub fn fill(&mut self, region: &Region, value: u8) {
        fill_in(&mut self.root, self.depth, IVec3::ZERO, region, value);
    }

    /// Puts a node [`CHUNK_DEPTH`] levels high into the place of a chunk; does nothing outside, or in a cube smaller
    /// than a chunk.
    pub fn set_chunk(&mut self, key: ChunkKey, node: Node) {
        self.set_node(CHUNK_DEPTH, key.0, node);
    }

    /// Puts a node at most `height` levels high into the place of one of that height, counted in such nodes; does
    /// nothing outside, or in a smaller cube.
    pub(in crate::voxel) fn set_node(&mut self, height: u32, place: IVec3, node: Node) {
        // Before it becomes a cell: far outside that would be one too large to count.
        if self.depth >= height && place >> (self.depth - height) == IVec3::ZERO {
            let min = (place << height).as_uvec3().to_array();
            replace_in(&mut self.root, self.depth - height, height, min, node);
        }
    }

    /// Doubles the cube around its middle: a cell c becomes c + half the new edge - [half the old](Octree::half_edge).
    ///
    /// # Errors
    /// [`super::OctreeError::TooDeep`]; the cube is unchanged then.
    pub fn grow(&mut self) -> Result<(), super::OctreeError> {
        let mut grown = Self::empty(self.depth + 1)?;
        if self.depth == 0 {
            let mut children = [const { Node::EMPTY }; 8];
            if let Some(upper) = children.last_mut() {
                *upper = self.root.clone();
            }
            grown.root = Node::new(children);
            *self = grown;
            return Ok(());
        }
        let mut octant = 0;
        grown.root = Node::new(self.root.children().map(|child| {
            // The old octant touches the new middle with the corner that pointed away from the old one.
            let mut children = [const { Node::EMPTY }; 8];
            if let Some(inner) = children.get_mut(7 - octant) {
                *inner = child;
            }
            octant += 1;
            Node::new(children)
        }));
        *self = grown;
        Ok(())
    }
}

/// Lets `change` work on the octants of a node and brings the node into its smallest form.
fn with_children(node: &mut Node, change: impl FnOnce(&mut [Node; 8])) {
    if !matches!(node, Node::Branch(_)) {
        *node = Node::Branch(Arc::new(node.children()));
    }
    if let Node::Branch(children) = node {
        let children = Arc::make_mut(children);
        change(children);
        if children.iter().all(|child| matches!(child, Node::Leaf(_))) {
            *node = Node::new(std::mem::replace(children, [const { Node::EMPTY }; 8]));
        }
    }
}

fn set_in(node: &mut Node, height: u32, cell: [u32; 3], value: u8) {
    if *node == Node::Leaf(value) {
        return;
    }
    if height == 0 {
        *node = Node::Leaf(value);
        return;
    }
    let octant = octant_of(cell, height - 1);
    if height == 1 {
        let mut leaves = match node {
            Node::Octa(leaves) => *leaves,
            Node::Leaf(value) => [*value; 8],
            // Two levels do not fit into one.
            Node::Branch(_) => return,
        };
        if let Some(leaf) = leaves.get_mut(octant) {
            *leaf = value;
        }
        *node = Node::octa(leaves);
        return;
    }
    with_children(node, |children| {
        if let Some(child) = children.get_mut(octant) {
            set_in(child, height - 1, cell, value);
        }
    });
}

fn fill_in(node: &mut Node, height: u32, min: IVec3, region: &Region, value: u8) {
    let leaf = Node::Leaf(value);
    match region.share(min, 1 << height) {
        Share::None => {}
        _ if *node == leaf => {}
        Share::All => *node = leaf,
        // A single cell belongs or does not.
        Share::Some if height == 0 => {}
        Share::Some => with_children(node, |children| {
            for (octant, child) in (0..).zip(children) {
                let half = 1 << (height - 1);
                let upper = IVec3::new(octant & 1, octant >> 1 & 1, octant >> 2);
                fill_in(child, height - 1, min + upper * half, region, value);
            }
        }),
    }
}

/// Replaces a node `height` levels high that lies `above` levels below this one.
fn replace_in(node: &mut Node, above: u32, height: u32, min: [u32; 3], new: Node) {
    let Some(above) = above.checked_sub(1) else {
        *node = new;
        return;
    };
    with_children(node, |children| {
        if let Some(child) = children.get_mut(octant_of(min, height + above)) {
            replace_in(child, above, height, min, new);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_far_outside_changes_nothing() {
        let before = Octree::from_cells(6, [([1, 2, 3], 1)]).unwrap();
        for place in [2, -1, 1 << 27, 1 << 28, i32::MAX, i32::MIN] {
            for step in IVec3::AXES {
                let mut octree = before.clone();
                octree.set_chunk(ChunkKey(step * place), Node::Leaf(9));
                assert_eq!(octree, before, "{place}");
            }
        }
    }
}
