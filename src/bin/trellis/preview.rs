//! `trellis preview`: a picture of a file of voxels.

use std::path::{Path, PathBuf};

use clap::Args;
use crossworld_trellis::format::{self, Contents, ReadOptions};
use crossworld_trellis::render::{Background, View, portrait};

use crate::failure::Failure;
use crate::info::load;

/// Draw a file of voxels into a PNG picture.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    trellis preview mushroom.voxels -o mushroom.png\n  \
    trellis preview mushroom.voxels -o back.png --yaw 180 --pitch 45 --size 1024 --transparent")]
pub struct Preview {
    /// File of voxels; its extension names the format: .voxels, .csm, .bcf, .vox or .glb.
    file: PathBuf,

    /// PNG file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Degrees around the model: 0 sees its front, 90 its left side.
    #[arg(long, value_name = "DEGREES", default_value_t = View::default().yaw, allow_negative_numbers = true, value_parser = degrees)]
    yaw: f32,

    /// Degrees above the horizon, -89 to 89.
    #[arg(long, value_name = "DEGREES", default_value_t = View::default().pitch, allow_negative_numbers = true, value_parser = slope)]
    pitch: f32,

    /// Width and height of the picture, 16 to 4096.
    #[arg(long, value_name = "PIXELS", default_value_t = View::default().width, allow_negative_numbers = true)]
    size: u32,

    /// Leave the background transparent.
    #[arg(long)]
    transparent: bool,
}

fn degrees(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(angle) if f32::is_finite(angle) => Ok(angle),
        _ => Err("give a number of degrees".into()),
    }
}

fn slope(text: &str) -> Result<f32, String> {
    let angle = degrees(text)?;
    if View::PITCHES.contains(&angle) {
        Ok(angle)
    } else {
        Err("use -89 to 89".into())
    }
}

/// A preview's file is not named as PNG.
#[derive(Debug, thiserror::Error)]
#[error("pictures are written as PNG: name the file .png ({})", path.display())]
struct NotPng {
    path: PathBuf,
}

impl Preview {
    pub fn run(self) -> Result<(), Failure> {
        check_png(&self.output)?;
        let contents = load(&self.file, &ReadOptions::default())?;
        let view = View {
            yaw: self.yaw,
            pitch: self.pitch,
            width: self.size,
            height: self.size,
            background: if self.transparent {
                Background::Transparent
            } else {
                Background::Sky
            },
        };
        save_preview(&self.output, &contents, &view)
    }
}

/// Whether a picture can be written to a path.
pub fn check_png(path: &Path) -> Result<(), Failure> {
    let is_png = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    if !is_png {
        return Err(NotPng { path: path.into() }.into());
    }
    Ok(format::check_writable(path)?)
}

/// Draws voxels into a PNG file.
pub fn save_preview(path: &Path, contents: &Contents, view: &View) -> Result<(), Failure> {
    let model = contents.to_model()?;
    Ok(portrait(&model, view)?.save_png(path)?)
}
