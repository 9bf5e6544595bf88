//! Where a test runs the program: a folder of its own, and files in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crossworld_trellis::format::{self, Contents, PaletteChoice, ReadOptions};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;
use tempfile::TempDir;

const RED: [u8; 4] = [200, 30, 30, 255];
pub const CLEAR: [u8; 4] = [0; 4];

/// A folder of its own for one test, in which the program runs.
pub struct Desk(pub TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Draws a picture of a color for each pixel.
    pub fn picture(&self, name: &str, edge: u32, color: impl Fn(f32, f32) -> [u8; 4]) -> &Self {
        let middle = |pixel: u32| (pixel as f32 + 0.5) / edge as f32 - 0.5;
        let pixels: Vec<u8> = (0..edge * edge)
            .flat_map(|place| color(middle(place % edge), middle(place / edge)))
            .collect();
        let picture = Picture::new(edge, edge, pixels).unwrap();
        picture.save_png(&self.path(name)).unwrap();
        self
    }

    /// A red disc on nothing.
    pub fn disc(&self) -> &Self {
        self.picture(
            "disc.png",
            64,
            |x, y| if x.hypot(y) < 0.4 { RED } else { CLEAR },
        )
    }

    pub fn file(&self, name: &str, bytes: &[u8]) -> &Self {
        fs::write(self.path(name), bytes).unwrap();
        self
    }

    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_trellis"))
            .args(arguments)
            .current_dir(self.0.path())
            .env_remove("TRELLIS_BACKEND")
            .env("TRELLIS_CACHE", self.path("kept"))
            // A server that happens to run here shall not do the work.
            .env("TRELLIS_SERVER_URL", "http://127.0.0.1:1")
            .output()
            .unwrap()
    }

    /// Runs a command line that must succeed, and returns what it prints.
    pub fn done(&self, line: &str) -> String {
        let output = self.run(&words(line));
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "trellis {line}: {errors}");
        assert_eq!(errors, "", "trellis {line}");
        text(&output.stdout)
    }

    /// Runs a command line that must fail with exit code 1, and returns its one line of error.
    pub fn fails(&self, line: &str) -> String {
        let before = self.names();
        let output = self.run(&words(line));
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "trellis {line}: {errors}");
        assert_eq!(errors.lines().count(), 1, "trellis {line}: {errors}");
        assert!(errors.starts_with("error: "), "trellis {line}: {errors}");
        assert!(!errors.contains("panicked"), "trellis {line}: {errors}");
        assert_eq!(text(&output.stdout), "", "trellis {line}");
        assert_eq!(self.names(), before, "trellis {line} left a file behind");
        errors
    }

    /// Runs a command line that must be refused as wrong usage, and returns what it says.
    pub fn misused(&self, line: &str) -> String {
        let output = self.run(&words(line));
        assert_eq!(output.status.code(), Some(2), "trellis {line}");
        text(&output.stderr)
    }

    pub fn names(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }
}

pub fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub fn load(path: &Path) -> SparseVoxels {
    let contents = format::load(path, &ReadOptions::default()).unwrap();
    contents.to_sparse().unwrap()
}

pub fn save(path: &Path, voxels: &SparseVoxels) {
    format::save(path, Contents::Sparse(voxels.clone()), PaletteChoice::Auto).unwrap();
}
