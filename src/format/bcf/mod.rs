//! The `.bcf` format: Crossworld's octrees of materials as bytes.
//!
//! A header of 12 bytes, then nodes that point at their octants: a leaf, eight leaves, or eight offsets into the file.
//! [`decode`] reads all that the engine's reader does: pointers of any size, to anywhere, shared ones too; what is
//! shared in the file is shared in memory, so that reading takes time linear in the file. [`encode`] writes what the
//! engine's writer does, and where that one's two-byte pointers would overflow, four-byte ones that its reader
//! understands.

mod error;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use error::{BcfError, Origin};
pub use read::decode;
pub use write::{encode, encode_with_depth};

/// Begins every file: the number 0x42434631, low byte first.
const MAGIC: [u8; 4] = *b"1FCB";

/// The version there is.
const VERSION: u8 = 1;

/// Bytes of magic, version, reserved bytes and the root's offset.
const HEADER: usize = 12;

/// Most nodes within one another, as the engine's reader has it.
const MAX_NESTING: u32 = 64;

/// Most bytes that are written.
pub const MAX_BYTES: u64 = super::MAX_FILE_BYTES;
