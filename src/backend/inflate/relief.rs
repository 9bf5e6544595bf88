//! The depth of every column: a Poisson equation over the silhouette.
//!
//! With u = 0 on the rim and Δu = -4 inside, √u is exactly a hemisphere over a disc, half an elliptic tube over a
//! strip, and everywhere follows the local width: wide parts bulge, thin parts stay thin. The idea to inflate artwork
//! by one linear system is that of P. Joshi and N. Carr, "Repoussé: Automatic Inflation of 2D Artwork" (2008). The
//! system is solved by successive over-relaxation (D. Young, 1954) on a pyramid of grids, each started from the
//! coarser one. A broad foot is mirrored at the ground, so that a house stands instead of balancing on an edge.
//! Lengths are cells.

use super::grid::Grid;
use crate::backend::Cancelled;

/// Depth of a disc in its width. Less than a ball, since a strip comes out √2 times as deep as a disc.
const PLUMPNESS: f32 = 0.8;

/// A broad foot tapers as if it came to its end this part of the grid below the ground.
const FOOTING: f32 = 0.3;

/// Grids of at most this many cells an axis have no coarser one.
const COARSEST: usize = 8;

/// Sweeps over the grids of a pyramid for a silhouette of `resolution` cells an axis.
pub(super) fn sweeps(resolution: usize) -> usize {
    let coarser = if resolution > COARSEST {
        sweeps(resolution.div_ceil(2))
    } else {
        0
    };
    coarser + resolution / 2 + 8
}

/// Half the depth of each column in cells, before it is rounded; 0 outside.
///
/// `after_sweep` is called [`sweeps`] times.
pub(super) fn half_depths(
    solid: &Grid<bool>,
    after_sweep: &mut dyn FnMut() -> Result<(), Cancelled>,
) -> Result<Grid<f32>, Cancelled> {
    let potential = potential(solid, foot_rows(solid), after_sweep)?;
    Ok(potential.map(|&u| PLUMPNESS * u.max(0.0).sqrt()))
}

/// How many cells each column reaches to either side of its middle one, `None` outside; at most `limit`.
#[expect(clippy::cast_possible_truncation, reason = "limited before")]
pub(super) fn reaches(
    solid: &Grid<bool>,
    half_depths: &Grid<f32>,
    limit: u16,
) -> Grid<Option<u16>> {
    let mut reaches = solid.map(|_| None);
    for place in 0..solid.len() {
        // A column of 2k + 1 cells is the nearest odd number to twice the half depth.
        reaches[place] = solid[place].then(|| half_depths[place].min(f32::from(limit)) as u16);
    }
    reaches
}

/// How many rows the lower ends of a broad foot's columns may lie apart; 0 where there is no broad foot.
///
/// A foot is broad where it has more of the object's width than a ball would have so near to the ground.
fn foot_rows(solid: &Grid<bool>) -> usize {
    let size = solid.width();
    let touched = |rows: usize| {
        let stands = |x: &usize| (0..rows).any(|y| solid[[*x, y]]);
        (0..size).filter(stands).count()
    };
    let width = touched(solid.height()) as f32;
    let is_broad = |rows: &usize| {
        let of_a_ball = 2.0 * (*rows as f32 / size as f32).sqrt();
        touched(*rows) as f32 >= (0.05 + of_a_ball) * width
    };
    (1..=(size / 24).max(1)).rev().find(is_broad).unwrap_or(0)
}

/// Solves Δu = -4 with u = 0 on the faces between solid and empty cells, except under a broad foot.
fn potential(
    solid: &Grid<bool>,
    foot_rows: usize,
    after_sweep: &mut dyn FnMut() -> Result<(), Cancelled>,
) -> Result<Grid<f32>, Cancelled> {
    let mut u = if solid.width() > COARSEST {
        let coarse = potential(&halved(solid), foot_rows.div_ceil(2), after_sweep)?;
        let mut u = solid.map(|_| 0.0);
        for place in (0..solid.len()).filter(|&place| solid[place]) {
            let [x, y] = solid.position(place);
            // The same height is four times the number on a grid of twice the cells.
            u[place] = 4.0 * coarse[[x / 2, y / 2]];
        }
        u
    } else {
        solid.map(|_| 0.0)
    };
    let cells = Cells::of(solid, foot_rows);
    for _ in 0..solid.width() / 2 + 8 {
        cells.sweep(&mut u);
        after_sweep()?;
    }
    Ok(u)
}

/// Half the resolution: solid where at least half of the cells below are.
fn halved(solid: &Grid<bool>) -> Grid<bool> {
    let half = solid.width().div_ceil(2);
    let mut count = Grid::new(half, half, 0);
    for place in (0..solid.len()).filter(|&place| solid[place]) {
        let [x, y] = solid.position(place);
        count[[x / 2, y / 2]] += 1;
    }
    count.map(|&c| c >= 2)
}

/// A solid cell in a sweep: its place, those of its neighbours (its own for an empty one) and what it sums to.
struct Cell {
    place: usize,
    neighbors: [usize; 4],
    /// One over the diagonal of its equation.
    share: f32,
    /// Neighbours that are empty.
    empty: f32,
}

