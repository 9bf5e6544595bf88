//! [`TriangleMesh`]: triangles and how they look, as a reader of mesh files hands them over.

use glam::{DVec3, Vec3};

use super::VoxelizeError;
use crate::picture::Picture;

/// Triangles with surfaces. Counter-clockwise triangles are seen from the front.
#[derive(Clone, Debug, Default)]
pub struct TriangleMesh {
    /// Corners, in any unit.
    pub positions: Vec<[f32; 3]>,
    /// Sets of texture coordinates, each one per position; (0, 0) is the upper left corner of a picture.
    pub uv_sets: Vec<Vec<[f32; 2]>>,
    /// Colours that multiply the surface's: linear, straight alpha; one per position or none at all.
    pub colors: Vec<[f32; 4]>,
    /// Three places in `positions` per triangle.
    pub triangles: Vec<[u32; 3]>,
    /// The place of each triangle's surface in `surfaces`.
    pub surface_of: Vec<u32>,
    /// How triangles look.
    pub surfaces: Vec<Surface>,
}

/// How triangles look: what glTF calls a metallic-roughness material.
#[derive(Clone, Debug)]
pub struct Surface {
    /// Linear colour with straight alpha; multiplies the texture.
    pub base_color: [f32; 4],
    /// Colours: sRGB with straight alpha.
    pub base_texture: Option<Texture>,
    /// 0 for a dielectric, 1 for bare metal; multiplies the blue channel of `finish_texture`.
    pub metallic: f32,
    /// Perceptual roughness, 0 to 1; multiplies the green channel of `finish_texture`.
    pub roughness: f32,
    /// Roughness in the green channel, metallic in the blue one, both linear.
    pub finish_texture: Option<Texture>,
    /// What alpha does.
    pub alpha: Alpha,
}

impl Default for Surface {
    /// White, dielectric and rough.
    fn default() -> Self {
        Self {
            base_color: [1.0; 4],
            base_texture: None,
            metallic: 0.0,
            roughness: 1.0,
            finish_texture: None,
            alpha: Alpha::Opaque,
        }
    }
}

/// What the alpha of a surface does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Alpha {
    /// Nothing: the surface is opaque.
    #[default]
    Opaque,
    /// The surface is opaque where alpha reaches this value and absent elsewhere.
    Mask(f32),
    /// Light passes through; where alpha is nearly 0, the surface is absent.
    Blend,
}

/// A picture on a surface.
#[derive(Clone, Debug)]
pub struct Texture {
    /// Its pixels.
    pub picture: Picture,
    /// Which of the mesh's sets of texture coordinates places it.
    pub uv_set: usize,
    /// How it goes on outside 0 to 1, to the right and downwards.
    pub wrap: [Wrap; 2],
    /// How it looks from near.
    pub filter: Filter,
}

/// How a texture goes on beyond its edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrap {
    /// It starts again.
    #[default]
    Repeat,
    /// It goes back and forth.
    Mirror,
    /// Its outermost pixels go on.
    Clamp,
}

/// How a texture looks between the middles of its pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    /// Blended, in linear light.
    #[default]
    Linear,
    /// Like the nearest pixel.
    Nearest,
}

impl TriangleMesh {
    /// Checks that the columns fit each other and every number is finite or harmless.
    pub(super) fn check(&self) -> Result<(), VoxelizeError> {
        if self.triangles.is_empty() {
            return Err(VoxelizeError::NoTriangles);
        }
        let positions = self.positions.len();
        length("surface_of", self.surface_of.len(), self.triangles.len())?;
        for set in &self.uv_sets {
            length("uv_sets", set.len(), positions)?;
        }
        if !self.colors.is_empty() {
            length("colors", self.colors.len(), positions)?;
        }
        if let Some(position) = self
            .positions
            .iter()
            .position(|p| !p.iter().all(|c| c.is_finite()))
        {
            return Err(VoxelizeError::NotFinite { position });
        }
        self.check_corners()?;
        self.check_surfaces()
    }

    fn check_corners(&self) -> Result<(), VoxelizeError> {
        let count = self.positions.len();
        let outside = |corner: &u32| usize::try_from(*corner).is_ok_and(|c| c >= count);
        let bad = self
            .triangles
            .iter()
            .enumerate()
            .find_map(|(triangle, corners)| {
                let corner = corners.iter().copied().find(|c| outside(c))?;
                Some(VoxelizeError::Corner {
                    triangle,
                    corner,
                    positions: count,
                })
            });
        bad.map_or(Ok(()), Err)
    }

    fn check_surfaces(&self) -> Result<(), VoxelizeError> {
        let last = self.surface_of.iter().copied().max().unwrap_or(0) as usize;
        present("surfaces", last, self.surfaces.len())?;
        self.surfaces
            .iter()
            .flat_map(|s| [&s.base_texture, &s.finish_texture])
            .flatten()
            .try_for_each(|texture| {
                present(
                    "sets of texture coordinates",
                    texture.uv_set,
                    self.uv_sets.len(),
                )
            })
    }

    /// The corners of a triangle, in the mesh's unit; zero where there are none.
    pub(super) fn corners(&self, triangle: [u32; 3]) -> [DVec3; 3] {
        of(&self.positions, triangle).map(|p| Vec3::from_array(p).as_dvec3())
    }
}

/// The entries of a column at three places, defaults where there are none.
pub(super) fn of<T: Copy + Default>(column: &[T], places: [u32; 3]) -> [T; 3] {
    places.map(|place| column.get(place as usize).copied().unwrap_or_default())
}

fn length(column: &'static str, got: usize, expected: usize) -> Result<(), VoxelizeError> {
    if got == expected {
        return Ok(());
    }
    Err(VoxelizeError::Length {
        column,
        got,
        expected,
    })
}

fn present(what: &'static str, got: usize, count: usize) -> Result<(), VoxelizeError> {
    if got < count {
        return Ok(());
    }
    Err(VoxelizeError::Missing { what, got, count })
}
