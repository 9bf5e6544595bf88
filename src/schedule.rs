//! [`TrellisSystems`]: the order of everything this crate does in a frame.

use bevy::ecs::schedule::SystemSet;

/// What happens in a frame, in this order, all in the schedule `Update`. Order your systems against these.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrellisSystems {
    /// Requests whose pictures have arrived go to the worker, cancellations take effect, and worlds are saved and
    /// loaded.
    Collect,
    /// News from the worker becomes events, previews and models.
    Receive,
    /// New and changed models go to the meshing tasks.
    Mesh,
    /// Finished meshes become chunk entities, as many as the frame budget allows.
    Publish,
}
