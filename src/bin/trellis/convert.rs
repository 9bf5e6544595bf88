//! `trellis convert`: a file of voxels in another format.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use crossworld_trellis::format::{self, Contents, PaletteChoice, ReadOptions};
use crossworld_trellis::voxel::ColorMatch;
use serde::Serialize;

use crate::failure::Failure;
use crate::info::load;
use crate::output;

/// Write a file of voxels in another format; a mesh is made into voxels.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    trellis convert mushroom.voxels mushroom.csm\n  \
    trellis convert castle.glb castle.vox --resolution 128 --fill")]
pub struct Convert {
    /// File to read; its extension names the format: .voxels, .csm, .bcf, .vox or .glb.
    input: PathBuf,

    /// File to write; likewise.
    output: PathBuf,

    /// Of a mesh (.glb): voxels along each edge of the grid that it is laid on, 1 to 1024 [default: that of the file's own
    /// voxels, else 64].
    #[arg(long, value_name = "CELLS", value_parser = clap::value_parser!(u32).range(1..=1024), allow_negative_numbers = true)]
    resolution: Option<u32>,

    /// Of a mesh (.glb): fill it inside, too, where it is closed.
    #[arg(long)]
    fill: bool,

    #[command(flatten)]
    colors: Colors,

    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Which colours a written file gets.
#[derive(Args)]
pub struct Colors {
    /// The model's own colours, or Crossworld's materials [default: own where the format holds colours].
    #[arg(long, value_name = "NAME")]
    palette: Option<PaletteName>,

    #[command(flatten)]
    matching: Matching,
}

/// How colours become materials.
#[derive(Args)]
pub struct Matching {
    /// Crossworld's materials, named ones (stone, planks, ..) as well as plain colours.
    #[arg(long)]
    named: bool,

    /// Crossworld's materials, two of them mixed where neither comes near.
    #[arg(long)]
    dither: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PaletteName {
    Model,
    Crossworld,
}

impl Matching {
    /// What the flags stand for.
    pub fn color_match(&self) -> ColorMatch {
        ColorMatch {
            named: self.named,
            dither: self.dither,
        }
    }
}

impl Colors {
    /// The choice that the flags stand for.
    pub fn choice(&self) -> PaletteChoice {
        let colors = self.matching.color_match();
        match self.palette {
            Some(PaletteName::Model) => PaletteChoice::Model,
            Some(PaletteName::Crossworld) => PaletteChoice::Crossworld(colors),
            None => PaletteChoice::implied_by(colors),
        }
    }
}

/// What was written.
#[derive(Serialize)]
struct Report {
    input: String,
    output: String,
    bytes: u64,
    voxels: u64,
    resolution: u32,
}

impl Convert {
    pub fn run(self) -> Result<(), Failure> {
        output::check_differs(&self.input, &self.output)?;
        format::check_extension(&self.output)?;
        format::check_writable(&self.output)?;
        let for_meshes = [
            ("--resolution", self.resolution.is_some()),
            ("--fill", self.fill),
        ];
        let given = for_meshes.iter().find(|(_, is_given)| *is_given);
        if let Some((option, _)) = given
            && !has_extension(&self.input, "glb")
        {
            return Err(Needless {
                option,
                purpose: "meshes (.glb)",
                file: self.input,
            }
            .into());
        }
        let options = ReadOptions {
            resolution: self.resolution,
            fill: self.fill,
        };
        let contents: Contents = load(&self.input, &options)?;
        let (voxels, resolution) = (contents.len(), contents.resolution());
        let bytes = format::encode(&self.output, contents, self.colors.choice())?;
        format::write_atomically(&self.output, &bytes)?;
        let report = Report {
            input: self.input.display().to_string(),
            output: self.output.display().to_string(),
            bytes: bytes.len() as u64,
            voxels,
            resolution,
        };
        output::print(&report, self.json)
    }
}

/// An option would do nothing.
#[derive(Debug, thiserror::Error)]
#[error("{option} is for {purpose}: leave it out ({})", file.display())]
pub struct Needless {
    pub option: &'static str,
    pub purpose: &'static str,
    pub file: PathBuf,
}

/// Whether a file's name says that it is of a format.
pub fn has_extension(file: &Path, extension: &str) -> bool {
    file.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case(extension))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} voxels in a grid of {} ({} bytes)",
            self.output, self.voxels, self.resolution, self.bytes
        )
    }
}
