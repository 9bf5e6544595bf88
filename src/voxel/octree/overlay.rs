//! Laying one octree over another. What only one of them has is shared, not walked.

use super::{Node, Octree, OctreeError};

impl Octree {
    /// Puts the solid cells of another cube over those that are there; the middles of both cubes meet. The smaller
    /// one is doubled until it is as large as the other.
    ///
    /// # Errors
    /// [`OctreeError::TooDeep`]; the cube is unchanged then.
    pub fn overlay(&mut self, above: &Self) -> Result<(), OctreeError> {
        let (mut below, mut above) = (self.clone(), above.clone());
        while above.depth < below.depth {
            above.grow()?;
        }
        while below.depth < above.depth {
            below.grow()?;
        }
        below.root = overlaid(&below.root, &above.root);
        *self = below;
        Ok(())
    }
}

/// A node with the solid cells of another over its own.
fn overlaid(below: &Node, above: &Node) -> Node {
    match (below, above) {
        (_, Node::Leaf(0)) => below.clone(),
        (Node::Leaf(0), _) | (_, Node::Leaf(_)) => above.clone(),
        _ => {
            let mut children = below.children();
            for (child, above) in children.iter_mut().zip(above.children()) {
                *child = overlaid(child, &above);
            }
            Node::new(children)
        }
    }
}
