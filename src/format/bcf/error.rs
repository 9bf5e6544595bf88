//! [`BcfError`]: why a `.bcf` file was refused.

use crate::voxel::MAX_DEPTH;

use super::{HEADER, MAGIC, MAX_BYTES, MAX_NESTING, VERSION};

/// Why a `.bcf` file could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BcfError {
    /// The file is shorter than a header.
    #[error("this is no .bcf file: it has {got} bytes, its header alone should have {HEADER}")]
    NoHeader {
        /// Bytes there are.
        got: usize,
    },
    /// The file begins otherwise.
    #[error("this is no .bcf file: it begins with {got:02x?}, it should with {MAGIC:02x?}")]
    Magic {
        /// The first four bytes.
        got: [u8; 4],
    },
    /// Another version of the format.
    #[error("the file has version {got} of the format, this reader knows version {VERSION} only")]
    Version {
        /// The version.
        got: u8,
    },
    /// An offset leads out of the file.
    #[error("the {part} leads to byte {offset}, but the file has {bytes}: copy or make it again")]
    Offset {
        /// What leads there: the header or a pointer, with its place.
        part: Origin,
        /// Where to.
        offset: u64,
        /// Bytes there are.
        bytes: usize,
    },
    /// The file ends within a node.
    #[error(
        "the node at byte {offset} should have {expected} bytes, but {got} are left: copy or make the file again"
    )]
    Cut {
        /// Where the node begins.
        offset: usize,
        /// Bytes it should have.
        expected: usize,
        /// Bytes that are left.
        got: usize,
    },
    /// A node of a type that does not exist.
    #[error(
        "the node at byte {offset} has the unknown type {got:#04x}: the file is damaged or newer"
    )]
    Type {
        /// Where the node begins.
        offset: usize,
        /// Its first byte.
        got: u8,
    },
    /// Nodes within nodes without end, or nearly.
    #[error(
        "the node at byte {offset} lies in {MAX_NESTING} others: the file is damaged, or its nodes form a loop"
    )]
    Nesting {
        /// Where the node begins.
        offset: usize,
    },
    /// A tree deeper than an octree may be.
    #[error("the tree has {got} levels: at most {MAX_DEPTH} can be read")]
    TooDeep {
        /// Levels there are.
        got: u32,
    },
    /// More bytes than anybody would read.
    #[error(
        "the file would have {got} bytes: at most {MAX_BYTES} are written, so make the model smaller"
    )]
    TooLarge {
        /// Bytes it would have.
        got: u64,
    },
}

/// What leads to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The header.
    Header,
    /// A pointer of the node that begins at a byte.
    Node(usize),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header => f.write_str("header"),
            Self::Node(offset) => write!(f, "node at byte {offset}"),
        }
    }
}
