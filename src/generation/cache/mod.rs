//! [`ResultCache`]: results are kept on disk, so that nothing is made twice.
//!
//! A result is a `.voxels` file named by its [`CacheKey`]. Several processes share a folder: the one that claims a
//! result first makes it and the others wait for it. All of it is a convenience: a folder that cannot be read or
//! written is warned of once, and then everything is made as if there were none. What is read is outside data; an
//! entry that is broken in any way is dropped with a warning and made anew.
//!
//! A cache does not know who is worth it: a backend tells by
//! [`crate::backend::Backend::cache_identity`].

mod claim;
mod entry;
mod key;
mod ledger;
mod making;
mod place;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::fs::{File, create_dir_all};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

pub use key::CacheKey;
pub(super) use making::{Keeping, Outcome, generate_or_find_all};
pub use making::{Made, generate_or_find};
pub use place::CACHE_VARIABLE;

use self::ledger::Ledger;
use crate::format::{FormatError, read, write_atomically};
use crate::voxel::SparseVoxels;

/// A folder of results with a bound on its size. Making one touches no disk; clones are the same cache.
#[derive(Clone, Debug)]
pub struct ResultCache {
    folder: PathBuf,
    capacity: u64,
    warned: Arc<AtomicBool>,
}

/// What a cache holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheInfo {
    /// Number of results.
    pub results: usize,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl fmt::Display for CacheInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = self.bytes as f64 / f64::from(1 << 20);
        write!(f, "{} results ({mebibytes:.1} MiB)", self.results)
    }
}

impl PartialEq for ResultCache {
    fn eq(&self, other: &Self) -> bool {
        (&self.folder, self.capacity) == (&other.folder, other.capacity)
    }
}

impl ResultCache {
    /// Most bytes that are kept unless another number is given: 1 GiB, some two thousand models.
    pub const DEFAULT_CAPACITY: u64 = 1 << 30;

    /// The cache in a folder, which is made when the first result is kept.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            capacity: Self::DEFAULT_CAPACITY,
            warned: Arc::default(),
        }
    }

    /// The cache in the folder that `TRELLIS_CACHE` names, else in the user's folder for caches; `None` for a user
    /// who has none.
    #[must_use]
    pub fn of_user() -> Option<Self> {
        place::folder_of_user().map(Self::at)
    }

    /// The same folder with at most so many bytes of results.
    #[must_use]
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Where the results lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Most bytes of results.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Counts what is kept. Looks at every file.
    ///
    /// # Errors
    /// What the system says of the folder; one that is missing is empty.
    pub fn info(&self) -> io::Result<CacheInfo> {
        let kept = ledger::kept(&self.folder)?;
        Ok(CacheInfo {
            results: kept.len(),
            bytes: kept.iter().map(|kept| kept.bytes).sum(),
        })
    }

    /// Removes everything that is kept, and nothing else in the folder; tells how much that was.
    ///
    /// # Errors
    /// What the system says of the folder; one that is missing is empty.
    pub fn clear(&self) -> io::Result<CacheInfo> {
        if !self.folder.try_exists()? {
            return self.info();
        }
        let mut ledger = Ledger::open(&self.folder)?;
        let kept = ledger::kept(&self.folder)?;
        for kept in &kept {
            ledger::remove(&kept.path)?;
        }
        ledger::remove_leftovers(&self.folder)?;
        ledger.write(0)?;
        Ok(CacheInfo {
            results: kept.len(),
            bytes: kept.iter().map(|kept| kept.bytes).sum(),
        })
    }

    /// A kept result.
    #[must_use]
    pub fn find(&self, key: &CacheKey) -> Option<SparseVoxels> {
        let path = self.path(key);
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(FormatError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return None;
            }
            Err(error) => {
                self.warn(&error);
                return None;
            }
        };
        match entry::decode(key, &bytes) {
            Ok(voxels) => {
                // In a folder that cannot be written the order of use does not matter.
                let now = SystemTime::now();
                let _ = File::options()
                    .append(true)
                    .open(&path)
                    .and_then(|file| file.set_modified(now));
                Some(voxels)
            }
            Err(error) => {
                tracing::warn!("a kept result is dropped: {error} ({})", path.display());
                if let Err(error) = ledger::remove(&path) {
                    self.warn(&error);
                }
                None
            }
        }
    }

    /// Keeps a result; others may have to go for it. What is larger than the whole cache is not kept, and what has
    /// no voxels neither.
    pub fn keep(&self, key: &CacheKey, voxels: &SparseVoxels) {
        if voxels.is_empty() {
            return;
        }
        let bytes = entry::encode(key, voxels);
        let room = create_dir_all(&self.folder)
            .and_then(|()| Ledger::open(&self.folder))
            .and_then(|ledger| ledger.make_room(bytes.len() as u64, self.capacity));
        match room {
            Ok(true) => {
                if let Err(error) = write_atomically(&self.path(key), &bytes) {
                    self.warn(&error);
                }
            }
            Ok(false) => {}
            Err(error) => self.warn(&error),
        }
    }

    fn path(&self, key: &CacheKey) -> PathBuf {
        self.folder.join(format!("{key}.{}", ledger::EXTENSION))
    }

    /// Says once that the cache is of no use.
    fn warn(&self, error: &dyn Error) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            let folder = self.folder.display();
            tracing::warn!(
                "results are not kept: {error}; make {folder} a folder that can be written, or name another one with {CACHE_VARIABLE}"
            );
        }
    }
}
