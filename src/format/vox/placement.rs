//! [`Placement`]: where a node of the scene graph puts what is below it.
//!
//! Axes are the file's. A placement turns about the origin, by a signed permutation of the axes, and then shifts;
//! a model is turned about the corner of its cells at half its size, rounded down.

use glam::I64Vec3;

/// A signed permutation of the axes and a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// Rows of the matrix: one entry of each is 1 or -1.
    rows: [I64Vec3; 3],
    shift: I64Vec3,
}

impl Placement {
    pub(super) const IDENTITY: Self = Self {
        rows: I64Vec3::AXES,
        shift: I64Vec3::ZERO,
    };

    /// The placement of the texts that a file has for it: `_r`, a byte, and `_t`, three numbers. The error says what
    /// is wrong.
    pub(super) fn parse(turn: Option<&str>, shift: Option<&str>) -> Result<Self, &'static str> {
        let rows = turn.map_or(Ok(I64Vec3::AXES), |text| {
            rows(text).ok_or("its rotation is none")
        })?;
        let shift = shift.map_or(Ok(I64Vec3::ZERO), |text| {
            three(text).ok_or("its translation is not three numbers")
        })?;
        Ok(Self { rows, shift })
    }

    /// This placement of what another one has placed.
    pub(super) fn of(&self, inner: &Self) -> Self {
        let [x, y, z] = inner.rows;
        Self {
            rows: self.rows.map(|row| x * row.x + y * row.y + z * row.z),
            shift: self.turn(inner.shift) + self.shift,
        }
    }

    fn turn(&self, point: I64Vec3) -> I64Vec3 {
        I64Vec3::from(self.rows.map(|row| row.dot(point)))
    }

    /// Where a cell of a model comes to lie.
    pub(super) fn cell(&self, cell: [u8; 3], canvas: [u32; 3]) -> I64Vec3 {
        // The cell's middle, in halves, so that a reflection maps cells to cells.
        let middle = I64Vec3::from(cell.map(i64::from)) * 2 + 1 - pivot(canvas) * 2;
        ((self.turn(middle) - 1) >> 1) + self.shift
    }

    /// The box of a model's canvas: its minimum corner and the corner past its maximum.
    pub(super) fn canvas(&self, canvas: [u32; 3]) -> (I64Vec3, I64Vec3) {
        let corner = self.turn(-pivot(canvas)) + self.shift;
        let opposite = self.turn(I64Vec3::from(canvas.map(i64::from)) - pivot(canvas)) + self.shift;
        (corner.min(opposite), corner.max(opposite))
    }
}

/// The corner of a model's cells that its placement puts at the origin.
pub(super) fn pivot(canvas: [u32; 3]) -> I64Vec3 {
    I64Vec3::from(canvas.map(|cells| i64::from(cells / 2)))
}

/// The matrix of a rotation byte: for the first two rows which entry is not 0 (two bits each), for all three
/// whether that is negative (a bit each).
fn rows(text: &str) -> Option<[I64Vec3; 3]> {
    let byte: u8 = text.trim().parse().ok()?;
    let (first, second) = (byte & 3, byte >> 2 & 3);
    let third = 3u8.checked_sub(first + second)?;
    let axis = |row: u8, index: u8| {
        let axis = *I64Vec3::AXES.get(usize::from(index))?;
        Some(if byte >> (4 + row) & 1 == 0 {
            axis
        } else {
            -axis
        })
    };
    let distinct = first != second && second != third && third != first;
    distinct.then_some([axis(0, first)?, axis(1, second)?, axis(2, third)?])
}

fn three(text: &str) -> Option<I64Vec3> {
    let mut numbers = text.split_whitespace().map(|number| number.parse::<i32>());
    let mut next = || numbers.next()?.ok().map(i64::from);
    let shift = I64Vec3::new(next()?, next()?, next()?);
    numbers.next().is_none().then_some(shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(turn: &str) -> Placement {
        Placement::parse(Some(turn), None).unwrap()
    }

    #[test]
    fn the_rotation_of_the_formats_own_example_is_read() {
        // Rows (0 1 0), (0 0 -1), (-1 0 0).
        let byte = 1 | (2 << 2) | (1 << 5) | (1 << 6);
        let point = I64Vec3::new(3, 5, 7);
        assert_eq!(
            turned(&byte.to_string()).turn(point),
            I64Vec3::new(5, -7, -3)
        );
    }

    #[test]
    fn bytes_that_name_an_axis_twice_or_a_fourth_one_are_no_rotation() {
        let valid = (0..128u8).filter(|byte| rows(&byte.to_string()).is_some());
        assert_eq!(valid.count(), 6 * 8);
        for text in ["", "256", "-1", "4.0", "x"] {
            assert_eq!(rows(text), None, "{text}");
        }
    }

    #[test]
    fn a_placed_canvas_is_full_of_its_placed_cells() {
        for byte in (0..128u8).filter(|byte| rows(&byte.to_string()).is_some()) {
            let placement = Placement::parse(Some(&byte.to_string()), Some("10 -20 3")).unwrap();
            let canvas = [3, 4, 1];
            let (low, high) = placement.canvas(canvas);
            let mut cells = std::collections::HashSet::new();
            for (x, y) in (0..3).flat_map(|x| (0..4).map(move |y| (x, y))) {
                let cell = placement.cell([x, y, 0], canvas);
                assert!(cell.cmpge(low).all() && cell.cmplt(high).all(), "{byte}");
                cells.insert(cell.to_array());
            }
            assert_eq!(cells.len() as i64, (high - low).element_product());
        }
    }

    #[test]
    fn an_inner_placement_is_turned_and_shifted_by_the_outer_one() {
        let outer = Placement::parse(Some("17"), Some("1 2 3")).unwrap();
        let inner = Placement::parse(Some("40"), Some("10 0 -5")).unwrap();
        let (canvas, cell) = ([4, 6, 2], [3, 1, 0]);
        let by_hand = {
            let middle = I64Vec3::from(cell.map(i64::from)) * 2 + 1 - pivot(canvas) * 2;
            let point = inner.turn(middle) + inner.shift * 2;
            (outer.turn(point) + outer.shift * 2 - 1) / 2
        };
        assert_eq!(outer.of(&inner).cell(cell, canvas), by_hand);
    }

    #[test]
    fn a_translation_is_three_whole_numbers() {
        assert_eq!(three("-1 10 4"), Some(I64Vec3::new(-1, 10, 4)));
        for text in ["", "1 2", "1 2 3 4", "1 2 x", "1 2 9999999999", "1.5 0 0"] {
            assert_eq!(three(text), None, "{text}");
        }
    }
}
