//! [`Shader`]: the colour and finish of a point on a mesh.
//!
//! A voxel's texel is the mean over about the voxel's own area: a level of the texture's chain of halvings, chosen by
//! how many pixels the triangle has per cell. All mixing is done in linear light.

use std::collections::HashMap;

use glam::{DVec3, Vec2, Vec3, Vec4};

use super::closest::closest;
use super::color::{byte, srgb};
use super::mesh::of;
use super::mip::{Chain, Content};
use super::{Alpha, Grid, Surface, Texture, TriangleMesh};

/// Below this, a blended surface is absent: its alpha rounds to 0.
const INVISIBLE: f32 = 0.5 / 255.0;

/// How a voxel looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shade {
    /// sRGB with straight alpha.
    pub(super) rgba: [u8; 4],
    /// Metallic and roughness.
    pub(super) finish: [u8; 2],
}

/// A mesh with its textures made ready.
pub(super) struct Shader<'a> {
    mesh: &'a TriangleMesh,
    grid: &'a Grid,
    chains: Vec<Chain>,
    /// Places in `chains` of the textures of each surface: colour and finish.
    textures: Vec<[Option<usize>; 2]>,
}

impl<'a> Shader<'a> {
    /// Makes the textures of a checked mesh ready.
    pub(super) fn new(mesh: &'a TriangleMesh, grid: &'a Grid) -> Self {
        let mut shader = Self {
            mesh,
            grid,
            chains: Vec::new(),
            textures: Vec::new(),
        };
        // Surfaces share pictures: each is halved once.
        let mut known = HashMap::new();
        for surface in &mesh.surfaces {
            let color = match surface.alpha {
                Alpha::Opaque => Content::OpaqueColor,
                Alpha::Mask(_) | Alpha::Blend => Content::Color,
            };
            let places = [
                (&surface.base_texture, color),
                (&surface.finish_texture, Content::Numbers),
            ]
            .map(|(texture, content)| {
                let picture = &texture.as_ref()?.picture;
                let place = *known
                    .entry((picture.pixels().as_ptr(), content))
                    .or_insert(shader.chains.len());
                if place == shader.chains.len() {
                    shader.chains.push(Chain::new(picture.clone(), content));
                }
                Some(place)
            });
            shader.textures.push(places);
        }
        shader.make_levels();
        shader
    }

    /// Halves every texture as often as its triangles need.
    fn make_levels(&mut self) {
        let mut needed = vec![0; self.chains.len()];
        for (triangle, &surface) in (0u32..).zip(&self.mesh.surface_of) {
            let places = self.textures.get(surface as usize).copied();
            let Some(surface) = self.mesh.surfaces.get(surface as usize) else {
                continue;
            };
            let textures = [&surface.base_texture, &surface.finish_texture];
            for (place, texture) in places.unwrap_or_default().into_iter().zip(textures) {
                if let (Some(place), Some(texture)) = (place, texture)
                    && let Some(needed) = needed.get_mut(place)
                {
                    *needed = self.level(triangle, texture).max(*needed);
                }
            }
        }
        for (chain, needed) in self.chains.iter_mut().zip(needed) {
            chain.make_levels(needed);
        }
    }

    /// Whether a point of a triangle, told by its weights, is there at all.
    pub(super) fn shows(&self, triangle: u32, weights: DVec3) -> bool {
        let Some((surface, places)) = self.surface(triangle) else {
            return false;
        };
        let least = match surface.alpha {
            Alpha::Opaque => return true,
            Alpha::Mask(least) => least,
            Alpha::Blend => INVISIBLE,
        };
        self.color(triangle, surface, places, weights).w >= least
    }

