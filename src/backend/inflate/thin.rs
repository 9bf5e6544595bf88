//! [`Joiner`]: keeps the thin parts of a silhouette in one piece.
//!
//! Half coverage alone breaks a sword's blade or a robot's antenna into crumbs, or loses it. Here every part of the
//! picture becomes one solid whose cells are joined edge to edge: crumbs are joined along the cells that the part
//! covers best, and what is left without a solid cell nearby is reached the same way, so a thin part stays one cell
//! thin. The paths are the shortest by Dijkstra's algorithm, where a cell costs more the less of it is covered.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::grid::Grid;
use super::silhouette::SOLID;

/// Share of a cell that a part must cover for the cell not to get lost.
const NOTICEABLE: f32 = 0.15;

/// Share of a half-covered cell that a part must cover to count the cell among its own.
const OWN: f32 = 0.25;

/// Turns coverage into solid cells, part by part.
pub(super) struct Joiner {
    /// Covered share of each cell, by all parts together.
    total: Grid<f32>,
    /// Covered share of each cell, by the current part.
    own: Grid<f32>,
    /// Cells that the current part covers.
    touched: Vec<usize>,
    /// Solid cells of all parts.
    solid: Grid<bool>,
    /// Solid cells of the current part.
    joined: Grid<bool>,
    /// Half-covered cells of the current part that are not joined yet.
    crumbs: Grid<bool>,
    paths: Paths,
}

impl Joiner {
    /// A joiner for parts that together cover `total`.
    pub fn new(total: Grid<f32>) -> Self {
        Self {
            own: total.map(|_| 0.0),
            touched: Vec::new(),
            solid: total.map(|_| false),
            joined: total.map(|_| false),
            crumbs: total.map(|_| false),
            paths: Paths::new(&total),
            total,
        }
    }

    /// Adds to the share of a cell that the current part covers.
    pub fn cover(&mut self, place: usize, share: f32) {
        if share > 0.0 {
            if self.own[place] <= 0.0 {
                self.touched.push(place);
            }
            self.own[place] += share;
        }
    }

    /// Makes the current part solid and turns to the next one.
    pub fn finish_part(&mut self) {
        let mut own_cells: Vec<usize> = self.touched.clone();
        own_cells.retain(|&place| self.total[place] >= SOLID && self.own[place] >= OWN);
        let best = self.best_covered(|_| true);
        let Some(start) = own_cells.first().copied().or(best) else {
            return;
        };
        if own_cells.is_empty() {
            own_cells.push(start);
        }
        self.join_crumbs(start, own_cells);
        self.reach_what_is_lost();
        self.stand_on_the_ground();
        self.clear();
    }

    /// The solid cells of all finished parts.
    pub fn into_solid(self) -> Grid<bool> {
        self.solid
    }

    fn best_covered(&self, pick: impl Fn(usize) -> bool) -> Option<usize> {
        let covered = self.touched.iter().copied().filter(|&place| pick(place));
        covered.max_by(|&a, &b| self.own[a].total_cmp(&self.own[b]).then(b.cmp(&a)))
    }

    /// Joins all of the part's own cells, nearest crumb first.
    fn join_crumbs(&mut self, start: usize, own_cells: Vec<usize>) {
        let mut left = own_cells.len();
        for place in own_cells {
            self.crumbs[place] = true;
        }
        let mut next = Some(start);
        while let Some(found) = next {
            for place in self.paths.back(found) {
                self.join(place);
            }
            let mut flood = vec![found];
            self.crumbs[found] = false;
            while let Some(place) = flood.pop() {
                left -= 1;
                self.join(place);
                for near in self.crumbs.neighbors(place) {
                    if self.crumbs[near] {
                        self.crumbs[near] = false;
                        flood.push(near);
                    }
                }
            }
            next = if left == 0 {
                None
            } else {
                self.paths.nearest(&self.own, |place| self.crumbs[place])
            };
        }
    }

    /// Leads a path to the farthest cell that has no solid one around it, until there is none.
    fn reach_what_is_lost(&mut self) {
        let mut lost: Vec<usize> = self.touched.clone();
        loop {
            lost.retain(|&place| {
                self.own[place] >= NOTICEABLE
                    && !self.joined.block(place).any(|near| self.joined[near])
            });
            if lost.is_empty() {
                return;
            }
            for &place in &lost {
                let _ = self.paths.nearest(&self.own, |found| found == place);
            }
            let cost = |place: usize| self.paths.cost[place];
            let farthest = lost
                .iter()
                .copied()
                .max_by(|&a, &b| cost(a).total_cmp(&cost(b)));
            self.lead_to(farthest);
        }
    }

