//! Colours: sRGB bytes in, linear light between, sRGB bytes out.

use std::sync::LazyLock;

use glam::{Vec3, Vec4};

/// Linear light of each sRGB byte (IEC 61966-2-1).
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let value = byte as f32 / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    })
});

/// Linear light of an sRGB colour.
pub(super) fn linear([r, g, b]: [u8; 3]) -> Vec3 {
    let value = |byte: u8| LINEAR.get(usize::from(byte)).copied().unwrap_or(1.0);
    Vec3::new(value(r), value(g), value(b))
}

/// The sRGB pixel (straight alpha) of linear light multiplied by its alpha.
pub(super) fn pixel(premultiplied: Vec4) -> [u8; 4] {
    let alpha = premultiplied.w.clamp(0.0, 1.0);
    let color = if alpha > 0.0 {
        premultiplied.truncate() / alpha
    } else {
        Vec3::ZERO
    };
    let [r, g, b] = color.to_array().map(encoded);
    [r, g, b, byte(alpha)]
}

/// Bends bright light so that it saturates softly instead of being cut.
pub(super) fn soften(light: Vec3) -> Vec3 {
    const KNEE: f32 = 0.8;
    const ROOM: f32 = 1.0 - KNEE;
    let bend = |value: f32| {
        if value <= KNEE {
            value
        } else {
            KNEE + ROOM * (1.0 - ((KNEE - value) / ROOM).exp())
        }
    };
    Vec3::new(bend(light.x), bend(light.y), bend(light.z))
}

/// The nearest sRGB byte: the number of bytes whose upper border lies below the light.
fn encoded(light: f32) -> u8 {
    let above = LINEAR.partition_point(|&value| value < light);
    let value = |place: usize| LINEAR.get(place).copied().unwrap_or(1.0);
    let below = above.saturating_sub(1);
    let nearest = if light - value(below) < value(above) - light {
        below
    } else {
        above
    };
    u8::try_from(nearest).unwrap_or(u8::MAX)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller has clamped to 0..=1, and the cast saturates"
)]
fn byte(value: f32) -> u8 {
    (value * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_through_linear_light() {
        for byte in 0..=255 {
            let color = [byte, 255 - byte, 7];
            let [r, g, b] = color;
            assert_eq!(pixel(linear(color).extend(1.0)), [r, g, b, 255]);
        }
    }

    #[test]
    fn light_outside_the_range_is_cut_and_no_light_is_transparent_black() {
        assert_eq!(pixel(Vec4::new(9.0, -1.0, f32::NAN, 2.0)), [255, 0, 0, 255]);
        assert_eq!(pixel(Vec4::ZERO), [0; 4]);
    }

    #[test]
    fn half_covered_pixels_keep_their_colour() {
        let half = (linear([200, 100, 50]) * 0.5).extend(0.5);
        assert_eq!(pixel(half), [200, 100, 50, 128]);
    }

    #[test]
    fn softened_light_grows_with_the_light_and_stays_below_one() {
        let mut last = -1.0;
        for step in 0..50 {
            let light = soften(Vec3::splat(step as f32 / 25.0)).x;
            assert!(light > last && light <= 1.0, "{step}: {light}");
            last = light;
        }
    }
}
