//! What the tests share: a Python that can run the server, and a tiny checkpoint.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

/// The environment variable with the Python to use.
const PYTHON: &str = "TRELLIS_PYTHON";

/// Steps of the first stage: enough to be stopped in the middle; each takes a fifth of a second.
pub const STRUCTURE_STEPS: u32 = 10;

/// Steps of the second stage.
const LATENT_STEPS: u32 = 2;

/// Arguments of `serve`, whatever the model.
pub const ON_CPU: [&str; 3] = ["--device", "cpu", "--offline"];

/// Where a server can run.
pub struct Place {
    pub python: PathBuf,
    pub checkpoint: PathBuf,
    /// That of TRELLIS.2.
    pub checkpoint_2: PathBuf,
}

impl Place {
    /// The place, made once. `None`, with the reason on standard error, where there is no Python for it.
    pub fn find() -> Option<&'static Self> {
        static PLACE: OnceLock<Option<Place>> = OnceLock::new();
        let place = PLACE.get_or_init(|| {
            let python = python()?;
            Some(Self {
                checkpoint: checkpoint(&python),
                checkpoint_2: make_tiny(&python, "tiny-checkpoint-2", &["--family", "trellis2"]),
                python,
            })
        });
        if place.is_none() {
            // Past the test harness, which keeps what tests that pass print.
            let reason = "no Python with torch and FastAPI; ./check makes one";
            let _ = writeln!(io::stderr(), "skipped: {reason}, {PYTHON} names one");
        }
        place.as_ref()
    }

    /// Arguments of `serve`, and of nothing else.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec!["--model".into(), self.checkpoint.clone().into()];
        arguments.extend(ON_CPU.map(Into::into));
        arguments
    }
}

/// What a Python of ours needs in its environment.
pub fn variables() -> Vec<(OsString, OsString)> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    vec![
        ("PYTHONPATH".into(), package.into()),
        ("OMP_NUM_THREADS".into(), "1".into()),
    ]
}

/// A Python that has what the server needs. One that was named must have it.
fn python() -> Option<PathBuf> {
    if let Some(named) = env::var_os(PYTHON).filter(|named| !named.is_empty()) {
        assert!(
            is_fit(named.as_ref()),
            "{PYTHON} has no torch or no FastAPI"
        );
        return Some(named.into());
    }
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache")))?;
    let python = cache.join("crossworld-trellis/venv/bin/python");
    is_fit(&python).then_some(python)
}

fn is_fit(python: &Path) -> bool {
    let question = "import sys, importlib.util as u; \
                    sys.exit(not all(map(u.find_spec, ['torch', 'fastapi', 'uvicorn', 'transformers'])))";
    let answer = Command::new(python).args(["-c", question]).status();
    answer.is_ok_and(|status| status.success())
}

fn make_tiny(python: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let made = Command::new(python)
        .args(["-m", "crossworld_trellis", "make-tiny", "--force"])
        .arg(&folder)
        .args(arguments)
        .envs(variables())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    folder
}

fn checkpoint(python: &Path) -> PathBuf {
    let folder = make_tiny(python, "tiny-checkpoint", &[]);
    let description = folder.join("pipeline.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&description).unwrap()).unwrap();
    for (sampler, steps) in [
        ("sparse_structure_sampler", STRUCTURE_STEPS),
        ("slat_sampler", LATENT_STEPS),
    ] {
        json["args"][sampler]["params"]["steps"] = steps.into();
    }
    fs::write(description, json.to_string()).unwrap();
    folder
}
