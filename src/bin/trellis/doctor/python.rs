//! Which Python would run the package, and what the package's own doctor says there.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crossworld_trellis::backend::{Interpreter, InterpreterError};
use serde::Deserialize;

use super::check::{Check, complaint, line};

/// The first version that runs the package.
const OLDEST: (u32, u32) = (3, 10);

/// How long Python may take; torch alone takes a minute from a slow disk.
const PATIENCE: Duration = Duration::from_secs(120);

const TICK: Duration = Duration::from_millis(20);

/// Most bytes of an output that are read.
const MAX_BYTES: u64 = 1 << 20;

const PYTHON: &str = "Python";
const PACKAGE: &str = "package";
const SET_UP: &str = "run 'python3 python/set_up.py' in the repository (docs/guide.md), or set TRELLIS_PYTHON to a Python that has it";

/// What `python -m crossworld_trellis doctor --json` prints.
#[derive(Deserialize)]
struct Report {
    checks: Vec<Check>,
}

/// How a run of Python ended.
struct Run {
    stdout: String,
    stderr: String,
    /// `None`: it had to be stopped.
    end: Option<String>,
}

/// Has the package's doctor look at a model, else at the one that the environment names.
pub fn examine(model: Option<&str>) -> Vec<Check> {
    match Interpreter::find() {
        Ok(found) => examine_with(&found, model),
        Err(error) => {
            let remedy = match &error {
                InterpreterError::Named(_) => "set it to a Python program, or unset it",
                _ => {
                    "install Python 3.10 or later, or set TRELLIS_PYTHON to it; without, there is only 'inflate'"
                }
            };
            vec![Check::problem(PYTHON, complaint(&error), remedy)]
        }
    }
}

fn examine_with(interpreter: &Interpreter, model: Option<&str>) -> Vec<Check> {
    let (program, origin) = (&interpreter.program, interpreter.origin);
    let mut arguments = vec!["-m", "crossworld_trellis", "doctor", "--json"];
    arguments.extend(model.iter().flat_map(|model| ["--model", model]));
    let run = match run(program, &arguments) {
        Ok(run) => run,
        Err(error) => {
            let found = format!("{} does not start: {error}", program.display());
            let remedy = "set TRELLIS_PYTHON to a Python that works";
            return vec![Check::problem(PYTHON, found, remedy)];
        }
    };
    if let Ok(mut report) = serde_json::from_str::<Report>(&run.stdout) {
        for check in &mut report.checks {
            check.found = line(&check.found);
            if check.name == PYTHON {
                check.found += &format!(", from {origin}");
            }
        }
        return report.checks;
    }
    let place = format!("{}, from {origin}", program.display());
    vec![version(program, &place), no_report(&run, &place)]
}

/// Why the package's doctor says nothing.
fn no_report(run: &Run, place: &str) -> Check {
    let last = line(
        run.stderr
            .trim()
            .lines()
            .last()
            .unwrap_or("it says nothing"),
    );
    if run.stderr.contains("No module named crossworld_trellis")
        || run.stderr.contains("No module named 'crossworld_trellis'")
    {
        return Check::problem(PACKAGE, format!("not installed for {place}"), SET_UP);
    }
    let Some(end) = &run.end else {
        let found = format!("its doctor takes more than {} s", PATIENCE.as_secs());
        return Check::problem(
            PACKAGE,
            found,
            "try again; a slow disk is quicker the second time",
        );
    };
    if run.stderr.contains("invalid choice: 'doctor'") {
        let found = format!("too old to have a doctor ({place})");
        return Check::problem(PACKAGE, found, SET_UP);
    }
    let found = format!("its doctor ends with {end}: {last}");
    Check::problem(PACKAGE, found, SET_UP)
}

/// The version of a Python whose package cannot tell.
fn version(program: &Path, place: &str) -> Check {
    let told = run(program, &["-c", "import sys; print(*sys.version_info[:3])"]);
    let told = told.map(|run| run.stdout).unwrap_or_default();
    let numbers: Vec<u32> = told
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    match numbers[..] {
        [major, minor, patch] if (major, minor) >= OLDEST => {
            Check::ok(PYTHON, format!("{major}.{minor}.{patch} ({place})"))
        }
        [major, minor, patch] => Check::problem(
            PYTHON,
            format!("{major}.{minor}.{patch} is too old ({place})"),
            "install Python 3.10 or later, and set TRELLIS_PYTHON to it",
        ),
        _ => Check::problem(
            PYTHON,
            format!("it does not tell its version ({place})"),
            "set TRELLIS_PYTHON to a Python that works",
        ),
    }
}

