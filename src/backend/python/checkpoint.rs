//! Whether this machine has what makes the in-process backend worth starting: a checkpoint and a GPU.
//!
//! Looked for on disk only, so that auto costs nothing where they are not; that the files are
//! whole and the GPU works is asked of Python afterwards.

use std::env;
use std::path::{Path, PathBuf};

/// The environment variable with the checkpoint: a folder or a repository of the hub.
pub const MODEL_VARIABLE: &str = "TRELLIS_MODEL_PATH";

/// The checkpoint where none is named, as in `python/crossworld_trellis/config.py`.
const DEFAULT_MODEL: &str = "microsoft/TRELLIS-image-large";

const PIPELINE_FILE: &str = "pipeline.json";

/// Files that are there where a driver for computing is loaded: CUDA, CUDA in WSL, AMD's.
const DEVICES: [&str; 3] = ["/dev/nvidiactl", "/dev/dxg", "/dev/kfd"];

/// The checkpoint that the environment names, else the default one.
pub(super) fn model_source() -> String {
    env::var(MODEL_VARIABLE)
        .ok()
        .filter(|source| !source.is_empty())
        .unwrap_or_else(|| DEFAULT_MODEL.into())
}

/// Whether at least a part of a checkpoint is on this machine.
pub(super) fn is_here(source: &str) -> bool {
    is_in(source, &hub_cache().unwrap_or_default())
}

/// Whether there may be a GPU that computes.
pub(super) fn may_have_gpu() -> bool {
    // macOS on Apple's own chips always has one; how Windows shows its drivers differs.
    cfg!(any(
        windows,
        all(target_os = "macos", target_arch = "aarch64")
    )) || DEVICES.iter().any(|device| Path::new(device).exists())
}

fn is_in(source: &str, hub_cache: &Path) -> bool {
    let folder = match (source.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(source),
    };
    if folder.is_dir() {
        return folder.join(PIPELINE_FILE).is_file();
    }
    let snapshots = hub_cache
        .join(format!("models--{}", source.replace('/', "--")))
        .join("snapshots");
    let snapshots = snapshots.read_dir().into_iter().flatten();
    snapshots
        .flatten()
        .any(|snapshot| snapshot.path().join(PIPELINE_FILE).is_file())
}

/// Where the hub's client keeps its downloads
/// (<https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables>).
fn hub_cache() -> Option<PathBuf> {
    let path = |name: &str| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let of_hub = || path("HF_HOME").map(|folder| folder.join("hub"));
    let of_user = || {
        let cache = path("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")));
        cache.map(|cache| cache.join("huggingface/hub"))
    };
    path("HF_HUB_CACHE").or_else(of_hub).or_else(of_user)
}

fn home() -> Option<PathBuf> {
    env::home_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_checkpoint_is_found_in_its_folder_and_in_the_hubs_cache() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("mine");
        let snapshot = home
            .path()
            .join("hub/models--owner--name/snapshots/0123456789abcdef");
        for place in [&folder, &snapshot] {
            fs::create_dir_all(place).unwrap();
            fs::write(place.join(PIPELINE_FILE), "{}").unwrap();
        }
        let hub = home.path().join("hub");
        assert!(is_in(folder.to_str().unwrap(), &hub));
        assert!(is_in("owner/name", &hub));
        assert!(!is_in("owner/other", &hub));
    }

    #[test]
    fn a_folder_without_a_pipeline_is_no_checkpoint() {
        let home = tempfile::tempdir().unwrap();
        assert!(!is_in(home.path().to_str().unwrap(), home.path()));
    }

    #[test]
    fn both_sides_mean_the_same_checkpoint_and_variable() {
        let python = include_str!("../../../python/crossworld_trellis/config.py");
        assert!(python.contains(&format!("DEFAULT_MODEL = \"{DEFAULT_MODEL}\"")));
        assert!(python.contains(&format!("MODEL_VARIABLE = \"{MODEL_VARIABLE}\"")));
    }
}
