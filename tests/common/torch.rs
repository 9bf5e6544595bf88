//! A tiny checkpoint, and the backend that runs it in this process.
//!
//! Python is the one that `TRELLIS_PYTHON` names or that is found without; it must have torch and the other
//! dependencies of `python/pyproject.toml`. The package itself is this checkout's.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crossworld_trellis::backend::{Interpreter, Prompt, Python};
use crossworld_trellis::format::voxels;
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;

pub const PICTURE: &str = "assets/images/mushroom_house.png";

/// The folder with the package.
pub fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// Runs a command of the package in a process of its own.
pub fn run(arguments: &[&str]) {
    let program = Interpreter::find().unwrap().program;
    let output = Command::new(&program)
        .args(["-m", "crossworld_trellis"])
        .args(arguments)
        .env("PYTHONPATH", package())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A tiny checkpoint in a folder of its own.
pub fn checkpoint(folder: &Path) -> PathBuf {
    let place = folder.join("tiny");
    run(&["make-tiny", place.to_str().unwrap()]);
    place
}

/// A tiny checkpoint of TRELLIS.2 that tests share, none of which changes it.
pub fn shared_checkpoint_2() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, place) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("tiny2");
        run(&["make-tiny", place.to_str().unwrap(), "--family", "trellis2"]);
        (folder, place)
    });
    place
}

/// The tiny checkpoint that tests share, none of which changes it.
pub fn shared_checkpoint() -> &'static Path {
    static MADE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, place) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let place = checkpoint(folder.path());
        (folder, place)
    });
    place
}

/// The backend over a checkpoint.
pub fn backend(checkpoint: &Path) -> Python {
    Python::new()
        .with_packages(package())
        .with_model(checkpoint.to_str().unwrap())
}

pub fn picture() -> Picture {
    Picture::open(Path::new(PICTURE)).unwrap()
}

pub fn prompt(seed: u64) -> Prompt {
    Prompt {
        seed,
        ..Prompt::new(picture())
    }
}

/// What the command line of the package makes of the same picture.
pub fn made_by_command_line(checkpoint: &Path, seed: u64) -> SparseVoxels {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("made.voxels");
    let (file_name, seed) = (file.to_str().unwrap(), seed.to_string());
    let model = checkpoint.to_str().unwrap();
    run(&[
        "generate",
        PICTURE,
        "-o",
        file_name,
        "--model",
        model,
        "--seed",
        &seed,
        "--resolution",
        "64",
    ]);
    voxels::decode(&std::fs::read(file).unwrap()).unwrap()
}

/// One test at a time: there is one Python in the process, and some tests bend what is in it.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces `Trellis._encode`, which a generation calls early, by a function with this body until the guard is
/// dropped. The body sees the original as `original`, its arguments as `a` and `k`, and the list `calls`, to which
/// it may append.
pub struct Bent;

impl Bent {
    pub fn encode(body: &str) -> Self {
        let code = format!(
            "import crossworld_trellis.pipeline as p\n\
             original = p.Trellis._encode\n\
             calls = []\n\
             def bent(*a, original=original, calls=calls, **k):\n    {body}\n\
             bent.original = original\n\
             p.Trellis._encode = bent\n"
        );
        run_inside(&code);
        Self
    }
}

impl Drop for Bent {
    fn drop(&mut self) {
        run_inside(
            "import crossworld_trellis.pipeline as p\np.Trellis._encode = p.Trellis._encode.original\n",
        );
    }
}

/// Runs code in the Python of this process.
pub fn run_inside(code: &str) {
    let code = std::ffi::CString::new(code).unwrap();
    // One dictionary for both, as for a module.
    pyo3::Python::attach(|py| py.run(&code, None, None)).unwrap();
}
