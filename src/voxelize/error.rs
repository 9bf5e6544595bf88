//! [`VoxelizeError`]: why a mesh did not become voxels.

use crate::voxel::{MAX_LISTED_VOXELS, SparseVoxelsError};

/// Why a mesh was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoxelizeError {
    /// The mesh has no triangles.
    #[error("the mesh has no triangles: give one with a surface")]
    NoTriangles,
    /// No triangle has an area, or all are fully transparent.
    #[error("the mesh has no visible surface: its triangles have no area or are fully transparent")]
    NoSurface,
    /// A triangle names a corner that is not there.
    #[error("triangle {triangle} names corner {corner}, but the mesh has {positions} positions")]
    Corner {
        /// Its place in the list.
        triangle: usize,
        /// The corner.
        corner: u32,
        /// How many there are.
        positions: usize,
    },
    /// A position is infinite or no number.
    #[error("position {position} of the mesh is not finite")]
    NotFinite {
        /// Its place in the list.
        position: usize,
    },
    /// Two columns of the mesh differ in length.
    #[error("the mesh's {column} has {got} entries instead of {expected}")]
    Length {
        /// Which column.
        column: &'static str,
        /// Its length.
        got: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A triangle or texture names a surface or texture coordinates that are not there.
    #[error("the mesh has {count} {what}, but one with number {got} is named")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// Its number.
        got: usize,
        /// How many there are.
        count: usize,
    },
    /// The mesh reaches beyond its grid.
    #[error("the mesh reaches beyond its grid of resolution {resolution}: fit the grid to it")]
    OutsideGrid {
        /// Cells per axis.
        resolution: u32,
    },
    /// The triangles pass through far more cells than the surface of a thing has.
    #[error(
        "the mesh's triangles cover the grid of resolution {resolution} too often: use a lower resolution or a simpler mesh"
    )]
    TooMuchSurface {
        /// Cells per axis.
        resolution: u32,
    },
    /// More voxels than [`MAX_LISTED_VOXELS`].
    #[error("the mesh has {got} voxels, more than {MAX_LISTED_VOXELS}: use a lower resolution")]
    TooManyVoxels {
        /// Voxels it would have.
        got: u64,
    },
    /// The grid is no grid.
    #[error(transparent)]
    Voxels(#[from] SparseVoxelsError),
}
