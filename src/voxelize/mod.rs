//! Voxelisation: a triangle mesh becomes [`SparseVoxels`], its surface without holes.
//!
//! Plain data without Bevy or files. Frame as in [`crate::voxel`]: right-handed, +Y up, front at +Z; a mesh comes in
//! any unit and a [`Grid`] says which cells it covers. A cell is solid where a triangle passes through it (an exact
//! test, no sampling) and takes the colour of the point nearest to its centre. Runs on the calling thread; time and
//! memory grow with the surface, and with the volume only where the inside is filled.

mod bricks;
mod closest;
mod color;
mod error;
mod fill;
mod flood;
mod grid;
mod mesh;
mod mip;
mod overlap;
mod shade;
mod surface;
#[cfg(test)]
mod tests;

pub use error::VoxelizeError;
pub use grid::Grid;
pub use mesh::{Alpha, Filter, Surface, Texture, TriangleMesh, Wrap};

use crate::voxel::SparseVoxels;

/// What becomes of the cells inside a surface. They take the colour of a surface voxel near them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// They stay empty: the voxels are a shell.
    #[default]
    Shell,
    /// Those behind faces become solid: hollows whose walls face into them stay empty. Right only for meshes made of
    /// voxels' faces in their own grid, as [`crate::meshing`] makes them.
    Behind,
    /// All that cannot be reached from outside become solid.
    Enclosed,
}

/// Turns a mesh into the voxels of a grid.
///
/// Every voxel carries a metallic and a roughness value. A triangle that lies between two layers of cells belongs to
/// the one behind it, so a box gains no layer.
///
/// # Errors
/// [`VoxelizeError`] where the mesh contradicts itself, holds no surface, leaves the grid or needs too much work.
pub fn voxelize(
    mesh: &TriangleMesh,
    grid: &Grid,
    fill: Fill,
) -> Result<SparseVoxels, VoxelizeError> {
    mesh.check()?;
    if !grid.holds(mesh) {
        return Err(VoxelizeError::OutsideGrid {
            resolution: grid.resolution(),
        });
    }
    let shader = shade::Shader::new(mesh, grid);
    let nearest = surface::collect(mesh, grid, &shader)?;
    let mut shades = nearest.map(|cell, nearest| shader.shade(nearest.triangle, cell));
    match fill {
        Fill::Shell => {}
        Fill::Behind => fill::fill(&mut shades, &surface::cells_in_front(mesh, grid))?,
        Fill::Enclosed => fill::fill(&mut shades, &[])?,
    }
    let (coords, colors) = shades.into_morton_order();
    let (rgba, finishes) = colors.into_iter().map(|s| (s.rgba, s.finish)).unzip();
    Ok(SparseVoxels::new(
        grid.resolution(),
        coords,
        rgba,
        Some(finishes),
    )?)
}
