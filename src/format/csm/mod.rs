//! The `.csm` format: Crossworld's octrees of materials as text.
//!
//! A line `>path value` fills the octant at the end of a path of letters, `a` to `h` = x + 2 y + 4 z; `[..]` gives
//! eight at once. Epochs parted by `|`, references `<path`, mirror `/` and swap `^` are read as Crossworld reads
//! them and never written. [`parse`] takes what the engine takes from any text, [`decode`] insists on all of it.
//! Reading takes time linear in the text, but for the sorting of statements out of order. Paths and arrays nest at
//! most [`MAX_NESTING`] levels, models at most [`MAX_DEPTH`](crate::voxel::MAX_DEPTH).

mod epoch;
mod error;
mod mirror;
mod parse;
mod write;

pub use error::{CsmError, Place};
pub use parse::{Parsed, parse};
pub use write::{MAX_STATEMENTS, encode, encode_with_depth};

use crate::voxel::{Node, Octree};

/// Most letters of a path, and most levels of an array with what it refers to.
///
/// More than a model may have, since a statement need not become part of it.
pub const MAX_NESTING: u32 = 64;

/// The octree of a text that can be read to its end.
///
/// Its depth is that of the deepest branch as written, also where eight equal octants became one leaf.
///
/// # Errors
/// Any [`CsmError`] but [`CsmError::TooManyStatements`], each with the place in the text.
pub fn decode(bytes: &[u8]) -> Result<Octree, CsmError> {
    let text = str::from_utf8(bytes).map_err(|error| CsmError::NotUtf8 {
        place: Place::of(bytes, error.valid_up_to()),
    })?;
    let Parsed { octree, stopped } = parse(text);
    stopped.map_or(Ok(octree), Err)
}

/// A part of a model with its depth as written: eight equal octants are one leaf in `node`, but a level in `depth`.
#[derive(Clone, Debug)]
struct Cube {
    node: Node,
    depth: u32,
}

#[cfg(test)]
mod tests;
