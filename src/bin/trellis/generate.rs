//! `trellis generate`: a picture becomes a file of voxels.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
#[cfg(feature = "server")]
use crossworld_trellis::backend::Server;
use crossworld_trellis::backend::{
    Backend, BackendChoice, BackendError, BackendInfo, Backends, ModelFiles, Prompt,
};
use crossworld_trellis::format::{self, Contents};
use crossworld_trellis::generation::{Made, ResultCache, generate_or_find};
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
    trellis generate cat.webp -o cat.glb --server spawn --model microsoft/TRELLIS.2-4B --resolution 512")]
pub struct Generate {
    /// Picture of one object (PNG, JPEG or WebP); best on a plain or transparent background.
    picture: PathBuf,

    /// Another picture of the same object, from another side; may be given several times. 'inflate' looks at the first
    /// only.
    #[arg(long, value_name = "PICTURE")]
    also: Vec<PathBuf>,

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

    /// The model that does the work where there is a choice, in this process or a server started for this: a folder, or
    /// a repository of the Hugging Face hub such as microsoft/TRELLIS.2-4B [default: what the variable `TRELLIS_MODEL_PATH`
    /// names, else microsoft/TRELLIS-image-large].
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Voxels along each edge of the grid, 1 to 1024; TRELLIS makes 32 to 256, TRELLIS.2 up to 1024, 'inflate' 8 to 256
    /// [default: 64, of TRELLIS.2 256].
    #[arg(long, value_name = "CELLS", value_parser = clap::value_parser!(u32).range(1..=1024), allow_negative_numbers = true)]
    resolution: Option<u32>,

    /// Seed of every random choice; the same seed gives the same voxels.
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    seed: u64,

    /// Make so many different ones, 1 to 64: with this seed, the next one and so on. Files are named FILE-1, FILE-2, ...
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64), allow_negative_numbers = true)]
    variants: u32,

    /// Make it anew even where the result is kept from before, and do not keep it.
    #[arg(long)]
    no_cache: bool,

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
    family: Option<String>,
    device: String,
    resolution: u32,
    seed: u64,
    voxels: u64,
    /// Whether it was kept from before; then nobody worked.
    cached: bool,
    /// Time of the backend, or of finding what is kept.
    seconds: f64,
}

/// One thing to make and where to write it.
struct Variant {
    seed: u64,
    output: PathBuf,
    preview: Option<PathBuf>,
}

impl Generate {
    pub fn run(self) -> Result<(), Failure> {
        let variants: Vec<Variant> = (0..self.variants)
            .map(|place| self.variant(place))
            .collect();
        variants
            .iter()
            .try_for_each(|variant| self.check(variant))?;
        let pictures = std::iter::once(&self.picture).chain(&self.also);
        let pictures = pictures.map(|path| open(path));
        let pictures: Vec<Picture> = pictures.collect::<Result<_, _>>()?;
        let mut backend = self.start_backend()?;
        let cache = ResultCache::of_user().filter(|_| !self.no_cache);
        if cache.is_some() || self.resolution.is_none() {
            backend.make_ready(&mut Bar::new())?;
        }
        let resolution = self.resolution;
        let resolution = resolution.unwrap_or_else(|| backend.describe().default_resolution());
        for variant in variants {
            let prompt = Prompt {
                pictures: pictures.clone(),
                seed: variant.seed,
                resolution,
            };
            let started = Instant::now();
            let Made { voxels, cached } =
                generate_or_find(cache.as_ref(), backend.as_mut(), &prompt, &mut Bar::new())?;
            let seconds = started.elapsed().as_secs_f64();

            let contents = Contents::Sparse(voxels);
            if let Some(preview) = &variant.preview {
                save_preview(preview, &contents, &View::default())?;
            }
            let report = variant.report(backend.describe(), &contents, cached, seconds);
            format::save(&variant.output, contents, self.colors.choice())?;
            output::print(&report, self.json)?;
        }
        Ok(())
    }

    /// What is made as the first, second and so on.
    fn variant(&self, place: u32) -> Variant {
        let name = |path: &PathBuf| match self.variants {
            1 => path.clone(),
            _ => numbered(path, place + 1),
        };
        Variant {
            seed: self.seed.wrapping_add(u64::from(place)),
            output: name(&self.output),
            preview: self.preview.as_ref().map(name),
        }
    }

    /// Finds out now, not after minutes of work, whether the results can be written.
    fn check(&self, variant: &Variant) -> Result<(), Failure> {
        for output in std::iter::once(&variant.output).chain(&variant.preview) {
            for picture in std::iter::once(&self.picture).chain(&self.also) {
                output::check_differs(picture, output)?;
            }
        }
        format::check_extension(&variant.output)?;
        format::check_writable(&variant.output)?;
        if let Some(preview) = &variant.preview {
            check_png(preview)?;
        }
        Ok(())
    }

    fn start_backend(&self) -> Result<Box<dyn Backend>, Failure> {
        let (mut backends, mut choice) = self.backends();
        if let Some(model) = &self.model {
            // Whoever names a model does not want something else in its place, either.
            let candidates = backends.candidates(&choice)?;
            let mut with_choice = candidates.iter();
            match with_choice.find(|name| backends.has_choice_of_model(name)) {
                Some(name) => choice = (*name).into(),
                None => {
                    return Err(NoChoice {
                        backends: candidates,
                        model: model.clone(),
                    }
                    .into());
                }
            }
            ModelFiles::of(model).map_err(BackendError::from)?;
            backends.use_model(Some(model.clone()));
        }
        Ok(backends.start(&choice)?)
    }

    /// The backends and who of them is meant.
    #[cfg(feature = "server")]
    fn backends(&self) -> (Backends, BackendChoice) {
        let choice = match (&self.server, &self.backend) {
            // Whoever names a server does not want something else in its place.
            (Some(_), BackendChoice::Auto) => Server::NAME.into(),
            (_, chosen) => chosen.clone(),
        };
        (backends(self.server.as_deref()), choice)
    }

    /// The backends and who of them is meant.
    #[cfg(not(feature = "server"))]
    fn backends(&self) -> (Backends, BackendChoice) {
        (backends(None), self.backend.clone())
    }
}

/// A model is named for backends that have their own.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} cannot be given a model from here: leave out --model, or start a server with it, by '--server spawn' or \
     'python -m crossworld_trellis serve --model {model}'",
    backends.join(" and ")
)]
struct NoChoice {
    backends: Vec<&'static str>,
    model: String,
}

impl Variant {
    fn report(
        &self,
        backend: BackendInfo,
        voxels: &Contents,
        cached: bool,
        seconds: f64,
    ) -> Report {
        let text = |path: &Path| path.display().to_string();
        Report {
            output: text(&self.output),
            preview: self.preview.as_deref().map(text),
            backend: backend.name,
            model: backend.model,
            family: backend.family.map(|family| family.to_string()),
            device: backend.device,
            resolution: voxels.resolution(),
            seed: self.seed,
            voxels: voxels.len(),
            cached,
            seconds,
        }
    }
}

/// `cat.voxels` becomes `cat-1.voxels`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
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
            "{}: {} voxels in a grid of {} ({} on {}, {:.2} s{})",
            self.output,
            self.voxels,
            self.resolution,
            self.backend,
            self.device,
            self.seconds,
            if self.cached {
                ", kept from before"
            } else {
                ""
            }
        )?;
        match &self.preview {
            Some(preview) => write!(f, "\n{preview}: a picture of it"),
            None => Ok(()),
        }
    }
}
