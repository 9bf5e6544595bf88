//! Wiring of this room.

use bevy::prelude::*;

use super::act::carry_out;
use super::files::{
    Asked, Exports, finish_exports, tell_exported, tell_file_failed, tell_loaded, tell_saved,
};
use super::later::{Later, tell_found_out};
use super::making::{tell_failed, tell_finished};
use super::{CommandFolder, CommandSpot, TrellisReply};

/// The command `/trellis`.
pub struct CommandPlugin;

impl Plugin for CommandPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<TrellisReply>()
            .init_resource::<CommandFolder>()
            .init_resource::<CommandSpot>()
            .init_resource::<Asked>()
            .init_resource::<Exports>()
            .init_resource::<Later>()
            .add_systems(Update, (tell_exported, tell_found_out))
            .add_systems(Last, finish_exports)
            .add_observer(carry_out)
            .add_observer(tell_finished)
            .add_observer(tell_failed)
            .add_observer(tell_saved)
            .add_observer(tell_loaded)
            .add_observer(tell_file_failed);
        #[cfg(feature = "console")]
        super::console::connect(app);
    }
}