    /// How a cell looks where a triangle is the nearest.
    pub(super) fn shade(&self, triangle: u32, cell: [u16; 3]) -> Shade {
        let Some((surface, places)) = self.surface(triangle) else {
            return Shade::default();
        };
        let middle = DVec3::from(cell.map(f64::from)) + 0.5;
        let corners = self.mesh.corners(self.corners(triangle));
        let weights = closest(corners.map(|corner| self.grid.cells(corner)), middle);
        let color = self.color(triangle, surface, places, weights);
        let alpha = match surface.alpha {
            Alpha::Blend => byte(color.w),
            Alpha::Opaque | Alpha::Mask(_) => u8::MAX,
        };
        let [r, g, b] = color.truncate().to_array().map(srgb);
        Shade {
            rgba: [r, g, b, alpha],
            finish: self.finish(triangle, surface, places, weights).map(byte),
        }
    }

    /// Linear colour with straight alpha.
    fn color(
        &self,
        triangle: u32,
        surface: &Surface,
        [place, _]: [Option<usize>; 2],
        weights: DVec3,
    ) -> Vec4 {
        let mut color = Vec4::from_array(surface.base_color);
        if let (Some(texture), Some(place)) = (&surface.base_texture, place) {
            color *= straight(self.texel(triangle, texture, place, weights));
        }
        if !self.mesh.colors.is_empty() {
            let [a, b, c] = of(&self.mesh.colors, self.corners(triangle)).map(Vec4::from_array);
            let weights = weights.as_vec3();
            color *= a * weights.x + b * weights.y + c * weights.z;
        }
        color
    }

    /// Metallic and roughness.
    fn finish(
        &self,
        triangle: u32,
        surface: &Surface,
        [_, place]: [Option<usize>; 2],
        weights: DVec3,
    ) -> [f32; 2] {
        let (mut metallic, mut roughness) = (surface.metallic, surface.roughness);
        if let (Some(texture), Some(place)) = (&surface.finish_texture, place) {
            let texel = self.texel(triangle, texture, place, weights);
            metallic *= texel.z;
            roughness *= texel.y;
        }
        [metallic, roughness]
    }

    fn texel(&self, triangle: u32, texture: &Texture, place: usize, weights: DVec3) -> Vec4 {
        let [a, b, c] = self.uvs(triangle, texture);
        let weights = weights.as_vec3();
        let uv = a * weights.x + b * weights.y + c * weights.z;
        self.chains.get(place).map_or(Vec4::ONE, |chain| {
            chain.sample(uv, self.level(triangle, texture), texture)
        })
    }

    /// How often a texture is to be halved so that its pixels are about as large as cells.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and a chain ends at one pixel"
    )]
    fn level(&self, triangle: u32, texture: &Texture) -> u32 {
        let [a, b, c] = self.uvs(triangle, texture);
        let [p, q, r] = self.mesh.corners(self.corners(triangle));
        let size = Vec2::new(
            texture.picture.width() as f32,
            texture.picture.height() as f32,
        );
        let pixels = f64::from(((b - a) * size).perp_dot((c - a) * size).abs());
        let cells = (q - p).cross(r - p).length() * self.grid.scale().powi(2);
        // Half a logarithm of areas is one of lengths.
        (0.5 * (pixels / cells).log2() + 0.5) as u32
    }

    fn uvs(&self, triangle: u32, texture: &Texture) -> [Vec2; 3] {
        match self.mesh.uv_sets.get(texture.uv_set) {
            Some(set) => of(set, self.corners(triangle)).map(Vec2::from_array),
            None => [Vec2::ZERO; 3],
        }
    }

    fn corners(&self, triangle: u32) -> [u32; 3] {
        let corners = self.mesh.triangles.get(triangle as usize);
        corners.copied().unwrap_or_default()
    }

    fn surface(&self, triangle: u32) -> Option<(&Surface, [Option<usize>; 2])> {
        let place = *self.mesh.surface_of.get(triangle as usize)? as usize;
        Some((self.mesh.surfaces.get(place)?, *self.textures.get(place)?))
    }
}

/// Colour whose alpha is not multiplied in.
fn straight(color: Vec4) -> Vec4 {
    if color.w > 0.0 {
        (color.truncate() / color.w).extend(color.w)
    } else {
        Vec3::ZERO.extend(0.0)
    }
}
