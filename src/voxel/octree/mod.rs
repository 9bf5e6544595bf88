//! [`Octree`]: Crossworld's cube, the form in which models and worlds are kept, edited and saved.
//!
//! A node is a leaf (one value for its whole cube), eight leaves, or eight nodes behind one shared pointer. Values are
//! bytes, 0 is empty; whether they are palette indices or materials is up to the owner. Shared pointers were chosen
//! over a flat pool: a snapshot for a meshing task, a save or an undo step costs one count, an edit copies the path to
//! its cell alone, and since the last two levels lie in their parent there is one allocation for 64 cells, so that
//! building is as fast as with a pool. Trees are canonical: what is uniform is one leaf. Cells count from the minimum
//! corner in the frame of [`crate::voxel`]; octant = x + 2y + 4z.

mod build;
mod chunk;
mod diff;
mod edit;
mod leaves;
mod node;
mod overlay;
mod raycast;
mod region;
mod release;
mod shift;
mod symmetry;
#[cfg(test)]
mod tests;

use super::Bounds;

pub use chunk::{ChunkLayer, ChunkSide};
pub use edit::Region;
pub use leaves::{Leaf, Leaves};
pub use node::Node;
pub(in crate::voxel) use overlay::overlaid;
pub use raycast::RayHit;
pub(in crate::voxel) use shift::Shifted;
pub use symmetry::Symmetry;

/// Greatest depth of an octree: 65 536 cells an axis.
pub const MAX_DEPTH: u32 = 16;

/// A cube of 2^depth cells an axis. Cloning is cheap: the nodes are shared. So is dropping: what is big and held by
/// nobody else is freed on a thread of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Octree {
    depth: u32,
    root: Node,
}

impl Default for Octree {
    /// A single empty cell.
    fn default() -> Self {
        Self {
            depth: 0,
            root: Node::EMPTY,
        }
    }
}

/// Why an octree could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OctreeError {
    /// More levels than [`MAX_DEPTH`].
    #[error("an octree of depth {got} is too deep: use at most {MAX_DEPTH}")]
    TooDeep {
        /// Levels asked for.
        got: u32,
    },
    /// The root has more levels than the octree.
    #[error("the root has {got} levels, the octree only {depth}")]
    RootTooDeep {
        /// Levels of the root.
        got: u32,
        /// Levels of the octree.
        depth: u32,
    },
    /// A cell lies outside.
    #[error("cell {cell:?} lies outside an octree of {edge} cells an axis")]
    Outside {
        /// The cell.
        cell: [u32; 3],
        /// Cells an axis.
        edge: u32,
    },
}

impl Octree {
    /// A cube of 2^depth cells an axis without voxels.
    ///
    /// # Errors
    /// [`OctreeError::TooDeep`].
    pub fn empty(depth: u32) -> Result<Self, OctreeError> {
        if depth > MAX_DEPTH {
            return Err(OctreeError::TooDeep { got: depth });
        }
        Ok(Self {
            depth,
            root: Node::EMPTY,
        })
    }

    /// A cube of given content. The depth may exceed that of the root.
    ///
    /// # Errors
    /// [`OctreeError::TooDeep`], [`OctreeError::RootTooDeep`].
    pub fn from_root(depth: u32, root: Node) -> Result<Self, OctreeError> {
        let empty = Self::empty(depth)?;
        match root.depth() {
            got if got > depth => Err(OctreeError::RootTooDeep { got, depth }),
            _ => Ok(Self { root, ..empty }),
        }
    }

    /// The smallest depth whose cube has at least `resolution` cells an axis: 1 → 0, 2 → 1, 16 → 4, 17 → 5.
    #[must_use]
    pub fn depth_for(resolution: u32) -> u32 {
        resolution.max(1).next_power_of_two().trailing_zeros()
    }

    /// Levels below the root.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Cells an axis.
    #[must_use]
    pub fn edge(&self) -> u32 {
        1 << self.depth
    }

    /// Cells from the corner to the middle. A single cell has its corner there: 0.
    #[must_use]
    pub fn half_edge(&self) -> i32 {
        // At most 2^15.
        i32::try_from(self.edge() / 2).unwrap_or(i32::MAX)
    }

    /// The node of the whole cube.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Whether no cell is solid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root == Node::EMPTY
    }

    /// Number of solid cells. Parts that are shared within the tree are walked once.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.root.fold(
            self.depth,
            &mut |value, height| u64::from(value != 0) << (3 * height),
            &mut |counts: [u64; 8], _| counts.iter().sum(),
        )
    }

    /// The greatest value of any cell.
    #[must_use]
    pub fn greatest_value(&self) -> u8 {
        self.root.fold(
            self.depth,
            &mut |value, _| value,
            &mut |values: [u8; 8], _| values.into_iter().max().unwrap_or(0),
        )
    }

    /// The smallest box around the solid cells, or `None` where there are none.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        self.root.fold(
            self.depth,
            &mut |value, height| {
                let last = u16::try_from((1_u32 << height) - 1).unwrap_or(u16::MAX);
                (value != 0).then_some(Bounds {
                    min: [0; 3],
                    max: [last; 3],
                })
            },
            &mut join_bounds,
        )
    }

    /// Value of a cell; 0 (empty) outside.
    #[must_use]
    pub fn get(&self, cell: [u32; 3]) -> u8 {
        if self.contains(cell) {
            self.leaf_at(cell).value
        } else {
            0
        }
    }

    /// Whether a cell lies in the cube.
    #[must_use]
    pub fn contains(&self, cell: [u32; 3]) -> bool {
        cell.iter().all(|&c| c < self.edge())
    }

    /// The same cells with other values: value v becomes `table[v]`. Empty cells stay empty.
    #[must_use]
    pub fn mapped(&self, table: &[u8; 256]) -> Self {
        let map = |value: u8| match value {
            0 => 0,
            value => table.get(usize::from(value)).copied().unwrap_or(0),
        };
        let root = self.root.fold(
            self.depth,
            &mut |value, _| Node::Leaf(map(value)),
            &mut |children, _| Node::new(children),
        );
        Self { root, ..*self }
    }
}

/// Bounds of eight octants, each told from its own corner, as bounds of their parent, which is `height` levels high.
fn join_bounds(octants: [Option<Bounds>; 8], height: u32) -> Option<Bounds> {
    let half = 1_u16 << (height - 1);
    let placed = (0..8_u16).zip(octants).filter_map(|(octant, bounds)| {
        let Bounds { min, max } = bounds?;
        let offset = [octant & 1, octant >> 1 & 1, octant >> 2].map(|upper| upper * half);
        let moved = |[x, y, z]: [u16; 3]| [x + offset[0], y + offset[1], z + offset[2]];
        Some(Bounds {
            min: moved(min),
            max: moved(max),
        })
    });
    placed.reduce(Bounds::around)
}
