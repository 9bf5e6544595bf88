//! [`Grid`]: a plain rectangle of cells, row by row.
//!
//! The one place of this method that indexes a slice: places come from loops over the grid's own size, never from
//! outside data. A *place* is a cell's position in the row-major list.

use std::ops::{Index, IndexMut};

/// A rectangle of cells, addressed by place or by `[x, y]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid<T> {
    width: usize,
    cells: Vec<T>,
}

impl<T: Clone> Grid<T> {
    /// A grid of equal cells.
    pub fn new(width: usize, height: usize, cell: T) -> Self {
        Self {
            width,
            cells: vec![cell; width * height],
        }
    }
}

impl<T> Grid<T> {
    /// Cells listed row by row; a last row that is not full is cut off.
    pub fn from_cells(width: usize, mut cells: Vec<T>) -> Self {
        cells.truncate(cells.len() / width.max(1) * width);
        Self { width, cells }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    pub fn height(&self) -> usize {
        self.cells.len() / self.width.max(1)
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// The place of a cell.
    pub fn place(&self, x: usize, y: usize) -> usize {
        y * self.width + x
    }

    /// Column and row of a place.
    pub fn position(&self, place: usize) -> [usize; 2] {
        [place % self.width, place / self.width]
    }

    /// All cells, row by row.
    pub fn cells(&self) -> &[T] {
        &self.cells
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &[T]> {
        self.cells.chunks_exact(self.width.max(1))
    }

    /// The up to four cells that share an edge with a cell.
    pub fn neighbors(&self, place: usize) -> impl Iterator<Item = usize> + use<T> {
        let [x, y] = self.position(place);
        let width = self.width;
        [
            (x > 0).then(|| place - 1),
            (x + 1 < width).then_some(place + 1),
            (y > 0).then(|| place - width),
            (y + 1 < self.height()).then_some(place + width),
        ]
        .into_iter()
        .flatten()
    }

    /// The up to nine cells of the block around a cell, itself among them.
    pub fn block(&self, place: usize) -> impl Iterator<Item = usize> + use<T> {
        let [x, y] = self.position(place);
        let (width, height) = (self.width, self.height());
        (y.saturating_sub(1)..(y + 2).min(height)).flat_map(move |row| {
            (x.saturating_sub(1)..(x + 2).min(width)).map(move |column| row * width + column)
        })
    }

    /// Sets every cell to what `update` says, once from the first to the last and once back, so that a distance
    /// carried from neighbour to neighbour gets everywhere.
    pub fn sweep_to_and_fro(&mut self, mut update: impl FnMut(&Self, usize) -> T) {
        for place in (0..self.len()).chain((0..self.len()).rev()) {
            let cell = update(self, place);
            self[place] = cell;
        }
    }

    /// A grid of the same shape with every cell changed.
    pub fn map<U>(&self, change: impl FnMut(&T) -> U) -> Grid<U> {
        Grid {
            width: self.width,
            cells: self.cells.iter().map(change).collect(),
        }
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "places come from loops over the grid"
)]
impl<T> Index<usize> for Grid<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        &self.cells[place]
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "places come from loops over the grid"
)]
impl<T> IndexMut<usize> for Grid<T> {
    fn index_mut(&mut self, place: usize) -> &mut T {
        &mut self.cells[place]
    }
}

impl<T> Index<[usize; 2]> for Grid<T> {
    type Output = T;

    fn index(&self, [x, y]: [usize; 2]) -> &T {
        &self[y * self.width + x]
    }
}

impl<T> IndexMut<[usize; 2]> for Grid<T> {
    fn index_mut(&mut self, [x, y]: [usize; 2]) -> &mut T {
        let place = self.place(x, y);
        &mut self[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corner_has_two_neighbors_and_a_block_of_four() {
        let grid = Grid::new(3, 2, ());
        assert_eq!(grid.neighbors(0).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(grid.block(0).collect::<Vec<_>>(), [0, 1, 3, 4]);
        assert_eq!(grid.neighbors(4).collect::<Vec<_>>(), [3, 5, 1]);
    }

    #[test]
    fn a_place_and_its_position_name_the_same_cell() {
        let grid = Grid::from_cells(3, vec![0, 1, 2, 3, 4, 5]);
        for place in 0..grid.len() {
            assert_eq!(grid[grid.position(place)], grid[place]);
        }
    }
}
