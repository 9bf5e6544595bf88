//! [`Bricks`]: values of cells that lie near each other, such as those of a surface.
//!
//! The grid is cut into bricks of 4 x 4 x 4 cells; only those with cells take memory. A directory tells where each
//! lies: its untouched pages cost nothing, since the system gives zeroed memory page by page.

use crate::voxel::morton;

/// Cells along an edge of a brick.
pub(super) const EDGE: u16 = 4;

/// Cells of a brick.
pub(super) const CELLS: usize = 64;

/// The places of a brick's cells in Morton order.
const MORTON: [u8; CELLS] = {
    let mut places = [0; CELLS];
    let mut code = 0;
    while code < 64 {
        let [x, y, z] = morton::decode(code);
        #[expect(
            clippy::indexing_slicing,
            clippy::cast_possible_truncation,
            reason = "checked by the compiler, since it is a constant"
        )]
        {
            places[code as usize] = (x + EDGE * (y + EDGE * z)) as u8;
        }
        code += 1;
    }
    places
};

/// A sparse grid of values.
#[derive(Debug)]
pub(super) struct Bricks<T> {
    /// The place of each brick in `list`, plus 1, by the Morton code of its position; 0 where there is none.
    directory: Vec<u32>,
    list: Vec<Brick<T>>,
}

/// Values of 4 x 4 x 4 cells; x runs fastest, then y, then z.
#[derive(Clone, Debug)]
pub(super) struct Brick<T> {
    /// Its position, counted in bricks.
    pub(super) position: [u16; 3],
    /// A bit for each cell that has a value.
    pub(super) mask: u64,
    pub(super) values: [T; CELLS],
}

impl<T: Copy + Default> Bricks<T> {
    /// No cells of a grid of at most 1024.
    pub(super) fn new(resolution: u32) -> Self {
        let edge = resolution
            .div_ceil(u32::from(EDGE))
            .max(1)
            .next_power_of_two();
        Self {
            directory: vec![0; (edge * edge * edge) as usize],
            list: Vec::new(),
        }
    }

    /// All bricks.
    pub(super) fn list(&self) -> &[Brick<T>] {
        &self.list
    }

    /// All bricks, to change their values.
    pub(super) fn list_mut(&mut self) -> &mut [Brick<T>] {
        &mut self.list
    }

    /// How many cells have a value.
    pub(super) fn count(&self) -> u64 {
        let of_brick = |brick: &Brick<T>| u64::from(brick.mask.count_ones());
        self.list.iter().map(of_brick).sum()
    }

    /// The place in [`Bricks::list`] of the brick at a position.
    pub(super) fn place(&self, position: [u16; 3]) -> Option<usize> {
        let place = self.directory.get(morton::encode(position) as usize)?;
        Some(place.checked_sub(1)? as usize)
    }

    /// The brick at a position, made where there is none; `None` outside the grid.
    pub(super) fn brick(&mut self, position: [u16; 3]) -> Option<&mut Brick<T>> {
        let slot = self.directory.get_mut(morton::encode(position) as usize)?;
        if *slot == 0 {
            self.list.push(Brick {
                position,
                mask: 0,
                values: [T::default(); CELLS],
            });
            *slot = u32::try_from(self.list.len()).ok()?;
        }
        self.list.get_mut((*slot - 1) as usize)
    }

    /// Gives a cell a value and returns its place; `None` outside the grid.
    pub(super) fn claim(&mut self, cell: [u16; 3]) -> Option<&mut T> {
        let brick = self.brick(cell.map(|c| c / EDGE))?;
        let place = place_of(cell);
        brick.mask |= 1 << place;
        brick.values.get_mut(place)
    }

    /// Other values in the same cells.
    pub(super) fn map<U: Copy + Default>(self, value: impl Fn([u16; 3], T) -> U) -> Bricks<U> {
        let of_brick = |brick: Brick<T>| {
            let mut values = [U::default(); CELLS];
            for (place, (new, old)) in values.iter_mut().zip(brick.values).enumerate() {
                if brick.mask >> place & 1 == 1 {
                    *new = value(cell_at(brick.position, place), old);
                }
            }
            Brick {
                position: brick.position,
                mask: brick.mask,
                values,
            }
        };
        Bricks {
            directory: self.directory,
            list: self.list.into_iter().map(of_brick).collect(),
        }
    }

    /// All cells and their values in Morton order.
    pub(super) fn into_morton_order(self) -> (Vec<[u16; 3]>, Vec<T>) {
        let mut order: Vec<&Brick<T>> = self.list.iter().collect();
        order.sort_unstable_by_key(|brick| morton::encode(brick.position));
        let count = usize::try_from(self.count()).unwrap_or_default();
        let (mut cells, mut values) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for brick in order {
            for place in MORTON.map(usize::from) {
                if let Some(&value) = brick.values.get(place)
                    && brick.mask >> place & 1 == 1
                {
                    cells.push(cell_at(brick.position, place));
                    values.push(value);
                }
            }
        }
        (cells, values)
    }
}

/// The place of a cell in its brick.
pub(super) fn place_of(cell: [u16; 3]) -> usize {
    let [x, y, z] = cell.map(|c| usize::from(c % EDGE));
    let edge = usize::from(EDGE);
    x + edge * (y + edge * z)
}

/// The cell at a place of a brick.
pub(super) fn cell_at(position: [u16; 3], place: usize) -> [u16; 3] {
    let [x, y, z] = position.map(|c| c * EDGE);
    // A place has six bits.
    let [place] = [place.to_le_bytes()[0]].map(u16::from);
    [
        x + place % EDGE,
        y + place / EDGE % EDGE,
        z + place / EDGE / EDGE,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_in_morton_order_with_their_values() {
        let mut bricks = Bricks::new(9);
        let cells = [
            [8, 8, 8],
            [0, 0, 0],
            [3, 3, 3],
            [1, 0, 0],
            [0, 5, 0],
            [7, 1, 2],
        ];
        for (value, &cell) in (1u32..).zip(&cells) {
            *bricks.claim(cell).unwrap() = value;
        }
        assert_eq!(bricks.count(), 6);
        let (found, values) = bricks.into_morton_order();
        assert!(found.is_sorted_by_key(|&cell| morton::encode(cell)));
        for (cell, value) in found.iter().zip(values) {
            assert_eq!(cells[value as usize - 1], *cell);
        }
    }

    #[test]
    fn a_cell_far_outside_the_grid_is_refused() {
        assert!(Bricks::<u8>::new(9).claim([16, 0, 0]).is_none());
    }
}
