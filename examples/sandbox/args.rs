//! What the command line asks for.

use std::path::{Path, PathBuf};

use bevy::prelude::Resource;
use clap::Parser;

use crate::ground::Plan;

/// A small place to play in: pictures become voxels.
#[derive(Parser, Resource, Clone, Debug)]
pub struct Args {
    /// A picture to start with (PNG, JPEG, WebP); may be given several times [default: a mushroom house]
    #[arg(long = "image", value_name = "PATH")]
    pub images: Vec<PathBuf>,
    /// Voxels per axis
    #[arg(long, default_value_t = 64)]
    pub resolution: u32,
    /// Seed of every random choice
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The file of the ground for F5 and F9, .bcf or .csm
    #[arg(long, value_name = "FILE", default_value = "sandbox.bcf")]
    pub world: PathBuf,
    /// No window and no graphics driver; chosen by itself where there is no display
    #[arg(long)]
    pub headless: bool,
    /// Save a picture when everything stands: of the window, or headless of the things alone
    #[arg(long, value_name = "OUT.png")]
    pub screenshot: Option<PathBuf>,
    /// Write what was made, and how fast, as JSON
    #[arg(long, value_name = "OUT.json")]
    pub report: Option<PathBuf>,
    /// End when everything stands; always so when headless
    #[arg(long)]
    pub exit_when_done: bool,
}

impl Args {
    /// Metres between two pictures of the row.
    pub fn spacing(&self, voxel_size: f32) -> f32 {
        self.resolution as f32 * voxel_size * 1.15
    }

    /// How large the things that the pictures become are together, in metres: their height and the row's length.
    pub fn row(&self, voxel_size: f32) -> (f32, f32) {
        let height = self.resolution as f32 * voxel_size;
        (height, self.images.len() as f32 * self.spacing(voxel_size))
    }

    /// Room for the row of pictures.
    pub fn plan(&self, voxel_size: f32) -> Plan {
        let (height, row) = self.row(voxel_size);
        Plan::around(row, 2.1 * height.max(row / 2.6))
    }

    /// Fills in what follows from the machine and from the other arguments.
    pub fn settle(&mut self) {
        if !self.headless && !has_display() {
            println!(
                "There is no display: running headless. Give --screenshot OUT.png to see the result."
            );
            self.headless = true;
        }
        self.exit_when_done |= self.headless;
        if self.images.is_empty() {
            let own =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/images/mushroom_house.png");
            self.images.push(own);
        }
    }
}

fn has_display() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(all(unix, not(target_os = "macos"))))
        || cfg!(feature = "x11") && is_set("DISPLAY")
        || cfg!(feature = "wayland") && is_set("WAYLAND_DISPLAY")
}
