//! `trellis cache`: results that are kept, so that nothing is made twice.

use std::fmt;
use std::io;

use clap::{Args, Subcommand};
use crossworld_trellis::generation::{CACHE_VARIABLE, CacheInfo, ResultCache};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// Look at the results that are kept, or remove them.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  trellis cache info\n  trellis cache clear --json\n\n\
    TRELLIS_CACHE names another folder."
)]
pub struct Cache {
    #[command(subcommand)]
    verb: Verb,

    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// How many results are kept, how large they are and where.
    Info,
    /// Remove all of them; other files in the folder stay.
    Clear,
}

/// The user has no folder for caches.
#[derive(Debug, thiserror::Error)]
#[error("there is no folder to keep results in: name one with {CACHE_VARIABLE}")]
struct NoFolder;

/// The folder does not let itself be read or cleared.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at what is kept: {source} ({folder})")]
struct Closed {
    source: io::Error,
    folder: String,
}

/// What is kept, or was.
#[derive(Serialize)]
struct Report {
    folder: String,
    results: usize,
    bytes: u64,
    /// Most bytes that are kept.
    capacity: u64,
    /// Whether they have been removed.
    removed: bool,
}

impl Cache {
    pub fn run(self) -> Result<(), Failure> {
        let cache = ResultCache::of_user().ok_or(NoFolder)?;
        let folder = cache.folder().display().to_string();
        let removed = matches!(self.verb, Verb::Clear);
        let done = if removed { cache.clear() } else { cache.info() };
        let CacheInfo { results, bytes } = done.map_err(|source| Closed {
            source,
            folder: folder.clone(),
        })?;
        let report = Report {
            folder,
            results,
            bytes,
            capacity: cache.capacity(),
            removed,
        };
        output::print(&report, self.json)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self { results, bytes, .. } = self;
        let info = CacheInfo { results, bytes };
        if self.removed {
            write!(f, "removed {info} from {}", self.folder)
        } else {
            let capacity = self.capacity >> 20;
            write!(f, "{info} of at most {capacity} MiB in {}", self.folder)
        }
    }
}
