//! Replies that take a while: asked for on a thread of their own or on the worker's, so that no frame waits.

use bevy::prelude::*;
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use super::reply::Say;

type Reply = Result<String, String>;

/// Replies that are still being found out.
#[derive(Resource, Default)]
pub(super) struct Later(Vec<Receiver<Reply>>);

impl Later {
    /// Finds a reply out.
    pub(super) fn find_out(&mut self, ask: impl FnOnce() -> Reply + Send + 'static) {
        let outbox = self.promise();
        let thread = std::thread::Builder::new().name("trellis-asks".into());
        // Without a thread the outbox is dropped, and that is told.
        let _ = thread.spawn(move || outbox.send(ask()));
    }

    /// Where somebody else puts a reply that was promised. Dropping it is told as well.
    pub(super) fn promise(&mut self) -> Sender<Reply> {
        let (outbox, inbox) = bounded(1);
        self.0.push(inbox);
        outbox
    }
}

/// Tells what has been found out.
pub(super) fn tell_found_out(mut later: ResMut<Later>, mut commands: Commands) {
    if later.0.is_empty() {
        return;
    }
    later.0.retain(|inbox| match inbox.try_recv() {
        Ok(reply) => {
            commands.say(reply);
            false
        }
        Err(TryRecvError::Empty) => true,
        Err(TryRecvError::Disconnected) => {
            commands.say(Err("error: this could not be found out; see the log".into()));
            false
        }
    });
}
