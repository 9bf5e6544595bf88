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
    /// The least alpha that counts as opaque, 95 %: what shone through would drown in the noise of any picture. Models
    /// that guess alpha give solid things values just below 255, and one such voxel among others would make a thing
    /// blended, which costs order, depth and shadows.
    pub const OPAQUE_FROM: u8 = 243;

    /// The least alpha that is drawn, 10 %: a voxel stands in the way and can be dug, so it is to be seen, however
    /// clear it is.
    pub const CLEAREST: u8 = 26;

    /// A dielectric of medium roughness, for backends that tell only colours.
    #[must_use]
    pub fn matte(rgba: [u8; 4]) -> Self {
        Self {
            rgba,
            metallic: 0,
            roughness: 204,
        }
    }

    /// Whether light passes through: alpha is below [`PaletteEntry::OPAQUE_FROM`].
    #[must_use]
    pub fn is_translucent(&self) -> bool {
        self.rgba[3] < Self::OPAQUE_FROM
    }

    /// The same with an alpha of 255 where it counts as opaque.
    #[must_use]
    pub fn without_noise(mut self) -> Self {
        if !self.is_translucent() {
            self.rgba[3] = u8::MAX;
        }
        self
    }

    /// The colour as it is drawn: opaque, or with an alpha of at least [`PaletteEntry::CLEAREST`].
    #[must_use]
    pub fn drawn_rgba(&self) -> [u8; 4] {
        let [r, g, b, alpha] = self.without_noise().rgba;
        [r, g, b, alpha.max(Self::CLEAREST)]
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

    /// A palette of given colours, entry 1 first; `None` for more than 255. Alpha from [`PaletteEntry::OPAQUE_FROM`] on
    /// becomes 255.
    #[must_use]
    pub fn from_entries(mut entries: Vec<PaletteEntry>) -> Option<Self> {
        for entry in &mut entries {
            *entry = entry.without_noise();
        }
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

    /// Chooses up to 255 entries for a list of voxels and the entry of each voxel (1 to 255), in their order. Alpha
    /// from [`PaletteEntry::OPAQUE_FROM`] on becomes 255.
    #[must_use]
    pub fn quantize(voxels: &SparseVoxels) -> (Self, Vec<u8>) {
        let finishes = voxels.metallic_roughness();
        let entry = |(place, &rgba): (usize, &[u8; 4])| {
            let mut entry = PaletteEntry::matte(rgba);
            if let Some(&[metallic, roughness]) = finishes.and_then(|f| f.get(place)) {
                (entry.metallic, entry.roughness) = (metallic, roughness);
            }
            entry.without_noise()
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

    /// RGBA bytes (sRGB) of the base-colour texture, row by row, [as entries are drawn](PaletteEntry::drawn_rgba);
    /// unused texels are transparent black.
    #[must_use]
    pub fn base_color_texels(&self) -> Vec<u8> {
        self.texels(PaletteEntry::drawn_rgba)
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

    fn of_alpha(alpha: u8) -> PaletteEntry {
        PaletteEntry::matte([9, 8, 7, alpha])
    }

    #[test]
    fn noise_below_full_alpha_is_opaque_and_glass_is_not() {
        for (alpha, translucent) in [
            (255, false),
            (250, false),
            (243, false),
            (242, true),
            (0, true),
        ] {
            assert_eq!(of_alpha(alpha).is_translucent(), translucent, "{alpha}");
        }
    }

    #[test]
    fn solid_voxels_of_noisy_alpha_share_one_opaque_entry() {
        let coords: Vec<[u16; 3]> = (0..12).map(|x| [x, 0, 0]).collect();
        let rgba = (0..12).map(|x| [200, 30, 30, 244 + x]).collect();
        let voxels = SparseVoxels::new(16, coords, rgba, None).unwrap();
        let (palette, indices) = Palette::quantize(&voxels);
        assert_eq!(palette.entries(), [PaletteEntry::matte([200, 30, 30, 255])]);
        assert_eq!(indices, [1; 12]);
    }

    #[test]
    fn the_texture_draws_the_clearest_glass_visibly_and_opaque_noise_as_opaque() {
        let entries = [0, 90, 250].map(of_alpha).to_vec();
        let texels = Palette::from_entries(entries).unwrap().base_color_texels();
        let alphas: Vec<u8> = texels
            .as_chunks::<4>()
            .0
            .iter()
            .map(|texel| texel[3])
            .collect();
        assert_eq!(alphas[..5], [0, PaletteEntry::CLEAREST, 90, 255, 0]);
    }

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
