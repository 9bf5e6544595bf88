//! From a [`VoxelModel`] to a file: one mesh of greedy quads whose texture is the palette.

use glam::{DVec3, Vec3};
use serde_json::{Value, json};

use super::{GlbError, VOXEL_SIZE, container, grid};
use crate::meshing::{MeshBuffers, mesh_model};
use crate::picture::Picture;
use crate::voxel::{ChunkKey, Palette, VoxelModel};

// Numbers that the specification names after OpenGL.
const ARRAY_BUFFER: u32 = 34_962;
const ELEMENT_ARRAY_BUFFER: u32 = 34_963;
const UNSIGNED_SHORT: u32 = 5123;
const UNSIGNED_INT: u32 = 5125;
const FLOAT: u32 = 5126;
const NEAREST: u32 = 9728;
const CLAMP_TO_EDGE: u32 = 33_071;

/// The `.glb` file of a model: metres, [`VOXEL_SIZE`] a voxel, [`VoxelModel::origin`] at zero.
///
/// It holds one mesh with a part of opaque and a part of translucent quads, where there are such; the palette lies in
/// two pictures of 16 x 16 pixels. The same model gives the same bytes.
///
/// # Errors
/// [`GlbError::EmptyModel`], [`GlbError::TooLarge`] or, hardly, [`GlbError::Palette`].
pub fn encode(model: &VoxelModel) -> Result<Vec<u8>, GlbError> {
    let chunks = mesh_model(model);
    let place = Place {
        origin: model.origin(),
    };
    let mut writer = Writer::default();
    let mut primitives = Vec::new();
    let mut materials = Vec::new();
    for (name, translucent) in [("opaque", false), ("translucent", true)] {
        let parts = chunks.iter().map(|(key, mesh)| {
            let part = if translucent {
                &mesh.translucent
            } else {
                &mesh.opaque
            };
            (*key, part)
        });
        let part = place.merged(parts);
        if !part.is_empty() {
            primitives.push(writer.primitive(&part, materials.len())?);
            materials.push(material(name, translucent));
        }
    }
    if primitives.is_empty() {
        return Err(GlbError::EmptyModel);
    }
    let palette = model.palette();
    writer.image(palette.base_color_texels())?;
    writer.image(palette.metallic_roughness_texels())?;
    let extras = grid::extras(model.resolution(), VOXEL_SIZE, model.origin());
    writer.finish(&extras, &primitives, &materials)
}

/// Where a model lies in its file.
struct Place {
    /// The point of the model's grid that is at zero, in cells.
    origin: Vec3,
}

impl Place {
    /// Buffers of chunks as one, in metres.
    fn merged<'a>(&self, parts: impl Iterator<Item = (ChunkKey, &'a MeshBuffers)>) -> MeshBuffers {
        let mut whole = MeshBuffers::default();
        for (key, part) in parts {
            let first = whole.positions.len();
            // More vertices than u32 counts make a file that is refused for its size.
            let first = u32::try_from(first).unwrap_or(u32::MAX);
            let corner = key.min_cell().as_dvec3() - self.origin.as_dvec3();
            let metres = |position: &[f32; 3]| {
                let cells = DVec3::from(position.map(f64::from)) + corner;
                (cells * f64::from(VOXEL_SIZE)).as_vec3().to_array()
            };
            whole.positions.extend(part.positions.iter().map(metres));
            whole.normals.extend_from_slice(&part.normals);
            whole.uvs.extend_from_slice(&part.uvs);
            let places = part.indices.iter().map(|i| first.saturating_add(*i));
            whole.indices.extend(places);
        }
        whole
    }
}

/// Binary data so far, and what the description says about it.
#[derive(Default)]
struct Writer {
    bin: Vec<u8>,
    views: Vec<Value>,
    accessors: Vec<Value>,
    images: Vec<Value>,
}

impl Writer {
    /// Adds the data of a primitive and describes it.
    fn primitive(&mut self, part: &MeshBuffers, material: usize) -> Result<Value, GlbError> {
        // Before memory is taken for it: the numbers of 32 bytes a vertex and 4 an index.
        let got = part.positions.len() as u64 * 32 + part.indices.len() as u64 * 4;
        if got > u64::from(u32::MAX) {
            return Err(GlbError::TooLarge { got });
        }
        let positions = self.accessor(&part.positions, "VEC3");
        if let Some(Value::Object(accessor)) = self.accessors.last_mut() {
            let (min, max) = bounds(&part.positions);
            accessor.insert("min".into(), json!(min.to_array()));
            accessor.insert("max".into(), json!(max.to_array()));
        }
        let normals = self.accessor(&part.normals, "VEC3");
        let uvs = self.accessor(&part.uvs, "VEC2");
        let indices = self.indices(part);
        Ok(json!({
            "attributes": { "POSITION": positions, "NORMAL": normals, "TEXCOORD_0": uvs },
            "indices": indices,
            "material": material,
        }))
    }

