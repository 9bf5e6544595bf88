//! `trellis generate`: a picture becomes a file of voxels.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
#[cfg(feature = "server")]
use crossworld_trellis::backend::Server;
use crossworld_trellis::backend::{Backend, BackendChoice, BackendError, BackendInfo, Prompt};
use crossworld_trellis::format::{self, Contents};
use crossworld_trellis::picture::{Picture, PictureError};
use crossworld_trellis::render::View;
use serde::Serialize;

use crate::backends::backends;
use crate::convert::Colors;
use crate::failure::Failure;
use crate::output;
use crate::preview::{check_png, save_preview};
use crate::progress_bar::Bar;

/// Turn a picture of an object into voxels.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    trellis generate mushroom.png -o mushroom.voxels\n  \
    trellis generate robot.jpg -o robot.voxels --resolution 128 --preview robot-3d.png\n  \
    trellis generate cat.webp -o cat.glb --server http://192.168.0.7:8001\n  \
    trellis generate cat.webp -o cat.glb --server spawn")]
pub struct Generate {
    /// Picture of one object (PNG, JPEG or WebP); best on a plain or transparent background.
    picture: PathBuf,

    /// File to write; its extension names the format: .voxels, .csm, .bcf, .vox or .glb.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Who does the work: 'auto' takes the best that is ready, 'server' is a TRELLIS server, 'inflate' is built in and
    /// always works.
    #[arg(long, value_name = "NAME", default_value_t = BackendChoice::Auto)]
    backend: BackendChoice,

    /// Address of the TRELLIS server that does the work, or 'spawn': one is started for this and stopped afterwards.
    /// It takes the place of 'auto'.
    #[cfg(feature = "server")]
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// Voxels along each edge of the grid; 'inflate' makes 8 to 256.
    #[arg(long, value_name = "CELLS", default_value_t = Prompt::DEFAULT_RESOLUTION, allow_negative_numbers = true)]
    resolution: u32,

    /// Seed of every random choice; the same seed gives the same voxels.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    seed: u64,

    #[command(flatten)]
    colors: Colors,

    /// Draw the result into this PNG file as well.
    #[arg(long, value_name = "FILE")]
    preview: Option<PathBuf>,

    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// What was made.
#[derive(Serialize)]
struct Report {
    output: String,
    preview: Option<String>,
    backend: &'static str,
    model: String,
    device: String,
    resolution: u32,
    seed: u64,
    voxels: u64,
    /// Time of the backend alone.
    seconds: f64,
}

impl Generate {
    pub fn run(self) -> Result<(), Failure> {
        self.check_outputs()?;
        let picture = open(&self.picture)?;
        let mut backend = self.start_backend()?;
        let prompt = Prompt {
            seed: self.seed,
            resolution: self.resolution,
            ..Prompt::new(picture)
        };
        let started = Instant::now();
        let voxels = backend.generate(&prompt, &mut Bar::new())?;
        let seconds = started.elapsed().as_secs_f64();

        let contents = Contents::Sparse(voxels);
        if let Some(preview) = &self.preview {
            save_preview(preview, &contents, &View::default())?;
        }
        let report = self.report(backend.describe(), &contents, seconds);
        format::save(&self.output, contents, self.colors.choice())?;
        output::print(&report, self.json)
    }

    /// Finds out now, not after minutes of work, whether the results can be written.
    fn check_outputs(&self) -> Result<(), Failure> {
        for output in [Some(&self.output), self.preview.as_ref()]
            .into_iter()
            .flatten()
        {
            output::check_differs(&self.picture, output)?;
        }
        format::check_extension(&self.output)?;
        format::check_writable(&self.output)?;
        if let Some(preview) = &self.preview {
            check_png(preview)?;
        }
        Ok(())
    }

    #[cfg(feature = "server")]
    fn start_backend(&self) -> Result<Box<dyn Backend>, BackendError> {
        let choice = match (&self.server, &self.backend) {
            // Whoever names a server does not want something else in its place.
            (Some(_), BackendChoice::Auto) => Server::NAME.into(),
            (_, chosen) => chosen.clone(),
        };
        backends(self.server.as_deref()).start(&choice)
    }

    #[cfg(not(feature = "server"))]
    fn start_backend(&self) -> Result<Box<dyn Backend>, BackendError> {
        backends(None).start(&self.backend)
    }

    fn report(&self, backend: BackendInfo, voxels: &Contents, seconds: f64) -> Report {
        let text = |path: &Path| path.display().to_string();
        Report {
            output: text(&self.output),
            preview: self.preview.as_deref().map(text),
            backend: backend.name,
            model: backend.model,
            device: backend.device,
            resolution: voxels.resolution(),
            seed: self.seed,
            voxels: voxels.len(),
            seconds,
        }
    }
}

/// Opens a picture; an error names the file.
fn open(path: &Path) -> Result<Picture, Failure> {
    Picture::open(path).map_err(|error| match error {
        PictureError::Unreadable { .. } => error.into(),
        error => Failure::about(path, error),
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} voxels in a grid of {} ({} on {}, {:.2} s)",
            self.output, self.voxels, self.resolution, self.backend, self.device, self.seconds
        )?;
        match &self.preview {
            Some(preview) => write!(f, "\n{preview}: a picture of it"),
            None => Ok(()),
        }
    }
}
