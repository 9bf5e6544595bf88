//! What several test programs need.

#![allow(dead_code, reason = "each test program uses a part of it")]

#[cfg(feature = "bevy")]
pub mod app;
pub mod choir;
pub mod painter;
pub mod puppet;
