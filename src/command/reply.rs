//! [`TrellisReply`]: what commands say.

use bevy::prelude::*;

/// What a command has to say, one or more lines; also news of generations and files that commands asked for.
#[derive(Event, Message, Clone, Debug, PartialEq, Eq)]
pub struct TrellisReply {
    /// The text.
    pub text: String,
    /// Whether something went wrong.
    pub is_error: bool,
}

/// Saying something, to observers and readers alike.
pub(super) trait Say {
    fn say(&mut self, reply: Result<String, String>);
}

impl Say for Commands<'_, '_> {
    fn say(&mut self, reply: Result<String, String>) {
        let is_error = reply.is_err();
        let text = reply.unwrap_or_else(|error| error);
        let reply = TrellisReply { text, is_error };
        self.write_message(reply.clone());
        self.trigger(reply);
    }
}
