//! Worlds as files, by extension: plain code that blocks.

use std::error::Error;
use std::path::{Path, PathBuf};

use bevy::ecs::entity::Entity;

use crate::format::{self, FormatError, bcf, csm};
use crate::voxel::{Octree, VoxelWorldError};

/// Why a world was not saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorldFileError {
    /// The entity is no world.
    #[error("entity {entity} has no VoxelWorld (any more)")]
    NoWorld {
        /// The entity.
        entity: Entity,
    },
    /// The world's values are no materials.
    #[error(
        "the world has a palette of its own, its files hold Crossworld's materials: use Palette::crossworld(), or /trellis export"
    )]
    OwnPalette,
    /// The file's voxels are more than a world may have.
    #[error("{source} ({})", path.display())]
    World {
        /// What the world says.
        source: VoxelWorldError,
        /// The file.
        path: PathBuf,
    },
    /// The file could not be reached, or its extension is none of a world's.
    #[error(transparent)]
    File(#[from] FormatError),
    /// The file's content is none, or the world's fits into none.
    #[error("{source} ({})", path.display())]
    Content {
        /// What the format says.
        source: Box<dyn Error + Send + Sync>,
        /// The file.
        path: PathBuf,
    },
}

/// Formats of worlds.
#[derive(Clone, Copy)]
enum Kind {
    Bcf,
    Csm,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, FormatError> {
        let is = |known: &str| {
            path.extension()
                .is_some_and(|e| e.eq_ignore_ascii_case(known))
        };
        match (is("bcf"), is("csm")) {
            (true, _) => Ok(Self::Bcf),
            (_, true) => Ok(Self::Csm),
            _ => Err(FormatError::UnknownExtension {
                path: path.into(),
                known: vec!["bcf", "csm"],
            }),
        }
    }
}

/// Writes an octree of materials so that its depth is kept, which tells where its middle is; returns the number of
/// bytes.
pub(super) fn save(path: &Path, octree: &Octree) -> Result<u64, WorldFileError> {
    let bytes = match Kind::of(path)? {
        Kind::Bcf => bcf::encode_with_depth(octree).map_err(|error| content(error, path))?,
        Kind::Csm => csm::encode_with_depth(octree).map_err(|error| content(error, path))?,
    };
    format::write_atomically(path, &bytes)?;
    Ok(bytes.len() as u64)
}

/// Reads an octree of materials.
pub(super) fn load(path: &Path) -> Result<Octree, WorldFileError> {
    let kind = Kind::of(path)?;
    let bytes = format::read(path)?;
    match kind {
        Kind::Bcf => bcf::decode(&bytes).map_err(|error| content(error, path)),
        Kind::Csm => csm::decode(&bytes).map_err(|error| content(error, path)),
    }
}

fn content(source: impl Error + Send + Sync + 'static, path: &Path) -> WorldFileError {
    WorldFileError::Content {
        source: Box::new(source),
        path: path.into(),
    }
}
