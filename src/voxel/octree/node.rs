//! [`Node`]: a part of an octree.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A cube of an octree: uniform, or split into octants. Canonical: eight equal leaves are one leaf.
///
/// A node does not know its size; its owner does. Octant order is x + 2y + 4z.
#[derive(Clone, Debug)]
pub enum Node {
    /// One value for the whole cube, 0 for empty.
    Leaf(u8),
    /// Eight leaves, not all equal. Made by [`Node::octa`].
    #[non_exhaustive]
    Octa([u8; 8]),
    /// Eight nodes, not all leaves. Made by [`Node::new`].
    #[non_exhaustive]
    Branch(Arc<[Node; 8]>),
}

/// What has been told of nodes that stand in several places, by address and height.
type Memo<T> = HashMap<(*const [Node; 8], u32), T>;

/// Two branches that are known to be equal, by address.
type EqualPairs = HashSet<[*const [Node; 8]; 2]>;

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.equals(other, &mut EqualPairs::new())
    }
}

impl Eq for Node {}

impl Node {
    /// A cube without voxels.
    pub const EMPTY: Self = Self::Leaf(0);

    /// A cube of eight octants, in its smallest form.
    #[must_use]
    pub fn new(children: [Self; 8]) -> Self {
        let mut leaves = [0; 8];
        for (leaf, child) in leaves.iter_mut().zip(&children) {
            let Self::Leaf(value) = child else {
                return Self::Branch(Arc::new(children));
            };
            *leaf = *value;
        }
        Self::octa(leaves)
    }

    /// A cube of eight uniform octants, in its smallest form.
    #[must_use]
    pub fn octa(leaves: [u8; 8]) -> Self {
        let [first, ..] = leaves;
        if leaves == [first; 8] {
            Self::Leaf(first)
        } else {
            Self::Octa(leaves)
        }
    }

    /// An octant. That of a leaf is the leaf itself; octants count modulo 8.
    #[must_use]
    pub fn child(&self, octant: usize) -> Self {
        match self {
            Self::Leaf(value) => Self::Leaf(*value),
            Self::Octa([a, b, c, d, e, f, g, h]) => Self::Leaf(match octant & 7 {
                0 => *a,
                1 => *b,
                2 => *c,
                3 => *d,
                4 => *e,
                5 => *f,
                6 => *g,
                _ => *h,
            }),
            Self::Branch(children) => children.get(octant & 7).cloned().unwrap_or(Self::EMPTY),
        }
    }

    /// All octants.
    #[must_use]
    pub fn children(&self) -> [Self; 8] {
        match self {
            Self::Leaf(value) => [const { Self::EMPTY }; 8].map(|_| Self::Leaf(*value)),
            Self::Octa(leaves) => leaves.map(Self::Leaf),
            Self::Branch(children) => (**children).clone(),
        }
    }

    /// Levels below this node: 0 for a leaf.
    #[must_use]
    pub fn depth(&self) -> u32 {
        // The height is not known here; any will do, since it only tells places apart.
        self.fold(u32::MAX, &mut |_, _| 0, &mut |depths: [u32; 8], _| {
            1 + depths.iter().max().copied().unwrap_or(0)
        })
    }

    /// Walks the tree from its leaves up: `leaf` tells of a value and the height of its cube (edge 2^height cells),
    /// `join` of eight octants and the height of their parent. A part that stands in several places is walked once.
    pub fn fold<T: Clone>(
        &self,
        height: u32,
        leaf: &mut impl FnMut(u8, u32) -> T,
        join: &mut impl FnMut([T; 8], u32) -> T,
    ) -> T {
        self.fold_with(height, leaf, join, &mut HashMap::new())
    }

    /// Compares trees. Parts that stand in several places of both are compared once, so that two trees which share
    /// their own parts, but none with each other, are not unfolded.
    fn equals(&self, other: &Self, known: &mut EqualPairs) -> bool {
        match (self, other) {
            (Self::Leaf(a), Self::Leaf(b)) => a == b,
            (Self::Octa(a), Self::Octa(b)) => a == b,
            (Self::Branch(a), Self::Branch(b)) => {
                let pair = [Arc::as_ptr(a), Arc::as_ptr(b)];
                if Arc::ptr_eq(a, b) || known.contains(&pair) {
                    return true;
                }
                let mut children = a.iter().zip(b.iter());
                let is_equal = children.all(|(a, b)| a.equals(b, known));
                if is_equal && Arc::strong_count(a) > 1 && Arc::strong_count(b) > 1 {
                    known.insert(pair);
                }
                is_equal
            }
            _ => false,
        }
    }

    fn fold_with<T: Clone>(
        &self,
        height: u32,
        leaf: &mut impl FnMut(u8, u32) -> T,
        join: &mut impl FnMut([T; 8], u32) -> T,
        memo: &mut Memo<T>,
    ) -> T {
        match self {
            Self::Leaf(value) => leaf(*value, height),
            Self::Octa(leaves) => {
                let octants = leaves.map(|value| leaf(value, height.saturating_sub(1)));
                join(octants, height)
            }
            Self::Branch(children) => {
                let key = (Arc::as_ptr(children), height);
                let is_shared = Arc::strong_count(children) > 1;
                if is_shared && let Some(told) = memo.get(&key) {
                    return told.clone();
                }
                let octants = children
                    .each_ref()
                    .map(|child| child.fold_with(height.saturating_sub(1), leaf, join, memo));
                let told = join(octants, height);
                if is_shared {
                    memo.insert(key, told.clone());
                }
                told
            }
        }
    }
}
