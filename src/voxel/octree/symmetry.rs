//! [`Symmetry`]: quarter turns and mirror images of a cube.

use super::{Bounds, Node, Octree};

/// One of the cube's symmetries: quarter turns about the upright axis, then a mirror image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Symmetry {
    /// Quarter turns about +Y, counter-clockwise seen from above: one takes +Z (the front) to +X.
    pub quarter_turns: u8,
    /// Whether left and right (x) change places after turning.
    pub mirrored: bool,
}

impl Symmetry {
    /// Where an octant goes.
    fn octant(self, octant: usize) -> usize {
        let (mut x, y, mut z) = (octant & 1, octant & 2, octant >> 2 & 1);
        for _ in 0..self.quarter_turns % 4 {
            (x, z) = (z, 1 - x);
        }
        if self.mirrored {
            x = 1 - x;
        }
        x | y | z << 2
    }

    /// Where a point goes, in any frame whose middle is the origin.
    #[must_use]
    pub fn point(self, point: glam::Vec3) -> glam::Vec3 {
        let glam::Vec3 { mut x, y, mut z } = point;
        for _ in 0..self.quarter_turns % 4 {
            (x, z) = (z, -x);
        }
        glam::Vec3::new(if self.mirrored { -x } else { x }, y, z)
    }
}

impl Symmetry {
    /// Where bounds go in a cube of so many cells an axis.
    pub(in crate::voxel) fn bounds(self, bounds: Bounds, edge: u32) -> Bounds {
        let last = u16::try_from(edge - 1).unwrap_or(u16::MAX);
        let moved = |[mut x, y, mut z]: [u16; 3]| {
            for _ in 0..self.quarter_turns % 4 {
                (x, z) = (z, last.saturating_sub(x));
            }
            let x = if self.mirrored {
                last.saturating_sub(x)
            } else {
                x
            };
            let cell = [x, y, z];
            Bounds {
                min: cell,
                max: cell,
            }
        };
        moved(bounds.min).around(moved(bounds.max))
    }
}

impl Octree {
    /// The same cube turned and mirrored about its middle.
    #[must_use]
    pub fn turned(&self, symmetry: Symmetry) -> Self {
        if symmetry == Symmetry::default() {
            return self.clone();
        }
        let root = self.root.fold(
            self.depth,
            &mut |value, _| Node::Leaf(value),
            &mut |children: [Node; 8], _| {
                let mut moved = [const { Node::EMPTY }; 8];
                for (octant, child) in children.into_iter().enumerate() {
                    if let Some(place) = moved.get_mut(symmetry.octant(octant)) {
                        *place = child;
                    }
                }
                Node::new(moved)
            },
        );
        Self { root, ..*self }
    }
}
