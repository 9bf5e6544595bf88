//! [`Ground`]: the shadows on the plane that the models stand on; the plane itself has no look of its own.
//!
//! Two square maps seen from above: where the sun is blocked, softer the higher the thing that blocks it, and where
//! models come close to the ground and take its light from the sky.

use glam::{Vec2, Vec3, Vec3Swizzles};

use super::projection::Box3;
use super::solid::Solid;
use super::sun::Sun;

/// Texels along an edge of a map.
const EDGE: usize = 256;

/// Part of the light that a full shadow of the sun takes.
const SUN_SHARE: f32 = 0.42;

/// Part of the light that a model standing on the ground takes below it.
const CONTACT_SHARE: f32 = 0.45;

/// Height above the ground at which contact has faded to a third, as a share of the size of the scene.
const CONTACT_HEIGHT: f32 = 0.05;

/// The ground's height and its shadows.
pub(super) struct Ground {
    height: f32,
    /// World x and z of the maps' corner.
    corner: Vec2,
    /// Metres per texel.
    texel: f32,
    darkness: Field,
}

impl Ground {
    /// The ground under solids; `bounds` holds all of them.
    pub(super) fn under(solids: &[Solid<'_>], bounds: Box3, sun: &Sun) -> Self {
        let [low, high] = bounds;
        let size = high - low;
        // Room for the longest shadow and for its blur.
        let slope = sun.direction.xz().length() / sun.direction.y.max(0.1);
        let margin = size.y * slope + 0.15 * size.max_element();
        let edge = size.x.max(size.z) + 2.0 * margin;
        let mut ground = Self {
            height: low.y,
            corner: ((low + high) / 2.0).xz() - edge / 2.0,
            texel: edge / EDGE as f32,
            darkness: Field::empty(),
        };
        let shadow = ground.shadow_map(sun, size.max_element());
        let contact = ground.contact_map(solids, size.max_element());
        let both = shadow.values.iter().zip(&contact.values);
        ground.darkness.values = both
            .map(|(shadow, contact)| {
                1.0 - (1.0 - SUN_SHARE * shadow) * (1.0 - CONTACT_SHARE * contact)
            })
            .collect();
        ground
    }

    /// Part of the light that is missing where a line of sight meets the ground; 0 where it does not.
    pub(super) fn darkness(&self, eye: Vec3, ray: Vec3) -> f32 {
        let distance = (self.height - eye.y) / ray.y;
        if ray.y >= 0.0 || !distance.is_finite() || distance <= 0.0 {
            return 0.0;
        }
        self.darkness
            .sample(self.to_texels((eye + ray * distance).xz()))
    }

    fn to_texels(&self, place: Vec2) -> Vec2 {
        (place - self.corner) / self.texel
    }

    /// Where the sun is blocked, with edges the softer the farther the blocker.
    fn shadow_map(&self, sun: &Sun, size: f32) -> Field {
        let mut shadow = Field::empty();
        let mut distance = Field::empty();
        let slots = shadow.values.iter_mut().zip(&mut distance.values);
        for (place, (shadow, distance)) in slots.enumerate() {
            let texel = Vec2::new((place % EDGE) as f32, (place / EDGE) as f32) + 0.5;
            let at = self.corner + texel * self.texel;
            if let Some(blocker) = sun.blocker(Vec3::new(at.x, self.height, at.y)) {
                *shadow = 1.0;
                *distance = blocker / size;
            }
        }
        let sharp = shadow.blurred(1);
        let soft = shadow.blurred(6);
        let distance = distance.blurred(6);
        let mixed = sharp.values.iter().zip(&soft.values).zip(&distance.values);
        Field {
            values: mixed
                .map(|((sharp, soft), distance)| {
                    // Both were spread alike, so this is the mean distance of the blockers around.
                    let far = (2.0 * distance / soft.max(1e-6)).clamp(0.15, 1.0);
                    sharp + (soft - sharp) * far
                })
                .collect(),
        }
    }

    /// How near the lowest voxel above each texel is: 1 on the ground, 0 far up.
    fn contact_map(&self, solids: &[Solid<'_>], size: f32) -> Field {
        let mut contact = Field::empty();
        for solid in solids {
            for cell in solid.surface_cells() {
                let low = solid.world(cell);
                let near = (-(low.y - self.height) / (CONTACT_HEIGHT * size)).exp();
                if near > 0.02 {
                    let corner = self.to_texels(low.xz());
                    contact.raise(corner, corner + solid.voxel_size() / self.texel, near);
                }
            }
        }
        contact.blurred(3)
    }
}

/// A square map of values from 0 to 1; 0 outside.
struct Field {
    values: Vec<f32>,
}

impl Field {
    fn empty() -> Self {
        Self {
            values: vec![0.0; EDGE * EDGE],
        }
    }

    /// Lifts the texels from one corner to the other to at least a value.
    fn raise(&mut self, low: Vec2, high: Vec2, value: f32) {
        let edge = Vec2::splat(EDGE as f32);
        let low = low.floor().clamp(Vec2::ZERO, edge).as_ivec2();
        let high = high.ceil().clamp(Vec2::ZERO, edge).as_ivec2();
        for y in low.y..high.y {
            for x in low.x..high.x {
                if let Some(slot) = place(x, y).and_then(|place| self.values.get_mut(place)) {
                    *slot = slot.max(value);
                }
            }
        }
    }

    /// Two box blurs of a radius (texels) along each axis: close to a bell.
    fn blurred(&self, radius: usize) -> Self {
        let once = |values: &[f32]| transposed_blur(&transposed_blur(values, radius), radius);
        Self {
            values: once(&once(&self.values)),
        }
    }

    /// The value at a place in texels, between the four texels around.
    fn sample(&self, at: Vec2) -> f32 {
        let at = at - 0.5;
        let base = at.floor();
        let part = at - base;
        let base = base.as_ivec2();
        let value = |x: i32, y: i32| {
            place(base.x.saturating_add(x), base.y.saturating_add(y))
                .and_then(|place| self.values.get(place))
                .copied()
                .unwrap_or(0.0)
        };
        let row = |y| value(0, y) + (value(1, y) - value(0, y)) * part.x;
        row(0) + (row(1) - row(0)) * part.y
    }
}

/// Mean of each texel and those up to `radius` beside it in its row, with rows and columns exchanged.
fn transposed_blur(values: &[f32], radius: usize) -> Vec<f32> {
    let mut blurred = vec![0.0; EDGE * EDGE];
    let width = (2 * radius + 1) as f32;
    for (y, row) in values.chunks_exact(EDGE).enumerate() {
        let mut sum: f32 = row.iter().take(radius).sum();
        for x in 0..EDGE {
            sum += row.get(x + radius).copied().unwrap_or(0.0);
            if let Some(slot) = blurred.get_mut(x * EDGE + y) {
                *slot = sum / width;
            }
            sum -= x
                .checked_sub(radius)
                .and_then(|x| row.get(x))
                .copied()
                .unwrap_or(0.0);
        }
    }
    blurred
}

/// Place of a texel in a map, or `None` outside.
fn place(x: i32, y: i32) -> Option<usize> {
    let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
    (x < EDGE && y < EDGE).then_some(x + EDGE * y)
}
