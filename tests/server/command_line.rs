//! The program `trellis` with a server of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crossworld_trellis::format::voxels;
use serde_json::Value;

use crate::log::picture;
use crate::place::{Place, variables};
use crate::process::is_alive;

/// `trellis generate --server spawn` in a folder.
fn trellis(place: &Place, folder: &Path) -> Command {
    picture().save_png(&folder.join("disc.png")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trellis"));
    command
        .args([
            "generate",
            "disc.png",
            "-o",
            "disc.voxels",
            "--server",
            "spawn",
            "--json",
        ])
        .current_dir(folder)
        .envs(variables())
        .env("TRELLIS_PYTHON", &place.python)
        .env("TRELLIS_MODEL_PATH", &place.checkpoint)
        .env("TRELLIS_DEVICE", "cpu")
        .env("TRELLIS_CACHE", folder.join("kept"))
        .env_remove("TRELLIS_BACKEND");
    command
}

#[test]
fn it_starts_a_server_and_takes_it_along_when_it_is_done() {
    let Some(place) = Place::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let output = trellis(place, folder.path()).arg("-v").output().unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["backend"], "server");
    assert!(report["voxels"].as_u64().unwrap() > 0);
    assert!(folder.path().join("disc.voxels").exists());
    // What the server logs is in ours.
    assert!(log.contains("the model is ready"), "{log}");
    let process = process_in(&log).unwrap();
    assert!(!is_alive(process));
}

#[test]
fn the_model_that_is_named_is_run_at_its_own_resolution_and_its_result_is_kept() {
    let Some(place) = Place::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    for is_kept in [false, true] {
        let mut trellis = trellis(place, folder.path());
        let output = trellis.arg("--model").arg(&place.checkpoint_2).output();
        let output = output.unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["family"], "TRELLIS.2");
        assert_eq!(report["resolution"], 256);
        assert_eq!(report["cached"], is_kept);
    }
    let bytes = std::fs::read(folder.path().join("disc.voxels")).unwrap();
    let made = voxels::decode(&bytes).unwrap();
    assert!(made.metallic_roughness().is_some());
}

#[test]
fn a_server_does_not_outlive_a_program_that_is_killed() {
    let Some(place) = Place::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut program = trellis(place, folder.path())
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(program.stderr.take().unwrap()).lines();
    let process = log.find_map(|line| process_in(&line.unwrap())).unwrap();
    assert!(is_alive(process));
    program.kill().unwrap();
    program.wait().unwrap();
    let began = Instant::now();
    while is_alive(process) {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the server lives on"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The number of the server's process.
fn process_in(log: &str) -> Option<u32> {
    let (_, rest) = log.split_once("a server process, number ")?;
    rest.split_once(',')?.0.parse().ok()
}
