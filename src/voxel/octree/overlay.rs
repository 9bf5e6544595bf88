//! Laying one octree over another. What only one of them has is shared, not walked.

use std::sync::Arc;

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

impl Octree {
    /// What this cube is with the solid cells of `above` over its own, where that is known of an earlier state of it:
    /// `before` became `laid`. Only what has changed since then is walked. The middles of all cubes meet.
    ///
    /// # Errors
    /// [`OctreeError::TooDeep`].
    pub(in crate::voxel) fn overlaid_since(
        &self,
        [before, laid, above]: [&Self; 3],
    ) -> Result<Self, OctreeError> {
        let depths = [self, before, laid, above].map(|octree| octree.depth);
        let depth = depths.into_iter().max().unwrap_or(0);
        let mut grown = [self, before, laid, above].map(Self::clone);
        for octree in &mut grown {
            while octree.depth < depth {
                octree.grow()?;
            }
        }
        let root = overlaid_since(grown.each_ref().map(|octree| &octree.root));
        Ok(Self { depth, root })
    }
}

fn overlaid_since([now, before, laid, above]: [&Node; 4]) -> Node {
    match (now, before) {
        (Node::Branch(a), Node::Branch(b)) if Arc::ptr_eq(a, b) => laid.clone(),
        (Node::Leaf(a), Node::Leaf(b)) if a == b => laid.clone(),
        (Node::Octa(a), Node::Octa(b)) if a == b => laid.clone(),
        (Node::Branch(now), Node::Branch(before)) => {
            let mut children = (**now).clone();
            for ((octant, child), before) in children.iter_mut().enumerate().zip(before.iter()) {
                let [laid, above] = [laid, above].map(|node| node.child(octant));
                *child = overlaid_since([child, before, &laid, &above]);
            }
            Node::new(children)
        }
        _ => overlaid(now, above),
    }
}

/// A node with the solid cells of another over its own.
pub(in crate::voxel) fn overlaid(below: &Node, above: &Node) -> Node {
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
