//! [`CellTriangle`]: a triangle in cells, and exactly which cells it passes through.
//!
//! The separating axes of Akenine-Moller, "Fast 3D Triangle-Box Overlap Testing" (2001): the box's three axes, the
//! triangle's normal and the nine products of their edges. The nine are kept as the sides of the triangle's three
//! axis-aligned shadows, as in Schwarz and Seidel, "Fast Parallel Surface and Solid Voxelization on GPUs" (2010),
//! section 4; so a row of cells is cut to its part in the shadow before any cell is tested.

use std::ops::RangeInclusive;

use glam::{DVec2, DVec3, Vec3Swizzles};

/// How far a triangle is moved against its normal, in cells. It decides for triangles between two layers: they
/// belong to the one behind them. More than the rounding of f32 positions in a grid of 1024.
const INSET: f64 = 1.0 / 1024.0;

/// How near to an edge of a cell a triangle may stay without claiming the cell, in cells; more than [`INSET`], so that
/// a face of a box does not claim the cells beside it.
const RIM: f64 = 4.0 * INSET;

/// What rounding may amount to in f64, in cells; tests give way by it.
const ROUNDING: f64 = 1e-9;

/// Half a cell, with room for rounding.
const HALF: f64 = 0.5 + ROUNDING;

/// The cell without its rim.
const CORE: DVec3 = DVec3::splat(0.5 - RIM);

/// The cell without the rim of its edges, as three boxes: each keeps two opposite faces.
///
/// Together they hold the lines from the centre to the six neighbours. A closed surface that separates two cells
/// crosses such a line of every path between them; so it has no holes, since a triangle is moved by less than the
/// lines' distance from the edges (Laine, "A Topological Approach to Voxelization", 2013).
const BEAMS: [DVec3; 3] = [
    DVec3::new(HALF, CORE.y, CORE.z),
    DVec3::new(CORE.x, HALF, CORE.z),
    DVec3::new(CORE.x, CORE.y, HALF),
];

/// A triangle with an area, in cells, slightly inside its surface.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellTriangle {
    corners: [DVec3; 3],
    min: DVec3,
    max: DVec3,
    normal: DVec3,
    /// `normal` times any point of the plane.
    plane: f64,
    /// Sides of the shadow along each axis.
    sides: [[Side; 3]; 3],
    /// The axis nearest to the normal.
    axis: Axis,
}

/// One side of a shadow: inside is `normal * point >= level`.
#[derive(Clone, Copy, Debug)]
struct Side {
    normal: DVec2,
    level: f64,
}

/// An axis of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axis {
    X,
    Y,
    Z,
}

const AXES: [Axis; 3] = [Axis::X, Axis::Y, Axis::Z];

impl CellTriangle {
    /// A triangle by its corners in cells; `None` where it has no area. Corners are moved into the grid.
    pub(super) fn new(corners: [DVec3; 3], resolution: u32) -> Option<Self> {
        let inwards = -normal(corners).try_normalize()? * INSET;
        let last = f64::from(resolution) - INSET / 2.0;
        let corners = corners
            .map(|corner| (corner + inwards).clamp(DVec3::splat(INSET / 2.0), DVec3::splat(last)));
        let [a, b, c] = corners;
        let normal = normal(corners);
        Some(Self {
            corners,
            min: a.min(b).min(c),
            max: a.max(b).max(c),
            normal,
            plane: normal.dot(a),
            sides: AXES.map(|axis| {
                let [a, b, c] = corners.map(|corner| axis.shadow(corner));
                let turn = if axis.along(normal) < 0.0 { -1.0 } else { 1.0 };
                [(a, b), (b, c), (c, a)].map(|(from, to)| Side::new(from, to, turn))
            }),
            axis: Axis::nearest(normal),
        })
    }

    /// Its corners, slightly inside those it was made from.
    pub(super) fn corners(&self) -> [DVec3; 3] {
        self.corners
    }

    /// The neighbour in front of each cell of the triangle, as a step.
    pub(super) fn front(&self) -> [i32; 3] {
        let sign = if self.axis.along(self.normal) < 0.0 {
            -1
        } else {
            1
        };
        match self.axis {
            Axis::X => [sign, 0, 0],
            Axis::Y => [0, sign, 0],
            Axis::Z => [0, 0, sign],
        }
    }

    /// Calls `visit` with every cell that the triangle passes through and its centre; returns how many were tried.
    pub(super) fn for_each_cell(
        &self,
        resolution: u32,
        mut visit: impl FnMut([u16; 3], DVec3),
    ) -> u64 {
        let mut tried = 0;
        let (low, high) = (self.axis.shadow(self.min), self.axis.shadow(self.max));
        for v in cells(low.y, high.y, resolution) {
            tried += 1;
            let (first, last) = self.row(center(v), low.x, high.x);
            for u in cells(first, last, resolution) {
                let (near, far) = self.depths(DVec2::new(center(u), center(v)));
                for w in cells(near, far, resolution) {
                    tried += 1;
                    let middle = self.axis.point(DVec2::new(center(u), center(v)), center(w));
                    if self.claims(middle) {
                        visit(self.axis.cell(u, v, w), middle);
                    }
                }
            }
        }
        tried
    }

