//! Writing files so that a crash at any moment leaves the old file or the new one, never a half.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::FormatError;

/// Writes a whole file: to a temporary one in the same folder, flushed to the disk, then renamed over `path`.
///
/// A link at `path` is replaced by the file. After a power cut a file named `.NAME.PID-N.tmp` may be left behind.
///
/// # Errors
/// [`FormatError::Unwritable`]; what was at `path` is untouched then, and no temporary file is left.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), FormatError> {
    refuse_folder(path)
        .and_then(|()| {
            let (temporary, mut file) = create_beside(path)?;
            let written = file
                .write_all(bytes)
                .and_then(|()| file.sync_all())
                .and_then(|()| fs::rename(&temporary, path));
            if written.is_err() {
                // The first error is the one to tell; a second one here would only hide it.
                let _ = fs::remove_file(&temporary);
            }
            written
        })
        .map_err(|source| unwritable(path, source))?;
    sync_folder(path);
    Ok(())
}

/// Whether a file could be written to `path`, for asking before long work. Leaves no trace.
///
/// # Errors
/// [`FormatError::Unwritable`] when the folder is missing or closed, or `path` is a folder itself.
pub fn check_writable(path: &Path) -> Result<(), FormatError> {
    refuse_folder(path)
        .and_then(|()| create_beside(path))
        .and_then(|(temporary, _)| fs::remove_file(temporary))
        .map_err(|source| unwritable(path, source))
}

fn refuse_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        Err(ErrorKind::IsADirectory.into())
    } else {
        Ok(())
    }
}

/// A fresh file in the folder of `path`, under a name that no other writer takes.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static WRITES: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().ok_or(ErrorKind::InvalidFilename)?;
    loop {
        let count = WRITES.fetch_add(1, Ordering::Relaxed);
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{count}.tmp", process::id()));
        let temporary = path.with_file_name(hidden);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
        {
            // Left by a process that had our id before it died; the next count is free.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (temporary, file)),
        }
    }
}

/// Asks the system to make the rename itself last. Some systems and file systems cannot; the file is complete anyway.
fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

fn unwritable(path: &Path, source: io::Error) -> FormatError {
    FormatError::Unwritable {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_in(folder: &Path) -> Vec<OsString> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.voxels");
        write_atomically(&path, b"a much longer old text").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names_in(folder.path()), ["a.voxels"]);
    }

    #[test]
    fn checking_leaves_no_trace() {
        let folder = tempfile::tempdir().unwrap();
        check_writable(&folder.path().join("a.voxels")).unwrap();
        assert!(names_in(folder.path()).is_empty());
    }

    #[test]
    fn a_missing_folder_a_folder_and_a_file_as_folder_are_unwritable() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [
            folder.path().join("missing/a.voxels"),
            folder.path().into(),
            file.join("a.voxels"),
            "..".into(),
            "".into(),
        ] {
            let checked = check_writable(&path).unwrap_err();
            assert!(matches!(checked, FormatError::Unwritable { .. }));
            assert!(write_atomically(&path, b"text").is_err(), "{path:?}");
        }
        assert_eq!(names_in(folder.path()), ["file"]);
    }

    #[test]
    fn many_writers_of_one_file_leave_one_of_their_texts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.voxels");
        std::thread::scope(|scope| {
            for text in [[b'a'; 5000], [b'b'; 5000], [b'c'; 5000]] {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write_atomically(path, &text).unwrap()));
            }
        });
        let text = fs::read(&path).unwrap();
        assert_eq!(text.len(), 5000);
        assert!(text.iter().all(|byte| *byte == text[0]));
        assert_eq!(names_in(folder.path()).len(), 1);
    }
}
