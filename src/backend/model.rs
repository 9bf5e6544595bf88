//! [`ModelFiles`]: what is on this machine of a model, by its name.
//!
//! A model is named as everywhere: a folder that holds `pipeline.json`, or a repository of the Hugging Face hub. Only
//! `pipeline.json` is read, and the disk looked at, so that this costs nothing in a game; whether the files are whole
//! and fit each other is asked of Python afterwards. The rules are those of `python/crossworld_trellis/checkpoint`.

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

/// A generation of the model.
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
    /// Which generation it is of. Of a repository of the hub that was not downloaded this is known of the published
    /// ones only.
    pub family: Option<ModelFamily>,
    /// Whether its `pipeline.json` is here.
    pub pipeline: bool,
    /// Whether the image encoder that goes with it is here. That of TRELLIS.2 is gated on the hub: docs/guide.md tells
    /// how to get it.
    pub image_encoder: bool,
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
        self.pipeline && self.image_encoder
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
                pipeline: false,
                image_encoder: false,
            });
        };
        let (family, arguments) = read(&pipeline)?;
        let beside = folder.join(ENCODER_FOLDER);
        let image_encoder = match &self.encoder {
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
            pipeline: true,
            image_encoder,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const FIRST: &str = r#"{"name": "TrellisImageTo3DPipeline", "args": {"models": {"slat_flow_model": "ckpts/a"}}}"#;
    const SECOND: &str = r#"{"name": "Trellis2ImageTo3DPipeline", "args": {"models": {"shape_slat_decoder": "ckpts/a"},
        "image_cond_model": {"name": "DinoV3FeatureExtractor", "args": {"model_name": "own/eyes"}}}}"#;

    struct Shelf {
        folder: tempfile::TempDir,
        encoder: Option<String>,
    }

    impl Shelf {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                encoder: None,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn download(&self, repository: &str, file: &str, text: &str) {
            let folder = repository.replace('/', "--");
            self.put(&format!("hub/models--{folder}/snapshots/0123/{file}"), text);
        }

        fn look_for(&self, model: &str) -> Result<ModelFiles, ModelError> {
            Disk {
                hub_cache: self.path("hub"),
                home: Some(self.path("home")),
                encoder: self.encoder.clone(),
            }
            .look_for(model)
        }

        fn family(&self, model: &str) -> Option<ModelFamily> {
            self.look_for(model).unwrap().family
        }
    }

    #[test]
    fn a_model_is_found_in_its_folder_at_home_and_in_the_hubs_cache_with_its_family() {
        let shelf = Shelf::new();
        shelf.put("mine/pipeline.json", FIRST);
        shelf.put("home/models/fine/pipeline.json", SECOND);
        shelf.download("owner/name", PIPELINE_FILE, SECOND);
        let mine = shelf.path("mine");
        assert_eq!(
            shelf.family(mine.to_str().unwrap()),
            Some(ModelFamily::Trellis)
        );
        assert_eq!(shelf.family("~/models/fine"), Some(ModelFamily::Trellis2));
        assert_eq!(shelf.family("owner/name"), Some(ModelFamily::Trellis2));
        assert_eq!(shelf.family("owner/other"), None);
        assert!(!shelf.look_for("owner/other").unwrap().are_here());
    }

    #[test]
    fn the_family_of_a_published_model_is_known_before_it_is_downloaded() {
        let shelf = Shelf::new();
        let files = shelf.look_for("microsoft/TRELLIS.2-4B").unwrap();
        assert_eq!(files.family, Some(ModelFamily::Trellis2));
        assert!(!files.pipeline && !files.are_here());
    }

    #[test]
    fn a_model_without_the_image_encoder_that_goes_with_it_is_not_all_here() {
        let mut shelf = Shelf::new();
        shelf.download("owner/first", PIPELINE_FILE, FIRST);
        shelf.download("owner/second", PIPELINE_FILE, SECOND);
        let are_here = |shelf: &Shelf| {
            ["owner/first", "owner/second"].map(|name| shelf.look_for(name).unwrap().are_here())
        };
        assert_eq!(are_here(&shelf), [false, false]);
        shelf.download(ModelFamily::Trellis.encoder(), ENCODER_FILE, "{}");
        assert_eq!(are_here(&shelf), [true, false], "another family's");
        shelf.download("own/eyes", ENCODER_FILE, "{}");
        assert_eq!(are_here(&shelf), [true, true]);
        shelf.encoder = Some("~/eyes".into());
        assert_eq!(are_here(&shelf), [false, false], "another one is named");
        shelf.put("home/eyes/config.json", "{}");
        assert_eq!(are_here(&shelf), [true, true]);
    }

    #[test]
    fn a_folder_may_bring_its_own_image_encoder() {
        let shelf = Shelf::new();
        shelf.put("mine/pipeline.json", SECOND);
        let mine = shelf.path("mine");
        let mine = mine.to_str().unwrap();
        fs::create_dir(shelf.path("mine/image_cond")).unwrap();
        assert!(!shelf.look_for(mine).unwrap().are_here());
        shelf.put("mine/image_cond/config.json", "{}");
        assert!(shelf.look_for(mine).unwrap().are_here());
    }

    #[test]
    fn what_can_be_no_model_is_told_with_the_reason() {
        let shelf = Shelf::new();
        shelf.put("file", "");
        shelf.put("empty/readme", "");
        shelf.put("spoiled/pipeline.json", "{");
        shelf.put("other/pipeline.json", r#"{"name": "Stable\n"}"#);
        let mixed = FIRST.replace("TrellisImage", "Trellis2Image");
        shelf.put("mixed/pipeline.json", &mixed);
        for (name, reason) in [
            ("file", "this is a file"),
            ("empty", "holds no pipeline.json"),
            ("spoiled", "is no JSON"),
            ("other", r"another kind of model ('Stable\n')"),
            (
                "mixed",
                "says TRELLIS.2 and lists the slat_flow_model of TRELLIS",
            ),
            ("gone", "no such folder"),
        ] {
            let path = shelf.path(name);
            let error = shelf.look_for(path.to_str().unwrap()).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(reason), "{error}");
            assert!(error.contains(name) && !error.contains('\n'), "{error}");
        }
        for name in ["", "word", "../name", "a/b/c", "owner/na me"] {
            let error = shelf.look_for(name);
            assert!(matches!(error, Err(ModelError::NotFound(_))), "{name}");
        }
    }

    #[test]
    fn both_sides_mean_the_same_names() {
        let config = include_str!("../../python/crossworld_trellis/config.py");
        for (name, value) in [
            ("DEFAULT_MODEL", ModelFamily::Trellis.published()),
            ("MODEL_VARIABLE", MODEL_VARIABLE),
            ("IMAGE_ENCODER_VARIABLE", ENCODER_VARIABLE),
            ("DEFAULT_IMAGE_ENCODER", ModelFamily::Trellis.encoder()),
            ("DEFAULT_IMAGE_ENCODER_2", ModelFamily::Trellis2.encoder()),
        ] {
            let line = format!("\n{name} = \"{value}\"\n");
            assert!(config.contains(&line), "{line}");
        }
        let description = include_str!("../../python/crossworld_trellis/checkpoint/description.py");
        for family in ModelFamily::ALL {
            assert!(description.contains(&format!("= \"{}\"\n", family.pipeline())));
        }
        let roles = include_str!("../../python/crossworld_trellis/checkpoint/trellis2_roles.py");
        let published = ModelFamily::Trellis2.published();
        assert!(roles.contains(&format!("official=\"{published}\"")));
        let plan = include_str!("../../python/crossworld_trellis/trellis2/plan.py");
        let resolution = ModelFamily::Trellis2.default_resolution();
        assert!(plan.contains(&format!("\nDEFAULT_RESOLUTION = {resolution}\n")));
    }
}
