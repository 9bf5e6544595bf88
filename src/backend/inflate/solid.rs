//! [`Solid`]: columns of voxels about a middle plane, and how they are painted.
//!
//! Every column of the silhouette reaches equally far to the front and to the back of the layer [`Solid::middle`],
//! so the solid is symmetric, filled, and as connected as the silhouette is.

use super::color::{Color, srgb};
use super::grid::Grid;
use crate::voxel::{SparseVoxels, SparseVoxelsError};

/// Columns of voxels in the frame of the grid: `[x, y]` places, +Z to the front.
pub(super) struct Solid {
    /// How many cells each column reaches to either side of the middle layer, `None` where there is no column.
    reaches: Grid<Option<u16>>,
    columns: Grid<Column>,
    /// Voxels over which the front's colour fades into the body's.
    fade: u16,
}

/// What a column looks like.
#[derive(Clone, Copy)]
struct Column {
    front: [u8; 3],
    body: [u8; 3],
    /// Whether the silhouette ends here: the column's flank is a side of the object.
    rim: bool,
}

impl Solid {
    /// The layer that the solid is symmetric about.
    pub fn middle(resolution: u16) -> u16 {
        resolution / 2
    }

    /// The farthest that a column may reach from the middle layer.
    pub fn limit(resolution: u16) -> u16 {
        resolution - 1 - Self::middle(resolution)
    }

    /// Columns with the colours, in linear light, of their front ends and of all else.
    pub fn new(reaches: Grid<Option<u16>>, front: &Grid<Color>, body: &Grid<Color>) -> Self {
        let mut columns = reaches.map(|_| Column {
            front: [0; 3],
            body: [0; 3],
            rim: false,
        });
        for place in (0..reaches.len()).filter(|&place| reaches[place].is_some()) {
            let around = reaches.neighbors(place).filter(|&n| reaches[n].is_some());
            columns[place] = Column {
                front: srgb(front[place]),
                body: srgb(body[place]),
                rim: around.count() < 4,
            };
        }
        Self {
            fade: coordinate(reaches.width() / 32).max(1),
            reaches,
            columns,
        }
    }

    /// All voxels.
    pub fn voxels(&self) -> Result<SparseVoxels, SparseVoxelsError> {
        let mut list = List::default();
        let pyramid = Pyramid::over(&self.reaches);
        let top = pyramid.levels.len().saturating_sub(1);
        self.walk(&pyramid, top, [0; 3], &mut list);
        list.into_voxels(self.resolution())
    }

    /// The voxels that can be seen from outside, for a preview.
    pub fn shell(&self) -> Result<SparseVoxels, SparseVoxelsError> {
        let mut list = List::default();
        let middle = Self::middle(self.resolution());
        for place in 0..self.reaches.len() {
            let Some(reach) = self.reaches[place] else {
                continue;
            };
            let column = self.columns[place];
            let lowest = self.reaches.neighbors(place).map(|n| self.reaches[n]).min();
            let hidden = match lowest.flatten() {
                Some(lowest) if !column.rim => lowest.min(reach.saturating_sub(1)),
                _ => 0,
            };
            let cell = self.reaches.position(place).map(coordinate);
            for off in hidden..=reach {
                self.paint(cell, middle + off, &mut list);
                if off > 0 {
                    self.paint(cell, middle - off, &mut list);
                }
            }
        }
        list.into_voxels(self.resolution())
    }

    fn resolution(&self) -> u16 {
        coordinate(self.reaches.width())
    }

    /// Lists the voxels of an octant in Morton order, so that they need no sorting.
    fn walk(&self, pyramid: &Pyramid, level: usize, corner: [u16; 3], list: &mut List) {
        let [x, y, z] = corner;
        let edge = 1u16 << level;
        let Some(reach) = pyramid.reach(level, [x >> level, y >> level]) else {
            return;
        };
        let middle = Self::middle(self.resolution());
        if z > middle + reach || z + edge <= middle - reach {
            return;
        }
        if level == 0 {
            self.paint([x, y], z, list);
            return;
        }
        let half = edge / 2;
        for octant in 0..8 {
            let step = |axis: u16| ((octant >> axis) & 1) * half;
            let corner = [x + step(0), y + step(1), z + step(2)];
            self.walk(pyramid, level - 1, corner, list);
        }
    }

    /// Adds a voxel of a column in its colour.
    fn paint(&self, [x, y]: [u16; 2], z: u16, list: &mut List) {
        let place = self.reaches.place(usize::from(x), usize::from(y));
        let column = self.columns[place];
        let front_end = Self::middle(self.resolution()) + self.reaches[place].unwrap_or(0);
        let behind = front_end.saturating_sub(z);
        // A flank shows the body: an outline drawn on the front must not run down the side.
        let fade = if column.rim { 1 } else { self.fade };
        let [r, g, b] = if behind > fade {
            column.body
        } else {
            mixed(column.front, column.body, behind, fade + 1)
        };
        list.coords.push([x, y, z]);
        list.rgba.push([r, g, b, u8::MAX]);
    }
}