    /// Adds a column of a primitive and returns its accessor.
    fn accessor<const N: usize>(&mut self, column: &[[f32; N]], shape: &str) -> usize {
        let numbers = column.as_flattened().iter();
        let bytes: Vec<u8> = numbers.flat_map(|number| number.to_le_bytes()).collect();
        let view = self.view(&bytes, Some(ARRAY_BUFFER));
        self.accessors.push(json!({
            "bufferView": view,
            "componentType": FLOAT,
            "count": column.len(),
            "type": shape,
        }));
        self.accessors.len() - 1
    }

    /// Adds indices, as short as they may be, and returns their accessor.
    fn indices(&mut self, part: &MeshBuffers) -> usize {
        // The highest number of a type is not an index, but restarts a strip.
        let is_short = part.positions.len() <= usize::from(u16::MAX);
        let short = |index: &u32| u16::try_from(*index).unwrap_or_default().to_le_bytes();
        let (bytes, kind): (Vec<u8>, _) = if is_short {
            (
                part.indices.iter().flat_map(short).collect(),
                UNSIGNED_SHORT,
            )
        } else {
            let long = part.indices.iter().flat_map(|index| index.to_le_bytes());
            (long.collect(), UNSIGNED_INT)
        };
        let view = self.view(&bytes, Some(ELEMENT_ARRAY_BUFFER));
        self.accessors.push(json!({
            "bufferView": view,
            "componentType": kind,
            "count": part.indices.len(),
            "type": "SCALAR",
        }));
        self.accessors.len() - 1
    }

    /// Adds texels of a palette as a picture.
    fn image(&mut self, texels: Vec<u8>) -> Result<(), GlbError> {
        let edge = Palette::TEXTURE_EDGE;
        let png = Picture::new(edge, edge, texels).and_then(|picture| picture.to_png());
        let view = self.view(&png.map_err(GlbError::Palette)?, None);
        self.images
            .push(json!({ "bufferView": view, "mimeType": "image/png" }));
        Ok(())
    }

    /// Adds bytes and returns their view; the next bytes begin at a multiple of 4.
    fn view(&mut self, bytes: &[u8], target: Option<u32>) -> usize {
        let mut view = json!({
            "buffer": 0,
            "byteOffset": self.bin.len(),
            "byteLength": bytes.len(),
        });
        if let (Some(target), Value::Object(view)) = (target, &mut view) {
            view.insert("target".into(), json!(target));
        }
        self.bin.extend_from_slice(bytes);
        self.bin.resize(self.bin.len().next_multiple_of(4), 0);
        self.views.push(view);
        self.views.len() - 1
    }

    /// The whole file.
    fn finish(
        self,
        extras: &Value,
        primitives: &[Value],
        materials: &[Value],
    ) -> Result<Vec<u8>, GlbError> {
        let json = json!({
            "asset": {
                "version": "2.0",
                "generator": concat!("crossworld-trellis ", env!("CARGO_PKG_VERSION")),
                "extras": extras,
            },
            "scene": 0,
            "scenes": [{ "nodes": [0] }],
            "nodes": [{ "name": "model", "mesh": 0 }],
            "meshes": [{ "name": "model", "primitives": primitives }],
            "materials": materials,
            "textures": [{ "sampler": 0, "source": 0 }, { "sampler": 0, "source": 1 }],
            "samplers": [{
                "magFilter": NEAREST,
                "minFilter": NEAREST,
                "wrapS": CLAMP_TO_EDGE,
                "wrapT": CLAMP_TO_EDGE,
            }],
            "images": self.images,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{ "byteLength": self.bin.len() }],
        });
        container::join(json.to_string().into_bytes(), self.bin)
    }
}

/// A material that takes everything from the palette's textures.
fn material(name: &str, translucent: bool) -> Value {
    json!({
        "name": name,
        "alphaMode": if translucent { "BLEND" } else { "OPAQUE" },
        "pbrMetallicRoughness": {
            "baseColorTexture": { "index": 0 },
            "metallicRoughnessTexture": { "index": 1 },
        },
    })
}

fn bounds(positions: &[[f32; 3]]) -> (Vec3, Vec3) {
    positions
        .iter()
        .map(|&position| Vec3::from_array(position))
        .fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(min, max), p| {
            (min.min(p), max.max(p))
        })
}
