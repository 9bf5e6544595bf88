//! [`Material`]: Crossworld's material number, its name and its colour.
//!
//! Ids 0 to 127 are named (`named.rs`), 128 to 255 are plain colours of two bits of red, three of green and two of
//! blue. How colours are mapped onto materials is told by [`ColorMatch`](super::ColorMatch).

mod named;

use named::NAMED;

/// One of Crossworld's 256 materials: 0 is empty, 1 to 127 are named, 128 to 255 are plain colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Material(pub u8);

impl Material {
    /// Empty space.
    pub const EMPTY: Self = Self(0);

    /// Meant to erase what it is merged into. The engine does not: it keeps it like any other material and draws
    /// it black.
    pub const SET_EMPTY: Self = Self(1);

    /// First of the 128 plain colours.
    pub const FIRST_COLOR: u8 = 128;

    /// The plain colour that keeps the top bits of each channel of an sRGB colour.
    ///
    /// So the engine reads `.vox` files. It is rarely the nearest plain colour; for that see
    /// [`PaletteMap`](super::PaletteMap).
    #[must_use]
    pub fn from_top_bits([r, g, b]: [u8; 3]) -> Self {
        Self(Self::FIRST_COLOR | (r >> 6) << 5 | (g >> 5) << 2 | b >> 6)
    }

    /// The material of a name (in upper or lower case) or of an id in digits, which is all that plain colours have.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        let named = |id: &u8| {
            Self(*id)
                .name()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        let id = (0..Self::FIRST_COLOR)
            .find(named)
            .or_else(|| name.parse().ok());
        id.map(Self)
    }

    /// The engine's name, such as `wood_oak`; plain colours have none.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.named().map(|&(name, _)| name)
    }

    /// sRGB bytes with straight alpha: transparent for 0 and 1, half transparent for water, glass and their like.
    #[must_use]
    pub fn rgba(self) -> [u8; 4] {
        match (self.plain_color(), self.named()) {
            (Some([r, g, b]), _) => [r, g, b, u8::MAX],
            (None, Some(&(_, rgba))) => rgba,
            (None, None) => [0; 4],
        }
    }

    /// Whether light passes through, as through empty space, glass and mist.
    #[must_use]
    pub fn is_translucent(self) -> bool {
        self.rgba()[3] < u8::MAX
    }

    /// Whether a voxel of a model may be of this material.
    ///
    /// Not 0, which is empty; not 1 to 7, which the engine's ray tracers paint as flashing error patterns; not 127,
    /// which is reserved.
    #[must_use]
    pub fn is_ordinary(self) -> bool {
        !matches!(self.0, 0..=7 | 127)
    }

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

    fn named(self) -> Option<&'static (&'static str, [u8; 4])> {
        NAMED.get(usize::from(self.0))
    }
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "ids of golden files are bytes"
)]
mod tests {
    use super::*;

    /// Id, colour bytes and the whole record of every material in one of the engine's tables.
    fn engine_table(json: &str) -> Vec<(Material, [u8; 3], serde_json::Value)> {
        let records: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
        let read = |record: serde_json::Value| {
            let byte = |value: &serde_json::Value| value.as_u64().unwrap() as u8;
            let rgb = [0, 1, 2].map(|channel| byte(&record["srgb"][channel]));
            (Material(byte(&record["id"])), rgb, record)
        };
        records.into_iter().map(read).collect()
    }

    fn engine_named() -> Vec<(Material, [u8; 3], serde_json::Value)> {
        engine_table(include_str!(
            "../../../tests/golden/crossworld/materials.json"
        ))
    }

    fn engine_plain() -> Vec<(Material, [u8; 3], serde_json::Value)> {
        engine_table(include_str!("../../../tests/golden/crossworld/r2g3b2.json"))
    }

    #[test]
    fn only_the_upper_half_are_plain_colours() {
        assert_eq!(Material::EMPTY.plain_color(), None);
        assert_eq!(Material(127).plain_color(), None);
        assert_eq!(Material(128).plain_color(), Some([0, 0, 0]));
        assert_eq!(Material(255).plain_color(), Some([255, 255, 255]));
    }

    #[test]
    fn plain_colours_are_the_engines() {
        let table = engine_plain();
        assert_eq!(table.len(), 128);
        for (material, rgb, _) in table {
            assert_eq!(material.plain_color(), Some(rgb), "{material:?}");
            assert_eq!(material.rgba(), [rgb[0], rgb[1], rgb[2], 255]);
            assert_eq!(material.name(), None);
        }
    }

    #[test]
    fn named_materials_are_the_engines() {
        let table = engine_named();
        assert_eq!(table.len(), 128);
        for (material, [r, g, b], record) in table {
            let alpha = record["alpha"].as_u64().unwrap() as u8;
            assert_eq!(material.rgba(), [r, g, b, alpha], "{material:?}");
            assert_eq!(material.name(), record["name"].as_str());
        }
    }

    #[test]
    fn the_top_bits_of_a_plain_colour_give_it_back() {
        for (material, rgb, _) in engine_plain() {
            assert_eq!(Material::from_top_bits(rgb), material);
        }
    }

    #[test]
    fn top_bits_round_down() {
        assert_eq!(Material::from_top_bits([63, 31, 63]), Material(128));
        assert_eq!(Material::from_top_bits([64, 32, 64]), Material(0b1010_0101));
        assert_eq!(Material::from_top_bits([255; 3]), Material(255));
    }

    #[test]
    fn every_material_is_found_by_its_name_or_id() {
        for id in 0..=255 {
            let material = Material(id);
            let name = material
                .name()
                .map_or_else(|| id.to_string(), str::to_uppercase);
            assert_eq!(Material::by_name(&name), Some(material), "{name}");
            assert_eq!(Material::by_name(&id.to_string()), Some(material));
        }
        for nonsense in ["", "unobtainium", "256", "-1", "wood"] {
            assert_eq!(Material::by_name(nonsense), None, "{nonsense:?}");
        }
    }

    #[test]
    fn only_ids_0_to_15_and_17_are_translucent() {
        let translucent = |id: &u8| Material(*id).is_translucent();
        let ids: Vec<u8> = (0..=255).filter(translucent).collect();
        let expected: Vec<u8> = (0..=15).chain([17]).collect();
        assert_eq!(ids, expected);
    }
}
