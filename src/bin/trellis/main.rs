//! The command-line program `trellis`: a picture becomes voxels, and voxels become pictures.
//!
//! One file per command; each works through the library's public interface only. Results go to standard output,
//! progress and errors to standard error. Exit code 0: done; 1: failed, with one line that starts with `error:`
//! (`doctor`: it found something broken); 2: the command line itself is wrong.

mod backends;
mod cache;
mod convert;
mod doctor;
mod dump;
mod failure;
mod generate;
mod info;
mod output;
mod preview;
mod progress_bar;
mod verbosity;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};

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

    /// Show on standard error what happens; twice for everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
}

#[derive(Subcommand)]
enum Command {
    Generate(generate::Generate),
    Cache(cache::Cache),
    Convert(convert::Convert),
    Doctor(doctor::Doctor),
    Dump(dump::Dump),
    Info(info::Info),
    Preview(preview::Preview),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    verbosity::show_log(arguments.verbose);
    let done = match arguments.command {
        Command::Doctor(command) => command.run(),
        Command::Generate(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Cache(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Convert(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Dump(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Info(command) => command.run().map(|()| ExitCode::SUCCESS),
        Command::Preview(command) => command.run().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|failure| {
        // Where nobody listens to errors, the exit code is all there is.
        let _ = writeln!(io::stderr(), "error: {failure}");
        ExitCode::FAILURE
    })
}
