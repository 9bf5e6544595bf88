use super::*;
use std::fs;

const FIRST: &str =
    r#"{"name": "TrellisImageTo3DPipeline", "args": {"models": {"slat_flow_model": "ckpts/a"}}}"#;
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
    assert!(!files.has_pipeline && !files.are_here());
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
    let config = include_str!("../../../python/crossworld_trellis/config.py");
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
    let description = include_str!("../../../python/crossworld_trellis/checkpoint/description.py");
    for family in ModelFamily::ALL {
        assert!(description.contains(&format!("= \"{}\"\n", family.pipeline())));
    }
    let roles = include_str!("../../../python/crossworld_trellis/checkpoint/trellis2_roles.py");
    let published = ModelFamily::Trellis2.published();
    assert!(roles.contains(&format!("official=\"{published}\"")));
    let plan = include_str!("../../../python/crossworld_trellis/trellis2/plan.py");
    let resolution = ModelFamily::Trellis2.default_resolution();
    assert!(plan.contains(&format!("\nDEFAULT_RESOLUTION = {resolution}\n")));
}
