//! [`Palette`]: the up to 255 colours a model owns, chosen in OKLab.
//!
//! Models with few colours keep every one of them exactly; others are reduced by Wu's quantiser (the crate
//! `quantette`) in OKLab, where equal distances look equally far. Index 0 is always empty space.

use std::sync::LazyLock;

use super::{Material, SparseVoxels, quantize};

/// A colour of a palette and the finish that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PaletteEntry {
    /// sRGB bytes with straight alpha.
    pub rgba: [u8; 4],
    /// 0 for a dielectric, 255 for bare metal.
    pub metallic: u8,
    /// Perceptual roughness, 0 for a mirror, 255 for chalk.
    pub roughness: u8,
}

impl PaletteEntry {
    /// A dielectric of medium roughness, for backends that tell only colours.
    #[must_use]
    pub fn matte(rgba: [u8; 4]) -> Self {
        Self {
            rgba,
            metallic: 0,
            roughness: 204,
        }
    }

    /// Whether light passes through.
    #[must_use]
    pub fn is_translucent(&self) -> bool {
        self.rgba[3] < u8::MAX
    }
}

impl From<Material> for PaletteEntry {
    /// A material's colour; the engine knows no finish, so everything is matte but glass, liquids and crystals.
    fn from(material: Material) -> Self {
        let smooth = matches!(material.0, 2..=7 | 11..=14 | 17 | 27 | 118..=123);
        let matte = Self::matte(material.rgba());
        Self {
            roughness: if smooth { 26 } else { matte.roughness },
            ..matte
        }
    }
}

/// Ordered colours of a model; index 0 is empty space, entries are 1 to 255.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    entries: Vec<PaletteEntry>,
}

impl Palette {
    /// Most entries a palette may have besides empty space.
    pub const MAX_ENTRIES: usize = 255;

    /// Side of the square texture that holds a palette, in texels: entry i lies at column i % 16, row i / 16.
    pub const TEXTURE_EDGE: u32 = 16;

    /// A palette of given colours, entry 1 first; `None` for more than 255.
    #[must_use]
    pub fn from_entries(entries: Vec<PaletteEntry>) -> Option<Self> {
        (entries.len() <= Self::MAX_ENTRIES).then_some(Self { entries })
    }

    /// Crossworld's materials as a palette: entry i is material i.
    #[must_use]
    pub fn crossworld() -> &'static Self {
        static CROSSWORLD: LazyLock<Palette> = LazyLock::new(|| Palette {
            entries: (1..=u8::MAX).map(|id| Material(id).into()).collect(),
        });
        &CROSSWORLD
    }

    /// Whether palette indices are Crossworld's materials.
    #[must_use]
    pub fn is_crossworld(&self) -> bool {
        self == Self::crossworld()
    }

    /// Chooses up to 255 entries for a list of voxels and the entry of each voxel (1 to 255), in their order.
    #[must_use]
    pub fn quantize(voxels: &SparseVoxels) -> (Self, Vec<u8>) {
        let finishes = voxels.metallic_roughness();
        let entry = |(place, &rgba): (usize, &[u8; 4])| match finishes.and_then(|f| f.get(place)) {
            Some(&[metallic, roughness]) => PaletteEntry {
                rgba,
                metallic,
                roughness,
            },
            None => PaletteEntry::matte(rgba),
        };
        let entries: Vec<PaletteEntry> = voxels.rgba().iter().enumerate().map(entry).collect();
        quantize::exact(&entries).unwrap_or_else(|| quantize::reduced(&entries))
    }

    /// Entries 1 to `len()`, in order.
    #[must_use]
    pub fn entries(&self) -> &[PaletteEntry] {
        &self.entries
    }

    /// The entry of a palette index, `None` for 0 (empty) and indices the palette does not have.
    #[must_use]
    pub fn get(&self, index: u8) -> Option<&PaletteEntry> {
        self.entries.get(usize::from(index.checked_sub(1)?))
    }

    /// Texture coordinates of a palette index: the middle of its texel.
    #[must_use]
    pub fn uv(index: u8) -> [f32; 2] {
        let edge = Self::TEXTURE_EDGE as f32;
        [
            (f32::from(index % 16) + 0.5) / edge,
            (f32::from(index / 16) + 0.5) / edge,
        ]
    }

    /// RGBA bytes (sRGB) of the base-colour texture, row by row; unused texels are transparent black.
    #[must_use]
    pub fn base_color_texels(&self) -> Vec<u8> {
        self.texels(|entry| entry.rgba)
    }

    /// RGBA bytes (linear) of the metallic-roughness texture as glTF lays it out: green roughness, blue metallic.
    #[must_use]
    pub fn metallic_roughness_texels(&self) -> Vec<u8> {
        self.texels(|entry| [0, entry.roughness, entry.metallic, u8::MAX])
    }

    fn texels(&self, texel: impl Fn(&PaletteEntry) -> [u8; 4]) -> Vec<u8> {
        let mut texels = vec![0; 4];
        texels.extend(self.entries.iter().flat_map(texel));
        texels.resize((Self::TEXTURE_EDGE * Self::TEXTURE_EDGE * 4) as usize, 0);
        texels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_crossworld_palette_are_its_materials() {
        let palette = Palette::crossworld();
        assert_eq!(palette.entries().len(), Palette::MAX_ENTRIES);
        for id in 1..=255 {
            let entry = palette.get(id).unwrap();
            assert_eq!(entry.rgba, Material(id).rgba(), "material {id}");
            assert_eq!(entry.metallic, 0);
        }
    }

    #[test]
    fn glass_and_water_are_smooth_and_stone_is_not() {
        let roughness = |name| PaletteEntry::from(Material::by_name(name).unwrap()).roughness;
        for smooth in ["glass", "ice", "water", "stained_glass_red", "diamond"] {
            assert!(roughness(smooth) < 64, "{smooth}");
        }
        for matte in ["stone", "mist", "255"] {
            assert!(roughness(matte) > 192, "{matte}");
        }
    }

    #[test]
    fn a_palette_is_crossworlds_only_if_every_entry_is() {
        let mut entries = Palette::crossworld().entries().to_vec();
        let same = Palette::from_entries(entries.clone()).unwrap();
        assert!(same.is_crossworld());
        entries[200].rgba[0] ^= 1;
        assert!(!Palette::from_entries(entries).unwrap().is_crossworld());
        assert!(!Palette::default().is_crossworld());
    }
}
