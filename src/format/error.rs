//! [`FormatError`]: why a file was refused.

use std::error::Error;
use std::path::PathBuf;

use crate::voxel::{SparseVoxelsError, VoxelModelError};

use super::MAX_FILE_BYTES;
use super::{bcf::BcfError, csm::CsmError, glb::GlbError, vox::VoxError};

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// No format has this extension.
    #[error(
        "the extension names no known format: use .{} ({})",
        known.join(", ."), path.display()
    )]
    UnknownExtension {
        /// The file.
        path: PathBuf,
        /// Extensions there are.
        known: Vec<&'static str>,
    },
    /// The file could not be read.
    #[error("cannot read the file: {source} ({})", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write the file: {source} ({})", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("the file has more than {} MiB: nothing that large is read ({})", MAX_FILE_BYTES >> 20, path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The data ends early or goes on after its end.
    #[error(
        "the {part} should have {expected} bytes, but {got} are there: copy or make the file again"
    )]
    Length {
        /// Which part of the file.
        part: &'static str,
        /// Bytes it should have.
        expected: u64,
        /// Bytes that are there.
        got: u64,
    },
    /// The header claims to be larger than any header is.
    #[error(
        "this is no safetensors file: its header would have {got} bytes, at most {limit} are allowed"
    )]
    HeaderTooLarge {
        /// Bytes claimed.
        got: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The header is no safetensors header, or its tensors overlap, leave holes or do not fit their shapes.
    #[error("the header is no valid safetensors header: {source}")]
    Header {
        /// What the parser said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A metadata entry is missing.
    #[error("the metadata has no '{key}': it should be '{expected}'")]
    MissingMetadata {
        /// The entry.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A metadata entry has a value that this reader does not know.
    #[error("the metadata says {key} = {got:?}, this reader knows '{expected}' only")]
    Metadata {
        /// The entry.
        key: &'static str,
        /// Its value, cut to a readable length.
        got: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A tensor is missing.
    #[error("the tensor '{name}' is missing: it should be {expected}")]
    MissingTensor {
        /// The tensor.
        name: &'static str,
        /// Its type and shape.
        expected: &'static str,
    },
    /// A tensor has another type or shape.
    #[error("the tensor '{name}' is {got}, it should be {expected}")]
    Tensor {
        /// The tensor.
        name: &'static str,
        /// Its type and shape.
        got: String,
        /// What they should be.
        expected: &'static str,
    },
    /// The voxels contradict each other or their grid.
    #[error(transparent)]
    Voxels(#[from] SparseVoxelsError),
    /// What one format holds does not fit into another.
    #[error("the format cannot hold this: {source}")]
    Model {
        /// What does not fit.
        source: VoxelModelError,
    },
    /// The format holds Crossworld's materials, but a model's own colours were asked for.
    #[error(
        "the format holds Crossworld's materials, not a model's own colours: do not ask for the palette 'model' ({})",
        path.display()
    )]
    OnlyMaterials {
        /// The file.
        path: PathBuf,
    },
    /// A `.csm` file was refused.
    #[error(transparent)]
    Csm(#[from] CsmError),
    /// A `.bcf` file was refused.
    #[error(transparent)]
    Bcf(#[from] BcfError),
    /// A `.vox` file was refused.
    #[error(transparent)]
    Vox(#[from] VoxError),
    /// A `.glb` file was refused.
    #[error(transparent)]
    Glb(#[from] GlbError),
}
