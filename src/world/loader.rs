//! Models as assets: `asset_server.load("tree.bcf")`, also of `.csm`, `.vox` and `.voxels`.
//!
//! A file gives one [`VoxelModel`], a `.vox` all models of its scene as they stand, and under the labels `Coarser1`,
//! `Coarser2` and so on the same in cells two, four and more times as large: `load("tree.bcf#Coarser2")`. Files of
//! materials get Crossworld's palette. What shows a model through [`super::VoxelModel3d`] follows when the file changes.

use std::path::PathBuf;

use bevy::asset::io::Reader;
use bevy::asset::{AssetLoader, AsyncReadExt, LoadContext};
use bevy::reflect::TypePath;
use serde::{Deserialize, Serialize};

use crate::format::{self, Contents, FormatError, PaletteChoice, ReadOptions};
use crate::voxel::{ColorMatch, MAX_RESOLUTION, VoxelModel};

/// Loads [`VoxelModel`]s.
#[derive(TypePath, Default)]
pub struct VoxelModelLoader;

/// How a file becomes a model; for `load_builder().with_settings(..)` or a `.meta` file.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(default)]
pub struct VoxelModelSettings {
    /// Whose colours it has.
    pub colors: LoadedColors,
    /// Most cells per axis; a larger model is made coarser, halving its resolution until it is within.
    pub max_resolution: Option<u32>,
    /// How many coarser models are there under labels; each costs an eighth of the one before.
    pub coarser: u32,
}

impl Default for VoxelModelSettings {
    fn default() -> Self {
        Self {
            colors: LoadedColors::default(),
            max_resolution: None,
            coarser: 3,
        }
    }
}

/// Whose colours a loaded model has.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoadedColors {
    /// Those of the file.
    #[default]
    File,
    /// Crossworld's plain colours, for models that are stamped into its worlds.
    Crossworld {
        /// Whether its named materials may be used besides.
        named: bool,
        /// Whether colours it lacks are mixed from two.
        dither: bool,
    },
}

/// Why a file became no model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VoxelModelLoadError {
    /// The bytes did not come.
    #[error("cannot read the file: {source} ({})", path.display())]
    Read {
        /// What the source says.
        source: std::io::Error,
        /// The file.
        path: PathBuf,
    },
    /// The bytes are no model.
    #[error("{source} ({})", path.display())]
    Content {
        /// What the format says.
        source: FormatError,
        /// The file.
        path: PathBuf,
    },
}

impl AssetLoader for VoxelModelLoader {
    type Asset = VoxelModel;
    type Settings = VoxelModelSettings;
    type Error = VoxelModelLoadError;

    async fn load(
        &self,
        reader: &mut dyn Reader,
        settings: &VoxelModelSettings,
        load_context: &mut LoadContext<'_>,
    ) -> Result<VoxelModel, VoxelModelLoadError> {
        let path = load_context.path().path().to_path_buf();
        // No more than `format::decode` takes, which then refuses it.
        let mut bytes = Vec::new();
        let mut limited = reader.take(format::MAX_FILE_BYTES + 1);
        if let Err(source) = limited.read_to_end(&mut bytes).await {
            return Err(VoxelModelLoadError::Read { source, path });
        }
        let model = format::decode(&path, &bytes, &ReadOptions::default())
            .and_then(|contents| model(contents, settings))
            .map_err(|source| VoxelModelLoadError::Content { source, path })?;
        let mut coarser = model.clone();
        for level in 1..=settings.coarser.min(MAX_RESOLUTION.ilog2()) {
            coarser = coarser.coarser();
            load_context.add_labeled_asset(format!("Coarser{level}"), coarser.clone());
        }
        Ok(model)
    }

    fn extensions(&self) -> &[&str] {
        // Not meshes: those are Bevy's own loaders' matter.
        &["bcf", "csm", "vox", "voxels"]
    }
}

/// A file's contents as a model, as the settings have it.
fn model(contents: Contents, settings: &VoxelModelSettings) -> Result<VoxelModel, FormatError> {
    let limit = settings.max_resolution.unwrap_or(u32::MAX).max(1);
    let contents = match contents {
        // Octrees may be larger than models; made coarser they fit.
        Contents::Materials(mut octree) if settings.max_resolution.is_some() => {
            while octree.edge() > limit.min(MAX_RESOLUTION) {
                octree = octree.coarser();
            }
            Contents::Materials(octree)
        }
        other => other,
    };
    let contents = match settings.colors {
        LoadedColors::File => contents,
        LoadedColors::Crossworld { named, dither } => {
            contents.recolored(PaletteChoice::Crossworld(ColorMatch { named, dither }))?
        }
    };
    let mut model = contents.to_model()?;
    while model.resolution() > limit {
        model = model.coarser();
    }
    Ok(model)
}
