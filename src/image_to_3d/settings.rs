//! [`TrellisSettings`]: what holds for every request that does not say otherwise.

use bevy::prelude::*;

use crate::backend::{BackendChoice, Prompt};
use crate::generation::ResultCache;
use crate::world::VoxelSize;

use super::Placement;

/// Defaults of requests. Insert or change it at any time; it is read when a request is made ready.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct TrellisSettings {
    /// Who does the work that names nobody. Requests that wait follow a change at once; the one at work is finished by
    /// who began it.
    pub backend: BackendChoice,
    /// The model of backends that have a choice: a folder, or a repository of the hub such as `microsoft/TRELLIS.2-4B`;
    /// `None` is the one that `TRELLIS_MODEL_PATH` names, else the published TRELLIS. A change is followed as that of
    /// the backend is; what the model before held is freed. A server that runs anyway, and `inflate`, keep to theirs.
    pub model: Option<String>,
    /// Cells per axis. It decides how large things are, so it does not change with the model.
    pub resolution: u32,
    /// Edge of a voxel in metres.
    pub voxel_size: f32,
    /// Whether things become entities of their own or parts of a world.
    pub placement: Placement,
    /// Whether ghost voxels show while the work goes on.
    pub previews: bool,
    /// Where results are kept and found again, and how many bytes of them; `None` keeps none. Backends
    /// that are quick or cannot tell their model, such as `inflate`, keep none.
    pub cache: Option<ResultCache>,
    /// Most requests that may wait; read when the first request is made.
    pub queue_capacity: usize,
}

impl Default for TrellisSettings {
    fn default() -> Self {
        Self {
            backend: BackendChoice::Auto,
            model: None,
            resolution: Prompt::DEFAULT_RESOLUTION,
            voxel_size: VoxelSize::default().0,
            placement: Placement::default(),
            previews: true,
            cache: ResultCache::of_user(),
            queue_capacity: 64,
        }
    }
}
