//! `trellis info`: what a file of voxels holds.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use crossworld_trellis::format::{self, Contents, FormatError, ReadOptions};
use crossworld_trellis::voxel::{Octree, PaletteEntry};
use serde::Serialize;

use crate::failure::Failure;
use crate::output;

/// Tell what a file of voxels holds.
#[derive(Args)]
#[command(after_help = "Example:\n  trellis info mushroom.voxels")]
pub struct Info {
    /// File of voxels; its extension names the format: .voxels, .csm, .bcf, .vox or .glb.
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
    voxels: u64,
    resolution: u32,
    bounds: Option<Bounds>,
    /// Distinct RGBA values or materials of the voxels.
    colors: usize,
    metallic_roughness: bool,
}

/// The box around the voxels, in cells; both corners lie inside.
#[derive(Serialize)]
struct Bounds {
    min: [u16; 3],
    max: [u16; 3],
    size: [u32; 3],
}

impl Info {
    pub fn run(self) -> Result<(), Failure> {
        let contents = load(&self.file, &ReadOptions::default())?;
        let report = Report {
            file: self.file.display().to_string(),
            bytes: std::fs::metadata(&self.file)?.len(),
            voxels: contents.len(),
            resolution: contents.resolution(),
            bounds: contents.bounds().map(|bounds| Bounds {
                min: bounds.min,
                max: bounds.max,
                size: bounds.size(),
            }),
            colors: count_colors(&contents),
            metallic_roughness: has_finish(&contents),
        };
        output::print(&report, self.json)
    }
}

/// Distinct values of the voxels.
fn count_colors(contents: &Contents) -> usize {
    let used = |octree: &Octree| {
        // A file may share its parts, so that no walk over its leaves would end.
        let mut values = HashSet::new();
        let mut note = |value, _| {
            values.insert(value);
        };
        octree
            .root()
            .fold(octree.depth(), &mut note, &mut |_: [(); 8], _| ());
        values.remove(&0);
        values
    };
    match contents {
        Contents::Sparse(voxels) => voxels.rgba().iter().collect::<HashSet<_>>().len(),
        Contents::Model(model) => used(model.octree()).len(),
        Contents::Materials(octree) => used(octree).len(),
        _ => 0,
    }
}

fn has_finish(contents: &Contents) -> bool {
    match contents {
        Contents::Sparse(voxels) => voxels.metallic_roughness().is_some(),
        Contents::Model(model) => {
            let entries = model.palette().entries().iter();
            entries
                .into_iter()
                .any(|entry| *entry != PaletteEntry::matte(entry.rgba))
        }
        _ => false,
    }
}

/// Loads a file of voxels; an error names the file.
pub fn load(path: &Path, options: &ReadOptions) -> Result<Contents, Failure> {
    format::load(path, options).map_err(|error| match error {
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
