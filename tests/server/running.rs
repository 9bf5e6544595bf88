//! [`Running`]: one server for the tests that only ask, started as a user would.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crossworld_trellis::backend::Server;

use crate::place::{ON_CPU, Place, variables};

/// A server that runs as long as the tests do: it holds on to our end of its standard input.
pub struct Running {
    pub url: String,
    _process: Child,
}

impl Running {
    /// The server, for one test at a time, so that each finds it idle.
    pub fn find() -> Option<MutexGuard<'static, Self>> {
        static RUNNING: OnceLock<Mutex<Running>> = OnceLock::new();
        let place = Place::find()?;
        let running = RUNNING.get_or_init(|| Mutex::new(Self::start(place, &place.checkpoint)));
        Some(running.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A server that runs a checkpoint.
    pub fn start(place: &Place, checkpoint: &Path) -> Self {
        let mut server = Command::new(&place.python)
            .args([
                "-m",
                "crossworld_trellis",
                "serve",
                "--supervised",
                "--port",
                "0",
            ])
            .args(["--grace", "0"])
            .args(ON_CPU)
            .arg("--model")
            .arg(checkpoint)
            .envs(variables())
            .env_remove("TRELLIS_HOST")
            .env_remove("TRELLIS_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        // Whoever stops reading stops the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            url: first.strip_prefix("listening on ").unwrap().into(),
            _process: server,
        }
    }

    pub fn server(&self) -> Server {
        Server::at(&self.url).unwrap()
    }

    /// What curl gets from a path, with further arguments.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Vec<u8> {
        let answer = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--fail-with-body",
                "--max-time",
                "600",
            ])
            .args(arguments)
            .arg(format!("{}{path}", self.url))
            .output()
            .expect("these tests need the program curl");
        let said = String::from_utf8_lossy(&answer.stderr);
        assert!(answer.status.success(), "curl {path} {arguments:?}: {said}");
        answer.stdout
    }

    /// A number of `/metrics`.
    pub fn metric(&self, name: &str) -> f64 {
        let page = String::from_utf8(self.curl("/metrics", &[])).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0.0, |number| number.trim().parse().unwrap())
    }
}
