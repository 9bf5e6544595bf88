//! [`ModelFiles`]: what is on this machine of a model, by its name.
//!
//! A model is named as everywhere: a folder that holds `pipeline.json`, or a repository of the Hugging Face hub. Only
//! `pipeline.json` is read, and the disk looked at, so that this costs nothing in a game; whether the files are whole
//! and fit each other is asked of Python afterwards. The rules are those of `python/crossworld_trellis/checkpoint`.

#[cfg(test)]
mod tests;

use std::env;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The environment variable with the model that is used where none is named: a folder or a repository of the hub.
pub const MODEL_VARIABLE: &str = "TRELLIS_MODEL_PATH";

/// The environment variable with the image encoder, in place of the one that belongs to the model.
const ENCODER_VARIABLE: &str = "TRELLIS_IMAGE_ENCODER";

const PIPELINE_FILE: &str = "pipeline.json";

/// Folder beside `pipeline.json` with an image encoder of its own.
const ENCODER_FOLDER: &str = "image_cond";

const ENCODER_FILE: &str = "config.json";

/// Most bytes of a `pipeline.json`; those that are published have some 10 kB.
const MAX_PIPELINE_BYTES: u64 = 1 << 20;

/// Which TRELLIS a model is: the first, or TRELLIS.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelFamily {
    /// TRELLIS: colours, up to 256 cells per axis.
    Trellis,
    /// TRELLIS.2: colours with a finish, up to 1024 cells per axis.
    Trellis2,
}

impl ModelFamily {
    const ALL: [Self; 2] = [Self::Trellis, Self::Trellis2];

    /// Cells per axis of a file where nobody asks for another number: what the model's detail fills.
    #[must_use]
    pub fn default_resolution(self) -> u32 {
        match self {
            Self::Trellis => 64,
            Self::Trellis2 => 256,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Trellis => "TRELLIS",
            Self::Trellis2 => "TRELLIS.2",
        }
    }

    /// The hub's repository of the published model.
    fn published(self) -> &'static str {
        match self {
            Self::Trellis => "microsoft/TRELLIS-image-large",
            Self::Trellis2 => "microsoft/TRELLIS.2-4B",
        }
    }

    /// What `pipeline.json` calls it.
    fn pipeline(self) -> &'static str {
        match self {
            Self::Trellis => "TrellisImageTo3DPipeline",
            Self::Trellis2 => "Trellis2ImageTo3DPipeline",
        }
    }

    /// A network that only this family has.
    fn network(self) -> &'static str {
        match self {
            Self::Trellis => "slat_flow_model",
            Self::Trellis2 => "shape_slat_decoder",
        }
    }

    /// The hub's repository of the image encoder, where `pipeline.json` names none.
    fn encoder(self) -> &'static str {
        match self {
            Self::Trellis => "facebook/dinov2-with-registers-large",
            Self::Trellis2 => "facebook/dinov3-vitl16-pretrain-lvd1689m",
        }
    }
}

impl fmt::Display for ModelFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a name is that of no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It is neither a folder nor can it be a repository.
    #[error(
        "there is no such folder, and it is no repository of the hub of the form owner/name: check the spelling ({0})"
    )]
    NotFound(String),
    /// It is a file.
    #[error("this is a file: name the folder that holds {PIPELINE_FILE} ({})", .0.display())]
    File(PathBuf),
    /// The folder has no `pipeline.json`.
    #[error("the folder holds no {PIPELINE_FILE}: name that of a TRELLIS checkpoint ({})", .0.display())]
    NoPipeline(PathBuf),
    /// `pipeline.json` is none that we know.
    #[error("{PIPELINE_FILE} {problem}: copy or download it again ({})", path.display())]
    Pipeline {
        /// What is wrong with it.
        problem: String,
        /// The file.
        path: PathBuf,
    },
}

/// What is on this machine of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFiles {
    /// Which TRELLIS it is. Of a repository of the hub that was not downloaded this is known of the published
    /// ones only.
    pub family: Option<ModelFamily>,
    /// Whether its `pipeline.json` is here.
    pub has_pipeline: bool,
    /// Whether the image encoder that goes with it is here. That of TRELLIS.2 is gated on the hub: docs/guide.md tells
    /// how to get it.
    pub has_image_encoder: bool,
}

impl ModelFiles {
    /// Looks for a model on this machine.
    ///
    /// # Errors
    /// [`ModelError`] where there cannot be one of this name.
    pub fn of(model: &str) -> Result<Self, ModelError> {
        Disk::ours().look_for(model)
    }

    /// Whether at least a part of everything is here, so that it is worth asking Python about the rest.
    #[must_use]
    pub fn are_here(&self) -> bool {
        self.has_pipeline && self.has_image_encoder
    }
}

/// The model that is used where none is named: that of `TRELLIS_MODEL_PATH`, else the published TRELLIS.
#[must_use]
pub fn default_model() -> String {
    set(MODEL_VARIABLE).unwrap_or_else(|| ModelFamily::Trellis.published().into())
}

