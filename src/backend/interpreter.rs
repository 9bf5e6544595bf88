//! [`Interpreter`]: which Python runs the package `crossworld_trellis`.
//!
//! Looked for in this order: what `TRELLIS_PYTHON` names, the virtual environment that is active (`VIRTUAL_ENV`), a
//! `.venv` in the current folder, beside the program, or in a folder above one of them, and `python3` of the system.
//! Nothing is started here.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// The environment variable with the Python to use.
pub const PYTHON_VARIABLE: &str = "TRELLIS_PYTHON";

const ENVIRONMENT_VARIABLE: &str = "VIRTUAL_ENV";
const PROJECT_ENVIRONMENT: &str = ".venv";

#[cfg(not(windows))]
const IN_ENVIRONMENT: &str = "bin/python";
#[cfg(windows)]
const IN_ENVIRONMENT: &str = "Scripts/python.exe";

#[cfg(not(windows))]
const OF_SYSTEM: [&str; 2] = ["python3", "python"];
#[cfg(windows)]
const OF_SYSTEM: [&str; 2] = ["python.exe", "python3.exe"];

/// A Python interpreter that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The program.
    pub program: PathBuf,
    /// How it was found.
    pub origin: InterpreterOrigin,
}

/// How an interpreter was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InterpreterOrigin {
    /// `TRELLIS_PYTHON` names it.
    Variable,
    /// It is that of the active virtual environment.
    ActiveEnvironment,
    /// It is that of a `.venv` near the current folder or the program.
    ProjectEnvironment,
    /// It is the system's.
    System,
}

impl fmt::Display for InterpreterOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Variable => PYTHON_VARIABLE,
            Self::ActiveEnvironment => ENVIRONMENT_VARIABLE,
            Self::ProjectEnvironment => PROJECT_ENVIRONMENT,
            Self::System => "PATH",
        })
    }
}

/// Why there is no interpreter.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InterpreterError {
    /// `TRELLIS_PYTHON` names no file.
    #[error("{PYTHON_VARIABLE} names '{}', which is no file: set it to a Python program, or unset it", .0.display())]
    Named(PathBuf),
    /// There is none in any of the usual places.
    #[error("no Python was found: install Python 3.10 or later, or set {PYTHON_VARIABLE} to it")]
    None,
}

impl Interpreter {
    /// The interpreter to use.
    ///
    /// # Errors
    /// [`InterpreterError`] where there is none, or `TRELLIS_PYTHON` names something else.
    pub fn find() -> Result<Self, InterpreterError> {
        let program = env::current_exe().ok();
        let starts = [env::current_dir().ok(), program];
        Surroundings {
            variable: &|name| env::var_os(name),
            starts: starts.into_iter().flatten().collect(),
        }
        .interpreter()
    }
}

/// Where to look.
struct Surroundings<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// Places at and above which a `.venv` may lie.
    starts: Vec<PathBuf>,
}

