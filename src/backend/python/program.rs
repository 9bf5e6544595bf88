//! [`Facts`]: what a Python program says about itself, so that the embedded one finds the same packages.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crossbeam_channel::bounded;
use serde_json::Value;

use super::PythonError;

/// The Python that this program is linked to, as `3.11`.
pub(super) const LINKED: &str = env!("TRELLIS_LINKED_PYTHON");

const PROBE: &str = include_str!("probe.py");

/// How long a Python is waited for; a cold disk and a slow virus scanner take some seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes that are read of its answer.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// What a Python said about itself, as `adopt.py` takes it.
#[derive(Debug)]
pub(super) struct Facts(pub(super) String);

impl Facts {
    /// Asks a Python of the linked version, within half a minute.
    ///
    /// # Errors
    /// [`PythonError::Broken`], [`PythonError::Silent`] or [`PythonError::Version`].
    pub(super) fn ask(program: &Path) -> Result<Self, PythonError> {
        Self::ask_within(program, PATIENCE)
    }

    fn ask_within(program: &Path, patience: Duration) -> Result<Self, PythonError> {
        let broken = |problem: String| PythonError::Broken {
            problem,
            program: program.into(),
        };
        let child = Command::new(program)
            .args(["-c", PROBE])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.map_err(|error| broken(error.to_string()))?;
        let answer = answer(&mut child, patience);
        let _ = child.kill();
        let _ = child.wait();
        let (said, complained) = answer.ok_or_else(|| PythonError::Silent {
            after: patience,
            program: program.into(),
        })?;
        let last = said.trim_end().lines().next_back().unwrap_or_default();
        let facts: Value = serde_json::from_str(last).unwrap_or_default();
        match facts.get("version").and_then(Value::as_str) {
            Some(LINKED) => Ok(Self(last.into())),
            Some(other) => Err(PythonError::Version {
                found: other.into(),
                linked: LINKED,
                program: program.into(),
            }),
            None => {
                // Where Python breaks early, it says more after the line that tells why.
                let mut lines = complained.trim_end().lines().rev();
                let last = lines.clone().next();
                let complaint = lines.find(|line| line.contains("rror")).or(last);
                let complaint = complaint.unwrap_or("its answer cannot be understood");
                Err(broken(complaint.trim().chars().take(200).collect()))
            }
        }
    }
}

/// What a child writes to its two outputs until it closes them, or `None` when it takes too long.
fn answer(child: &mut Child, patience: Duration) -> Option<(String, String)> {
    let (out, complaints) = (child.stdout.take()?, child.stderr.take()?);
    let (done, finished) = bounded(1);
    // Ends when the child does, which is killed when nobody waits any more.
    let reader = thread::Builder::new()
        .name("trellis-probe".into())
        .spawn(move || {
            let said = read(out);
            let _ = done.send((said, read(complaints)));
        });
    reader.ok()?;
    finished.recv_timeout(patience).ok()
}

fn read(stream: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = stream.take(MAX_ANSWER_BYTES).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A program that does what a line of shell says.
    fn program(folder: &Path, line: &str) -> PathBuf {
        let path = folder.join("python");
        fs::write(&path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn said(line: &str) -> Result<Facts, PythonError> {
        let folder = tempfile::tempdir().unwrap();
        Facts::ask_within(&program(folder.path(), line), Duration::from_secs(5))
    }

    #[test]
    fn chatter_before_the_answer_is_passed_over() {
        let facts = said(&format!("echo hello; echo '{{\"version\": \"{LINKED}\"}}'"));
        assert!(facts.unwrap().0.contains(LINKED));
    }

    #[test]
    fn a_python_of_another_version_is_refused_with_both_versions_and_the_remedy() {
        let error = said("echo '{\"version\": \"3.2\"}'").unwrap_err();
        let message = error.to_string();
        for part in ["Python 3.2", LINKED, "PYO3_PYTHON=", "TRELLIS_PYTHON"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_program_that_fails_is_told_with_its_last_words() {
        let error = said("echo first >&2; echo 'no module named encodings' >&2; exit 1");
        let message = error.unwrap_err().to_string();
        assert!(message.contains("(no module named encodings)"), "{message}");
    }

    #[test]
    fn a_program_that_never_answers_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let hung = program(folder.path(), "exec sleep 100");
        let error = Facts::ask_within(&hung, Duration::from_millis(200)).unwrap_err();
        assert!(matches!(error, PythonError::Silent { .. }), "{error}");
    }

    #[test]
    fn a_program_that_talks_without_end_is_cut_short() {
        assert!(matches!(said("exec yes"), Err(PythonError::Broken { .. })));
    }
}
