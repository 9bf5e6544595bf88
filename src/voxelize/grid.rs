//! [`Grid`]: which cells a mesh covers.

use glam::DVec3;

use super::{TriangleMesh, VoxelizeError};
use crate::voxel::{MAX_RESOLUTION, SparseVoxelsError};

/// How far a mesh may leave its grid, in cells: more than the rounding of positions, less than a cell.
const SLACK: f64 = 1e-2;

/// A cubic grid laid over a mesh: the cell of a position is `position * scale + offset`, rounded down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    resolution: u32,
    /// Cells per unit of the mesh.
    scale: f64,
    /// In cells.
    offset: DVec3,
}

impl Grid {
    /// The grid around a mesh: the longest edge of its bounds spans all cells; it stands on the lowest layer, in the
    /// middle of both horizontal axes. Proportions and directions are kept.
    ///
    /// # Errors
    /// [`VoxelizeError::Voxels`] when the resolution is not 1..=1024, [`VoxelizeError::NoTriangles`] or
    /// [`VoxelizeError::NoSurface`] where there is nothing to fit, else as the mesh deserves.
    pub fn fit(mesh: &TriangleMesh, resolution: u32) -> Result<Self, VoxelizeError> {
        check(resolution)?;
        mesh.check()?;
        let (min, max) = mesh
            .triangles
            .iter()
            .map(|&triangle| mesh.corners(triangle))
            .fold((DVec3::INFINITY, DVec3::NEG_INFINITY), |bounds, corners| {
                corners
                    .iter()
                    .fold(bounds, |(min, max), &c| (min.min(c), max.max(c)))
            });
        let longest = (max - min).max_element();
        if longest <= 0.0 {
            return Err(VoxelizeError::NoSurface);
        }
        let scale = f64::from(resolution) / longest;
        let middle = (min + max) / 2.0;
        let half = f64::from(resolution) / 2.0;
        let offset = DVec3::new(
            half - middle.x * scale,
            -min.y * scale,
            half - middle.z * scale,
        );
        Ok(Self {
            resolution,
            scale,
            offset,
        })
    }

    /// The grid of a model: its voxels are `voxel_size` long and the mesh's zero lies at `origin`, in cells.
    ///
    /// # Errors
    /// [`VoxelizeError::Voxels`] when the resolution is not 1..=1024.
    pub fn of_model(
        resolution: u32,
        voxel_size: f64,
        origin: DVec3,
    ) -> Result<Self, VoxelizeError> {
        check(resolution)?;
        Ok(Self {
            resolution,
            scale: voxel_size.recip(),
            offset: origin,
        })
    }

    /// Cells per axis.
    #[must_use]
    pub fn resolution(&self) -> u32 {
        self.resolution
    }

    /// Whether all triangles of a mesh lie within the grid, but for rounding.
    #[must_use]
    pub fn holds(&self, mesh: &TriangleMesh) -> bool {
        let end = f64::from(self.resolution) + SLACK;
        mesh.triangles.iter().all(|&triangle| {
            // A comparison with what is no number fails.
            mesh.corners(triangle)
                .map(|corner| self.cells(corner))
                .iter()
                .all(|c| c.cmpge(DVec3::splat(-SLACK)).all() && c.cmple(DVec3::splat(end)).all())
        })
    }

    /// A position of the mesh in cells.
    pub(super) fn cells(&self, position: DVec3) -> DVec3 {
        position * self.scale + self.offset
    }

    /// Cells per unit of the mesh.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }
}

fn check(resolution: u32) -> Result<(), SparseVoxelsError> {
    if (1..=MAX_RESOLUTION).contains(&resolution) {
        Ok(())
    } else {
        Err(SparseVoxelsError::Resolution { got: resolution })
    }
}
