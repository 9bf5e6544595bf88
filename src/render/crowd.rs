//! [`Crowd`]: how full the space around a spot is, which darkens hollows that neighbouring voxels do not explain.
//!
//! A coarse grid over the model tells which part of each block of cells is full, blurred over the blocks around.
//! Its size follows the model, so a hollow of a given share of the model is as dark at every resolution.

use glam::{IVec3, Vec3};

/// Least blocks along the longest edge of a model; fewer than twice as many, as a block's edge is a power of two.
const BLOCKS: i32 = 24;

/// Empty blocks around the model, so that blurring and looking outwards stay inside.
const RIM: i32 = 2;

/// How far off the surface to look, in blocks: so far before a flat wall the blurred space is almost empty.
const LOOK: f32 = 1.25;

/// Part of each block that is full, from 0 to 1, blurred.
pub(super) struct Crowd {
    low: Vec3,
    /// Cells along an edge of a block.
    block: i32,
    size: IVec3,
    full: Vec<f32>,
    outline: Vec<[IVec3; 2]>,
}

impl Crowd {
    pub(super) fn new(low: IVec3, size: IVec3, coords: &[[u16; 3]]) -> Self {
        let shift = (size.max_element() / BLOCKS).max(2).ilog2();
        let block = 1 << shift;
        let blocks = (size >> shift) + 1 + 2 * RIM;
        let mut crowd = Self {
            low: (low - RIM * block).as_vec3(),
            block,
            size: blocks,
            full: vec![0.0; usize::try_from(blocks.element_product()).unwrap_or(0)],
            outline: Vec::new(),
        };
        let part = 1.0 / (block * block * block) as f32;
        for cell in coords {
            let at = ((IVec3::from(cell.map(i32::from)) - low) >> shift) + RIM;
            if let Some(slot) = crowd.place(at).and_then(|place| crowd.full.get_mut(place)) {
                *slot += part;
            }
        }
        crowd.outline = crowd.rows(low, low + size);
        for axis in IVec3::AXES {
            crowd.blur_along(axis);
        }
        crowd
    }

    /// Boxes that together hold all cells, tighter than one box: cell corners, both within the model's bounds.
    pub(super) fn outline(&self) -> &[[IVec3; 2]] {
        &self.outline
    }

    /// One box for each row of blocks along x, from its first full block to its last, cut to the bounds.
    fn rows(&self, low: IVec3, high: IVec3) -> Vec<[IVec3; 2]> {
        let mut boxes = Vec::new();
        for z in 0..self.size.z {
            for y in 0..self.size.y {
                let mut full = (0..self.size.x).filter(|&x| self.at(IVec3::new(x, y, z)) > 0.0);
                if let Some(first) = full.next() {
                    let last = full.next_back().unwrap_or(first);
                    let corner = |x, y, z| {
                        let cell = (IVec3::new(x, y, z) - RIM) * self.block + low;
                        cell.clamp(low, high)
                    };
                    boxes.push([corner(first, y, z), corner(last + 1, y + 1, z + 1)]);
                }
            }
        }
        boxes
    }

    /// Part of the space before a surface point that is full; the point in cells, `normal` of unit length.
    pub(super) fn before(&self, cell: Vec3, normal: Vec3) -> f32 {
        // Block values stand for block middles.
        let at = (cell - self.low) / self.block as f32 + normal * LOOK - 0.5;
        let base = at.floor();
        let part = at - base;
        let base = base.as_ivec3();
        let value = |x, y, z| self.at(base.saturating_add(IVec3::new(x, y, z)));
        let row = |y, z| value(0, y, z) + (value(1, y, z) - value(0, y, z)) * part.x;
        let sheet = |z| row(0, z) + (row(1, z) - row(0, z)) * part.y;
        sheet(0) + (sheet(1) - sheet(0)) * part.z
    }

    fn blur_along(&mut self, axis: IVec3) {
        let mut blurred = Vec::with_capacity(self.full.len());
        for z in 0..self.size.z {
            for y in 0..self.size.y {
                for x in 0..self.size.x {
                    let at = IVec3::new(x, y, z);
                    let sides = self.at(at - axis) + self.at(at + axis);
                    blurred.push((sides + self.at(at)) / 3.0);
                }
            }
        }
        self.full = blurred;
    }

    fn at(&self, block: IVec3) -> f32 {
        self.place(block)
            .and_then(|place| self.full.get(place))
            .copied()
            .unwrap_or(0.0)
    }

    fn place(&self, block: IVec3) -> Option<usize> {
        if block.cmplt(IVec3::ZERO).any() || block.cmpge(self.size).any() {
            return None;
        }
        usize::try_from(block.x + self.size.x * (block.y + self.size.y * block.z)).ok()
    }
}
