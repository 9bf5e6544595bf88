//! Materials of a `.vox` file: how a MATL chunk tells metal, roughness and glass.
//!
//! MagicaVoxel has kinds of material, and each heeds some properties only: `_metal` (`_metal`, `_rough`), `_glass`
//! (`_trans`, how clear it is, and `_rough`) and `_blend` (all three). The other kinds (`_diffuse`, `_emit`,
//! `_media`) are read as matte, whatever roughness stands beside them: the program writes 0.1 everywhere.

use crate::voxel::PaletteEntry;

use super::chunk::Dictionary;

/// MagicaVoxel's roughness for a material that tells none.
const ROUGHNESS: f32 = 0.1;

/// A colour of the file with the finish of its material. The colour's own alpha says nothing, as in MagicaVoxel.
pub(super) fn entry([r, g, b, _]: [u8; 4], material: Option<&Dictionary<'_>>) -> PaletteEntry {
    let matte = PaletteEntry::matte([r, g, b, u8::MAX]);
    let Some(material) = material else {
        return matte;
    };
    let kind = material.get("_type").unwrap_or_default();
    let (is_metal, is_glass) = match kind {
        "_metal" => (true, false),
        "_glass" => (false, true),
        "_blend" => (true, true),
        _ => return matte,
    };
    let number = |key| -> Option<f32> { material.get(key)?.trim().parse().ok() };
    // Old versions of the program call the kind's own property `_weight`.
    let strength = |key| number(key).or_else(|| number("_weight")).unwrap_or(0.0);
    let metallic = if is_metal { strength("_metal") } else { 0.0 };
    let clear = match number("_trans") {
        Some(clear) if is_glass => clear,
        None if is_glass => strength("_alpha"),
        _ => 0.0,
    };
    PaletteEntry {
        rgba: [r, g, b, byte(1.0 - clear)],
        metallic: byte(metallic),
        roughness: byte(number("_rough").unwrap_or(ROUGHNESS)),
    }
}

/// The material that [`entry`] reads as this finish, as keys and texts; `None` for a matte one.
pub(super) fn properties(entry: &PaletteEntry) -> Option<Vec<(&'static str, String)>> {
    if *entry == PaletteEntry::matte(entry.rgba) && !entry.is_translucent() {
        return None;
    }
    let is_metal = entry.metallic > 0 || !entry.is_translucent();
    let kind = match (is_metal, entry.is_translucent()) {
        (true, false) => "_metal",
        (false, _) => "_glass",
        (true, true) => "_blend",
    };
    let [_, _, _, alpha] = entry.rgba;
    let mut properties = vec![
        ("_type", kind.to_owned()),
        ("_rough", text(entry.roughness)),
    ];
    if is_metal {
        properties.push(("_metal", text(entry.metallic)));
    }
    if entry.is_translucent() {
        // Two names that versions of the program have for the same.
        properties.push(("_trans", text(u8::MAX - alpha)));
        properties.push(("_alpha", text(u8::MAX - alpha)));
        properties.push(("_ior", "0.3".to_owned()));
    }
    Some(properties)
}

fn text(byte: u8) -> String {
    (f32::from(byte) / 255.0).to_string()
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to a byte's range")]
fn byte(part: f32) -> u8 {
    // A number that is none becomes 0.
    (part.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::super::chunk::Content;
    use super::super::write::push_dictionary;
    use super::*;

    fn read(rgba: [u8; 4], properties: &[(&str, &str)]) -> PaletteEntry {
        let mut bytes = Vec::new();
        push_dictionary(&mut bytes, properties.iter().copied());
        entry(rgba, Content::of(&bytes).dictionary().as_ref())
    }

    #[test]
    fn every_finish_is_read_as_it_was_written() {
        for byte in 0..=255u8 {
            for (alpha, metallic, roughness) in [
                (byte, 0, 204),
                (byte, 7, 99),
                (255, byte, 204),
                (255, 0, byte),
                (40, byte, 255 - byte),
            ] {
                let entry = PaletteEntry {
                    rgba: [1, 2, 3, alpha],
                    metallic,
                    roughness,
                };
                let properties = properties(&entry).unwrap_or_default();
                let texts: Vec<_> = properties.iter().map(|(k, t)| (*k, t.as_str())).collect();
                assert_eq!(read([1, 2, 3, 255], &texts), entry.without_noise());
            }
        }
    }

    #[test]
    fn a_matte_opaque_colour_has_no_material() {
        assert_eq!(properties(&PaletteEntry::matte([9, 9, 9, 255])), None);
    }

    #[test]
    fn a_diffuse_material_is_matte_whatever_its_roughness_says() {
        let matte = PaletteEntry::matte([5, 6, 7, 255]);
        for kind in ["_diffuse", "_emit", "_media", "_unknown"] {
            let properties = [("_type", kind), ("_rough", "0.1"), ("_weight", "1")];
            assert_eq!(read([5, 6, 7, 255], &properties), matte, "{kind}");
        }
        assert_eq!(read([5, 6, 7, 255], &[("_rough", "0.1")]), matte);
    }

    #[test]
    fn an_old_material_tells_its_strength_as_weight() {
        let metal = read(
            [0; 4],
            &[("_type", "_metal"), ("_weight", "0.6"), ("_rough", "0.2")],
        );
        assert_eq!((metal.metallic, metal.roughness), (153, 51));
        let glass = read([0; 4], &[("_type", "_glass"), ("_weight", "0.8")]);
        assert_eq!((glass.rgba[3], glass.metallic), (51, 0));
    }

    #[test]
    fn numbers_out_of_range_are_clamped_and_other_texts_passed_over() {
        let metal = read(
            [0; 4],
            &[("_type", "_metal"), ("_metal", "7"), ("_rough", "-1e9")],
        );
        assert_eq!((metal.metallic, metal.roughness), (255, 0));
        let metal = read(
            [0; 4],
            &[("_type", "_metal"), ("_metal", "NaN"), ("_rough", "rough")],
        );
        assert_eq!((metal.metallic, metal.roughness), (0, 26));
    }

    #[test]
    fn a_colour_of_alpha_0_is_opaque_without_glass() {
        assert_eq!(read([1, 2, 3, 0], &[]).rgba, [1, 2, 3, 255]);
    }
}
