//! Pictures into entities: the game's side of generation.
//!
//! [`ImageTo3D::generate`] returns an entity at once; it carries a [`Generation`] that tells how far it is, and
//! events on it tell the same to observers. While the work goes on a child shows ghost voxels; at the end the
//! entity gains a [`crate::world::VoxelModel3d`] and its chunks, or the model is stamped into a voxel world, see
//! [`Placement`]. Despawning the entity cancels the work. The work itself is done in [`crate::generation`], the chunks
//! in [`crate::world`].

mod collect;
mod generation;
mod photo;
mod picture_input;
mod placement;
mod plugin;
mod receive;
mod request;
mod resource;
mod settings;
mod variants;

pub use generation::{
    Generation, GenerationCancelled, GenerationFailed, GenerationFinished, GenerationPreview,
    GenerationProgress, GenerationStatus,
};
pub use picture_input::PictureInput;
pub use placement::Placement;
pub use plugin::ImageTo3DPlugin;
pub use request::GenerateRequest;
pub use resource::ImageTo3D;
pub use settings::TrellisSettings;
