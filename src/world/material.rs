//! Materials: a model's palette as textures.
//!
//! A quad's texture coordinates point at its palette entry, so all chunks of a model share one material (two where
//! it has translucent entries), and merged quads need no vertex colours.

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};

use crate::voxel::Palette;

/// Shows a model as ghost voxels: translucent, to be replaced by the real thing. Goes beside
/// [`super::VoxelModel3d`].
#[derive(Component, Clone, Copy, Debug)]
pub struct Ghost {
    /// Opacity, 0 to 1.
    pub opacity: f32,
}

impl Default for Ghost {
    fn default() -> Self {
        Self { opacity: 0.35 }
    }
}

/// Reflectance of what is blended: 16 % head-on. Blending weakens reflections by alpha, so glass of an alpha of a
/// quarter reflects 4 % then, as glass does; with the usual value it would look like thin plastic.
const GLASS_REFLECTANCE: f32 = 1.0;

/// The material of opaque voxels and that of translucent ones.
#[derive(Clone, Debug, Default)]
pub(super) struct ModelMaterials {
    opaque: Handle<StandardMaterial>,
    translucent: Handle<StandardMaterial>,
}

impl ModelMaterials {
    pub(super) fn new(
        palette: &Palette,
        ghost: Option<&Ghost>,
        images: &mut Assets<Image>,
        materials: &mut Assets<StandardMaterial>,
    ) -> Self {
        let base_color = texture(palette.base_color_texels(), TextureFormat::Rgba8UnormSrgb);
        let finish = texture(
            palette.metallic_roughness_texels(),
            TextureFormat::Rgba8Unorm,
        );
        let material = StandardMaterial {
            base_color_texture: Some(images.add(base_color)),
            metallic_roughness_texture: Some(images.add(finish)),
            // Factors for the texture's values.
            metallic: 1.0,
            perceptual_roughness: 1.0,
            ..default()
        };
        let blended = StandardMaterial {
            alpha_mode: AlphaMode::Blend,
            reflectance: GLASS_REFLECTANCE,
            ..material.clone()
        };
        match ghost {
            Some(ghost) => {
                let base_color = Color::WHITE.with_alpha(ghost.opacity);
                let material = materials.add(StandardMaterial {
                    base_color,
                    ..blended
                });
                Self {
                    opaque: material.clone(),
                    translucent: material,
                }
            }
            None => Self {
                opaque: materials.add(material),
                translucent: materials.add(blended),
            },
        }
    }

    /// The material of a chunk's first part, the opaque one, or its second.
    pub(super) fn of_part(&self, part: usize) -> MeshMaterial3d<StandardMaterial> {
        let material = if part == 0 {
            &self.opaque
        } else {
            &self.translucent
        };
        MeshMaterial3d(material.clone())
    }
}

fn texture(texels: Vec<u8>, format: TextureFormat) -> Image {
    let edge = Palette::TEXTURE_EDGE;
    let size = Extent3d {
        width: edge,
        height: edge,
        depth_or_array_layers: 1,
    };
    let mut image = Image::new(
        size,
        TextureDimension::D2,
        texels,
        format,
        RenderAssetUsages::default(),
    );
    // Texels are colours of their own; between them lies nothing.
    image.sampler = ImageSampler::nearest();
    image
}
