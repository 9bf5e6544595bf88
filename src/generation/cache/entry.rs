//! Entries: a `.voxels` file that carries a digest of its contents, so that a flipped bit is found too.

use crate::format::FormatError;
use crate::format::voxels::{Notes, decode_with_notes, encode_with_notes};
use crate::voxel::SparseVoxels;

use super::CacheKey;

/// The note with the digest.
const DIGEST: &str = "digest";

/// Why an entry is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("its contents do not match its digest")]
    Digest,
}

pub(super) fn encode(key: &CacheKey, voxels: &SparseVoxels) -> Vec<u8> {
    let notes = Notes::from([(DIGEST.into(), digest(key, voxels))]);
    encode_with_notes(voxels, &notes)
}

pub(super) fn decode(key: &CacheKey, bytes: &[u8]) -> Result<SparseVoxels, EntryError> {
    let (voxels, notes) = decode_with_notes(bytes)?;
    match notes.get(DIGEST) {
        Some(noted) if *noted == digest(key, &voxels) => Ok(voxels),
        _ => Err(EntryError::Digest),
    }
}

/// The key is part of it: an entry under another one's name is as wrong as a broken one.
fn digest(key: &CacheKey, voxels: &SparseVoxels) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.bytes());
    hasher.update(&voxels.resolution().to_le_bytes());
    hasher.update(bytemuck::cast_slice(voxels.coords()));
    hasher.update(voxels.rgba().as_flattened());
    if let Some(finishes) = voxels.metallic_roughness() {
        hasher.update(finishes.as_flattened());
    }
    hasher.finalize().to_hex().to_string()
}
