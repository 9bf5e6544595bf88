//! Where a command's results go: on standard output text for people or one JSON object for programs; in files never
//! over what it read.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::failure::Failure;

/// Prints a report: as one line of JSON, or as its own text.
pub fn print(report: &(impl Serialize + Display), json: bool) -> Result<(), Failure> {
    let text = if json {
        serde_json::to_string(report)?
    } else {
        report.to_string()
    };
    match writeln!(io::stdout(), "{text}") {
        // The reader has seen enough; that is its choice and no failure of ours.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => Ok(printed?),
    }
}

/// A file would be written over the one it is made from.
#[derive(Debug, thiserror::Error)]
#[error("the output would overwrite the input: name another file ({})", path.display())]
struct OverwritesInput {
    path: PathBuf,
}

/// Refuses an output that is the input, under whatever name.
pub fn check_differs(input: &Path, output: &Path) -> Result<(), Failure> {
    match (input.canonicalize(), output.canonicalize()) {
        (Ok(from), Ok(to)) if from == to => Err(OverwritesInput {
            path: output.into(),
        }
        .into()),
        _ => Ok(()),
    }
}
