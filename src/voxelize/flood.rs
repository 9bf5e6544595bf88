//! [`Flood`]: which empty cells can be reached from outside, across faces.
//!
//! Works brick by brick: a brick without cells is reached as a whole, one with cells by spreading bits. So it takes
//! time and memory by the bricks in the bounds of those with cells, a 64th of the cells.

use glam::U16Vec3;

use super::bricks::{Bricks, EDGE, place_of};

/// Cells of a brick with x = 0, y = 0 and z = 0.
const LOW: [u64; 3] = [0x1111_1111_1111_1111, 0x000f_000f_000f_000f, 0xffff];

/// How far apart neighbours along each axis lie in a mask.
pub(super) const STEP: [u8; 3] = [1, 4, 16];

/// How far apart the lowest and the highest layer of each axis lie.
const ACROSS: [u32; 3] = [3, 12, 48];

/// Cells that were reached.
pub(super) struct Flood<'a, T> {
    bricks: &'a Bricks<T>,
    /// The lowest and the highest brick of the bounds.
    min: U16Vec3,
    max: U16Vec3,
    /// Cells reached, for each brick of the list.
    reached: Vec<u64>,
    /// Whether a brick without cells was reached: one bit each, row by row.
    empty: Vec<u64>,
    /// Bricks and the cells of theirs that were reached from a neighbour.
    queue: Vec<([u16; 3], u64)>,
}

impl<'a, T: Copy + Default> Flood<'a, T> {
    /// Floods from all sides and from some cells, as far as they are empty.
    pub(super) fn new(bricks: &'a Bricks<T>, seeds: &[[u16; 3]]) -> Self {
        let (min, max) = bounds(bricks);
        let [x, y, z] = (max - min + 1).to_array().map(usize::from);
        let mut flood = Self {
            bricks,
            min,
            max,
            reached: vec![0; bricks.list().len()],
            empty: vec![0; (x * y * z).div_ceil(64)],
            queue: Vec::new(),
        };
        for position in flood.positions() {
            let at = U16Vec3::from(position);
            let (first, last) = (at.cmpeq(min), at.cmpeq(max));
            for (axis, (low, across)) in LOW.into_iter().zip(ACROSS).enumerate() {
                if first.test(axis) {
                    flood.enter(position, low);
                }
                if last.test(axis) {
                    flood.enter(position, low << across);
                }
            }
        }
        for &seed in seeds {
            flood.enter(seed.map(|c| c / EDGE), 1 << place_of(seed));
        }
        flood
    }

    /// The bricks outside which everything was reached.
    pub(super) fn positions(&self) -> impl Iterator<Item = [u16; 3]> + use<T> {
        let ([x0, y0, z0], [x1, y1, z1]) = (self.min.to_array(), self.max.to_array());
        (z0..=z1)
            .flat_map(move |z| (y0..=y1).map(move |y| (y, z)))
            .flat_map(move |(y, z)| (x0..=x1).map(move |x| [x, y, z]))
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
        let at = U16Vec3::from(position);
        if at.cmplt(self.min).any() || at.cmpgt(self.max).any() {
            return;
        }
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
        let at = U16Vec3::from(position);
        let steps = [U16Vec3::X, U16Vec3::Y, U16Vec3::Z];
        let (first, last) = (at.cmpeq(self.min), at.cmpeq(self.max));
        for (axis, step) in steps.into_iter().enumerate() {
            let (low, across) = (LOW.get(axis), ACROSS.get(axis));
            let (Some(&low), Some(&across)) = (low, across) else {
                return;
            };
            let up = (cells >> across) & low;
            if up != 0 && !last.test(axis) {
                self.queue.push(((at + step).to_array(), up));
            }
            let down = (cells & low) << across;
            if down != 0 && !first.test(axis) {
                self.queue.push(((at - step).to_array(), down));
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
        let [x, y, z] = (U16Vec3::from(position) - self.min)
            .to_array()
            .map(usize::from);
        let [wide, high, _] = (self.max - self.min + 1).to_array().map(usize::from);
        let place = x + wide * (y + high * z);
        (place / 64, 1 << (place % 64))
    }
}

/// The lowest and the highest position of bricks.
fn bounds<T: Copy + Default>(bricks: &Bricks<T>) -> (U16Vec3, U16Vec3) {
    let mut positions = bricks.list().iter().map(|b| U16Vec3::from(b.position));
    let first = positions.next().unwrap_or_default();
    positions.fold((first, first), |(min, max), p| (min.min(p), max.max(p)))
}