/// The solid cells and the over-relaxation that suits their grid.
struct Cells {
    cells: Vec<Cell>,
    relaxation: f32,
}

impl Cells {
    fn of(solid: &Grid<bool>, foot_rows: usize) -> Self {
        let cells = (0..solid.len())
            .filter(|&place| solid[place])
            .map(|place| {
                let mut neighbors = [place; 4];
                let inside = solid.neighbors(place).filter(|&near| solid[near]);
                let mut count = 0.0;
                for (slot, near) in neighbors.iter_mut().zip(inside) {
                    *slot = near;
                    count += 1.0;
                }
                let empty = 4.0 - count;
                // u = 0 on the face means that an empty neighbour mirrors the cell with the opposite sign.
                let [x, y] = solid.position(place);
                let is_lowest = y == 0 || !solid[[x, y - 1]];
                let footing = if is_lowest && y < foot_rows {
                    2.0 - 1.0 / (FOOTING * solid.width() as f32).max(1.0)
                } else {
                    0.0
                };
                Cell {
                    place,
                    neighbors,
                    share: 1.0 / (4.0 + empty - footing),
                    empty,
                }
            })
            .collect();
        // The best factor for a square of this size; half the grid is what most silhouettes are wide.
        let relaxation = 2.0 / (1.0 + (std::f32::consts::TAU / solid.width() as f32).sin());
        Self { cells, relaxation }
    }

    fn sweep(&self, u: &mut Grid<f32>) {
        for cell in &self.cells {
            let old = u[cell.place];
            let [a, b, c, d] = cell.neighbors;
            let around = u[a] + u[b] + u[c] + u[d] - cell.empty * old;
            let new = (around + 4.0) * cell.share;
            u[cell.place] = old + self.relaxation * (new - old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(size: usize, inside: impl Fn(f32, f32) -> bool) -> (Grid<bool>, Grid<f32>) {
        let middle = size as f32 / 2.0;
        let mut solid = Grid::new(size, size, false);
        for place in 0..solid.len() {
            let [x, y] = solid.position(place);
            solid[place] = inside(x as f32 + 0.5 - middle, y as f32 + 0.5 - middle);
        }
        let mut sweeps_made = 0;
        let depths = half_depths(&solid, &mut || {
            sweeps_made += 1;
            Ok(())
        })
        .unwrap();
        assert_eq!(sweeps_made, sweeps(size));
        (solid, depths)
    }

    #[test]
    fn a_disc_becomes_a_flattened_ball() {
        for size in [16, 61, 128] {
            let radius = size as f32 / 2.0;
            let (solid, depths) = solve(size, |x, y| x.hypot(y) <= radius);
            for place in (0..solid.len()).filter(|&place| solid[place]) {
                let [x, y] = solid.position(place).map(|c| c as f32 + 0.5 - radius);
                let ball = PLUMPNESS * (radius * radius - x * x - y * y).max(0.0).sqrt();
                // A rim of square cells is not round, and a ball is steepest there.
                if x.hypot(y) < radius - 2.0 {
                    let off = (depths[place] - ball).abs();
                    assert!(off < 1.0, "{size}: {off} at {x} {y}");
                }
            }
        }
    }

    #[test]
    fn a_strip_is_as_deep_along_its_whole_length() {
        let (_, depths) = solve(64, |_, y| y.abs() < 5.0);
        let expected = PLUMPNESS * 2.0f32.sqrt() * 5.0;
        for x in 12..52 {
            assert!((depths[[x, 32]] - expected).abs() < 0.3);
        }
    }

    #[test]
    fn a_line_one_cell_wide_is_one_cell_deep() {
        let (solid, depths) = solve(64, |x, _| (0.0..1.0).contains(&x));
        let reaches = reaches(&solid, &depths, 31);
        assert!(reaches.cells().iter().flatten().all(|&reach| reach == 0));
    }

    #[test]
    fn a_house_stands_on_a_deep_foot_and_a_disc_does_not() {
        let (_, house) = solve(32, |x, _| x.abs() < 8.0);
        assert!(house[[16, 0]] > 0.7 * house[[16, 12]]);
        let (_, chest) = solve(64, |x, y| y > -31.0 || x.abs() > 25.0);
        assert!(chest[[32, 1]] > 0.6 * chest[[32, 16]]);
        let (_, disc) = solve(32, |x, y| x.hypot(y) <= 16.0);
        assert!(disc[[16, 0]] < 0.3 * disc[[16, 16]]);
    }

    #[test]
    fn the_limit_holds_also_for_a_full_grid() {
        let (solid, depths) = solve(8, |_, _| true);
        let reaches = reaches(&solid, &depths, 3);
        assert!(reaches.cells().iter().flatten().all(|&reach| reach <= 3));
    }

    #[test]
    fn a_sweep_that_is_cancelled_ends_the_work() {
        let solid = Grid::new(32, 32, true);
        assert_eq!(half_depths(&solid, &mut || Err(Cancelled)), Err(Cancelled));
    }
}
