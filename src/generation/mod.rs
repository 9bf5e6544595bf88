//! Generation: jobs, their queue, and the worker thread that does them.
//!
//! A [`Generator`] takes [`Job`]s, keeps them in order of priority, hands one at a time to its worker thread and
//! tells what became of them as [`Event`]s. Nothing here blocks the caller: `submit`, `cancel` and `poll` return
//! at once, and a caller that polls rarely slows no work. A backend that panics fails its job and is started anew;
//! a worker that dies is replaced. Plain Rust without Bevy; entities are the matter of `image_to_3d`.

mod event;
mod generator;
mod job;
mod queue;
mod worker;

pub use event::{Event, GenerationError};
pub use generator::Generator;
pub use job::{Job, JobId, PictureSource, Priority};
