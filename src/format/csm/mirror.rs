//! Mirror `/` and swap `^`: octants exchanged along axes, at all levels or at the topmost.
//!
//! Both exchange octant i with i ^ mask, and any two of them commute, so a chain of them is one mask of each. The
//! letters x and z are exchanged as in Crossworld, which names them by an older order of octants.

use std::collections::HashMap;
use std::sync::Arc;

use crate::voxel::Node;

/// The octant bit that a letter exchanges.
pub(super) fn axis_bit(letter: u8) -> Option<u8> {
    match letter {
        b'x' | b'X' => Some(4),
        b'y' | b'Y' => Some(2),
        b'z' | b'Z' => Some(1),
        _ => None,
    }
}

/// A chain of mirrors and swaps.
#[derive(Clone, Copy, Default)]
pub(super) struct Exchange {
    /// Octant bits exchanged at all levels.
    pub(super) mirror: u8,
    /// Octant bits exchanged at the topmost level only.
    pub(super) swap: u8,
}

/// Every mirror image made so far.
///
/// Texts refer to a part many times, and a part contains another many times; each is mirrored once per mask, so time
/// and memory stay linear where the leaves are beyond counting.
#[derive(Default)]
pub(super) struct Mirrors {
    /// For each branch met, by address: its family and the mask that makes it from the family's first member.
    members: HashMap<usize, (usize, u8)>,
    /// The mirror images of one branch by mask. They also keep addresses from being used again.
    families: Vec<[Option<Node>; 8]>,
}

impl Mirrors {
    /// A part after a chain of mirrors and swaps.
    pub(super) fn exchange(&mut self, node: Node, by: Exchange) -> Node {
        let mirrored = match by.mirror {
            0 => node,
            mask => self.mirror(&node, mask),
        };
        if by.swap == 0 {
            return mirrored;
        }
        permute(by.swap, |octant| mirrored.child(octant))
    }

    /// Calls itself once per level of the part, of which there are at most [`super::MAX_NESTING`].
    fn mirror(&mut self, node: &Node, mask: u8) -> Node {
        let branch = match node {
            Node::Leaf(_) => return node.clone(),
            Node::Octa(_) => return permute(mask, |octant| node.child(octant)),
            Node::Branch(children) => children,
        };
        let (family, member) = self.place(node, address(branch));
        let image = member ^ mask;
        if let Some(made) = self.slot(family, image).and_then(|slot| slot.clone()) {
            return made;
        }
        let made = permute(mask, |octant| self.mirror(&node.child(octant), mask));
        if let Node::Branch(children) = &made {
            self.members.insert(address(children), (family, image));
        }
        if let Some(slot) = self.slot(family, image) {
            *slot = Some(made.clone());
        }
        made
    }

    /// The family of a branch and its place in it; a branch not met before begins a family.
    fn place(&mut self, branch: &Node, address: usize) -> (usize, u8) {
        *self.members.entry(address).or_insert_with(|| {
            let mut family = [const { None }; 8];
            family[0] = Some(branch.clone());
            self.families.push(family);
            (self.families.len() - 1, 0)
        })
    }

    fn slot(&mut self, family: usize, mask: u8) -> Option<&mut Option<Node>> {
        self.families.get_mut(family)?.get_mut(usize::from(mask))
    }
}

/// The part whose octant i is another's octant i ^ mask.
fn permute(mask: u8, mut octant: impl FnMut(usize) -> Node) -> Node {
    Node::new(std::array::from_fn(|i| octant(i ^ usize::from(mask))))
}

fn address(children: &Arc<[Node; 8]>) -> usize {
    Arc::as_ptr(children).addr()
}
