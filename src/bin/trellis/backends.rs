//! Which backends a command may use, given `--server` and `--model`.

use crossworld_trellis::backend::Backends;
#[cfg(feature = "server")]
use crossworld_trellis::backend::{Server, SpawnOptions};

/// What `--server` says in the place of an address, to have a server started.
#[cfg(feature = "server")]
const SPAWN: &str = "spawn";

/// The backends, where the one called `server` is at an address or, for 'spawn', a process of our own.
#[cfg(feature = "server")]
pub fn backends(server: Option<&str>) -> Backends {
    let mut backends = Backends::default();
    match server.map(str::to_owned) {
        None => {}
        Some(word) if word == SPAWN => backends.register_with_model(Server::NAME, |model| {
            let options = SpawnOptions {
                model: model.map(Into::into),
                ..SpawnOptions::default()
            };
            Ok(Box::new(Server::spawn(options)?))
        }),
        Some(url) => backends.register(Server::NAME, move || {
            Ok(Box::new(Server::at(&url)?.reached()?))
        }),
    }
    backends
}

/// The backends.
#[cfg(not(feature = "server"))]
pub fn backends(_: Option<&str>) -> Backends {
    Backends::default()
}
