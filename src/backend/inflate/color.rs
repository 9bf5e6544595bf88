//! Conversions between sRGB bytes, linear light and CIE Lab, made for half a million pixels at a time.
//!
//! sRGB after IEC 61966-2-1, Lab after CIE 15 with the D65 white point. The two curves are read from tables; the
//! error is far below what a byte can tell.

use std::sync::LazyLock;

/// A colour in linear light (0 to 1) or CIE Lab, as the context says.
pub(super) type Color = [f32; 3];

/// Linear light of every sRGB byte.
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|byte| {
        let v = byte as f32 / 255.0;
        if v <= 0.040_45 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    })
});

/// Intervals of the table of Lab's curve.
const INTERVALS: usize = 4096;

/// Lab's curve (a cube root with a straight foot) over 0 to 1, with a spare entry at the end.
static ROOT: LazyLock<[f32; INTERVALS + 2]> = LazyLock::new(|| {
    std::array::from_fn(|i| {
        let t = i as f32 / INTERVALS as f32;
        if t > 216.0 / 24389.0 {
            t.cbrt()
        } else {
            (24389.0 / 27.0 * t + 16.0) / 116.0
        }
    })
});

/// sRGB bytes to linear light.
pub(super) fn linear(rgb: [u8; 3]) -> Color {
    let table = &*LINEAR;
    rgb.map(|byte| table.get(usize::from(byte)).copied().unwrap_or(0.0))
}

/// Linear light to sRGB bytes.
pub(super) fn srgb(color: Color) -> [u8; 3] {
    color.map(|v| {
        let v = v.clamp(0.0, 1.0);
        let curved = if v <= 0.003_130_8 {
            v * 12.92
        } else {
            1.055 * v.powf(1.0 / 2.4) - 0.055
        };
        byte(curved * 255.0)
    })
}

/// The nearest byte.
#[expect(clippy::cast_possible_truncation, reason = "clamped to a byte's range")]
pub(super) fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Linear light to CIE Lab.
pub(super) fn lab([r, g, b]: Color) -> Color {
    // The matrix of sRGB's primaries, each row divided by the white point.
    let x = root(0.433_953 * r + 0.376_219 * g + 0.189_828 * b);
    let y = root(0.212_671 * r + 0.715_160 * g + 0.072_169 * b);
    let z = root(0.017_758 * r + 0.109_477 * g + 0.872_765 * b);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to the table")]
fn root(t: f32) -> f32 {
    let at = t.clamp(0.0, 1.0) * INTERVALS as f32;
    let below = at as usize;
    match ROOT.get(below..below + 2) {
        Some([low, high]) => low + (high - low) * (at - below as f32),
        _ => 1.0,
    }
}

/// Distance of two colours, in Lab that is ΔE*ab (1976).
pub(super) fn distance(a: Color, b: Color) -> f32 {
    distance_squared(a, b).sqrt()
}

/// The square of [`distance`].
pub(super) fn distance_squared([a0, a1, a2]: Color, [b0, b1, b2]: Color) -> f32 {
    (a0 - b0).powi(2) + (a1 - b1).powi(2) + (a2 - b2).powi(2)
}

#[cfg(test)]
mod tests {
    use palette::{FromColor, Lab, Srgb};

    use super::*;

    #[test]
    fn every_byte_survives_the_way_through_linear_light() {
        for byte in 0..=255 {
            assert_eq!(srgb(linear([byte; 3])), [byte; 3]);
        }
    }

    #[test]
    fn lab_agrees_with_the_crate_palette() {
        for r in (0..=255).step_by(15) {
            for g in (0..=255).step_by(15) {
                for b in (0..=255).step_by(51) {
                    let theirs = Lab::from_color(Srgb::new(r, g, b).into_format::<f32>());
                    let ours = lab(linear([r, g, b]));
                    let difference = distance(ours, [theirs.l, theirs.a, theirs.b]);
                    assert!(difference < 0.05, "{r} {g} {b}: {difference}");
                }
            }
        }
    }
}
