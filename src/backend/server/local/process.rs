//! [`Process`]: the server as a process of the system's: how it is started, where it listens, how it ended.

use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::log::{Log, each_line};
use super::{SpawnOptions, TICK};
use crate::backend::server::{ServerError, TOKEN_VARIABLE};
use crate::backend::{BackendError, Cancelled, Interpreter};

/// What stands before the address on the line that tells it.
const LISTENS: &str = "listening on ";

/// How long a process may take to stop after it was told to; it waits for nothing but its own threads.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// How long is waited for the last words of a process that has ended: its children may hold its pipes.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A server process. Dropping it stops it.
pub(super) struct Process {
    child: Child,
    /// The process stops when this is closed.
    stdin: Option<ChildStdin>,
    addresses: Receiver<String>,
    log: Log,
    errors: Option<JoinHandle<()>>,
    python: String,
}

impl Process {
    /// Starts a process; it listens later.
    ///
    /// # Errors
    /// [`ServerError::Python`] or [`ServerError::NotStarted`].
    pub(super) fn start(options: &SpawnOptions, token: &str) -> Result<Self, ServerError> {
        let (program, python) = match &options.python {
            Some(program) => (program.clone(), program.display().to_string()),
            None => {
                let found = Interpreter::find()?;
                let name = format!("{}, from {}", found.program.display(), found.origin);
                (found.program, name)
            }
        };
        let mut command = Command::new(program);
        command
            .args(["-m", "crossworld_trellis", "serve"])
            .args(&options.arguments)
            .args(options.model.iter().flat_map(|model| ["--model", model]))
            .args(["--supervised", "--host", "127.0.0.1", "--port", "0"])
            // What runs when we end is nobody's any more.
            .args(["--grace", "0"])
            .envs(options.variables.iter().cloned())
            .env(TOKEN_VARIABLE, token)
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONUTF8", "1")
            // Progress comes over the connection; bars would fill the log.
            .env("HF_HUB_DISABLE_PROGRESS_BARS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt;
            /// A game has no console, and its server shall not open one.
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command.creation_flags(CREATE_NO_WINDOW);
        }
        Self::run(&mut command, python.clone()).map_err(|error| ServerError::NotStarted {
            reason: error.to_string(),
            python,
        })
    }

    fn run(command: &mut Command, python: String) -> io::Result<Self> {
        let mut child = command.spawn()?;
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (tell, addresses) = channel();
        let log = Log::default();
        let mut process = Self {
            child,
            stdin,
            addresses,
            log: log.clone(),
            errors: None,
            python,
        };
        let thread = || std::thread::Builder::new().name("trellis-server-log".into());
        if let Some(stdout) = stdout {
            thread().spawn(move || {
                each_line(BufReader::new(stdout), |line| {
                    match line.strip_prefix(LISTENS) {
                        // Nobody waits for it any more when the process was given up.
                        Some(url) => drop(tell.send(url.trim().into())),
                        // uvicorn's list of requests.
                        None => tracing::debug!("{line}"),
                    }
                });
            })?;
        }
        if let Some(stderr) = stderr {
            process.errors = Some(thread().spawn(move || {
                each_line(BufReader::new(stderr), |line| log.take(line));
            })?);
        }
        Ok(process)
    }

    /// Number of the process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the address at which it listens.
    ///
    /// # Errors
    /// [`ServerError::NotStarted`] where it ends or takes too long, or [`Cancelled`].
    pub(super) fn address(
        &mut self,
        within: Duration,
        ask: &mut dyn FnMut() -> Result<(), Cancelled>,
    ) -> Result<String, BackendError> {
        let began = Instant::now();
        loop {
            match self.addresses.recv_timeout(TICK) {
                Ok(url) => return Ok(url),
                Err(RecvTimeoutError::Timeout) => {}
                // It has closed its output, so it ends.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            ask()?;
            if let Some(end) = self.end() {
                let said = self.said();
                let reason = said.map_or_else(|| end.to_string(), |said| format!("{end}: {said}"));
                return Err(self.not_started(reason).into());
            }
            if began.elapsed() > within {
                let reason = format!("it did not listen within {} s", within.as_secs_f32());
                return Err(self.not_started(reason).into());
            }
        }
    }

    /// How it ended, if it did.
    pub(super) fn end(&mut self) -> Option<ExitStatus> {
        // Who cannot tell has nothing to wait for.
        self.child.try_wait().ok().flatten()
    }

    /// How it ended, where that may happen any moment.
    pub(super) fn end_within(&mut self, within: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        loop {
            let end = self.end();
            if end.is_some() || began.elapsed() > within {
                return end;
            }
            std::thread::sleep(TICK);
        }
    }

    /// The last complaint of a process that has ended.
    pub(super) fn said(&mut self) -> Option<String> {
        let began = Instant::now();
        while let Some(errors) = &self.errors
            && !errors.is_finished()
            && began.elapsed() < LAST_WORDS
        {
            std::thread::sleep(TICK);
        }
        self.log.last_complaint()
    }

    fn not_started(&self, reason: String) -> ServerError {
        ServerError::NotStarted {
            reason,
            python: self.python.clone(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.stdin.take());
        if self.end_within(STOPS_WITHIN).is_none() {
            tracing::warn!("the server process does not stop: it is killed");
            // One that ended this very moment needs no killing.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