impl Surroundings<'_> {
    fn interpreter(&self) -> Result<Interpreter, InterpreterError> {
        if let Some(named) = self.path(PYTHON_VARIABLE) {
            // A bare name is looked up as a shell would.
            let is_bare = named.components().count() == 1 && !named.exists();
            let program = if is_bare {
                self.on_path(&named)
            } else {
                Some(named.clone())
            };
            return match program.filter(|program| program.is_file()) {
                Some(program) => Ok(Interpreter {
                    program,
                    origin: InterpreterOrigin::Variable,
                }),
                None => Err(InterpreterError::Named(named)),
            };
        }
        let active = self.path(ENVIRONMENT_VARIABLE).into_iter();
        let active = active.map(|folder| (folder, InterpreterOrigin::ActiveEnvironment));
        let project = self.starts.iter().flat_map(|start| start.ancestors());
        let project = project.map(|folder| {
            let environment = folder.join(PROJECT_ENVIRONMENT);
            (environment, InterpreterOrigin::ProjectEnvironment)
        });
        let environment = active
            .chain(project)
            .map(|(folder, origin)| Interpreter {
                program: folder.join(IN_ENVIRONMENT),
                origin,
            })
            .find(|interpreter| interpreter.program.is_file());
        let system = || {
            let mut programs = OF_SYSTEM
                .iter()
                .filter_map(|name| self.on_path(name.as_ref()));
            programs.next().map(|program| Interpreter {
                program,
                origin: InterpreterOrigin::System,
            })
        };
        environment.or_else(system).ok_or(InterpreterError::None)
    }

    /// A variable that is set to something.
    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// A program in one of the folders of `PATH`.
    fn on_path(&self, name: &Path) -> Option<PathBuf> {
        let folders = (self.variable)("PATH")?;
        env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|program| program.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::fs;

    /// Makes an empty program and returns its path.
    fn program(path: PathBuf) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    fn find(variables: &[(&str, &Path)], start: &Path) -> Result<Interpreter, InterpreterError> {
        let variables: HashMap<&str, OsString> = variables
            .iter()
            .map(|(name, path)| (*name, path.into()))
            .collect();
        Surroundings {
            variable: &|name| variables.get(name).cloned(),
            starts: vec![start.into()],
        }
        .interpreter()
    }

    #[test]
    fn the_nearer_place_wins() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        let (named, active) = (home.join("mine"), home.join("active"));
        let (project, system) = (home.join("game/src/deep"), home.join("system"));
        program(named.clone());
        program(active.join(IN_ENVIRONMENT));
        program(home.join("game/.venv").join(IN_ENVIRONMENT));
        program(system.join(OF_SYSTEM[0]));
        let all: [(&str, &Path); 3] = [
            (PYTHON_VARIABLE, &named),
            (ENVIRONMENT_VARIABLE, &active),
            ("PATH", &system),
        ];
        let origin =
            |variables: &[(&str, &Path)], start: &Path| find(variables, start).unwrap().origin;
        assert_eq!(origin(&all, &project), InterpreterOrigin::Variable);
        assert_eq!(
            origin(&all[1..], &project),
            InterpreterOrigin::ActiveEnvironment
        );
        assert_eq!(
            origin(&all[2..], &project),
            InterpreterOrigin::ProjectEnvironment
        );
        assert_eq!(origin(&all[2..], home), InterpreterOrigin::System);
    }

    #[test]
    fn an_environment_that_is_gone_is_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let system = program(home.path().join(OF_SYSTEM[0]));
        let gone = home.path().join("gone");
        let found = find(
            &[(ENVIRONMENT_VARIABLE, &gone), ("PATH", home.path())],
            &gone,
        )
        .unwrap();
        assert_eq!(found.program, system);
    }

    #[test]
    fn a_python_that_was_named_is_never_replaced_by_another() {
        let home = tempfile::tempdir().unwrap();
        program(home.path().join(OF_SYSTEM[0]));
        let gone = home.path().join("gone");
        let error = find(
            &[(PYTHON_VARIABLE, &gone), ("PATH", home.path())],
            home.path(),
        );
        assert!(matches!(error, Err(InterpreterError::Named(path)) if path == gone));
    }

    #[test]
    fn a_bare_name_is_looked_up_as_a_shell_would() {
        let home = tempfile::tempdir().unwrap();
        let special = program(home.path().join("python3.special"));
        let name = Path::new("python3.special");
        let found = find(
            &[(PYTHON_VARIABLE, name), ("PATH", home.path())],
            home.path(),
        );
        assert_eq!(found.unwrap().program, special);
    }

    #[test]
    fn a_machine_without_python_is_told_what_to_install() {
        let home = tempfile::tempdir().unwrap();
        let error = find(&[], home.path()).unwrap_err();
        assert!(
            error.to_string().contains("install Python 3.10 or later"),
            "{error}"
        );
    }
}
