//! `trellis info`: what a file of voxels holds.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use crossworld_trellis::format::{self, FormatError};
use crossworld_trellis::voxel::SparseVoxels;
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// Tell what a file of voxels holds.
#[derive(Args)]
#[command(after_help = "Example:\n  trellis info mushroom.voxels")]
pub struct Info {
    /// File of voxels; its extension names the format: .voxels.
    file: PathBuf,

    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What a file holds.
#[derive(Serialize)]
struct Report {
    file: String,
    bytes: u64,
    voxels: usize,
    resolution: u32,
    bounds: Option<Bounds>,
    /// Distinct RGBA values.
    colors: usize,
    metallic_roughness: bool,
}

/// The box around the voxels, in cells; both corners lie inside.
#[derive(Serialize)]
struct Bounds {
    min: [u16; 3],
    max: [u16; 3],
    size: [u16; 3],
}

impl Info {
    pub fn run(self) -> Result<(), Failure> {
        let voxels = load(&self.file)?;
        let report = Report {
            file: self.file.display().to_string(),
            bytes: std::fs::metadata(&self.file)?.len(),
            voxels: voxels.len(),
            resolution: voxels.resolution(),
            bounds: voxels.bounds().map(|bounds| Bounds {
                min: bounds.min,
                max: bounds.max,
                size: bounds.size(),
            }),
            colors: voxels.rgba().iter().collect::<HashSet<_>>().len(),
            metallic_roughness: voxels.metallic_roughness().is_some(),
        };
        output::print(&report, self.json)
    }
}

/// Loads a file of voxels; an error names the file.
pub fn load(path: &Path) -> Result<SparseVoxels, Failure> {
    format::load(path).map_err(|error| match error {
        FormatError::UnknownExtension { .. }
        | FormatError::Unreadable { .. }
        | FormatError::TooLarge { .. } => error.into(),
        error => Failure::about(path, error),
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "file        {} ({} bytes)", self.file, self.bytes)?;
        writeln!(f, "voxels      {}", self.voxels)?;
        writeln!(f, "resolution  {}", self.resolution)?;
        match &self.bounds {
            Some(Bounds { min, max, size }) => {
                let [x, y, z] = size;
                writeln!(f, "bounds      {min:?} to {max:?}, {x} x {y} x {z} cells")?;
            }
            None => writeln!(f, "bounds      none")?,
        }
        writeln!(f, "colors      {}", self.colors)?;
        let finish = if self.metallic_roughness {
            "per voxel"
        } else {
            "none"
        };
        write!(f, "finish      {finish}")
    }
}
