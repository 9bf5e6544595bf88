//! [`Contents`]: what a file holds, and how it is turned into what another format can hold.

use crate::voxel::{
    Bounds, ColorMatch, Octree, Palette, SparseVoxels, VoxelModel, VoxelModelError,
};

use super::FormatError;

/// What a file holds: the three kinds of values that formats know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contents {
    /// Voxels with a true colour each: `.voxels`, and meshes made into voxels.
    Sparse(SparseVoxels),
    /// Voxels with a palette: `.vox`.
    Model(VoxelModel),
    /// Crossworld's materials: `.csm` and `.bcf`.
    Materials(Octree),
}

/// Which colours a file gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaletteChoice {
    /// Those of the model where the format holds colours, else Crossworld's materials.
    #[default]
    Auto,
    /// Those of the model.
    Model,
    /// Crossworld's materials, or their colours.
    Crossworld(ColorMatch),
}

impl PaletteChoice {
    /// The choice of someone who only says how materials are chosen, if that: whoever says it means materials.
    #[must_use]
    pub fn implied_by(colors: ColorMatch) -> Self {
        if colors == ColorMatch::default() {
            Self::Auto
        } else {
            Self::Crossworld(colors)
        }
    }
}

impl Contents {
    /// Cells per axis of the grid.
    #[must_use]
    pub fn resolution(&self) -> u32 {
        match self {
            Self::Sparse(voxels) => voxels.resolution(),
            Self::Model(model) => model.resolution(),
            Self::Materials(octree) => octree.edge(),
        }
    }

    /// Number of solid cells.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Sparse(voxels) => voxels.len() as u64,
            Self::Model(model) => model.octree().len(),
            Self::Materials(octree) => octree.len(),
        }
    }

    /// Whether no cell is solid.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The smallest box around the solid cells, or `None` where there are none.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        match self {
            Self::Sparse(voxels) => voxels.bounds(),
            Self::Model(model) => model.bounds(),
            Self::Materials(octree) => octree.bounds(),
        }
    }

    /// A model: true colours are reduced to a palette, materials get Crossworld's.
    ///
    /// # Errors
    /// [`FormatError::Model`] for an octree of more than 1024 cells an axis.
    pub fn to_model(&self) -> Result<VoxelModel, FormatError> {
        Ok(match self {
            Self::Sparse(voxels) => voxels.into(),
            Self::Model(model) => model.clone(),
            Self::Materials(octree) => {
                VoxelModel::new(octree.edge(), octree.clone(), Palette::crossworld().clone())?
            }
        })
    }

    /// Voxels one by one with their colours.
    ///
    /// # Errors
    /// [`FormatError::Model`] for more voxels or a larger grid than can be listed.
    pub fn to_sparse(&self) -> Result<SparseVoxels, FormatError> {
        match self {
            Self::Sparse(voxels) => Ok(voxels.clone()),
            other => Ok(other.to_model()?.to_sparse()?),
        }
    }

    /// Crossworld's materials: colours become the nearest ones.
    ///
    /// # Errors
    /// [`FormatError::Model`] for dithered models of more voxels than can be listed.
    pub fn to_materials(&self, colors: ColorMatch) -> Result<Octree, FormatError> {
        match self {
            Self::Materials(octree) => Ok(octree.clone()),
            other => Ok(other
                .to_model()?
                .with_palette(Palette::crossworld(), colors)?
                .octree()
                .clone()),
        }
    }

    /// The same voxels in other colours.
    ///
    /// # Errors
    /// [`FormatError::Model`], as for the conversions it takes.
    pub fn recolored(self, choice: PaletteChoice) -> Result<Self, FormatError> {
        match choice {
            PaletteChoice::Auto | PaletteChoice::Model => Ok(self),
            PaletteChoice::Crossworld(colors) => Ok(Self::Materials(self.to_materials(colors)?)),
        }
    }
}

impl From<VoxelModelError> for FormatError {
    fn from(source: VoxelModelError) -> Self {
        Self::Model { source }
    }
}
