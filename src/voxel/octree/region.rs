//! Reading a box of an octree as dense cells, and what an octree looks like from far away.

use glam::IVec3;

use super::{Node, Octree};

/// A dense box of cells that is being filled; x runs fastest, then y, then z.
struct Window<'a> {
    /// Smallest cell.
    min: IVec3,
    /// The first cell beyond.
    max: IVec3,
    cells: &'a mut [u8],
}

impl Octree {
    /// Writes the values of a box of cells, x fastest, then y, then z; cells outside the cube are empty. `out` holds
    /// the box; what is missing of it is not written.
    pub fn read(&self, min: IVec3, size: [usize; 3], out: &mut [u8]) {
        let size = size.map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
        out.fill(0);
        let mut window = Window {
            min,
            max: min.saturating_add(IVec3::from(size)),
            cells: out,
        };
        window.read(&self.root, IVec3::ZERO, self.depth);
    }

    /// The same cube in cells twice as large: each takes the commonest value of its octants, and is empty only where
    /// all of them are. A cube of a single cell stays as it is.
    #[must_use]
    pub fn coarser(&self) -> Self {
        let Some(depth) = self.depth.checked_sub(1) else {
            return self.clone();
        };
        let root = self.root.fold(
            self.depth,
            &mut |value, _| Node::Leaf(value),
            &mut |children, height| match height {
                1 => Node::Leaf(commonest(&Node::new(children))),
                _ => Node::new(children),
            },
        );
        Self { depth, root }
    }
}

impl Window<'_> {
    fn read(&mut self, node: &Node, min: IVec3, height: u32) {
        let beyond = min + (1 << height);
        if min.cmpge(self.max).any() || beyond.cmple(self.min).any() {
            return;
        }
        match node {
            Node::Leaf(0) => {}
            Node::Leaf(value) => self.fill(min, beyond, *value),
            Node::Octa(leaves) => {
                let half = 1 << (height - 1);
                for (octant, &value) in (0..).zip(leaves).filter(|&(_, &value)| value != 0) {
                    let min = min + upper(octant) * half;
                    self.fill(min, min + half, value);
                }
            }
            Node::Branch(children) => {
                let half = 1 << (height - 1);
                for (octant, child) in (0..).zip(children.iter()) {
                    self.read(child, min + upper(octant) * half, height - 1);
                }
            }
        }
    }

    /// Writes a value to the part of a box that lies in the window.
    fn fill(&mut self, min: IVec3, beyond: IVec3, value: u8) {
        let size = (self.max - self.min).as_usizevec3();
        let low = (min.max(self.min) - self.min).as_usizevec3();
        let high = (beyond.min(self.max) - self.min)
            .max(IVec3::ZERO)
            .as_usizevec3();
        for z in low.z..high.z {
            for y in low.y..high.y {
                let row = size.x * (y + size.y * z);
                if let Some(cells) = self.cells.get_mut(row + low.x..row + high.x) {
                    // Most runs are a cell or two, for which a call to fill memory costs more than a loop.
                    cells.iter_mut().for_each(|cell| *cell = value);
                }
            }
        }
    }
}

pub(super) fn upper(octant: i32) -> IVec3 {
    IVec3::new(octant & 1, octant >> 1 & 1, octant >> 2)
}

/// The value that stands for a node seen from far away: 0 only where all of it is empty.
pub(super) fn commonest(node: &Node) -> u8 {
    match node {
        Node::Leaf(value) => *value,
        Node::Octa(leaves) => commonest_of(*leaves),
        Node::Branch(children) => commonest_of(children.each_ref().map(commonest)),
    }
}

/// The commonest value but 0; of several equally common ones that of the highest octant, which lies on top and in
/// front.
fn commonest_of(values: [u8; 8]) -> u8 {
    let count = |value: u8| values.iter().filter(|&&other| other == value).count();
    let solid = values.iter().copied().filter(|&value| value != 0);
    solid.max_by_key(|&value| count(value)).unwrap_or(0)
}
