//! [`Material`]: Crossworld's material number.

/// One of Crossworld's 256 materials: 0 is empty, 1 to 127 are named, 128 to 255 are plain colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Material(pub u8);

impl Material {
    /// Empty space.
    pub const EMPTY: Self = Self(0);

    /// First of the 128 plain colours.
    pub const FIRST_COLOR: u8 = 128;

    /// Colour of a plain-colour material: two bits of red, three of green, two of blue (R2G3B2, lowest bits blue),
    /// each stretched over the byte. `None` for empty and named materials.
    ///
    /// The engine decodes each channel as `value / highest` in floats; these are the bytes it rounds to.
    #[must_use]
    pub fn plain_color(self) -> Option<[u8; 3]> {
        let bits = self.0.checked_sub(Self::FIRST_COLOR)?;
        let stretch = |value: u8, highest: u16| {
            ((u16::from(value) * 510 + highest) / (2 * highest)).to_le_bytes()[0]
        };
        Some([
            stretch(bits >> 5, 3),
            stretch((bits >> 2) & 7, 7),
            stretch(bits & 3, 3),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_upper_half_are_plain_colours() {
        assert_eq!(Material::EMPTY.plain_color(), None);
        assert_eq!(Material(127).plain_color(), None);
        assert_eq!(Material(128).plain_color(), Some([0, 0, 0]));
        assert_eq!(Material(255).plain_color(), Some([255, 255, 255]));
    }

    #[test]
    fn channels_decode_to_the_engines_bytes() {
        let red_blue = [0x00, 0x55, 0xaa, 0xff];
        let green = [0x00, 0x24, 0x49, 0x6d, 0x92, 0xb6, 0xdb, 0xff];
        for id in Material::FIRST_COLOR..=255 {
            let expected = [
                red_blue[usize::from(id >> 5 & 3)],
                green[usize::from(id >> 2 & 7)],
                red_blue[usize::from(id & 3)],
            ];
            assert_eq!(Material(id).plain_color(), Some(expected), "material {id}");
        }
    }
}
