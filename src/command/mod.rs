//! The in-game command `/trellis ...`, from a console or from code.
//!
//! Trigger a [`TrellisCommand`] with the line a player typed; what there is to say comes as [`TrellisReply`] (an
//! event and a message). With the feature `console` the crate `bevy_console` does both, under the names `trellis`
//! and `/trellis`. Parsing is plain code in `line`; acting is a matter of observers.

mod act;
#[cfg(feature = "console")]
mod console;
mod files;
mod later;
mod line;
mod making;
mod plugin;
mod reply;
mod upkeep;

pub use act::TrellisCommand;
pub use files::CommandFolder;
pub use making::CommandSpot;
pub use plugin::CommandPlugin;
pub use reply::TrellisReply;
