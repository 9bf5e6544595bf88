//! [`CsmError`]: why a text is no CSM, or an octree too large to be one.

use std::fmt;

use crate::voxel::MAX_DEPTH;

use super::{MAX_NESTING, MAX_STATEMENTS};

/// Why a text could not be read to its end, or an octree not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CsmError {
    /// The bytes are no text.
    #[error(
        "{place}: the file is no UTF-8 text: save it as UTF-8, or give it the extension of what it is"
    )]
    NotUtf8 {
        /// The first wrong byte.
        place: Place,
    },
    /// Something stands where the grammar has no place for it.
    #[error(
        "{place}: {} where {expected} should be: correct it, or Crossworld drops it and all behind it",
        Found(*.found)
    )]
    Unexpected {
        /// Where Crossworld gives up.
        place: Place,
        /// What could stand there.
        expected: &'static str,
        /// What does stand there; nothing at the end of the text.
        found: Option<char>,
    },
    /// A number is above 255.
    #[error("{place}: {digits} is no material: use a number from 0 to 255")]
    Material {
        /// The first digit.
        place: Place,
        /// The number, cut to a readable length.
        digits: String,
    },
    /// A reference names a path that the epoch before does not assign.
    #[error(
        "{place}: '<{path}' names no statement of the epoch before: use a path that one begins with, or add '>{path} ..' there"
    )]
    Reference {
        /// The `<`.
        place: Place,
        /// The path, cut to a readable length.
        path: String,
    },
    /// A path or array nests deeper than [`MAX_NESTING`].
    #[error("{place}: paths and arrays nest at most {MAX_NESTING} levels: make the model coarser")]
    Nesting {
        /// The path or the `[`.
        place: Place,
    },
    /// A statement of the model goes deeper than [`MAX_DEPTH`].
    #[error(
        "{place}: this statement is {depth} levels deep, an octree at most {MAX_DEPTH}: make the model coarser"
    )]
    Depth {
        /// The statement's path.
        place: Place,
        /// Levels of the path and of what it is assigned.
        depth: u32,
    },
    /// An octree would make more than [`MAX_STATEMENTS`] statements, as one of shared parts easily does.
    #[error(
        "the octree makes more than {MAX_STATEMENTS} statements: write it as .bcf, or make it coarser"
    )]
    TooManyStatements,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

impl Place {
    /// The place of the byte at `offset` of a text whose bytes before it are UTF-8.
    pub(super) fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let newline = before.iter().rposition(|&byte| byte == b'\n');
        let in_line = before.get(newline.map_or(0, |newline| newline + 1)..);
        Self {
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            // Bytes that go on a character are 10xxxxxx.
            column: 1 + in_line
                .into_iter()
                .flatten()
                .filter(|&&byte| byte & 0xC0 != 0x80)
                .count(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A character of a text, or its end, in words.
struct Found(Option<char>);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            Some(found) => write!(f, "{found:?} stands"),
            None => f.write_str("the text ends"),
        }
    }
}
