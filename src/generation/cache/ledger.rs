//! The bound: how many bytes are kept, and which results go when there are too many.
//!
//! A small file holds the sum, so that keeping one more result looks at no other. It counts a result before that is
//! written: after a crash it says too much, never too little, and it is made right whenever the bound is reached and
//! the folder is looked through. Then the results go that were not used for the longest time, which their
//! modification times tell, until a tenth of the bound is free: so that happens rarely.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::claim;

/// Name of the file with the sum.
const SUM: &str = "bytes";

/// Extension of results.
pub(super) const EXTENSION: &str = "voxels";

/// Age of temporary files that no writer still writes.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Age of claims that nobody still holds.
const FORGOTTEN: Duration = Duration::from_secs(24 * 60 * 60);

/// A result in the folder.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    used: SystemTime,
}

/// The sum, locked against other writers.
pub(super) struct Ledger<'a> {
    folder: &'a Path,
    file: File,
}

impl<'a> Ledger<'a> {
    /// Opens the sum of a folder that is there.
    pub(super) fn open(folder: &'a Path) -> io::Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(SUM))?;
        match file.lock() {
            // Without locks two writers may make the sum wrong, until the bound is reached.
            Err(error) if error.kind() != ErrorKind::Unsupported => Err(error),
            _ => Ok(Self { folder, file }),
        }
    }

    /// Makes room for one more result and counts it; `false` where it is larger than the bound.
    pub(super) fn make_room(mut self, bytes: u64, bound: u64) -> io::Result<bool> {
        if bytes > bound {
            return Ok(false);
        }
        let fits = |sum: &u64| sum.saturating_add(bytes) <= bound;
        let sum = match self.read().filter(fits) {
            Some(sum) => sum,
            None => self.tidy(bytes, bound)?,
        };
        self.write(sum + bytes)?;
        Ok(true)
    }

    /// Notes how many bytes are kept.
    pub(super) fn write(&mut self, sum: u64) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(format!("{sum:020}\n").as_bytes())
    }

    fn read(&mut self) -> Option<u64> {
        let mut text = String::new();
        (&mut self.file).take(64).read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }

    /// Looks through the folder and takes out what is too much beside `bytes` more; returns the sum of what stays.
    fn tidy(&self, bytes: u64, bound: u64) -> io::Result<u64> {
        remove_older(&self.folder.join(claim::FOLDER), FORGOTTEN, |_| true)?;
        remove_older(self.folder, ABANDONED, is_temporary)?;
        let mut kept = kept(self.folder)?;
        let mut sum: u64 = kept.iter().map(|kept| kept.bytes).sum();
        if sum.saturating_add(bytes) > bound {
            let goal = (bound / 10 * 9).saturating_sub(bytes);
            kept.sort_unstable_by_key(|kept| kept.used);
            for old in kept {
                if sum <= goal {
                    break;
                }
                remove(&old.path)?;
                sum -= old.bytes;
            }
        }
        Ok(sum)
    }
}

/// Every result in a folder; none where there is no folder.
pub(super) fn kept(folder: &Path) -> io::Result<Vec<Kept>> {
    let mut all = Vec::new();
    for (name, path) in files(folder)? {
        // Somebody else may have taken it out just now.
        if is_result(&name)
            && let Ok(about) = fs::metadata(&path)
        {
            all.push(Kept {
                path,
                bytes: about.len(),
                used: about.modified()?,
            });
        }
    }
    Ok(all)
}

/// Removes files of a crash, whatever their age.
pub(super) fn remove_leftovers(folder: &Path) -> io::Result<()> {
    remove_older(folder, Duration::ZERO, is_temporary)
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_older(folder: &Path, age: Duration, fits: impl Fn(&str) -> bool) -> io::Result<()> {
    for (name, path) in files(folder)? {
        let old = || {
            let modified = fs::metadata(&path).and_then(|about| about.modified()).ok();
            modified.and_then(|time| time.elapsed().ok()) >= Some(age)
        };
        if fits(&name) && old() {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Names and paths in a folder; none where there is no folder.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let named = entries.map(|entry| {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Ok((name, entry.path()))
    });
    named.collect()
}

/// Whether a file is one of ours: a user's own models may lie in the folder, too.
fn is_result(name: &str) -> bool {
    let stem = name
        .strip_suffix(EXTENSION)
        .and_then(|name| name.strip_suffix('.'));
    stem.is_some_and(is_key)
}

/// Whether a file is what a writer of one of ours writes first.
fn is_temporary(name: &str) -> bool {
    let name = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(".tmp"));
    let key = name.and_then(|name| name.split('.').next());
    key.is_some_and(is_key)
}

fn is_key(text: &str) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(digit)
}
