//! [`Surfaces`]: the materials that triangles use, each read once, each picture decoded once.

use std::collections::HashMap;

use gltf::material::AlphaMode;
use gltf::texture::{MagFilter, WrappingMode};
use gltf::{Document, Material};

use super::GlbError;
use super::accessor::view;
use crate::picture::Picture;
use crate::voxelize::{Alpha, Filter, Surface, Texture, Wrap};

/// Most pixels of all textures together: 512 MiB.
pub(super) const MAX_PIXELS: u64 = 128 << 20;

/// Which of the primitive's texture coordinates the surface's sets 0 and 1 are.
pub(super) type Placement = [Option<u32>; 2];

/// Surfaces so far.
pub(super) struct Surfaces<'a> {
    document: &'a Document,
    bin: &'a [u8],
    list: Vec<Surface>,
    /// Places in `list` by the material's place in the file.
    known: HashMap<Option<usize>, (u32, Placement)>,
    pictures: HashMap<usize, Picture>,
    pixels: u64,
}

impl<'a> Surfaces<'a> {
    pub(super) fn new(document: &'a Document, bin: &'a [u8]) -> Self {
        Self {
            document,
            bin,
            list: Vec::new(),
            known: HashMap::new(),
            pictures: HashMap::new(),
            pixels: 0,
        }
    }

    /// All surfaces.
    pub(super) fn finish(self) -> Vec<Surface> {
        self.list
    }

    /// The place of a material's surface and where its textures are placed.
    pub(super) fn of(&mut self, material: &Material<'_>) -> Result<(u32, Placement), GlbError> {
        if let Some(&known) = self.known.get(&material.index()) {
            return Ok(known);
        }
        let pbr = material.pbr_metallic_roughness();
        let (base, finish) = (pbr.base_color_texture(), pbr.metallic_roughness_texture());
        let base_set = base.as_ref().map(gltf::texture::Info::tex_coord);
        let finish_set = finish.as_ref().map(gltf::texture::Info::tex_coord);
        let shared = base_set.is_none() || base_set == finish_set;
        let surface = Surface {
            base_color: pbr.base_color_factor(),
            base_texture: self.texture(base.as_ref(), 0)?,
            metallic: pbr.metallic_factor(),
            roughness: pbr.roughness_factor(),
            finish_texture: self.texture(finish.as_ref(), usize::from(!shared))?,
            alpha: match material.alpha_mode() {
                AlphaMode::Opaque => Alpha::Opaque,
                AlphaMode::Mask => Alpha::Mask(material.alpha_cutoff().unwrap_or(0.5)),
                AlphaMode::Blend => Alpha::Blend,
            },
        };
        let placement = if shared {
            [base_set.or(finish_set), None]
        } else {
            [base_set, finish_set]
        };
        let place = u32::try_from(self.list.len()).map_err(|_| GlbError::SceneTooLarge)?;
        self.list.push(surface);
        self.known.insert(material.index(), (place, placement));
        Ok((place, placement))
    }

    fn texture(
        &mut self,
        info: Option<&gltf::texture::Info<'_>>,
        uv_set: usize,
    ) -> Result<Option<Texture>, GlbError> {
        let Some(texture) = info.map(gltf::texture::Info::texture) else {
            return Ok(None);
        };
        let sampler = texture.sampler();
        Ok(Some(Texture {
            picture: self.picture(texture.source().index())?,
            uv_set,
            wrap: [sampler.wrap_s(), sampler.wrap_t()].map(|mode| match mode {
                WrappingMode::ClampToEdge => Wrap::Clamp,
                WrappingMode::MirroredRepeat => Wrap::Mirror,
                WrappingMode::Repeat => Wrap::Repeat,
            }),
            filter: match sampler.mag_filter() {
                Some(MagFilter::Nearest) => Filter::Nearest,
                Some(MagFilter::Linear) | None => Filter::Linear,
            },
        }))
    }

    fn picture(&mut self, image: usize) -> Result<Picture, GlbError> {
        if let Some(picture) = self.pictures.get(&image) {
            return Ok(picture.clone());
        }
        if self.pixels > MAX_PIXELS {
            return Err(GlbError::TooManyPixels);
        }
        let picture = Picture::decode(self.image_bytes(image)?)
            .map_err(|source| GlbError::Picture { image, source })?;
        self.pixels += u64::from(picture.width()) * u64::from(picture.height());
        self.pictures.insert(image, picture.clone());
        Ok(picture)
    }

    /// The bytes of an image. Read from the description itself: the crate's own way panics where an image has neither
    /// a view nor a place outside, or no type.
    fn image_bytes(&self, image: usize) -> Result<&'a [u8], GlbError> {
        let described = self.document.as_json().images.get(image);
        let place = described.and_then(|image| image.buffer_view);
        let Some(place) = place.and_then(|place| self.document.views().nth(place.value())) else {
            return Err(GlbError::External {
                what: "image",
                index: image,
            });
        };
        view(&place, self.bin)?.ok_or(GlbError::Image { image })
    }
}