fn run(program: &Path, arguments: &[&str]) -> io::Result<Run> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("PYTHONUTF8", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().map(|from| thread::spawn(|| read(from)));
    let stderr = child.stderr.take().map(|from| thread::spawn(|| read(from)));
    let began = Instant::now();
    let end = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status.to_string());
        }
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(TICK);
    };
    let text = |thread: Option<thread::JoinHandle<String>>| {
        thread
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    };
    Ok(Run {
        stdout: text(stdout),
        stderr: text(stderr),
        end,
    })
}

fn read(from: impl Read) -> String {
    let mut bytes = Vec::new();
    // What came until it broke is what there is.
    let _ = from.take(MAX_BYTES).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use crossworld_trellis::backend::InterpreterOrigin;

    use super::super::check::Status;
    use super::*;

    /// What is found with a shell script in the place of Python.
    fn examined(script: &str) -> Vec<Check> {
        let folder = tempfile::tempdir().unwrap();
        let body = folder.path().join("script");
        fs::write(&body, script).unwrap();
        let program = folder.path().join("python");
        let launcher = format!("#!/bin/sh\nexec /bin/sh {} \"$@\"\n", body.display());
        fs::write(&program, launcher).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let interpreter = Interpreter {
            program,
            origin: InterpreterOrigin::Variable,
        };
        examine_with(&interpreter, Some("mine"))
    }

    fn telling_version(version: &str, otherwise: &str) -> String {
        format!("case $1 in -c) echo {version};; *) {otherwise};; esac")
    }

    fn remedy(check: &Check) -> &str {
        assert_eq!(check.status, Status::Problem, "{check}");
        check.remedy.as_deref().unwrap()
    }

    #[test]
    fn what_the_package_finds_is_passed_on_with_where_its_python_comes_from() {
        let report = r#"{"checks": [{"name": "Python", "status": "ok", "found": "3.12.1 (/x)", "remedy": null},
            {"name": "torch", "status": "problem", "found": "two\nlines", "remedy": "do this"}], "healthy": false}"#;
        let asked = "[ \"$*\" = '-m crossworld_trellis doctor --json --model mine' ] || exit 2";
        let found = examined(&format!("{asked}; printf '%s' '{report}'; exit 1"));
        let expected = [
            Check::ok("Python", "3.12.1 (/x), from TRELLIS_PYTHON"),
            Check::problem("torch", "two lines", "do this"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_python_without_the_package_is_told_how_to_set_it_up() {
        let missing = "echo 'python: No module named crossworld_trellis' >&2; exit 1";
        let found = examined(&telling_version("3 12 1", missing));
        assert_eq!(found[0].status, Status::Ok);
        assert!(
            found[1].found.starts_with("not installed for "),
            "{}",
            found[1]
        );
        assert!(remedy(&found[1]).contains("python/set_up.py"));
    }

    #[test]
    fn a_python_that_is_too_old_is_told_which_to_install() {
        let found = examined(&telling_version("3 9 18", "echo SyntaxError >&2; exit 1"));
        assert!(
            found[0].found.starts_with("3.9.18 is too old"),
            "{}",
            found[0]
        );
        assert!(remedy(&found[0]).contains("install Python 3.10"));
        let end = "its doctor ends with exit status: 1: SyntaxError";
        assert_eq!(found[1].found, end);
    }

    #[test]
    fn a_package_older_than_its_doctor_is_told_to_set_up_again() {
        let refusal = "echo \"error: argument COMMAND: invalid choice: 'doctor'\" >&2; exit 2";
        let found = examined(&telling_version("3 12 1", refusal));
        assert!(found[1].found.starts_with("too old to have a doctor"));
        assert!(remedy(&found[1]).contains("python/set_up.py"));
    }

    #[test]
    fn a_program_that_is_no_python_is_told_to_be_replaced() {
        let found = examined("exit 0");
        assert!(remedy(&found[0]).contains("TRELLIS_PYTHON"));
        let program = Path::new("/nowhere/python").into();
        let origin = InterpreterOrigin::System;
        let found = examine_with(&Interpreter { program, origin }, None);
        assert!(found[0].found.contains("does not start"), "{}", found[0]);
        assert!(remedy(&found[0]).contains("TRELLIS_PYTHON"));
    }
}
