//! The `.voxels` format: how voxels lie in files and caches and travel between Rust, Python and servers.
//!
//! A [safetensors](https://huggingface.co/docs/safetensors) file with the tensors `coords` (U16, \[N,3\]),
//! `metallic_roughness` (U8, \[N,2\], optional) and `rgba` (U8, \[N,4\]), all little-endian, and the text metadata
//! `format` = `crossworld-voxels`, `version` = `1`, `frame` = `y-up` and `resolution` = cells per axis. Further
//! metadata are [`Notes`]; further tensors are ignored. The writer is deterministic: the same voxels and notes give
//! the same bytes. The bytes may lie at any address.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde_json::json;

use crate::voxel::SparseVoxels;

use super::FormatError;

/// Free metadata of a file, such as which backend made it; the keys of the format itself are not among them.
pub type Notes = BTreeMap<String, String>;

/// Metadata that every file has, besides the resolution.
const IDENTITY: [(&str, &str); 3] = [
    ("format", "crossworld-voxels"),
    ("version", "1"),
    ("frame", "y-up"),
];
const RESOLUTION: &str = "resolution";

/// Most bytes a header may have: ours have a few hundred, the rest is room for notes.
const MAX_HEADER_BYTES: u64 = 1 << 20;

const COORDS: Column = Column {
    name: "coords",
    dtype: Dtype::U16,
    bytes: 2,
    width: 3,
    expected: "U16 of shape [N, 3]",
};
const METALLIC_ROUGHNESS: Column = Column {
    name: "metallic_roughness",
    dtype: Dtype::U8,
    bytes: 1,
    width: 2,
    expected: "U8 of shape [N, 2]",
};
const RGBA: Column = Column {
    name: "rgba",
    dtype: Dtype::U8,
    bytes: 1,
    width: 4,
    expected: "U8 of shape [N, 4]",
};

/// The file of some voxels, without notes.
#[must_use]
pub fn encode(voxels: &SparseVoxels) -> Vec<u8> {
    encode_with_notes(voxels, &Notes::new())
}

/// The file of some voxels. Notes under a key of the format itself are left out.
///
/// Notes of more than a mebibyte in all make a file that [`decode`] refuses.
#[must_use]
pub fn encode_with_notes(voxels: &SparseVoxels, notes: &Notes) -> Vec<u8> {
    let mut metadata = notes.clone();
    metadata.extend(IDENTITY.map(|(key, value)| (key.into(), value.into())));
    metadata.insert(RESOLUTION.into(), voxels.resolution().to_string());

    // U16 first, as in every safetensors file: the widest type leads, so that all of it is aligned.
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".into(), json!(metadata));
    let mut end = 0;
    let columns = [
        Some(COORDS),
        voxels.metallic_roughness().map(|_| METALLIC_ROUGHNESS),
        Some(RGBA),
    ];
    for column in columns.into_iter().flatten() {
        let start = end;
        end += voxels.len() * column.width * column.bytes;
        header.insert(
            column.name.into(),
            json!({
                "data_offsets": [start, end],
                "dtype": column.dtype.to_string(),
                "shape": [voxels.len(), column.width],
            }),
        );
    }
    let mut header = serde_json::Value::Object(header).to_string();
    while !header.len().is_multiple_of(8) {
        header.push(' ');
    }

    let mut bytes = Vec::with_capacity(8 + header.len() + end);
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(
        voxels
            .coords()
            .iter()
            .flatten()
            .flat_map(|c| c.to_le_bytes()),
    );
    bytes.extend(
        voxels
            .metallic_roughness()
            .unwrap_or_default()
            .as_flattened(),
    );
    bytes.extend(voxels.rgba().as_flattened());
    bytes
}

/// The voxels of a file, without its notes.
///
/// # Errors
/// [`FormatError`] as the bytes deserve; nothing panics, and memory is taken only for voxels whose bytes are there.
pub fn decode(bytes: &[u8]) -> Result<SparseVoxels, FormatError> {
    decode_with_notes(bytes).map(|(voxels, _)| voxels)
}

