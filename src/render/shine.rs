//! What shiny things mirror: a studio with a bright horizon, a large lamp where the sun stands, darkness on the other
//! side and a dark floor, since metal looks like metal by its contrasts.
//!
//! Nothing of the models is mirrored. The rougher a surface, the more this runs together into the light from all around
//! that matte things have.

use glam::{Vec3, Vec3Swizzles};

use super::studio::skylight;

/// Light of the studio's parts.
const ZENITH: Vec3 = Vec3::new(0.50, 0.58, 0.68);
const HORIZON: Vec3 = Vec3::new(1.05, 1.05, 1.02);
const FLOOR: Vec3 = Vec3::new(0.14, 0.13, 0.12);
const LAMP: Vec3 = Vec3::new(2.2, 2.1, 1.9);

/// Reflectance of a dielectric seen head-on.
const DIELECTRIC: f32 = 0.04;

/// Light that a surface mirrors from a direction of unit length; `gloss` is 1 for a mirror and 0 for what is matte.
pub(super) fn mirrored(direction: Vec3, sun: Vec3, gloss: f32) -> Vec3 {
    let blurred = skylight(direction) * 1.6;
    let soft = 0.06 + 0.5 * (1.0 - gloss);
    let height = direction.y;
    let sky = HORIZON.lerp(ZENITH, height.max(0.0).sqrt());
    let ground = HORIZON.lerp(FLOOR, (-height).max(0.0).powf(0.35));
    let clear = ground.lerp(sky, ((height / soft + 1.0) / 2.0).clamp(0.0, 1.0));
    let lit_side = direction.xz().dot(sun.xz().normalize_or_zero());
    let clear = clear * (0.85 + 0.45 * lit_side);
    let lamp = ((direction.dot(sun) - 0.94) / soft + 0.5).clamp(0.0, 1.0);
    blurred.lerp(clear, gloss) + LAMP * lamp * gloss
}

/// Part of the light that a dielectric mirrors; `cosine` is that of the angle to the normal. After C. Schlick (1994).
pub(super) fn fresnel(cosine: f32, gloss: f32) -> f32 {
    let grazing = (1.0 - cosine.clamp(0.0, 1.0)).powi(5);
    gloss * (DIELECTRIC + (1.0 - DIELECTRIC) * grazing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_matte_mirrors_the_light_from_all_around_and_no_lamp() {
        let sun = Vec3::new(0.6, 0.8, 0.0);
        for direction in [sun, Vec3::Y, Vec3::NEG_Y, Vec3::X] {
            assert_eq!(mirrored(direction, sun, 0.0), skylight(direction) * 1.6);
            assert_eq!(fresnel(0.3, 0.0), 0.0);
        }
    }

    #[test]
    fn a_mirror_shows_the_lamp_and_glass_mirrors_more_at_a_grazing_angle() {
        let sun = Vec3::new(0.6, 0.8, 0.0);
        let beside = Vec3::new(-0.6, 0.8, 0.0);
        assert!(mirrored(sun, sun, 1.0).x > 2.0 * mirrored(beside, sun, 1.0).x);
        assert!(fresnel(1.0, 1.0) < 0.05 && fresnel(0.1, 1.0) > 0.5);
    }
}
