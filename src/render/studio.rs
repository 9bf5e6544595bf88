//! [`Studio`]: models, camera, sun and ground put together; lights one sample after the other.

use glam::{Vec2, Vec3, Vec4};

use super::color::{linear, soften};
use super::ground::Ground;
use super::layer::Layer;
use super::projection::{Box3, Nearness, Projection};
use super::shine::{fresnel, mirrored};
use super::solid::{Face, Solid};
use super::sun::Sun;
use super::surface::{Surface, SurfaceCache};
use super::{Background, Placed, View};

/// Panes of glass that are looked through, at most; what lies behind more of them is hidden by no other.
const PANES: usize = 4;

/// Samples along an edge of a pixel.
pub(super) const SAMPLES: usize = 2;

/// Light of the sun on a surface that faces it.
const SUNLIGHT: Vec3 = Vec3::new(0.90, 0.84, 0.76);

/// Light from above, from the side and from below.
const SKYLIGHT: Vec3 = Vec3::new(0.46, 0.50, 0.56);
const SIDELIGHT: Vec3 = Vec3::new(0.37, 0.39, 0.43);
const GROUNDLIGHT: Vec3 = Vec3::new(0.28, 0.26, 0.24);

/// The backdrop from the top of the picture to its bottom: sky, horizon, ground.
const BACKDROP: [[u8; 3]; 3] = [[190, 211, 230], [236, 240, 242], [218, 217, 214]];

/// Everything that one picture needs.
pub(super) struct Studio<'a> {
    solids: Vec<Solid<'a>>,
    /// All faces that the camera may see, those of glass last; a sample's number is a place in here, from 1.
    faces: Vec<Face>,
    /// How many of them are opaque.
    opaque: usize,
    camera: Projection,
    sun: Sun,
    ground: Option<Ground>,
    background: Background,
    size: Vec2,
}

impl<'a> Studio<'a> {
    pub(super) fn new(models: &[Placed<'a>], view: &View) -> Self {
        let solids: Vec<Solid<'a>> = models.iter().filter_map(Solid::new).collect();
        let mut boxes: Vec<Box3> = solids.iter().flat_map(Solid::outline).collect();
        if boxes.is_empty() {
            boxes.push([Vec3::new(-0.5, 0.0, -0.5), Vec3::new(0.5, 1.0, 0.5)]);
        }
        let held = |angle: f32| if angle.is_finite() { angle } else { 0.0 };
        let size = Vec2::new(view.width as f32, view.height as f32) * SAMPLES as f32;
        let camera = Projection::framing(&boxes, held(view.yaw), held(view.pitch), size);
        let shadow_edge = if view.width.max(view.height) > 1024 {
            2048
        } else {
            1024
        };
        let sun = Sun::beside(held(view.yaw), &solids, shadow_edge);
        let bounds = boxes.iter().fold(
            [Vec3::INFINITY, Vec3::NEG_INFINITY],
            |[low, high], &[from, to]| [low.min(from), high.max(to)],
        );
        let ground = (!solids.is_empty()).then(|| Ground::under(&solids, bounds, &sun));
        let mut faces = Vec::new();
        for (number, solid) in (0..).zip(&solids) {
            solid.faces_seen(number, &camera, false, &mut faces);
        }
        let opaque = faces.len();
        for (number, solid) in (0..).zip(&solids).filter(|(_, solid)| solid.has_glass()) {
            solid.faces_seen(number, &camera, true, &mut faces);
        }
        Self {
            solids,
            faces,
            opaque,
            camera,
            sun,
            ground,
            background: view.background,
            size,
        }
    }

    /// Layers that samples need: one for what is opaque, and those of the nearest panes of glass.
    pub(super) fn layers(&self) -> usize {
        match self.faces.len() > self.opaque {
            true => 1 + PANES,
            false => 1,
        }
    }

    /// Draws all faces: the opaque ones into the first layer, glass into the others, the nearest first.
    pub(super) fn draw(&self, layers: &mut [Layer]) {
        let (opaque, glass) = self.faces.split_at(self.opaque.min(self.faces.len()));
        let Some((first, panes)) = layers.split_first_mut() else {
            return;
        };
        for (number, face) in (1..).zip(opaque) {
            self.project(face, |corners, nearness| {
                first.draw(corners, nearness, number);
            });
        }
        for place in 0..panes.len() {
            let (nearer, rest) = panes.split_at_mut(place);
            let Some(pane) = rest.first_mut() else { return };
            let between = [nearer.last(), Some(&*first)];
            for (number, face) in (1..).zip(&self.faces).skip(opaque.len()).take(glass.len()) {
                self.project(face, |corners, nearness| {
                    pane.draw_between(between, corners, nearness, number);
                });
            }
        }
    }

    /// Hands over where a face falls on a layer.
    fn project(&self, face: &Face, draw: impl FnOnce([Vec2; 4], Nearness)) {
        if let Some(solid) = self.solid(face) {
            let corners = solid.corners(face);
            let [corner, ..] = corners;
            draw(
                corners.map(|point| self.camera.project(point)),
                self.camera.nearness_over(corner, face.normal().as_vec3()),
            );
        }
    }

    /// The pixels of a row: linear light times alpha.
    pub(super) fn light_row(
        &self,
        layers: &[Layer],
        row: usize,
        seen: &mut SurfaceCache,
        pixels: &mut [Vec4],
    ) {
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let empty = self.backdrop(Vec2::new(column as f32, row as f32) * SAMPLES as f32);
            *pixel = Vec4::ZERO;
            for phase in 0..SAMPLES * SAMPLES {
                let (x, y) = (
                    column * SAMPLES + phase % SAMPLES,
                    row * SAMPLES + phase / SAMPLES,
                );
                let ray = self.camera.ray(Vec2::new(x as f32, y as f32) + 0.5);
                let mut through = 1.0;
                let (behind, panes) = layers.split_at(1);
                for layer in panes.iter().chain(behind) {
                    let (_, number) = layer.get(x, y);
                    if let Some(light) = self.light(number, seen, ray, phase) {
                        *pixel += light * through;
                        through *= 1.0 - light.w.min(1.0);
                    }
                }
                if through > 0.0 {
                    *pixel += self.behind(empty, ray) * through;
                }
            }
            *pixel /= (SAMPLES * SAMPLES) as f32;
        }
    }

