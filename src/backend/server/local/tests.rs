//! A server process that is none: shell scripts in the place of Python. The real one is tried in `tests/server`.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::backend::Unwatched;
use crate::picture::Picture;

/// A program that takes the place of Python, and the folder it lies in.
fn python(script: &str) -> (TempDir, SpawnOptions) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("python");
    // Written under another name: a file that another thread's child still holds open cannot be run.
    fs::write(folder.path().join("script"), script).unwrap();
    let launcher = format!(
        "#!/bin/sh\nexec /bin/sh {} \"$@\"\n",
        folder.path().join("script").display()
    );
    fs::write(&program, launcher).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let options = SpawnOptions {
        python: Some(program),
        ..SpawnOptions::default()
    };
    (folder, options)
}

fn complaint(options: SpawnOptions) -> String {
    let error = Server::spawn(options).err().unwrap().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn a_prompt() -> Prompt {
    Prompt::new(Picture::new(2, 2, vec![9; 16]).unwrap())
}

#[test]
fn a_python_without_the_package_is_named_with_how_to_set_it_up() {
    let (folder, options) =
        python("echo '/x/python: No module named crossworld_trellis' >&2; exit 1");
    let error = complaint(options);
    let python = folder.path().join("python");
    for part in [
        "No module named crossworld_trellis",
        "exit status: 1",
        "python3 python/set_up.py",
        "docs/guide.md",
        &python.display().to_string(),
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_python_that_is_none_is_named() {
    let error = complaint(SpawnOptions {
        python: Some(PathBuf::from("/nowhere/python")),
        ..SpawnOptions::default()
    });
    assert!(error.contains("No such file"), "{error}");
    assert!(error.contains("tried /nowhere/python"), "{error}");
}

#[test]
fn a_process_that_never_listens_is_given_up_and_stopped() {
    let (folder, options) = python("echo $$ > \"${0%script}id\"; cat");
    let error = complaint(SpawnOptions {
        start: Duration::from_millis(300),
        ..options
    });
    assert!(error.contains("did not listen within 0.3 s"), "{error}");
    let id = fs::read_to_string(folder.path().join("id")).unwrap();
    assert!(!PathBuf::from(format!("/proc/{}", id.trim())).exists());
}

#[test]
fn it_listens_only_to_this_machine_and_knows_a_token_of_its_own() {
    let script = "echo \"$TRELLIS_TOKEN $*\" > \"${0%script}said\"; echo listening on http://127.0.0.1:1; cat";
    let (folder, options) = python(script);
    let said = || {
        let arguments = vec!["--host".into(), "0.0.0.0".into()];
        let server = Server::spawn(SpawnOptions {
            arguments,
            ..options.clone()
        });
        drop(server.unwrap());
        fs::read_to_string(folder.path().join("said")).unwrap()
    };
    let (first, second) = (said(), said());
    let (token, arguments) = first.split_once(' ').unwrap();
    assert_eq!(
        arguments.trim(),
        "-m crossworld_trellis serve --host 0.0.0.0 --supervised --host 127.0.0.1 --port 0 --grace 0"
    );
    assert_eq!(token.len(), 32);
    assert!(!second.contains(token), "the same token twice");
}

#[test]
fn dropping_it_ends_the_process_by_ending_its_standard_input() {
    let script = "echo listening on http://127.0.0.1:1; cat; echo done > \"${0%script}end\"";
    let (folder, options) = python(script);
    let server = Server::spawn(options).unwrap();
    assert!(server.process_id().is_some());
    drop(server);
    assert!(folder.path().join("end").exists());
}

#[test]
fn a_process_that_ended_while_idle_is_started_anew_with_a_pause_and_its_last_words_are_told() {
    // The first one ends by itself, the others at once.
    let script = "cd \"${0%script}\"; echo >> starts; [ $(wc -l < starts) = 1 ] || { echo 'ERROR: out of luck' >&2; exit 3; }\n\
                  echo listening on http://127.0.0.1:1";
    let (folder, options) = python(script);
    let mut server = Server::spawn(options).unwrap();
    let began = Instant::now();
    for tries in 1..=MAX_FAILURES {
        let error = server.generate(&a_prompt(), &mut Unwatched).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("exit status: 3: out of luck"), "{error}");
        let starts = fs::read_to_string(folder.path().join("starts")).unwrap();
        let count = u32::try_from(starts.lines().count()).unwrap();
        assert_eq!(count, 1 + tries);
    }
    assert!(began.elapsed() >= FIRST_PAUSE);
    assert!(
        !server.describe().ready,
        "auto would take it again and again"
    );
}

#[test]
fn waiting_for_another_start_can_be_cancelled() {
    struct Stop;
    impl Watch for Stop {
        fn progress(&mut self, _: Progress) -> Result<(), Cancelled> {
            Err(Cancelled)
        }
        fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
            Ok(())
        }
    }
    let script = "cd \"${0%script}\"; echo >> starts; [ $(wc -l < starts) = 1 ] && echo listening on http://127.0.0.1:1 || cat";
    let (_folder, options) = python(script);
    let mut server = Server::spawn(options).unwrap();
    let process = server.process.as_mut().unwrap();
    assert!(process.end_within(Duration::from_secs(10)).is_some());
    let outcome = server.generate(&a_prompt(), &mut Stop);
    assert!(matches!(outcome, Err(BackendError::Cancelled(_))));
}

#[test]
fn pauses_double_up_to_a_longest_one() {
    let pauses: Vec<u128> = (0..9).map(|n| pause_after(n).as_millis()).collect();
    assert_eq!(pauses, [0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
    assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
}
