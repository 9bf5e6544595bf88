//! The server of the Python package as a process, with a tiny checkpoint on the CPU: asked by the backend, by curl and
//! by the program `trellis`, stopped and killed.
//!
//! Needs a Python with torch: the one that `TRELLIS_PYTHON` names, else the one that `./check` makes. Without, every
//! test says that it is skipped.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message"
)]
#![cfg(unix)]

#[cfg(feature = "bevy")]
mod app;
mod batch;
#[cfg(feature = "cli")]
mod command_line;
#[cfg(feature = "bevy")]
#[allow(
    clippy::panic,
    reason = "those who help in tests are not seen as tests themselves"
)]
#[path = "../common/mod.rs"]
mod common;
mod curl;
mod killing;
mod log;
mod place;
mod process;
mod running;
mod streaming;
