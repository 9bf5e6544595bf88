//! `trellis dump`: every voxel of a file as a line of text.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use crossworld_trellis::format::{ReadOptions, dump, vox};
use crossworld_trellis::voxel::Octree;

use crate::convert::{Matching, Needless, has_extension};
use crate::failure::Failure;
use crate::info::load;

/// Print every voxel of a file as "x y z material", sorted, below a line "depth D".
///
/// Materials are Crossworld's. A .vox file is read as the Crossworld engine reads it: its first model only, mirrored,
/// with the engine's colours.
#[derive(Args)]
#[command(after_help = "Example:\n  trellis dump house.csm > house.voxels.txt")]
pub struct Dump {
    /// File of voxels: .csm, .bcf, .vox, .voxels or .glb.
    file: PathBuf,

    /// Of a .vox file: move the voxels to the corner of the smallest grid that holds them.
    #[arg(long)]
    compact: bool,

    #[command(flatten)]
    matching: Matching,
}

impl Dump {
    pub fn run(self) -> Result<(), Failure> {
        let octree = self.octree()?;
        let mut out = BufWriter::new(io::stdout().lock());
        match dump::write(&octree, &mut out).and_then(|()| Ok(out.flush()?)) {
            // The reader has seen enough; that is its choice and no failure of ours.
            Err(dump::DumpError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            printed => Ok(printed?),
        }
    }

    fn octree(&self) -> Result<Octree, Failure> {
        if !has_extension(&self.file, "vox") {
            if self.compact {
                return Err(Needless {
                    option: "--compact",
                    purpose: "files of MagicaVoxel (.vox)",
                    file: self.file.clone(),
                }
                .into());
            }
            let contents = load(&self.file, &ReadOptions::default())?;
            return Ok(contents.to_materials(self.matching.color_match())?);
        }
        let extent = match self.compact {
            true => vox::Extent::Compact,
            false => vox::Extent::Canvas,
        };
        let bytes = crossworld_trellis::format::read(&self.file)?;
        let (octree, _) = vox::decode_as_crossworld(&bytes, extent)
            .map_err(|error| Failure::about(&self.file, error))?;
        Ok(octree)
    }
}
