//! [`encode`]: a model as a `.vox` file.

use glam::I64Vec3;

use crate::voxel::{MAX_LISTED_VOXELS, VoxelModel};

use super::layout::Layout;
use super::placement::pivot;
use super::{VoxError, material};

/// Version of the format.
const VERSION: u32 = 150;

/// Most cells along an axis of a model.
const MODEL_EDGE: u32 = 256;

/// The layer that all pieces lie on.
const LAYER: u32 = 0;

/// What the format has where nothing is meant.
const RESERVED: u32 = u32::MAX;

/// A cube of the grid, which becomes a model of the file.
struct Piece {
    /// Its minimum corner in the file's axes, counted from the grid's.
    corner: [u32; 3],
    /// Its cells on each axis, at most 256.
    size: [u32; 3],
    /// Cells within it, in the file's axes, and palette indices of the file.
    voxels: Vec<[u8; 4]>,
}

/// Writes a model. A grid of more than 256 cells an axis is split into several models that a scene graph puts
/// together again.
///
/// The file has the colours that voxels use, laid out so that Crossworld reads them right as well where there are at
/// most 128 of them, and a material for each that is no matte one. [`decode`](super::decode) reads the same cells,
/// colours and finishes.
///
/// # Errors
/// [`VoxError::TooMany`] above [`MAX_LISTED_VOXELS`], [`VoxError::Color`] where a voxel's colour is not in the
/// palette.
pub fn encode(model: &VoxelModel) -> Result<Vec<u8>, VoxError> {
    let voxels = model.octree().len();
    if voxels > MAX_LISTED_VOXELS {
        return Err(VoxError::TooMany {
            voxels,
            limit: MAX_LISTED_VOXELS,
        });
    }
    let layout = Layout::of(model)?;
    let pieces = pieces(model, &layout);
    let mut chunks = Vec::new();
    for piece in &pieces {
        push_model(&mut chunks, piece);
    }
    if pieces.len() > 1 {
        push_scene(&mut chunks, &pieces, model.resolution());
    }
    push_chunk(&mut chunks, "RGBA", layout.colors.as_flattened());
    for (index, entry) in &layout.used {
        if let Some(properties) = material::properties(entry) {
            let mut content = u32::from(*index).to_le_bytes().to_vec();
            let texts = properties.iter().map(|(key, text)| (*key, text.as_str()));
            push_dictionary(&mut content, texts);
            push_chunk(&mut chunks, "MATL", &content);
        }
    }

    let mut file = b"VOX ".to_vec();
    push_numbers(&mut file, [VERSION]);
    file.extend(b"MAIN");
    push_numbers(&mut file, [0, length(&chunks)]);
    file.extend(chunks);
    Ok(file)
}

/// The cubes of 256 cells that hold voxels, and the first and the last one, which keep the grid's size.
fn pieces(model: &VoxelModel, layout: &Layout) -> Vec<Piece> {
    let resolution = model.resolution();
    let empty = |key: [u32; 3]| {
        let [x, y, z] = key.map(|k| k * MODEL_EDGE);
        let [width, height, depth] = [x, y, z].map(|c| (resolution - c).min(MODEL_EDGE));
        Piece {
            corner: [x, resolution - z - depth, y],
            size: [width, depth, height],
            voxels: Vec::new(),
        }
    };
    let last = [(resolution - 1) / MODEL_EDGE; 3];
    let mut open = [0; 3];
    let mut pieces = vec![empty(open)];
    // Cells come in Morton order, so those of a cube come in one run.
    for (cell, index) in model.octree().cells() {
        let key = cell.map(|c| c / MODEL_EDGE);
        if key != open {
            open = key;
            pieces.push(empty(key));
        }
        if let Some(piece) = pieces.last_mut() {
            let [x, y, z] = cell.map(|c| c % MODEL_EDGE);
            let [_, depth, _] = piece.size;
            let [x, y, z] = [x, depth - 1 - z, y].map(|c| c.to_le_bytes()[0]);
            piece.voxels.push([x, y, z, layout.index(index)]);
        }
    }
    if open != last {
        pieces.push(empty(last));
    }
    pieces
}

/// A canvas and its voxels.
fn push_model(chunks: &mut Vec<u8>, piece: &Piece) {
    let mut size = Vec::new();
    push_numbers(&mut size, piece.size);
    push_chunk(chunks, "SIZE", &size);
    let mut voxels = Vec::with_capacity(4 + 4 * piece.voxels.len());
    push_numbers(&mut voxels, [length(&piece.voxels)]);
    voxels.extend(piece.voxels.as_flattened());
    push_chunk(chunks, "XYZI", &voxels);
}

/// The nodes that put the pieces in place: a root, a group, and for each piece where it stands and what it shows.
/// The grid stands on the world's floor, around its middle.
fn push_scene(chunks: &mut Vec<u8>, pieces: &[Piece], resolution: u32) {
    let count = length(pieces);
    let ids = |place: u32| (2 * place + 2, 2 * place + 3);
    let mut root = Vec::new();
    push_numbers(&mut root, [0, 0, 1, RESERVED, RESERVED, 1, 0]);
    push_chunk(chunks, "nTRN", &root);
    let mut group = Vec::new();
    push_numbers(&mut group, [1, 0, count]);
    push_numbers(&mut group, (0..count).map(|place| ids(place).0));
    push_chunk(chunks, "nGRP", &group);

    let half = i64::from(resolution / 2);
    for (place, piece) in (0..).zip(pieces) {
        let (transform_id, shape_id) = ids(place);
        let corner = I64Vec3::from(piece.corner.map(i64::from)) - I64Vec3::new(half, half, 0);
        let [x, y, z] = (corner + pivot(piece.size)).to_array();
        let mut transform = Vec::new();
        push_numbers(
            &mut transform,
            [transform_id, 0, shape_id, RESERVED, LAYER, 1],
        );
        push_dictionary(
            &mut transform,
            [("_t", &*format!("{x} {y} {z}"))].into_iter(),
        );
        push_chunk(chunks, "nTRN", &transform);
        let mut shape = Vec::new();
        push_numbers(&mut shape, [shape_id, 0, 1, place, 0]);
        push_chunk(chunks, "nSHP", &shape);
    }
    let mut layer = Vec::new();
    push_numbers(&mut layer, [LAYER, 0, RESERVED]);
    push_chunk(chunks, "LAYR", &layer);
}

/// A chunk without others inside it.
pub(super) fn push_chunk(chunks: &mut Vec<u8>, name: &str, content: &[u8]) {
    chunks.extend(name.as_bytes());
    push_numbers(chunks, [length(content), 0]);
    chunks.extend(content);
}

/// A dictionary: how many texts there are, then each key and text with their lengths.
pub(super) fn push_dictionary<'a>(
    bytes: &mut Vec<u8>,
    texts: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
) {
    let count = u32::try_from(texts.len()).unwrap_or(u32::MAX);
    push_numbers(bytes, [count]);
    for text in texts.flat_map(|(key, text)| [key, text]) {
        push_numbers(bytes, [length(text.as_bytes())]);
        bytes.extend(text.as_bytes());
    }
}

pub(super) fn push_numbers(bytes: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    bytes.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
}

/// A length as a file has it. [`MAX_LISTED_VOXELS`] and the number of pieces keep every length far below the limit.
fn length<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
