//! [`Shape`]: voxels in a dense grid, and what can be asked of them.

use crossworld_trellis::voxel::SparseVoxels;

/// A dense grid of voxels with an empty cell around it.
pub struct Shape {
    /// Cells an axis, without the ones around.
    pub resolution: usize,
    cells: Vec<Option<[u8; 4]>>,
}

impl Shape {
    pub fn of(voxels: &SparseVoxels) -> Self {
        let resolution = voxels.resolution() as usize;
        let mut shape = Self {
            resolution,
            cells: vec![None; (resolution + 2).pow(3)],
        };
        for (cell, rgba) in voxels.coords().iter().zip(voxels.rgba()) {
            let place = shape.place(cell.map(usize::from));
            shape.cells[place] = Some(*rgba);
        }
        shape
    }

    fn place(&self, [x, y, z]: [usize; 3]) -> usize {
        let edge = self.resolution + 2;
        ((z + 1) * edge + y + 1) * edge + x + 1
    }

    /// The solid cells of a column, from the back to the front.
    fn column(&self, x: usize, y: usize) -> Vec<usize> {
        (0..self.resolution)
            .filter(|&z| self.cells[self.place([x, y, z])].is_some())
            .collect()
    }

    /// The colour that is seen from the front.
    pub fn front(&self, x: usize, y: usize) -> Option<[u8; 4]> {
        let z = *self.column(x, y).last()?;
        self.cells[self.place([x, y, z])]
    }

    /// Whether every empty cell can be reached from outside, so that the solid is filled.
    pub fn is_closed(&self) -> bool {
        let empty = self.cells.iter().filter(|cell| cell.is_none()).count();
        let mut seen = vec![false; self.cells.len()];
        self.flood(0, &mut seen) == empty
    }

    /// Whether every column is one piece and as deep behind the middle layer as before it, give or take one.
    pub fn is_symmetric(&self) -> bool {
        let middle = self.resolution as isize / 2;
        (0..self.resolution.pow(2)).all(|i| {
            let column = self.column(i % self.resolution, i / self.resolution);
            match column[..] {
                [] => true,
                [first, .., last] => {
                    last - first + 1 == column.len()
                        && (first as isize + last as isize - 2 * middle).abs() <= 1
                }
                [only] => (only as isize - middle).abs() <= 1,
            }
        })
    }

    /// The number of the solid that each column belongs to, columns row by row from the bottom; solids are joined
    /// face to face.
    pub fn solids(&self) -> Vec<Option<usize>> {
        let mut number = vec![None; self.resolution.pow(2)];
        let mut seen = vec![false; self.cells.len()];
        for i in 0..number.len() {
            let (x, y) = (i % self.resolution, i / self.resolution);
            let Some(&z) = self.column(x, y).first() else {
                continue;
            };
            if seen[self.place([x, y, z])] {
                continue;
            }
            let before = seen.clone();
            self.flood(self.place([x, y, z]), &mut seen);
            for (j, number) in number.iter_mut().enumerate() {
                let (x, y) = (j % self.resolution, j / self.resolution);
                let reached = |&z: &usize| {
                    let place = self.place([x, y, z]);
                    seen[place] && !before[place]
                };
                if self.column(x, y).iter().any(reached) {
                    *number = Some(i);
                }
            }
        }
        number
    }

    /// Visits all cells that are joined face to face with a cell and are solid or empty as it is; returns how many.
    fn flood(&self, start: usize, seen: &mut [bool]) -> usize {
        let edge = self.resolution + 2;
        let is_solid = self.cells[start].is_some();
        let mut open = vec![start];
        seen[start] = true;
        let mut count = 0;
        while let Some(place) = open.pop() {
            count += 1;
            let at = [place % edge, place / edge % edge, place / edge / edge];
            for (axis, stride) in [1, edge, edge * edge].into_iter().enumerate() {
                let below = (at[axis] > 0).then(|| place - stride);
                let above = (at[axis] + 1 < edge).then_some(place + stride);
                for near in [below, above].into_iter().flatten() {
                    if !seen[near] && self.cells[near].is_some() == is_solid {
                        seen[near] = true;
                        open.push(near);
                    }
                }
            }
        }
        count
    }
}
