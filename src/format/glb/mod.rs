//! Binary glTF 2.0 (`.glb`): meshes of other programs become voxels, models become meshes for other programs.
//!
//! glTF's frame is ours: right-handed, +Y up, front at +Z; lengths are metres. [`encode`] stores the grid of its model
//! in the file (`asset.extras`), so [`decode`] gives back exactly the same cells at the same resolution; any other
//! mesh is fitted to the grid. Read are all triangles of the default scene with base colour, metallic and roughness;
//! not read are skins, morph targets, other textures, extensions and anything outside the file. Bad bytes end in a
//! [`GlbError`]. See the [specification](https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html).

mod accessor;
mod container;
mod error;
mod grid;
mod primitive;
mod read;
mod surfaces;
#[cfg(test)]
mod tests;
mod write;

pub use error::GlbError;
pub use write::encode;

use crate::voxel::SparseVoxels;
use crate::voxelize::{Fill, Grid, voxelize};

/// Cells an axis of a mesh that knows no grid of its own.
pub const DEFAULT_RESOLUTION: u32 = 64;

/// Edge of a voxel in the files that [`encode`] writes, in metres.
pub const VOXEL_SIZE: f32 = 0.05;

/// Turns the mesh of a `.glb` file into voxels.
///
/// Without a resolution, a file of [`encode`] gets the one it was made from, any other [`DEFAULT_RESOLUTION`].
/// A mesh is fitted to the grid: its longest edge spans all cells, it stands on the lowest layer, centred. With `fill`
/// its inside becomes solid, else the voxels are a shell. A file of [`encode`] read at its own resolution gives the
/// cells it was made from, also hidden ones (in a colour near them); `fill` closes its hollows too.
///
/// # Errors
/// [`GlbError`] as the bytes deserve; nothing panics. Memory is bounded whatever the file claims.
pub fn decode(bytes: &[u8], resolution: Option<u32>, fill: bool) -> Result<SparseVoxels, GlbError> {
    let container = container::split(bytes)?;
    let resolution = resolution
        .or_else(|| grid::resolution(container.json))
        .unwrap_or(DEFAULT_RESOLUTION);
    let mesh = read::mesh(&container)?;
    let own = grid::read(container.json, resolution).filter(|grid| grid.holds(&mesh));
    let (grid, fill) = match (own, fill) {
        (Some(grid), true) => (grid, Fill::Enclosed),
        (Some(grid), false) => (grid, Fill::Behind),
        (None, true) => (Grid::fit(&mesh, resolution)?, Fill::Enclosed),
        (None, false) => (Grid::fit(&mesh, resolution)?, Fill::Shell),
    };
    Ok(voxelize(&mesh, &grid, fill)?)
}
