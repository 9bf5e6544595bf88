//! Where results are kept unless a game says otherwise.

use std::ffi::OsString;
use std::path::PathBuf;

/// The environment variable with the folder of kept results.
pub const CACHE_VARIABLE: &str = "TRELLIS_CACHE";

/// The folder that `TRELLIS_CACHE` names, else one in the user's folder for caches; `None` where there is none.
pub(super) fn folder_of_user() -> Option<PathBuf> {
    folder(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
}

fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name| variable(name).map(PathBuf::from);
    if let Some(named) = path(CACHE_VARIABLE) {
        return Some(named);
    }
    let caches = if cfg!(windows) {
        path("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        path("HOME").map(|home| home.join("Library/Caches"))
    } else {
        // The XDG base directory specification has relative paths ignored.
        path("XDG_CACHE_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| path("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("crossworld-trellis").join("results"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_goes_before_the_users_folder() {
        let both = |name: &str| match name {
            CACHE_VARIABLE => Some("here".into()),
            _ => Some("/there".into()),
        };
        assert_eq!(folder(both), Some("here".into()));
    }

    #[test]
    fn a_user_without_any_folder_keeps_nothing() {
        assert_eq!(folder(|_| None), None);
    }

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn a_relative_cache_home_is_ignored() {
        let variables = |name: &str| match name {
            "XDG_CACHE_HOME" => Some("caches".into()),
            "HOME" => Some("/home/me".into()),
            _ => None,
        };
        let expected = "/home/me/.cache/crossworld-trellis/results";
        assert_eq!(folder(variables), Some(expected.into()));
    }
}
