//! [`Projection`]: how points of the world fall onto a layer of samples, for the camera and for the sun.
//!
//! Positions on a layer are in samples, x to the right and y downwards. *Nearness* grows towards the viewer and is
//! affine over any flat face: the inverse of the depth for the camera, the height towards the light for the sun.

use glam::{Vec2, Vec3};

use super::View;

/// Smallest and largest corner of a box.
pub(super) type Box3 = [Vec3; 2];

/// Half the camera's opening angle along the shorter edge, as a tangent: a long lens, as product photos have.
const HALF_OPENING: f32 = 0.2;

/// Part of the frame that the models may fill.
const FILL: f32 = 0.84;

/// A viewer: where it stands, how it is turned, how large things appear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Projection {
    pub(super) eye: Vec3,
    right: Vec3,
    up: Vec3,
    /// From the scene towards the viewer.
    pub(super) back: Vec3,
    /// Samples per unit: of tangent for the camera, of length for the sun.
    scale: f32,
    /// Where the line of sight meets the layer.
    middle: Vec2,
    perspective: bool,
}

/// Nearness over a face as `a x + b y + c`, of positions on the layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nearness {
    pub(super) per_x: f32,
    pub(super) per_y: f32,
    pub(super) at_zero: f32,
}

impl Projection {
    /// A camera that looks at all boxes from an angle (degrees) and takes them into a layer of this size.
    pub(super) fn framing(boxes: &[Box3], yaw: f32, pitch: f32, size: Vec2) -> Self {
        let (lowest, highest) = View::PITCHES.into_inner();
        let (yaw, pitch) = (yaw.to_radians(), pitch.clamp(lowest, highest).to_radians());
        let back = Vec3::new(
            yaw.sin() * pitch.cos(),
            pitch.sin(),
            yaw.cos() * pitch.cos(),
        );
        let mut camera = Self::looking_along(back);
        camera.perspective = true;
        camera.scale = size.min_element() / 2.0 / HALF_OPENING;
        camera.middle = size / 2.0;
        camera.frame(boxes, size / 2.0 / camera.scale * FILL);
        camera
    }

    /// Parallel light towards `-back` over all boxes, for a square layer of `edge` samples.
    pub(super) fn parallel(boxes: &[Box3], back: Vec3, edge: f32) -> Self {
        let mut light = Self::looking_along(back);
        let (low, high) = light.extent(boxes.iter().flat_map(corners));
        let size = (high - low).truncate().max_element().max(f32::MIN_POSITIVE);
        light.eye = light.at((low + high) / 2.0);
        // A rim of empty samples, so that whatever lies outside the layer is lit.
        light.scale = (edge - 4.0) / size;
        light.middle = Vec2::splat(edge / 2.0);
        light
    }

    fn looking_along(back: Vec3) -> Self {
        let right = Vec3::Y.cross(back).normalize_or(Vec3::X);
        Self {
            eye: Vec3::ZERO,
            right,
            up: back.cross(right),
            back,
            scale: 1.0,
            middle: Vec2::ZERO,
            perspective: false,
        }
    }

    /// Moves the eye so that all boxes fall within the tangents `reach`, centred.
    fn frame(&mut self, boxes: &[Box3], reach: Vec2) {
        let (low, high) = self.extent(boxes.iter().flat_map(corners));
        let mut target = (low + high) / 2.0;
        let mut distance = 0.0;
        // What is near looks larger, so the middle of the picture is not the middle of the boxes: approach it.
        for _ in 0..6 {
            let relative = || {
                let points = boxes.iter().flat_map(corners);
                points.map(|point| self.axes(point) - target)
            };
            distance = relative().fold(0.0, |distance: f32, p| {
                let needed = p.truncate().abs() / reach;
                distance.max(p.z + needed.max_element())
            });
            // A flat scene needs some room before the lens too.
            distance = distance.max((high.z - target.z) + 0.5 * (high - low).length());
            let tangents = relative().map(|p| p.truncate() / (distance - p.z));
            let (left, right) = tangents.fold(
                (Vec2::INFINITY, Vec2::NEG_INFINITY),
                |(low, high), tangent| (low.min(tangent), high.max(tangent)),
            );
            target += ((left + right) / 2.0 * distance).extend(0.0);
        }
        self.eye = self.at(target) + self.back * distance;
    }

    /// The smallest box around points, along the viewer's axes.
    fn extent(&self, points: impl Iterator<Item = Vec3>) -> (Vec3, Vec3) {
        points.fold(
            (Vec3::INFINITY, Vec3::NEG_INFINITY),
            |(low, high), point| {
                let point = self.axes(point);
                (low.min(point), high.max(point))
            },
        )
    }

    fn axes(&self, v: Vec3) -> Vec3 {
        Vec3::new(self.right.dot(v), self.up.dot(v), self.back.dot(v))
    }

    fn at(&self, v: Vec3) -> Vec3 {
        self.right * v.x + self.up * v.y + self.back * v.z
    }

    /// Where a point falls on the layer.
    pub(super) fn project(&self, point: Vec3) -> Vec2 {
        let p = self.axes(point - self.eye);
        let flat = Vec2::new(p.x, -p.y) * self.scale;
        self.middle + if self.perspective { flat / -p.z } else { flat }
    }

    /// Nearness of a point.
    pub(super) fn nearness(&self, point: Vec3) -> f32 {
        let z = self.back.dot(point - self.eye);
        if self.perspective { -1.0 / z } else { z }
    }

    /// Nearness over the plane through a point; the plane must face the viewer.
    pub(super) fn nearness_over(&self, point: Vec3, normal: Vec3) -> Nearness {
        let distance = normal.dot(point - self.eye);
        let n = self.axes(normal);
        let slope = Vec2::new(n.x, -n.y) / self.scale;
        let (slope, at_middle) = if self.perspective {
            (slope / distance, -n.z / distance)
        } else {
            (-slope / n.z, distance / n.z)
        };
        Nearness {
            per_x: slope.x,
            per_y: slope.y,
            at_zero: at_middle - slope.dot(self.middle),
        }
    }

    /// Whether the plane through a point shows its front to the viewer.
    pub(super) fn sees(&self, point: Vec3, normal: Vec3) -> bool {
        let towards = if self.perspective {
            self.eye - point
        } else {
            self.back
        };
        towards.dot(normal) > 0.0
    }

    /// The line of sight of the camera through a place of the layer; not of unit length.
    pub(super) fn ray(&self, place: Vec2) -> Vec3 {
        let tangent = (place - self.middle) / self.scale;
        self.right * tangent.x - self.up * tangent.y - self.back
    }

    /// Samples per unit of length, for parallel light.
    pub(super) fn scale(&self) -> f32 {
        self.scale
    }
}

impl Nearness {
    pub(super) fn at(&self, x: f32, y: f32) -> f32 {
        self.per_x * x + self.per_y * y + self.at_zero
    }
}

/// The eight corners of a box.
fn corners(&[low, high]: &Box3) -> impl Iterator<Item = Vec3> {
    (0..8).map(move |corner| {
        let pick = |bit: u32, low, high| if corner & bit == 0 { low } else { high };
        Vec3::new(
            pick(1, low.x, high.x),
            pick(2, low.y, high.y),
            pick(4, low.z, high.z),
        )
    })
}
