//! [`Surface`]: what is the same for all samples of one face, worked out once and kept for a while.

use glam::{Vec2, Vec3};

use super::color::linear;
use super::projection::Nearness;
use super::solid::{Face, Solid};
use super::sun::Sun;

/// How full the space before an open, flat wall is; only what exceeds it is a hollow.
const FLAT_CROWD: f32 = 0.16;

/// What lighting a sample of a face needs.
#[derive(Clone, Copy)]
pub(super) struct Surface {
    pub(super) normal: Vec3,
    /// Which way the shape that the voxels stand for looks here: what it mirrors runs over its steps.
    pub(super) smooth: Vec3,
    /// A point of its plane.
    pub(super) corner: Vec3,
    /// Part of the light from all around that reaches each corner.
    open: [f32; 4],
    /// How much it faces the sun, from 0 to 1.
    pub(super) facing: f32,
    /// How near it is to the sun, in the sun's view.
    pub(super) sunward: Nearness,
    pub(super) albedo: Vec3,
    /// 0 for a dielectric, 1 for bare metal.
    pub(super) metallic: f32,
    /// 0 for what is matte, 1 for a mirror.
    pub(super) gloss: f32,
    /// 1 for what light does not pass through.
    pub(super) alpha: f32,
}

/// Roughness from which on nothing is mirrored: that of colours whose finish is not known.
const MATTE: f32 = 204.0;

impl Surface {
    pub(super) fn new(solid: &Solid<'_>, face: &Face, sun: &Sun) -> Self {
        let corners = solid.corners(face);
        let [corner, ..] = corners;
        let normal = face.normal().as_vec3();
        let material = solid.material(face);
        let [r, g, b, alpha] = material.drawn_rgba();
        let mut open = solid.openness(face);
        for (open, corner) in open.iter_mut().zip(corners) {
            let hollow = (solid.crowding(corner, normal) - FLAT_CROWD).clamp(0.0, 0.5);
            *open = (0.35 + 0.65 * *open) * (1.0 - 1.3 * hollow);
        }
        let gloss = (1.0 - f32::from(material.roughness) / MATTE).max(0.0);
        let smooth = match gloss {
            0.0 => normal,
            gloss => {
                let [.., across, _] = corners;
                let middle = (corner + across) / 2.0;
                let out = solid.outwards(middle).normalize_or(normal);
                normal.lerp(out, 0.75 * gloss).normalize_or(normal)
            }
        };
        Self {
            normal,
            smooth,
            corner,
            open,
            facing: normal.dot(sun.direction).max(0.0),
            sunward: sun.nearness_over(corner, normal),
            albedo: linear([r, g, b]),
            metallic: f32::from(material.metallic) / 255.0,
            gloss,
            alpha: f32::from(alpha) / 255.0,
        }
    }

    /// Part of the light from all around that reaches a place, given from 0 to 1 along both directions of the face.
    pub(super) fn open_at(&self, place: Vec2) -> f32 {
        let [a, b, c, d] = self.open;
        let low = a + (b - a) * place.x;
        let high = d + (c - d) * place.x;
        low + (high - low) * place.y
    }
}

/// Surfaces by the number of their face. Rows that follow each other mostly see the same faces.
pub(super) struct SurfaceCache {
    slots: Vec<Option<(u32, Surface)>>,
}

impl SurfaceCache {
    pub(super) fn new() -> Self {
        Self {
            slots: vec![None; 1 << 12],
        }
    }

    /// The surface of a number, made when it is not here.
    pub(super) fn get(
        &mut self,
        number: u32,
        make: impl FnOnce() -> Option<Surface>,
    ) -> Option<Surface> {
        let place = number as usize % self.slots.len();
        let slot = self.slots.get_mut(place)?;
        match slot {
            Some((known, surface)) if *known == number => Some(*surface),
            _ => {
                let surface = make()?;
                *slot = Some((number, surface));
                Some(surface)
            }
        }
    }
}
