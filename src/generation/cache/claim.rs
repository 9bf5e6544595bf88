//! [`Claim`]: the right to make a result, held by one process at a time.
//!
//! A claim is a locked file, so it ends with its process however that ends. Claims only spare double work; nothing
//! breaks where a system has no locks.

use std::fs::{File, TryLockError, create_dir_all, remove_file};
use std::io;
use std::path::{Path, PathBuf};

use super::CacheKey;

/// The folder of locked files, within that of the results.
pub(super) const FOLDER: &str = "claims";

/// A result that is ours to make. Dropping it lets others make it.
#[derive(Debug)]
pub(super) struct Claim {
    _locked: File,
    path: PathBuf,
}

impl Claim {
    /// Claims a result; `None` while somebody else makes it.
    pub(super) fn take(folder: &Path, key: &CacheKey) -> io::Result<Option<Self>> {
        let folder = folder.join(FOLDER);
        create_dir_all(&folder)?;
        let path = folder.join(key.to_string());
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self {
                _locked: file,
                path,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The result is kept: whoever claims it from now on finds it first, so the file may go. The file of a result
    /// that was not made stays, since somebody may wait for its lock.
    pub(super) fn fulfilled(self) {
        let _ = remove_file(&self.path);
    }
}
