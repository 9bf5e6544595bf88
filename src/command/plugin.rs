//! Wiring of this room.

use bevy::prelude::*;

use super::act::{carry_out, tell_failed, tell_finished};
use super::{CommandSpot, TrellisReply};

/// The command `/trellis`.
pub struct CommandPlugin;

impl Plugin for CommandPlugin {
    fn build(&self, app: &mut App) {
        app.add_message::<TrellisReply>()
            .init_resource::<CommandSpot>()
            .add_observer(carry_out)
            .add_observer(tell_finished)
            .add_observer(tell_failed);
        #[cfg(feature = "console")]
        super::console::connect(app);
    }
}
