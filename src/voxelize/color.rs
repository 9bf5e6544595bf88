//! sRGB bytes to linear light and back (IEC 61966-2-1), from tables.

use std::sync::LazyLock;

/// Linear light of each sRGB byte.
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

/// The nearest sRGB byte of linear light in 1/65535; the darkest bytes are 20 of these apart.
static ENCODED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let encoded = |light: u16| {
        let light = f32::from(light) / 65535.0;
        byte(if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        })
    };
    (0..=u16::MAX).map(encoded).collect()
});

/// Linear light of every sRGB byte, 0 to 1.
pub(super) fn linear_bytes() -> &'static [f32; 256] {
    &LINEAR
}

/// The sRGB byte of linear light; what lies outside 0 to 1 is cut, what is no number is dark.
pub(super) fn srgb(light: f32) -> u8 {
    let place = usize::from(steps(light));
    ENCODED.get(place).copied().unwrap_or(u8::MAX)
}

/// A part of 1 in 65535 steps.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and gives 0 for what is no number"
)]
pub(super) fn steps(part: f32) -> u16 {
    (part * 65535.0 + 0.5) as u16
}

/// A part of 1 in 255 steps.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and gives 0 for what is no number"
)]
pub(super) fn byte(part: f32) -> u8 {
    (part * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_the_way_through_linear_light() {
        for (byte, &light) in (0..=255).zip(linear_bytes()) {
            assert_eq!(srgb(light), byte);
            assert_eq!(srgb(f32::from(steps(light)) / 65535.0), byte);
        }
    }

    #[test]
    fn light_outside_the_range_is_cut() {
        assert_eq!([-1.0, f32::NAN, 1.5].map(srgb), [0, 0, 255]);
    }
}
