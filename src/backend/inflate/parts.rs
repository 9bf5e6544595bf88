//! [`Parts`]: the connected parts of a mask, found run by run.
//!
//! A *run* is a stretch of mask pixels in one row. Joining runs instead of pixels makes labelling a megapixel a
//! matter of milliseconds.

/// A stretch of pixels `start..end` in one row, and the part it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub row: usize,
    pub start: usize,
    pub end: usize,
    pub part: usize,
}

/// A connected set of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Number of pixels.
    pub area: usize,
    /// Smallest column and row.
    pub min: [usize; 2],
    /// Largest column and row, both inside.
    pub max: [usize; 2],
}

impl Part {
    /// The smallest box around two parts.
    pub fn with(self, other: Self) -> Self {
        Self {
            area: self.area + other.area,
            min: [self.min[0].min(other.min[0]), self.min[1].min(other.min[1])],
            max: [self.max[0].max(other.max[0]), self.max[1].max(other.max[1])],
        }
    }

    /// Columns and rows of the box.
    pub fn size(&self) -> [usize; 2] {
        [self.max[0] - self.min[0] + 1, self.max[1] - self.min[1] + 1]
    }
}

/// Which pixels belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Pixels that share an edge.
    Edge,
    /// Pixels that share an edge or a corner.
    Corner,
}

/// All connected parts of a mask.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts {
    /// Runs from the top row to the bottom row, each row from left to right.
    pub runs: Vec<Run>,
    /// The parts, numbered by their first run.
    pub parts: Vec<Part>,
}

impl Parts {
    /// Finds the parts of the pixels for which `inside(x, y)` holds.
    pub fn find(
        width: usize,
        height: usize,
        touch: Touch,
        inside: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        let mut roots = Roots::default();
        let mut above = 0..0;
        for row in 0..height {
            let first = runs.len();
            let mut x = 0;
            while x < width {
                if inside(x, row) {
                    let start = x;
                    while x < width && inside(x, row) {
                        x += 1;
                    }
                    let part = roots.add();
                    runs.push(Run {
                        row,
                        start,
                        end: x,
                        part,
                    });
                }
                x += 1;
            }
            let (done, current) = runs.split_at(first);
            join_rows(done.get(above).unwrap_or(&[]), current, touch, &mut roots);
            above = first..runs.len();
        }
        Self::numbered(runs, &mut roots)
    }

    /// The runs of the parts for which `keep` holds.
    pub fn runs_of(&self, keep: impl Fn(usize, &Part) -> bool) -> impl Iterator<Item = &Run> {
        let kept: Vec<bool> = self
            .parts
            .iter()
            .enumerate()
            .map(|(i, p)| keep(i, p))
            .collect();
        self.runs
            .iter()
            .filter(move |run| kept.get(run.part).copied().unwrap_or(false))
    }

    fn numbered(mut runs: Vec<Run>, roots: &mut Roots) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut numbers: Vec<Option<usize>> = vec![None; runs.len()];
        for run in &mut runs {
            let piece = Part {
                area: run.end - run.start,
                min: [run.start, run.row],
                max: [run.end - 1, run.row],
            };
            let root = roots.find(run.part);
            let Some(number) = numbers.get_mut(root) else {
                continue;
            };
            run.part = *number.get_or_insert(parts.len());
            match parts.get_mut(run.part) {
                Some(part) => *part = part.with(piece),
                None => parts.push(piece),
            }
        }
        Self { runs, parts }
    }
}

/// Joins the runs of two neighbouring rows where they touch.
fn join_rows(above: &[Run], current: &[Run], touch: Touch, roots: &mut Roots) {
    let reach = usize::from(touch == Touch::Corner);
    let mut above = above.iter().peekable();
    for run in current {
        while let Some(upper) = above.peek() {
            if upper.start < run.end + reach && run.start < upper.end + reach {
                roots.join(upper.part, run.part);
            }
            // A run that reaches beyond this one may touch the next one too.
            if upper.end > run.end {
                break;
            }
            above.next();
        }
    }
}

/// Union-find over run numbers.
#[derive(Default)]
struct Roots {
    parents: Vec<usize>,
}

impl Roots {
    fn add(&mut self) -> usize {
        self.parents.push(self.parents.len());
        self.parents.len() - 1
    }

    fn find(&mut self, mut node: usize) -> usize {
        while let Some(&parent) = self.parents.get(node) {
            if parent == node {
                break;
            }
            let grandparent = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parents.get_mut(node) {
                *slot = grandparent;
            }
            node = grandparent;
        }
        node
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        if let Some(slot) = self.parents.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[&str], touch: Touch) -> Parts {
        let at = |x: usize, y: usize| rows[y].as_bytes()[x] == b'#';
        Parts::find(rows[0].len(), rows.len(), touch, at)
    }

    #[test]
    fn arms_that_meet_further_down_are_one_part() {
        let found = parts(&["#.#.#", "#.#.#", "#####"], Touch::Edge);
        assert_eq!(
            found.parts,
            [Part {
                area: 11,
                min: [0, 0],
                max: [4, 2]
            }]
        );
        assert!(found.runs.iter().all(|run| run.part == 0));
    }

    #[test]
    fn corners_join_only_where_they_are_said_to() {
        let stairs = ["#...", ".#..", "..##"];
        assert_eq!(parts(&stairs, Touch::Edge).parts.len(), 3);
        assert_eq!(parts(&stairs, Touch::Corner).parts.len(), 1);
        let other_way = ["..#", ".#.", "#.."];
        assert_eq!(parts(&other_way, Touch::Corner).parts.len(), 1);
    }

    #[test]
    fn a_run_above_touches_every_run_below_it() {
        let comb = ["#####", "#.#.#"];
        assert_eq!(parts(&comb, Touch::Edge).parts.len(), 1);
    }

    #[test]
    fn an_empty_mask_has_no_parts() {
        assert!(parts(&["...", "..."], Touch::Corner).parts.is_empty());
    }
}