    /// Where in a row of the shadow's cells, told by its middle, cells can meet the shadow.
    fn row(&self, v: f64, low: f64, high: f64) -> (f64, f64) {
        let sides = match self.axis {
            Axis::X => &self.sides[0],
            Axis::Y => &self.sides[1],
            Axis::Z => &self.sides[2],
        };
        // Bounds of cells' middles; half a cell further in, they are bounds of the triangle.
        let middles = (low - HALF, high + HALF);
        let (low, high) = sides.iter().fold(middles, |(low, high), side| {
            let reach = side.normal.abs().element_sum() * HALF;
            let needed = side.level - side.normal.y * v - reach;
            match side.normal.x {
                x if x > 0.0 => (low.max(needed / x), high),
                x if x < 0.0 => (low, high.min(needed / x)),
                _ if needed > 0.0 => (f64::INFINITY, f64::NEG_INFINITY),
                _ => (low, high),
            }
        });
        // The cells whose middles lie between.
        (low + 0.5 - ROUNDING, high - 0.5 + ROUNDING)
    }

    /// Between which depths the triangle's plane passes through a column of cells, told by its middle.
    fn depths(&self, column: DVec2) -> (f64, f64) {
        let (low, high) = (self.axis.along(self.min), self.axis.along(self.max));
        let (steep, flat) = (self.axis.along(self.normal), self.axis.shadow(self.normal));
        let depth = (self.plane - flat.dot(column)) / steep;
        let reach = flat.abs().element_sum() * HALF / steep.abs();
        if depth.is_finite() && reach.is_finite() {
            (low.max(depth - reach), high.min(depth + reach))
        } else {
            (low, high)
        }
    }

    /// Whether a cell belongs to the triangle: whether its core or one of its beams meets it.
    fn claims(&self, middle: DVec3) -> bool {
        self.meets(middle, CORE)
            || (self.meets(middle, DVec3::splat(HALF))
                && BEAMS.iter().any(|&beam| self.meets(middle, beam)))
    }

    /// Whether the triangle and a box have a point in common.
    fn meets(&self, middle: DVec3, half: DVec3) -> bool {
        let (low, high) = (middle - half, middle + half);
        self.min.cmple(high).all()
            && self.max.cmpge(low).all()
            && (self.normal.dot(middle) - self.plane).abs() <= self.normal.abs().dot(half)
            && AXES.iter().zip(&self.sides).all(|(axis, sides)| {
                let (middle, half) = (axis.shadow(middle), axis.shadow(half));
                sides.iter().all(|side| side.reaches(middle, half))
            })
    }
}

impl Side {
    fn new(from: DVec2, to: DVec2, turn: f64) -> Self {
        let normal = (to - from).perp() * turn;
        Self {
            normal,
            level: normal.dot(from),
        }
    }

    /// Whether a rectangle has a point inside.
    fn reaches(&self, middle: DVec2, half: DVec2) -> bool {
        self.normal.dot(middle) + self.normal.abs().dot(half) >= self.level
    }
}

impl Axis {
    fn nearest(normal: DVec3) -> Self {
        let size = normal.abs();
        if size.x >= size.y && size.x >= size.z {
            Self::X
        } else if size.y >= size.z {
            Self::Y
        } else {
            Self::Z
        }
    }

    fn along(self, vector: DVec3) -> f64 {
        match self {
            Self::X => vector.x,
            Self::Y => vector.y,
            Self::Z => vector.z,
        }
    }

    /// The other two axes, in the order that keeps turns: seen against the axis, counter-clockwise stays so.
    fn shadow(self, vector: DVec3) -> DVec2 {
        match self {
            Self::X => vector.yz(),
            Self::Y => vector.zx(),
            Self::Z => vector.xy(),
        }
    }

    /// The vector of a shadow and a part along the axis.
    fn point(self, DVec2 { x: u, y: v }: DVec2, w: f64) -> DVec3 {
        match self {
            Self::X => DVec3::new(w, u, v),
            Self::Y => DVec3::new(v, w, u),
            Self::Z => DVec3::new(u, v, w),
        }
    }

    fn cell(self, u: u16, v: u16, w: u16) -> [u16; 3] {
        match self {
            Self::X => [w, u, v],
            Self::Y => [v, w, u],
            Self::Z => [u, v, w],
        }
    }
}

/// Points to the front of a counter-clockwise triangle; as long as twice its area.
fn normal([a, b, c]: [DVec3; 3]) -> DVec3 {
    (b - a).cross(c - a)
}

fn center(cell: u16) -> f64 {
    f64::from(cell) + 0.5
}

/// The cells of a grid between two places; none where the first lies behind the last.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a grid of at most 1024"
)]
#[expect(
    clippy::reversed_empty_ranges,
    reason = "there may be no cells between the two"
)]
fn cells(first: f64, last: f64, resolution: u32) -> RangeInclusive<u16> {
    let end = f64::from(resolution) - 1.0;
    let (first, last) = ((first - ROUNDING).floor(), (last + ROUNDING).floor());
    if first > last || first > end || last < 0.0 {
        return 1..=0;
    }
    first.max(0.0) as u16..=last.min(end) as u16
}
