//! [`CellSet`]: which cells of a box are full, one bit each.

use glam::IVec3;

/// The full cells of a box. An empty rim of one cell lets neighbours be asked for without looking where the box ends.
pub(super) struct CellSet {
    /// The rim's smallest cell.
    low: IVec3,
    /// How far apart neighbours on y and z lie; on x it is 1.
    row: usize,
    sheet: usize,
    bits: Vec<u64>,
}

impl CellSet {
    /// The set of some cells, all within the box that begins at `low`.
    pub(super) fn new(low: IVec3, size: IVec3, cells: &[[u16; 3]]) -> Self {
        let [x, y, z] = (size + 2)
            .to_array()
            .map(|edge| usize::try_from(edge).unwrap_or(0));
        let mut set = Self {
            low: low - 1,
            row: x,
            sheet: x * y,
            bits: vec![0; (x * y * z).div_ceil(64)],
        };
        for &cell in cells {
            let place = set.place(IVec3::from(cell.map(i32::from)));
            if let Some(word) = set.bits.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
        set
    }

    /// Whether a cell of the box or of its rim is full.
    pub(super) fn contains(&self, cell: IVec3) -> bool {
        self.is_full(self.place(cell))
    }

    /// Which sides of a cell of the box are not covered, one bit each: -x, +x, -y, +y, -z, +z from the lowest.
    pub(super) fn open_sides(&self, cell: IVec3) -> u8 {
        let place = self.place(cell);
        let neighbours = [
            place.wrapping_sub(1),
            place + 1,
            place.wrapping_sub(self.row),
            place + self.row,
            place.wrapping_sub(self.sheet),
            place + self.sheet,
        ];
        let open = neighbours.map(|neighbour| u8::from(!self.is_full(neighbour)));
        open.iter().rev().fold(0, |sides, open| sides << 1 | open)
    }

    fn is_full(&self, place: usize) -> bool {
        self.bits
            .get(place / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn place(&self, cell: IVec3) -> usize {
        let [x, y, z] = (cell - self.low)
            .to_array()
            .map(|c| usize::try_from(c).unwrap_or(0));
        x + self.row * y + self.sheet * z
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sides_are_told_in_the_documented_order() {
        let centre = IVec3::splat(5);
        for (bit, side) in [
            (0, IVec3::NEG_X),
            (1, IVec3::X),
            (2, IVec3::NEG_Y),
            (3, IVec3::Y),
        ] {
            let beside = (centre + side)
                .to_array()
                .map(|c| u16::try_from(c).unwrap());
            let cells = CellSet::new(IVec3::splat(4), IVec3::splat(3), &[[5; 3], beside]);
            assert_eq!(cells.open_sides(centre), 0b11_1111 & !(1 << bit));
        }
    }

    proptest! {
        #[test]
        fn a_set_holds_its_cells_and_no_others(
            full in prop::collection::hash_set([3u16..9, 0u16..5, 7u16..11], 0..60),
        ) {
            let cells: Vec<[u16; 3]> = full.iter().copied().collect();
            let set = CellSet::new(IVec3::new(3, 0, 7), IVec3::new(6, 5, 4), &cells);
            let is_full = |cell: IVec3| {
                let cell = cell.to_array().map(|c| u16::try_from(c).unwrap_or(u16::MAX));
                full.contains(&cell)
            };
            for x in 2..10 {
                for y in -1..6 {
                    for z in 6..12 {
                        let cell = IVec3::new(x, y, z);
                        prop_assert_eq!(set.contains(cell), is_full(cell));
                    }
                }
            }
        }
    }
}
