//! Moving an octree by any number of cells. Where the way is no multiple of a node's edge, each node of the result lies
//! over up to eight of the source, which go down together: what is uniform in all of them is not walked.

#![expect(
    clippy::indexing_slicing,
    reason = "octants, corners and heights count to the length that every array here has"
)]

use glam::IVec3;

use super::{Node, Octree};

/// A node of the source, or an octant of one whose leaves lie in it.
#[derive(Clone, Copy)]
enum Part<'a> {
    Leaf(u8),
    Octa(&'a [u8; 8]),
    Branch(&'a [Node; 8]),
}

impl<'a> Part<'a> {
    fn of(node: &'a Node) -> Self {
        match node {
            Node::Leaf(value) => Self::Leaf(*value),
            Node::Octa(leaves) => Self::Octa(leaves),
            Node::Branch(children) => Self::Branch(children),
        }
    }

    fn child(self, octant: usize) -> Self {
        match self {
            Self::Leaf(value) => Self::Leaf(value),
            Self::Octa(leaves) => Self::Leaf(leaves.get(octant).copied().unwrap_or(0)),
            Self::Branch(children) => children.get(octant).map_or(Self::Leaf(0), Self::of),
        }
    }

    /// The value of what has no octants.
    fn value(self) -> u8 {
        match self {
            Self::Leaf(value) => value,
            Self::Octa(_) | Self::Branch(_) => 0,
        }
    }
}

/// The source's nodes below one of the result, the one at the smallest corner first. Along an axis on which the two
/// agree, both are the same.
type Parts<'a> = [Part<'a>; 8];

/// An octree moved by some cells and mapped to other values, of which nodes are made as they are asked for.
pub(in crate::voxel) struct Shifted<'a> {
    source: &'a Octree,
    shift: Shift<'a>,
}

impl<'a> Shifted<'a> {
    /// The cell c + `by` is the cell c of the source; value v becomes `table[v]`, and empty cells stay empty. Nodes may
    /// be asked for up to `depth` levels.
    pub(in crate::voxel) fn new(
        source: &'a Octree,
        by: IVec3,
        depth: u32,
        table: &'a [u8; 256],
    ) -> Self {
        let shift = Shift::new(-by, depth, table);
        Self { source, shift }
    }

    /// The node `height` levels high at a place, counted in such nodes.
    pub(in crate::voxel) fn node_at(&self, height: u32, place: IVec3) -> Node {
        let first = (self.shift.from >> height) + place;
        let between = is_between(self.shift.from, height);
        let nodes = OCTANTS.map(|corner| {
            let [x, y, z] = axes(corner & between).map(i32::from);
            self.source.node_at(height, first + IVec3::new(x, y, z))
        });
        let parts = nodes.each_ref().map(Part::of);
        self.shift.node(&parts, height)
    }
}

impl Octree {
    /// The node `height` levels high at a place, counted in such nodes; empty outside.
    pub(in crate::voxel) fn node_at(&self, height: u32, place: IVec3) -> Node {
        if height >= self.depth {
            if place != IVec3::ZERO {
                return Node::EMPTY;
            }
            return (self.depth..height).fold(self.root.clone(), |node, _| {
                let mut children = [const { Node::EMPTY }; 8];
                children[0] = node;
                Node::new(children)
            });
        }
        let outermost = place >> (self.depth - height);
        if outermost != IVec3::ZERO {
            return Node::EMPTY;
        }
        // Borrowed on the way, since a count that other threads share costs more than a level.
        let mut node = &self.root;
        for level in (0..self.depth - height).rev() {
            let octant = octant_at(place, level);
            match node {
                Node::Branch(children) => match children.get(octant) {
                    Some(child) => node = child,
                    None => return Node::EMPTY,
                },
                uniform => return uniform.child(octant),
            }
        }
        node.clone()
    }
}

const OCTANTS: [usize; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

/// An octant's place on each axis, 0 or 1.
fn axes(octant: usize) -> [u8; 3] {
    [0, 1, 2].map(|axis| u8::from(octant >> axis & 1 == 1))
}

/// The octant made of one bit of each coordinate.
fn octant_at(place: IVec3, bit: u32) -> usize {
    let bits = place >> bit & 1;
    let is_set = |c: i32| usize::from(c == 1);
    is_set(bits.x) | is_set(bits.y) << 1 | is_set(bits.z) << 2
}

/// The axes, as bits of an octant, on which nodes of a height lie between two of the source.
fn is_between(from: IVec3, height: u32) -> usize {
    let rest = from & ((1 << height) - 1);
    let is_some = |c: i32| usize::from(c != 0);
    is_some(rest.x) | is_some(rest.y) << 1 | is_some(rest.z) << 2
}

struct Shift<'a> {
    /// The source's cell at the result's smallest.
    from: IVec3,
    table: &'a [u8; 256],
    /// How nodes of each height lie over the octants of the source, the lowest first.
    levels: Vec<Level>,
}

/// How the octants of a node of the result lie over those of the source: those they touch are three on each axis.
struct Level {
    /// Of these 27 the part and the octant of it.
    touched: [(u8, u8); 27],
    /// Which of the 27 lie below the corners of each octant of the result.
    corners: [[u8; 8]; 8],
}

impl Level {
    fn new(from: IVec3, height: u32) -> Self {
        let first = axes(octant_at(from, height - 1));
        let between = is_between(from, height - 1);
        let sum = |a: [u8; 3], b: [u8; 3]| [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
        let octant = |bit: [u8; 3]| bit[0] | bit[1] << 1 | bit[2] << 2;
        let mut touched = [(0, 0); 27];
        for (place, at) in (0_u8..).zip(&mut touched) {
            let place = sum(first, [place % 3, place / 3 % 3, place / 9]);
            *at = (octant(place.map(|c| c >> 1)), octant(place.map(|c| c & 1)));
        }
        let corners = OCTANTS.map(|octant| {
            OCTANTS.map(|corner| {
                let [x, y, z] = sum(axes(octant), axes(corner & between));
                x + 3 * y + 9 * z
            })
        });
        Self { touched, corners }
    }

    /// One of the 27.
    fn part<'a>(&self, parts: &Parts<'a>, place: u8) -> Part<'a> {
        let (parent, octant) = self.touched[usize::from(place)];
        parts[usize::from(parent)].child(usize::from(octant))
    }
}

impl<'a> Shift<'a> {
    fn new(from: IVec3, depth: u32, table: &'a [u8; 256]) -> Self {
        let levels = (1..=depth).map(|height| Level::new(from, height)).collect();
        Self {
            from,
            table,
            levels,
        }
    }

    fn node(&self, parts: &Parts, height: u32) -> Node {
        let value = parts[0].value();
        let is_same = |part: &Part| matches!(part, Part::Leaf(other) if *other == value);
        let Some(below) = height.checked_sub(1).filter(|_| !parts.iter().all(is_same)) else {
            return Node::Leaf(self.mapped(value));
        };
        let level = &self.levels[below as usize];
        if below == 0 {
            return Node::octa(level.corners.map(|corners| {
                let part = level.part(parts, corners[0]);
                self.mapped(part.value())
            }));
        }
        let mut touched = [Part::Leaf(0); 27];
        for (place, part) in (0..).zip(&mut touched) {
            *part = level.part(parts, place);
        }
        Node::new(level.corners.map(|corners| {
            let parts = corners.map(|place| touched[usize::from(place)]);
            self.node(&parts, below)
        }))
    }

    fn mapped(&self, value: u8) -> u8 {
        match value {
            0 => 0,
            value => self.table[usize::from(value)],
        }
    }
}
