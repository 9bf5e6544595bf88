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
        _ if is_shared(now, before) => laid.clone(),
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

/// Whether two nodes are the same without a look below them.
fn is_shared(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (Node::Branch(a), Node::Branch(b)) => Arc::ptr_eq(a, b),
        (Node::Leaf(a), Node::Leaf(b)) => a == b,
        (Node::Octa(a), Node::Octa(b)) => a == b,
        _ => false,
    }
}

/// A node with the solid cells of another over its own. Where that changes nothing, it is the node itself, so that
/// whoever compares them need not walk.
pub(in crate::voxel) fn overlaid(below: &Node, above: &Node) -> Node {
    match (below, above) {
        (_, Node::Leaf(0)) => below.clone(),
        (Node::Leaf(0), _) | (_, Node::Leaf(_)) => above.clone(),
        _ => {
            let mut children = below.children();
            let mut is_changed = false;
            for (child, above) in children.iter_mut().zip(above.children()) {
                let now = overlaid(child, &above);
                is_changed |= !is_shared(child, &now);
                *child = now;
            }
            match is_changed {
                true => Node::new(children),
                false => below.clone(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_over_itself_is_shared_with_what_was_there() {
        let cells = (0..32).map(|i| ([i, i, i], 1));
        let [octree, same] = [(); 2].map(|()| Octree::from_cells(5, cells.clone()).unwrap());
        assert!(is_shared(
            &overlaid(octree.root(), same.root()),
            octree.root()
        ));
        let more = Octree::from_cells(5, [([0, 0, 31], 1)]).unwrap();
        let both = overlaid(octree.root(), more.root());
        assert!(!is_shared(&both, octree.root()));
        assert!(is_shared(&both.child(0), &octree.root().child(0)));
    }
}
