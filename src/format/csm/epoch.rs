//! [`Epoch`]: what one epoch assigns to which paths, and the octree that makes.

use crate::voxel::{MAX_DEPTH, Node};

use super::Cube;

/// The statements of an epoch. Once [closed](Self::close), they are sorted by path and each path is there once.
#[derive(Default)]
pub(super) struct Epoch<'a> {
    statements: Vec<Statement<'a>>,
    out_of_order: bool,
}

struct Statement<'a> {
    /// Letters `a` to `h`. In the order of the alphabet they are depth first, each path before those it begins.
    path: &'a [u8],
    cube: Cube,
}

/// The octree of an epoch.
pub(super) struct Built<'a> {
    pub(super) root: Node,
    /// Levels of the deepest statement that is part of the model.
    pub(super) depth: u32,
    /// The first statement left out because it goes deeper than [`MAX_DEPTH`]: its path and its levels.
    pub(super) too_deep: Option<(&'a [u8], u32)>,
}

impl<'a> Epoch<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    pub(super) fn assign(&mut self, path: &'a [u8], cube: Cube) {
        // Every writer goes depth first, so this is the way it stays and nothing is ever sorted.
        self.out_of_order |= self.statements.last().is_some_and(|last| last.path >= path);
        self.statements.push(Statement { path, cube });
    }

    /// Ends the epoch: the last statement of each path stays.
    pub(super) fn close(&mut self) {
        if !self.out_of_order {
            return;
        }
        self.statements.sort_by_key(|statement| statement.path);
        self.statements.dedup_by(|later, earlier| {
            let same = later.path == earlier.path;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        self.out_of_order = false;
    }

    /// What a closed epoch assigns to exactly this path.
    pub(super) fn get(&self, path: &[u8]) -> Option<&Cube> {
        let index = self
            .statements
            .binary_search_by_key(&path, |statement| statement.path);
        self.statements
            .get(index.ok()?)
            .map(|statement| &statement.cube)
    }

    /// The octree of a closed epoch.
    pub(super) fn build(&self) -> Built<'a> {
        let mut builder = Builder {
            statements: &self.statements,
            depth: 0,
            too_deep: None,
        };
        let root = builder.node(0);
        Built {
            root,
            depth: builder.depth,
            too_deep: builder.too_deep,
        }
    }
}

/// Builds an octree from sorted statements, which it takes from the front.
struct Builder<'s, 'a> {
    statements: &'s [Statement<'a>],
    depth: u32,
    too_deep: Option<(&'a [u8], u32)>,
}

impl<'a> Builder<'_, 'a> {
    /// The part that the next statement is in and that lies at the end of its path's first `level` letters.
    ///
    /// Calls itself once per letter, of which a path has at most [`super::MAX_NESTING`].
    fn node(&mut self, level: usize) -> Node {
        let Some((first, rest)) = self.statements.split_first() else {
            return Node::EMPTY;
        };
        let Some(place) = first.path.get(..level) else {
            return Node::EMPTY;
        };
        if first.path.len() == level {
            // A shorter path beats all that it begins.
            let beaten = rest.iter().take_while(|next| next.path.starts_with(place));
            self.statements = rest.get(beaten.count()..).unwrap_or_default();
            return self.cube(first);
        }
        let mut children = [Node::EMPTY; 8];
        while let Some(next) = self.statements.first()
            && next.path.starts_with(place)
            && let Some(letter) = next.path.get(level)
            && let Some(child) = children.get_mut(usize::from(letter - b'a'))
        {
            *child = self.node(level + 1);
        }
        Node::new(children)
    }

    fn cube(&mut self, statement: &Statement<'a>) -> Node {
        let levels = u32::try_from(statement.path.len()).unwrap_or(u32::MAX);
        let depth = levels.saturating_add(statement.cube.depth);
        if depth > MAX_DEPTH {
            self.too_deep.get_or_insert((statement.path, depth));
            return Node::EMPTY;
        }
        self.depth = self.depth.max(depth);
        statement.cube.node.clone()
    }
}
