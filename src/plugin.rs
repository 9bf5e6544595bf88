//! [`TrellisPlugin`]: all of it.

use bevy::prelude::*;

use crate::command::CommandPlugin;
use crate::image_to_3d::ImageTo3DPlugin;
use crate::world::VoxelModelPlugin;

/// Everything a game needs: pictures to voxels, chunk entities, the `/trellis` command.
///
/// Settings are resources, read at run time: [`crate::image_to_3d::TrellisSettings`],
/// [`crate::world::MeshingSettings`], [`crate::world::LevelOfDetail`], [`crate::backend::Backends`].
pub struct TrellisPlugin;

impl Plugin for TrellisPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins((VoxelModelPlugin, ImageTo3DPlugin, CommandPlugin));
    }
}