/// The voxels of a file and its notes.
///
/// # Errors
/// As [`decode`].
pub fn decode_with_notes(bytes: &[u8]) -> Result<(SparseVoxels, Notes), FormatError> {
    let (header, data) = split(bytes)?;
    let header: Metadata =
        serde_json::from_slice(header).map_err(|source| FormatError::Header {
            source: source.into(),
        })?;
    // The metadata come first: a file of another version may have any tensors.
    let (resolution, notes) = read_metadata(&header)?;
    if header.data_len() != data.len() {
        return Err(FormatError::Length {
            part: "tensor data",
            expected: header.data_len() as u64,
            got: data.len() as u64,
        });
    }
    let coords = COORDS
        .find(&header, data)?
        .ok_or_else(|| COORDS.missing())?;
    let rgba = RGBA.find(&header, data)?.ok_or_else(|| RGBA.missing())?;
    let finishes = METALLIC_ROUGHNESS.find(&header, data)?;
    let (coords, _) = coords.as_chunks();
    let voxels = SparseVoxels::new(
        resolution,
        coords
            .iter()
            .map(|&[a, b, c, d, e, f]| [[a, b], [c, d], [e, f]].map(u16::from_le_bytes))
            .collect(),
        rgba.as_chunks().0.to_vec(),
        finishes.map(|column| column.as_chunks().0.to_vec()),
    )?;
    Ok((voxels, notes))
}

/// The header and the tensor data of a file.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), FormatError> {
    let short = |part, expected, got: usize| FormatError::Length {
        part,
        expected,
        got: got as u64,
    };
    let (length, rest) = bytes
        .split_first_chunk()
        .ok_or_else(|| short("length field", 8, bytes.len()))?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER_BYTES {
        return Err(FormatError::HeaderTooLarge {
            got: length,
            limit: MAX_HEADER_BYTES,
        });
    }
    usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| short("header", length, rest.len()))
}

/// Checks the metadata of the format and returns the resolution and the notes.
fn read_metadata(header: &Metadata) -> Result<(u32, Notes), FormatError> {
    let mut notes: Notes = header.metadata().iter().flatten().map(owned).collect();
    let wrong = |key, got: &str, expected| FormatError::Metadata {
        key,
        got: got.chars().take(40).collect(),
        expected,
    };
    for (key, expected) in IDENTITY {
        match notes.remove(key) {
            Some(got) if got == expected => {}
            Some(got) => return Err(wrong(key, &got, expected)),
            None => return Err(FormatError::MissingMetadata { key, expected }),
        }
    }
    let expected = "a number from 1 to 1024";
    let resolution = notes
        .remove(RESOLUTION)
        .ok_or(FormatError::MissingMetadata {
            key: RESOLUTION,
            expected,
        })?;
    match resolution.parse() {
        Ok(number) => Ok((number, notes)),
        Err(_) => Err(wrong(RESOLUTION, &resolution, expected)),
    }
}

fn owned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

/// A tensor of the format: rows of `width` numbers, one row per voxel.
struct Column {
    name: &'static str,
    dtype: Dtype,
    /// Bytes of one number.
    bytes: usize,
    width: usize,
    /// Type and shape in words.
    expected: &'static str,
}

impl Column {
    /// The bytes of this tensor, checked to be whole rows of the right type, or `None` where the file has none.
    fn find<'a>(&self, header: &Metadata, data: &'a [u8]) -> Result<Option<&'a [u8]>, FormatError> {
        let Some(info) = header.info(self.name) else {
            return Ok(None);
        };
        let TensorInfo {
            dtype,
            shape,
            data_offsets: (start, end),
        } = info;
        let fits = *dtype == self.dtype && matches!(shape[..], [_, width] if width == self.width);
        // `Metadata` has compared shape and offsets, the caller the offsets and the data.
        match data.get(*start..*end) {
            Some(rows) if fits => Ok(Some(rows)),
            _ => Err(FormatError::Tensor {
                name: self.name,
                got: describe(*dtype, shape),
                expected: self.expected,
            }),
        }
    }

    fn missing(&self) -> FormatError {
        FormatError::MissingTensor {
            name: self.name,
            expected: self.expected,
        }
    }
}

/// Type and shape of a tensor in words; a shape of many axes is cut.
fn describe(dtype: Dtype, shape: &[usize]) -> String {
    let axes: Vec<String> = shape.iter().take(4).map(usize::to_string).collect();
    let more = if shape.len() > 4 { ", .." } else { "" };
    format!("{dtype} of shape [{}{more}]", axes.join(", "))
}

#[cfg(test)]
mod tests;
