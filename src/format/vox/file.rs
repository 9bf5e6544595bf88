//! [`File`]: what a `.vox` file lists, before the scene graph puts it in place.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::VoxError;
use super::chunk::{Chunk, Chunks, Content, Dictionary};

/// Models, colours, materials and nodes of a file: views of its bytes.
#[derive(Default)]
pub(super) struct File<'a> {
    pub(super) models: Vec<Model<'a>>,
    palette: Option<&'a [[u8; 4]]>,
    /// Materials under their palette index.
    pub(super) materials: HashMap<u8, Dictionary<'a>>,
    /// The scene graph's nodes under their id; `None` for one that the walk has seen.
    pub(super) nodes: HashMap<u32, Option<Chunk<'a>>>,
    pub(super) hidden_layers: HashSet<u32>,
}

/// A canvas and the voxels on it, in the file's axes.
pub(super) struct Model<'a> {
    pub(super) canvas: [u32; 3],
    /// x, y, z and palette index of each; index 0 is no voxel.
    pub(super) voxels: &'a [[u8; 4]],
}

impl<'a> File<'a> {
    /// Reads the chunks that say how the file looks. Animations and unknown chunks are passed over.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, VoxError> {
        let mut file = Self::default();
        let mut canvas = None;
        for chunk in Chunks::open(bytes)? {
            let chunk = chunk?;
            match chunk.name {
                "SIZE" => canvas = Some(chunk.read(size)?),
                "XYZI" => {
                    let canvas = canvas.ok_or_else(|| chunk.damaged("no SIZE comes before it"))?;
                    let voxels = chunk.read(Content::fours)?;
                    check_inside(file.models.len(), canvas, voxels)?;
                    file.models.push(Model { canvas, voxels });
                }
                "RGBA" => {
                    let palette = palette(chunk.content);
                    file.palette =
                        Some(palette.ok_or_else(|| chunk.damaged("it ends within a colour"))?);
                }
                "MATL" => {
                    let (id, properties) = chunk.read(named)?;
                    // Some versions of the program number index 0 as 256.
                    let [id, ..] = id.to_le_bytes();
                    file.materials.insert(id, properties);
                }
                "LAYR" => {
                    let (id, attributes) = chunk.read(named)?;
                    if attributes.hides() {
                        file.hidden_layers.insert(id);
                    }
                }
                "nTRN" | "nGRP" | "nSHP" => {
                    let id = chunk.read(Content::number)?;
                    if file.nodes.insert(id, Some(chunk)).is_some() {
                        return Err(chunk.damaged("another node has its id"));
                    }
                }
                _ => {}
            }
        }
        if file.models.is_empty() {
            return Err(VoxError::NoModel);
        }
        Ok(file)
    }

    /// The file's colours, or MagicaVoxel's own: entry 0 is the colour of palette index 1.
    pub(super) fn colors(&self) -> Cow<'a, [[u8; 4]]> {
        self.palette
            .map_or_else(|| default_palette().into(), Cow::Borrowed)
    }
}

impl Model<'_> {
    pub(super) fn len(&self) -> u64 {
        self.voxels.len() as u64
    }
}

/// The palette of a file that has none.
pub(super) fn default_palette() -> Vec<[u8; 4]> {
    dot_vox::DEFAULT_PALETTE.iter().map(Into::into).collect()
}

/// The content of SIZE.
pub(super) fn size(content: &mut Content<'_>) -> Option<[u32; 3]> {
    Some([content.number()?, content.number()?, content.number()?])
}

/// The content of RGBA, `None` where it is no list of whole colours.
pub(super) fn palette(content: &[u8]) -> Option<&[[u8; 4]]> {
    let (colors, rest) = content.as_chunks();
    rest.is_empty().then_some(colors)
}

/// A number and a dictionary, with which MATL and LAYR begin.
fn named<'a>(content: &mut Content<'a>) -> Option<(u32, Dictionary<'a>)> {
    Some((content.number()?, content.dictionary()?))
}

fn check_inside(model: usize, canvas: [u32; 3], voxels: &[[u8; 4]]) -> Result<(), VoxError> {
    let [width, depth, height] = canvas;
    let inside = |&&[x, y, z, _]: &&[u8; 4]| {
        u32::from(x) < width && u32::from(y) < depth && u32::from(z) < height
    };
    match voxels.iter().find(|voxel| !inside(voxel)) {
        Some(&[x, y, z, _]) => Err(VoxError::Outside {
            model,
            cell: [x, y, z],
            canvas,
        }),
        None => Ok(()),
    }
}