    /// Gives the lowest row a solid cell where this part reaches into it, so that the object stands.
    fn stand_on_the_ground(&mut self) {
        let width = self.solid.width();
        if !(0..width).any(|place| self.solid[place]) {
            let foot = self.best_covered(|place| place < width);
            self.lead_to(foot);
        }
    }

    fn lead_to(&mut self, place: Option<usize>) {
        if let Some(found) = place {
            let _ = self.paths.nearest(&self.own, |place| place == found);
            for step in self.paths.back(found) {
                self.join(step);
            }
        }
    }

    fn join(&mut self, place: usize) {
        self.joined[place] = true;
        self.solid[place] = true;
        self.paths.start_at(place);
    }

    fn clear(&mut self) {
        for place in self.touched.drain(..) {
            self.own[place] = 0.0;
        }
        for place in self.paths.clear() {
            self.joined[place] = false;
        }
    }
}

/// Cheapest paths from the joined cells to all others, kept up as cells join.
struct Paths {
    cost: Grid<f32>,
    /// The cell before on the cheapest path; itself where a path starts.
    before: Grid<usize>,
    seen: Vec<usize>,
    /// Costs as bits: they are never negative, so their order is that of the numbers.
    open: BinaryHeap<Reverse<(u32, usize)>>,
}

impl Paths {
    fn new(shape: &Grid<f32>) -> Self {
        Self {
            cost: shape.map(|_| f32::INFINITY),
            before: shape.map(|_| 0),
            seen: Vec::new(),
            open: BinaryHeap::new(),
        }
    }

    fn start_at(&mut self, place: usize) {
        if self.cost[place] > 0.0 {
            self.offer(place, 0.0, place);
        }
    }

    fn offer(&mut self, place: usize, cost: f32, before: usize) {
        if cost < self.cost[place] {
            if self.cost[place].is_infinite() {
                self.seen.push(place);
            }
            self.cost[place] = cost;
            self.before[place] = before;
            self.open.push(Reverse((cost.to_bits(), place)));
        }
    }

    /// The nearest cell that is a goal, by the costs of cells that `own` covers.
    fn nearest(&mut self, own: &Grid<f32>, goal: impl Fn(usize) -> bool) -> Option<usize> {
        while let Some(&Reverse((bits, place))) = self.open.peek() {
            let cost = f32::from_bits(bits);
            if cost <= self.cost[place] {
                if goal(place) {
                    return Some(place);
                }
                for near in own.neighbors(place) {
                    self.offer(near, cost + 1.0 / (own[near] + 0.02), place);
                }
            }
            self.open.pop();
        }
        None
    }

    /// The cells of the path to a place, from its end up to a joined cell.
    fn back(&self, end: usize) -> Vec<usize> {
        let mut path = vec![end];
        let mut place = end;
        while self.cost[place].is_finite() && self.cost[place] > 0.0 {
            place = self.before[place];
            path.push(place);
        }
        path
    }

    /// Forgets all paths and returns the cells they had reached.
    fn clear(&mut self) -> Vec<usize> {
        self.open.clear();
        for &place in &self.seen {
            self.cost[place] = f32::INFINITY;
        }
        std::mem::take(&mut self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Solid cells of one part with the coverage drawn in tenths, rows as they stand.
    fn solid(rows: &[&str]) -> Vec<String> {
        let width = rows[0].len();
        let tenths = rows.concat().into_bytes();
        let coverage: Vec<f32> = tenths.iter().map(|t| f32::from(t - b'0') / 10.0).collect();
        let mut joiner = Joiner::new(Grid::from_cells(width, coverage.clone()));
        for (place, share) in coverage.into_iter().enumerate() {
            joiner.cover(place, share);
        }
        joiner.finish_part();
        let solid = joiner.into_solid();
        let line = |row: &[bool]| row.iter().map(|&s| if s { '#' } else { '.' }).collect();
        solid.rows().map(line).collect()
    }

    #[test]
    fn a_diagonal_is_joined_edge_to_edge_through_its_better_covered_corners() {
        assert_eq!(solid(&["940", "194", "029"]), ["##.", ".##", "..#"]);
    }

    #[test]
    fn a_hair_finer_than_half_a_cell_stays_and_stays_thin() {
        let hair = solid(&["99000", "99444", "99000"]);
        assert_eq!(hair, ["##...", "#####", "##..."]);
    }

    #[test]
    fn a_gap_is_bridged_where_the_part_covers_most() {
        assert_eq!(solid(&["989", "040", "989"]), ["###", ".#.", "###"]);
    }

    #[test]
    fn a_part_that_covers_no_cell_by_half_keeps_its_best_one() {
        assert_eq!(solid(&["23", "11"]), [".#", ".."]);
    }
}
