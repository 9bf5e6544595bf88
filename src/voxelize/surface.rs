//! The cells that triangles pass through, each with the triangle nearest to its centre.

use super::bricks::Bricks;
use super::closest::{closest, weighted};
use super::overlap::CellTriangle;
use super::shade::Shader;
use super::{Grid, TriangleMesh, VoxelizeError};

/// Most cells and rows that are tried, over all triangles: some seconds of work. A ball of resolution 1024 takes
/// some ten million.
const MAX_TRIED: u64 = 1 << 27;

/// Most bricks of a surface: 1 GiB.
const MAX_BRICKS: usize = 1 << 21;

/// The triangle nearest to a cell's centre, of those that pass through the cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nearest {
    /// Square of the distance in cells.
    distance: f32,
    /// Its place in the mesh.
    pub(super) triangle: u32,
}

impl Default for Nearest {
    fn default() -> Self {
        Self {
            distance: f32::INFINITY,
            triangle: 0,
        }
    }
}

/// Finds the surface of a mesh that lies within the grid.
pub(super) fn collect(
    mesh: &TriangleMesh,
    grid: &Grid,
    shader: &Shader<'_>,
) -> Result<Bricks<Nearest>, VoxelizeError> {
    let resolution = grid.resolution();
    let too_much = VoxelizeError::TooMuchSurface { resolution };
    if least_cells(mesh, grid) > MAX_TRIED as f64 {
        return Err(too_much);
    }
    let mut bricks: Bricks<Nearest> = Bricks::new(resolution);
    let mut tried = 0;
    for (place, triangle) in (0u32..).zip(triangles(mesh, grid)) {
        let Some(triangle) = triangle else { continue };
        tried += triangle.for_each_cell(resolution, |cell, middle| {
            let weights = closest(triangle.corners(), middle);
            if !shader.shows(place, weights) {
                return;
            }
            let point = weighted(triangle.corners(), weights);
            #[expect(
                clippy::cast_possible_truncation,
                reason = "less than a cell, and not needed exactly"
            )]
            let distance = point.distance_squared(middle) as f32;
            if let Some(nearest) = bricks.claim(cell)
                && distance < nearest.distance
            {
                *nearest = Nearest {
                    distance,
                    triangle: place,
                };
            }
        });
        if tried > MAX_TRIED || bricks.list().len() > MAX_BRICKS {
            return Err(too_much);
        }
    }
    if bricks.list().is_empty() {
        return Err(VoxelizeError::NoSurface);
    }
    Ok(bricks)
}

/// A lower bound of the cells that the triangles pass through, each counted for itself.
fn least_cells(mesh: &TriangleMesh, grid: &Grid) -> f64 {
    let area = |&triangle: &[u32; 3]| {
        let [a, b, c] = mesh.corners(triangle).map(|corner| grid.cells(corner));
        // A cell cuts no more than this out of a plane.
        (b - a).cross(c - a).length() / 2.0 / std::f64::consts::SQRT_2
    };
    mesh.triangles.iter().map(area).sum()
}

/// The cells that faces look at, with repeats; those of the surface itself may be among them.
pub(super) fn cells_in_front(mesh: &TriangleMesh, grid: &Grid) -> Vec<[u16; 3]> {
    let resolution = grid.resolution();
    let mut cells = Vec::new();
    for triangle in triangles(mesh, grid).flatten() {
        triangle.for_each_cell(resolution, |cell, _| {
            let cell = glam::IVec3::from(cell.map(i32::from)) + glam::IVec3::from(triangle.front());
            // A step below 0 is no u16.
            if let [Ok(x), Ok(y), Ok(z)] = cell.to_array().map(u16::try_from)
                && [x, y, z].iter().all(|&c| u32::from(c) < resolution)
            {
                cells.push([x, y, z]);
            }
        });
    }
    cells
}

/// The triangles of a mesh in cells, `None` for those without area.
fn triangles(mesh: &TriangleMesh, grid: &Grid) -> impl Iterator<Item = Option<CellTriangle>> {
    mesh.triangles.iter().map(|&corners| {
        let corners = mesh.corners(corners).map(|corner| grid.cells(corner));
        CellTriangle::new(corners, grid.resolution())
    })
}
