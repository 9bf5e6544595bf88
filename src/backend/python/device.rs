//! Whether this machine has what makes the in-process backend worth starting: a driver of a GPU.
//!
//! Looked for on disk only, so that auto costs nothing where there is none; that the GPU works is asked of Python
//! afterwards.

use std::path::Path;

/// What Python calls the processor as a device.
pub(super) const CPU: &str = "cpu";

/// Files that are there where a driver for computing is loaded: CUDA, CUDA in WSL, AMD's.
const DEVICES: [&str; 3] = ["/dev/nvidiactl", "/dev/dxg", "/dev/kfd"];

/// Whether there may be a GPU that computes.
pub(super) fn may_have_gpu() -> bool {
    // macOS on Apple's own chips always has one; how Windows shows its drivers differs.
    cfg!(any(
        windows,
        all(target_os = "macos", target_arch = "aarch64")
    )) || DEVICES.iter().any(|device| Path::new(device).exists())
}
