//! Generation: jobs, their queue, and the worker thread that does them.
//!
//! A [`Generator`] takes [`Job`]s, keeps them in order of priority, hands one at a time to its worker thread and
//! tells what became of them as [`Event`]s; jobs of one batch are handed over together. Nothing here blocks the caller: `submit`, `cancel` and `poll` return
//! at once, and a caller that polls rarely slows no work. A backend that panics fails its job and is started anew;
//! a worker that dies is replaced. Results may be kept in a [`ResultCache`] and are then found instead of made. Plain Rust without Bevy; entities are the matter of `image_to_3d`.

mod cache;
mod event;
mod generator;
mod job;
mod queue;
mod worker;

pub use cache::{CACHE_VARIABLE, CacheInfo, CacheKey, Made, ResultCache, generate_or_find};
pub use event::{Event, GenerationError};
pub use generator::Generator;
pub use job::{Job, JobId, PictureSource, Priority};
