//! The display that a window of the game needs on Linux.

use std::ffi::OsString;

use super::check::Check;

const VARIABLES: [&str; 2] = ["WAYLAND_DISPLAY", "DISPLAY"];

/// The display that the environment names.
pub fn find(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<String> {
    let mut named = VARIABLES.into_iter();
    named.find_map(|name| Some(format!("{name}={}", variable(name)?.to_string_lossy())))
}

/// Says so where there is none; other systems have theirs without a name.
pub fn check(display: Option<String>) -> Option<Check> {
    cfg!(all(unix, not(target_os = "macos"))).then(|| match display {
        Some(display) => Check::ok("display", display),
        None => Check::note(
            "display",
            "none: a window of the game cannot open here, all the rest works",
            "start the game from a desktop, or with 'xvfb-run' for tests",
        ),
    })
}