/// `part` of `whole` on the way from one colour to another.
#[expect(clippy::cast_possible_truncation, reason = "a mean of two bytes")]
fn mixed(from: [u8; 3], to: [u8; 3], part: u16, whole: u16) -> [u8; 3] {
    let (part, whole) = (u32::from(part), u32::from(whole));
    let mix = |a: u8, b: u8| {
        ((u32::from(a) * (whole - part) + u32::from(b) * part + whole / 2) / whole) as u8
    };
    [
        mix(from[0], to[0]),
        mix(from[1], to[1]),
        mix(from[2], to[2]),
    ]
}

/// A coordinate on a grid of at most 256 cells an axis.
fn coordinate(cells: usize) -> u16 {
    u16::try_from(cells).unwrap_or(u16::MAX)
}

/// Voxels as they are listed.
#[derive(Default)]
struct List {
    coords: Vec<[u16; 3]>,
    rgba: Vec<[u8; 4]>,
}

impl List {
    fn into_voxels(self, resolution: u16) -> Result<SparseVoxels, SparseVoxelsError> {
        SparseVoxels::new(u32::from(resolution), self.coords, self.rgba, None)
    }
}

/// The farthest reach in squares of 1, 2, 4, ... columns.
struct Pyramid {
    levels: Vec<Grid<Option<u16>>>,
}

impl Pyramid {
    fn over(reaches: &Grid<Option<u16>>) -> Self {
        let mut levels = vec![reaches.clone()];
        while let Some(fine) = levels.last().filter(|fine| fine.width() > 1) {
            let half = fine.width().div_ceil(2);
            let mut coarse = Grid::new(half, half, None);
            for place in 0..fine.len() {
                let [x, y] = fine.position(place);
                let cell = &mut coarse[[x / 2, y / 2]];
                *cell = (*cell).max(fine[place]);
            }
            levels.push(coarse);
        }
        Self { levels }
    }

    fn reach(&self, level: usize, [x, y]: [u16; 2]) -> Option<u16> {
        let grid = self.levels.get(level)?;
        let (x, y) = (usize::from(x), usize::from(y));
        (x < grid.width() && y < grid.height()).then(|| grid[[x, y]])?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solid(reaches: Vec<Option<u16>>, size: usize) -> Solid {
        let front = Grid::new(size, size, [1.0, 0.0, 0.0]);
        let body = Grid::new(size, size, [0.0, 0.0, 1.0]);
        Solid::new(Grid::from_cells(size, reaches), &front, &body)
    }

    #[test]
    fn voxels_are_listed_in_morton_order_on_any_grid() {
        for size in 8..20u16 {
            let reach = |i: u16| (!i.is_multiple_of(3)).then_some(i % (1 + Solid::limit(size)));
            let reaches: Vec<Option<u16>> = (0..size * size).map(reach).collect();
            let count: usize = reaches
                .iter()
                .flatten()
                .map(|&r| 2 * usize::from(r) + 1)
                .sum();
            let solid = solid(reaches, size.into());
            let mut list = List::default();
            let pyramid = Pyramid::over(&solid.reaches);
            solid.walk(&pyramid, pyramid.levels.len() - 1, [0; 3], &mut list);
            assert_eq!(list.coords.len(), count);
            assert!(
                list.coords
                    .is_sorted_by_key(|&c| crate::voxel::morton::encode(c))
            );
        }
    }

    #[test]
    fn the_front_has_the_pictures_color_and_the_back_the_bodys() {
        let voxels = solid(vec![Some(3); 64], 8).voxels().unwrap();
        for (cell, rgba) in voxels.coords().iter().zip(voxels.rgba()) {
            match cell[2] {
                7 => assert_eq!(*rgba, [255, 0, 0, 255]),
                1..4 => assert_eq!(*rgba, [0, 0, 255, 255]),
                z => assert!(z > 3, "no voxel lies in front of or behind the columns"),
            }
        }
    }

    #[test]
    fn the_shell_has_every_voxel_with_an_empty_neighbour() {
        let reaches = (0..81).map(|i| (i % 7 > 0).then_some(i % 5)).collect();
        let solid = solid(reaches, 9);
        let all = solid.voxels().unwrap();
        let shell = solid.shell().unwrap();
        let is_solid = |c: [i32; 3]| {
            let cell = c.map(|v| u16::try_from(v).unwrap_or(u16::MAX));
            all.coords().contains(&cell)
        };
        for &cell in all.coords() {
            let [x, y, z] = cell.map(i32::from);
            let around = [
                [x - 1, y, z],
                [x + 1, y, z],
                [x, y - 1, z],
                [x, y + 1, z],
                [x, y, z - 1],
                [x, y, z + 1],
            ];
            if !around.into_iter().all(is_solid) {
                assert!(shell.coords().contains(&cell), "{cell:?}");
            }
        }
        assert!(shell.len() <= all.len());
    }
}
