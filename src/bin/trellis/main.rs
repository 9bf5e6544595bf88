//! The command-line program `trellis`: a picture becomes voxels, and voxels become pictures.
//!
//! One file per command; each works through the library's public interface only. Results go to standard output,
//! progress and errors to standard error. Exit code 0: done; 1: failed, with one line that starts with `error:`;
//! 2: the command line itself is wrong.

mod cache;
mod convert;
mod dump;
mod failure;
mod generate;
mod info;
mod output;
mod preview;
mod progress_bar;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A picture of an object becomes voxels.
#[derive(Parser)]
#[command(
    name = "trellis",
    version,
    after_help = "Example:\n  \
        trellis generate mushroom.png -o mushroom.voxels --preview mushroom-3d.png"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Generate(generate::Generate),
    Cache(cache::Cache),
    Convert(convert::Convert),
    Dump(dump::Dump),
    Info(info::Info),
    Preview(preview::Preview),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Generate(command) => command.run(),
        Command::Cache(command) => command.run(),
        Command::Convert(command) => command.run(),
        Command::Dump(command) => command.run(),
        Command::Info(command) => command.run(),
        Command::Preview(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where nobody listens to errors, the exit code is all there is.
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::FAILURE
        }
    }
}
