//! The voxel dump: a line for every voxel, to compare models by. Written, never read.
//!
//! First `depth D`, then `x y z material` for every solid cell at that depth, sorted by x, then y, then z. It is the
//! form in which Crossworld's test models are told.

use std::io::{self, Write};

use crate::voxel::Octree;

/// Most voxels that are dumped.
pub const MAX_DUMPED_VOXELS: u64 = 1 << 24;

/// Why nothing, or not all, was dumped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// More voxels than [`MAX_DUMPED_VOXELS`].
    #[error("the model has {got} voxels: at most {MAX_DUMPED_VOXELS} are written line by line")]
    TooMany {
        /// Solid cells.
        got: u64,
    },
    /// The text could not be written.
    #[error("cannot write the voxels: {0}")]
    Write(#[from] io::Error),
}

/// Writes a dump of an octree of materials.
///
/// # Errors
/// [`DumpError`].
pub fn write(octree: &Octree, out: &mut impl Write) -> Result<(), DumpError> {
    let got = octree.len();
    if got > MAX_DUMPED_VOXELS {
        return Err(DumpError::TooMany { got });
    }
    let mut cells: Vec<([u32; 3], u8)> = octree.cells().collect();
    cells.sort_unstable();
    writeln!(out, "depth {}", octree.depth())?;
    for ([x, y, z], material) in cells {
        writeln!(out, "{x} {y} {z} {material}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voxel::Node;

    #[test]
    fn lines_are_sorted_as_numbers() {
        let cells = [([10, 0, 0], 3), ([2, 9, 1], 200), ([2, 1, 12], 1)];
        let octree = Octree::from_cells(4, cells).unwrap();
        let mut text = Vec::new();
        write(&octree, &mut text).unwrap();
        assert_eq!(text, b"depth 4\n2 1 12 1\n2 9 1 200\n10 0 0 3\n");
    }

    #[test]
    fn a_model_of_more_voxels_than_anybody_would_read_is_refused() {
        let full = Octree::from_root(10, Node::Leaf(5)).unwrap();
        let error = write(&full, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, DumpError::TooMany { got } if got == 1 << 30));
    }
}