    fn solid(&self, face: &Face) -> Option<&Solid<'a>> {
        self.solids.get(usize::try_from(face.solid).ok()?)
    }

    /// The face of a number and the solid it belongs to.
    fn face(&self, number: u32) -> Option<(&Solid<'a>, &Face)> {
        let face = self
            .faces
            .get(usize::try_from(number).ok()?.checked_sub(1)?)?;
        Some((self.solid(face)?, face))
    }

    /// Light that a sample of a face sends to the camera, and how much of what lies behind it hides; `None` for no face.
    fn light(&self, number: u32, seen: &mut SurfaceCache, ray: Vec3, phase: usize) -> Option<Vec4> {
        let (solid, face) = self.face(number)?;
        let make = || Some(Surface::new(solid, face, &self.sun));
        let surface = seen.get(number, make)?;
        let normal = surface.normal;
        let reach = normal.dot(surface.corner - self.camera.eye) / normal.dot(ray);
        let point = self.camera.eye + ray * reach;
        let open = surface.open_at(solid.place_on(face, point));
        let sun = if surface.facing > 0.0 {
            let size = solid.voxel_size();
            surface.facing * self.sun.reaches(point, surface.sunward, size, phase)
        } else {
            0.0
        };
        // A corner takes a little of the sun too: its shadow map is too coarse for the last step.
        let light = skylight(normal) * open + SUNLIGHT * sun * (0.7 + 0.3 * open);
        if surface.metallic == 0.0 && surface.gloss == 0.0 && surface.alpha == 1.0 {
            return Some(soften(surface.albedo * light).extend(1.0));
        }
        Some(self.shine(&surface, light, ray, open))
    }

    /// The same for what is not matte and opaque: `light` is what falls on it.
    fn shine(&self, surface: &Surface, light: Vec3, ray: Vec3, open: f32) -> Vec4 {
        let &Surface {
            normal,
            smooth,
            albedo,
            metallic,
            gloss,
            alpha,
            ..
        } = surface;
        let ray = ray.normalize_or(-smooth);
        let reflected = ray.reject_from(smooth) - ray.project_onto(smooth);
        let mirrored = mirrored(reflected, self.sun.direction, gloss);
        let metal = light * 0.6 * (1.0 - 0.8 * gloss) + mirrored * open;
        let part = fresnel(-ray.dot(normal), gloss) * (1.0 - metallic);
        let own = albedo * light.lerp(metal, metallic);
        let color = own * alpha + mirrored * (open * part);
        soften(color).extend(alpha.max(part.min(1.0)))
    }

    /// What a line of sight that meets no model sees.
    fn behind(&self, backdrop: Vec3, ray: Vec3) -> Vec4 {
        let ground = self.ground.as_ref();
        let dark = ground.map_or(0.0, |ground| ground.darkness(self.camera.eye, ray));
        match self.background {
            Background::Transparent => Vec3::ZERO.extend(dark),
            Background::Sky => (backdrop * (1.0 - dark)).extend(1.0),
        }
    }

    /// The backdrop at a sample.
    fn backdrop(&self, at: Vec2) -> Vec3 {
        let [sky, horizon, ground] = BACKDROP.map(linear);
        let down = at.y / self.size.y;
        let color = if down < 0.6 {
            sky.lerp(horizon, smooth(down / 0.6))
        } else {
            horizon.lerp(ground, smooth((down - 0.6) / 0.4))
        };
        let off_centre = (at / self.size - 0.5).length_squared();
        color * (1.0 - 0.16 * off_centre)
    }
}

/// Light from all around on a surface of this direction.
pub(super) fn skylight(normal: Vec3) -> Vec3 {
    let up = normal.normalize_or(Vec3::Y).y;
    let end = if up > 0.0 { SKYLIGHT } else { GROUNDLIGHT };
    SIDELIGHT.lerp(end, up.abs())
}

/// A step from 0 to 1 without a kink.
fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}
