//! Letting go of the meshes of chunks that are taken down, a few a frame: a model of millions of voxels has hundreds of
//! megabytes of them, and to free those takes longer than a frame may.

use bevy::prelude::*;

/// Meshes that are let go of in a frame.
const PER_FRAME: usize = 64;

/// Meshes that nothing shows any more.
#[derive(Resource, Default)]
pub(super) struct RetiredMeshes(Vec<Handle<Mesh>>);

impl RetiredMeshes {
    /// Keeps meshes until their turn comes.
    pub(super) fn extend(&mut self, meshes: impl IntoIterator<Item = Handle<Mesh>>) {
        self.0.extend(meshes);
    }
}

/// Lets go of some meshes.
pub(super) fn let_go(mut retired: ResMut<RetiredMeshes>) {
    let rest = retired.0.len().saturating_sub(PER_FRAME);
    // Seen as a change only where there is one.
    if !retired.0.is_empty() {
        retired.0.truncate(rest);
    }
}
