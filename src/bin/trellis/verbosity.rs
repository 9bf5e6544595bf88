//! What the library and a server process that it started log, on standard error.

use std::io::{self, IsTerminal};

use tracing::Level;

/// Shows the log: nothing for 0, what happens for 1, everything for 2 and more.
pub fn show_log(verbosity: u8) {
    let level = match verbosity {
        0 => return,
        1 => Level::INFO,
        _ => Level::DEBUG,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .without_time();
    // Fails only where there is one already.
    let _ = log.try_init();
}
