//! `trellis doctor`: what is wrong with this installation, and what to do.
//!
//! The Python package looks after itself: its own doctor is run where it can be ([`python`]), and its lines are
//! shown among ours. What both look at is told once, as this side sees it, since it is what a game uses.

mod auto;
mod check;
mod display;
mod python;
#[cfg(feature = "server")]
mod server;
mod vulkan;

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::check::{Check, Status};
use crate::backends::backends;
use crate::failure::Failure;
use crate::output;

/// Find out what is wrong with this installation, and what to do about it.
#[derive(Args)]
#[command(after_help = "Exit code 0: nothing is broken; 1: something is.\n\n\
    Examples:\n  \
    trellis doctor\n  \
    trellis doctor --server http://192.168.0.7:8001 --json")]
pub struct Doctor {
    /// Address of the TRELLIS server to ask, in place of the one that the environment names.
    #[cfg(feature = "server")]
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// The model to look for, in place of the one that the environment names: a folder or a repository of the hub.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Everything that was looked at, in the shape of the Python side's.
#[derive(Serialize)]
struct Findings {
    checks: Vec<Check>,
    healthy: bool,
}

impl Doctor {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let checks = self.examine();
        let healthy = checks.iter().all(|check| check.status != Status::Problem);
        output::print(&Findings { checks, healthy }, self.json)?;
        Ok(if healthy {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn examine(&self) -> Vec<Check> {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let url = self.server();
        let display = display::find(&variable);
        let mut own = Vec::new();
        #[cfg(feature = "server")]
        own.extend(server::check(url));
        own.extend(vulkan::check(
            &variable,
            &PathBuf::from("/"),
            display.is_some(),
        ));
        own.extend(display::check(display));
        let mut backends = backends(url);
        backends.use_model(self.model.clone());
        own.push(auto::check(&backends));

        let mut checks = python::examine(self.model.as_deref());
        checks.retain(|theirs| !own.iter().any(|ours| ours.is_about(theirs)));
        checks.extend(own);
        checks
    }

    #[cfg(feature = "server")]
    fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    #[cfg(not(feature = "server"))]
    fn server(&self) -> Option<&str> {
        None
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            writeln!(f, "{check}")?;
        }
        let broken = self.checks.iter();
        let broken = broken.filter(|check| check.status == Status::Problem);
        let broken: Vec<&str> = broken.map(|check| check.name.as_str()).collect();
        if broken.is_empty() {
            f.write_str("nothing is broken")
        } else {
            write!(f, "broken: {}", broken.join(", "))
        }
    }
}
