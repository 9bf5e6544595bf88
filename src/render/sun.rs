//! [`Sun`]: parallel light with soft-edged shadows, from a map of what is nearest to it.

use glam::{Vec2, Vec3};

use super::layer::Layer;
use super::projection::{Nearness, Projection};
use super::solid::Solid;

/// Degrees that the sun stands to the left of the camera, as a studio's key light does.
const LEFT_OF_CAMERA: f32 = 42.0;

/// Degrees of the sun above the horizon.
const ELEVATION: f32 = 52.0;

/// Radius of the disc over which a shadow's edge is softened, in voxels.
const SOFTNESS: f32 = 0.45;

/// Look-ups for one sample. Neighbouring samples take other places of the disc, so a pixel sees four times as many.
const TAPS: usize = 4;

/// The sun and what shades from it.
pub(super) struct Sun {
    /// Towards the sun, of unit length.
    pub(super) direction: Vec3,
    view: Projection,
    map: Layer,
    disc: [[Vec2; TAPS]; 4],
}

impl Sun {
    /// A sun beside a camera of this yaw (degrees), with a shadow map of `edge` x `edge` samples.
    pub(super) fn beside(yaw: f32, solids: &[Solid<'_>], edge: usize) -> Self {
        let (azimuth, elevation) = ((yaw - LEFT_OF_CAMERA).to_radians(), ELEVATION.to_radians());
        let direction = Vec3::new(
            azimuth.sin() * elevation.cos(),
            elevation.sin(),
            azimuth.cos() * elevation.cos(),
        );
        let boxes: Vec<_> = solids.iter().map(|solid| solid.bounds).collect();
        let mut sun = Self {
            direction,
            view: Projection::parallel(&boxes, direction, edge as f32),
            map: Layer::new(edge, edge),
            disc: disc(),
        };
        let mut faces = Vec::new();
        for solid in solids {
            faces.clear();
            // Light passes through glass.
            solid.faces_seen(0, &sun.view, false, &mut faces);
            for face in &faces {
                let corners = solid.corners(face);
                let normal = face.normal().as_vec3();
                let [corner, ..] = corners;
                sun.map.draw(
                    corners.map(|point| sun.view.project(point)),
                    sun.view.nearness_over(corner, normal),
                    1,
                );
            }
        }
        sun
    }

    /// Nearness to the sun over a surface that faces it, for [`Sun::reaches`].
    pub(super) fn nearness_over(&self, point: Vec3, normal: Vec3) -> Nearness {
        self.view.nearness_over(point, normal)
    }

    /// Part of the sun that reaches a point of a surface, from 0 to 1. `phase` (0 to 3) picks the look-ups.
    pub(super) fn reaches(
        &self,
        point: Vec3,
        surface: Nearness,
        voxel_size: f32,
        phase: usize,
    ) -> f32 {
        let at = self.view.project(point);
        let radius = (SOFTNESS * voxel_size * self.view.scale()).max(1.0);
        let taps = self.disc.get(phase).into_iter().flatten();
        let lit = taps.filter(|&&tap| self.is_lit(at + tap * radius, surface));
        lit.count() as f32 / TAPS as f32
    }

    /// How far above a point the thing that shades it is, towards the sun, or `None` where the sun shines.
    pub(super) fn blocker(&self, point: Vec3) -> Option<f32> {
        let (x, y) = sample(self.view.project(point))?;
        let (nearest, number) = self.map.get(x, y);
        let distance = nearest - self.view.nearness(point);
        (number != 0 && distance > 0.0).then_some(distance)
    }

    fn is_lit(&self, place: Vec2, surface: Nearness) -> bool {
        sample(place).is_none_or(|(x, y)| {
            // Comparing with the surface itself, not with one height, needs no bias against slopes. The map holds
            // nearness at the middles of its samples; two of them apart is what rounding may do.
            let own = surface.at(x as f32 + 0.5, y as f32 + 0.5);
            self.map.get(x, y).0 <= own + 2.0 / self.view.scale()
        })
    }
}

/// Places on a disc of radius 1, dealt to four phases: Vogel's spiral.
fn disc() -> [[Vec2; TAPS]; 4] {
    const GOLDEN_ANGLE: f32 = 2.399_963;
    std::array::from_fn(|phase| {
        std::array::from_fn(|tap| {
            let number = (tap * 4 + phase) as f32;
            let radius = ((number + 0.5) / (4 * TAPS) as f32).sqrt();
            Vec2::from_angle(number * GOLDEN_ANGLE) * radius
        })
    })
}

/// The sample that holds a place, or `None` before the first one.
fn sample(place: Vec2) -> Option<(usize, usize)> {
    let at = place.floor().as_ivec2();
    Some((usize::try_from(at.x).ok()?, usize::try_from(at.y).ok()?))
}