/// Where files may lie.
struct Disk {
    /// Where the hub's client keeps its downloads.
    hub_cache: PathBuf,
    home: Option<PathBuf>,
    /// The image encoder that the environment names.
    encoder: Option<String>,
}

impl Disk {
    fn ours() -> Self {
        Self {
            hub_cache: hub_cache().unwrap_or_default(),
            home: env::home_dir(),
            encoder: set(ENCODER_VARIABLE),
        }
    }

    fn look_for(&self, model: &str) -> Result<ModelFiles, ModelError> {
        let folder = self.expanded(model);
        let pipeline = if folder.is_dir() {
            let pipeline = folder.join(PIPELINE_FILE);
            if !pipeline.is_file() {
                return Err(ModelError::NoPipeline(folder));
            }
            Some(pipeline)
        } else if folder.exists() {
            return Err(ModelError::File(folder));
        } else if is_repository(model) {
            self.cached(model, PIPELINE_FILE)
        } else {
            return Err(ModelError::NotFound(model.into()));
        };
        let Some(pipeline) = pipeline else {
            let mut all = ModelFamily::ALL.into_iter();
            return Ok(ModelFiles {
                family: all.find(|family| family.published() == model),
                has_pipeline: false,
                has_image_encoder: false,
            });
        };
        let (family, arguments) = read(&pipeline)?;
        let beside = folder.join(ENCODER_FOLDER);
        let has_image_encoder = match &self.encoder {
            Some(named) => self.has_encoder(named),
            None if beside.is_dir() => beside.join(ENCODER_FILE).is_file(),
            None => {
                let named = arguments.pointer("/image_cond_model/args/model_name");
                let named = named
                    .and_then(Value::as_str)
                    .filter(|_| family == ModelFamily::Trellis2);
                self.has_encoder(named.unwrap_or(family.encoder()))
            }
        };
        Ok(ModelFiles {
            family: Some(family),
            has_pipeline: true,
            has_image_encoder,
        })
    }

    fn has_encoder(&self, source: &str) -> bool {
        self.expanded(source).join(ENCODER_FILE).is_file()
            || self.cached(source, ENCODER_FILE).is_some()
    }

    /// A downloaded file of a repository.
    fn cached(&self, repository: &str, file: &str) -> Option<PathBuf> {
        let folder = format!("models--{}", repository.replace('/', "--"));
        let snapshots = self.hub_cache.join(folder).join("snapshots");
        let snapshots = snapshots.read_dir().into_iter().flatten();
        snapshots
            .flatten()
            .map(|snapshot| snapshot.path().join(file))
            .find(|file| file.is_file())
    }

    fn expanded(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }
}

/// The family of a `pipeline.json`, and its arguments.
fn read(path: &Path) -> Result<(ModelFamily, Value), ModelError> {
    let faulty = |problem: String| ModelError::Pipeline {
        problem,
        path: path.into(),
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_PIPELINE_BYTES).read_to_string(&mut text))
        .map_err(|error| faulty(format!("cannot be read ({error})")))?;
    let mut whole: Value = serde_json::from_str(&text).map_err(|_| faulty("is no JSON".into()))?;
    let name = whole.get("name").and_then(Value::as_str);
    let name = name.unwrap_or_default();
    let mut all = ModelFamily::ALL.into_iter();
    let Some(family) = all.find(|family| family.pipeline() == name) else {
        let name: String = name.chars().take(60).collect();
        return Err(faulty(format!(
            "is that of another kind of model ('{}')",
            name.escape_debug()
        )));
    };
    let arguments = whole.get_mut("args").map(Value::take).unwrap_or_default();
    let has = |network: &str| {
        arguments
            .get("models")
            .is_some_and(|models| models.get(network).is_some())
    };
    let mut others = ModelFamily::ALL.into_iter();
    let foreign = others.find(|other| *other != family && has(other.network()));
    match foreign {
        Some(foreign) => Err(faulty(format!(
            "says {family} and lists the {} of {foreign}, which do not go together",
            foreign.network()
        ))),
        None => Ok((family, arguments)),
    }
}

/// Whether a name has the form `owner/name`.
fn is_repository(name: &str) -> bool {
    let is_word = |word: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        !word.is_empty() && word.chars().all(fits)
    };
    let parts = name.split_once('/');
    !name.starts_with('.') && parts.is_some_and(|(owner, name)| is_word(owner) && is_word(name))
}

/// Where the hub's client keeps its downloads
/// (<https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables>).
fn hub_cache() -> Option<PathBuf> {
    let path = |name: &str| set(name).map(PathBuf::from);
    let of_hub = || path("HF_HOME").map(|folder| folder.join("hub"));
    let of_user = || {
        let home = || env::home_dir().map(|home| home.join(".cache"));
        let cache = path("XDG_CACHE_HOME").or_else(home);
        cache.map(|cache| cache.join("huggingface/hub"))
    };
    path("HF_HUB_CACHE").or_else(of_hub).or_else(of_user)
}

/// A variable that is set to something.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
