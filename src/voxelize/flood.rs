//! [`Flood`]: which empty cells can be reached from outside, across faces.
//!
//! Works brick by brick: a brick without cells is reached as a whole, one with cells by spreading bits. So it takes
//! time and memory by the number of bricks, a 64th of the cells.

use super::bricks::{Bricks, EDGE, cell_at, place_of};

/// Cells of a brick with x = 0, y = 0 and z = 0.
const LOW: [u64; 3] = [0x1111_1111_1111_1111, 0x000f_000f_000f_000f, 0xffff];

/// How far apart neighbours along each axis lie in a mask.
const STEP: [u32; 3] = [1, 4, 16];

/// How far apart the lowest and the highest layer of each axis lie.
const ACROSS: [u32; 3] = [3, 12, 48];

/// Cells that were reached.
pub(super) struct Flood<'a, T> {
    bricks: &'a Bricks<T>,
    /// Cells reached, for each brick of the list.
    reached: Vec<u64>,
    /// Whether a brick without cells was reached: one bit each, row by row.
    empty: Vec<u64>,
    /// Bricks and the cells of theirs that were reached from a neighbour.
    queue: Vec<([u16; 3], u64)>,
}

impl<'a, T: Copy + Default> Flood<'a, T> {
    /// Floods from all sides of the grid and from some cells, as far as they are empty.
    pub(super) fn new(bricks: &'a Bricks<T>, seeds: &[[u16; 3]]) -> Self {
        let edge = usize::from(bricks.edge());
        let mut flood = Self {
            bricks,
            reached: vec![0; bricks.list().len()],
            empty: vec![0; (edge * edge * edge).div_ceil(64)],
            queue: Vec::new(),
        };
        let last = bricks.edge().saturating_sub(1);
        for (a, b) in (0..=last).flat_map(|a| (0..=last).map(move |b| (a, b))) {
            for (axis, low) in (0..).zip(LOW) {
                let high = low << ACROSS.get(axis).copied().unwrap_or(0);
                flood.enter(along(axis, 0, a, b), low);
                flood.enter(along(axis, last, a, b), high);
            }
        }
        for &seed in seeds {
            flood.enter(seed.map(|c| c / EDGE), 1 << place_of(seed));
        }
        flood
    }

    /// The cells of a brick that were not reached and have no value.
    pub(super) fn enclosed(&self, position: [u16; 3]) -> u64 {
        match self.bricks.place(position) {
            Some(place) => {
                let mask = self.bricks.list().get(place).map_or(0, |brick| brick.mask);
                !(mask | self.reached.get(place).copied().unwrap_or(0))
            }
            None if self.is_reached(position) => 0,
            None => u64::MAX,
        }
    }

    /// Reaches cells of a brick and all that follows from it.
    fn enter(&mut self, position: [u16; 3], cells: u64) {
        self.queue.push((position, cells));
        while let Some((position, cells)) = self.queue.pop() {
            let fresh = match self.bricks.place(position) {
                Some(place) => self.spread(place, cells),
                None if self.reach(position) => u64::MAX,
                None => 0,
            };
            if fresh != 0 {
                self.leave(position, fresh);
            }
        }
    }

    /// Spreads cells within a brick; returns those that were not reached before.
    fn spread(&mut self, place: usize, cells: u64) -> u64 {
        let free = self.bricks.list().get(place).map_or(0, |brick| !brick.mask);
        let Some(reached) = self.reached.get_mut(place) else {
            return 0;
        };
        let before = *reached;
        let mut after = before | (cells & free);
        while after != *reached {
            *reached = after;
            for (step, low) in STEP.into_iter().zip(LOW) {
                let high = low << (3 * step);
                after |= (((after & !high) << step) | ((after & !low) >> step)) & free;
            }
        }
        after & !before
    }

    /// Hands cells on to the six bricks around.
    fn leave(&mut self, position: [u16; 3], cells: u64) {
        let last = self.bricks.edge().saturating_sub(1);
        for (axis, (low, across)) in LOW.into_iter().zip(ACROSS).enumerate() {
            let up = (cells >> across) & low;
            let down = (cells & low) << across;
            for (cells, step) in [(up, 1), (down, -1)] {
                let mut next = position;
                let moved = next.get_mut(axis).and_then(|c| {
                    *c = c.checked_add_signed(step).filter(|&c| c <= last)?;
                    Some(())
                });
                if cells != 0 && moved.is_some() {
                    self.queue.push((next, cells));
                }
            }
        }
    }

    /// Marks a brick without cells; whether it was not marked before.
    fn reach(&mut self, position: [u16; 3]) -> bool {
        let (word, bit) = self.bit(position);
        let Some(word) = self.empty.get_mut(word) else {
            return false;
        };
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn is_reached(&self, position: [u16; 3]) -> bool {
        let (word, bit) = self.bit(position);
        self.empty.get(word).is_some_and(|word| word & bit != 0)
    }

    fn bit(&self, position: [u16; 3]) -> (usize, u64) {
        let edge = usize::from(self.bricks.edge());
        let [x, y, z] = position.map(usize::from);
        let place = x + edge * (y + edge * z);
        (place / 64, 1 << (place % 64))
    }
}

/// The brick at a place of an axis and of the two others.
fn along(axis: usize, place: u16, a: u16, b: u16) -> [u16; 3] {
    match axis {
        0 => [place, a, b],
        1 => [a, place, b],
        _ => [a, b, place],
    }
}

/// The cells of a mask.
pub(super) fn cells_of(position: [u16; 3], mask: u64) -> impl Iterator<Item = [u16; 3]> {
    (0..64)
        .filter(move |place| mask >> place & 1 == 1)
        .map(move |place| cell_at(position, place))
}
