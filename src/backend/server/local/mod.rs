//! [`LocalServer`]: a server process of our own, which ends with us.
//!
//! `python -m crossworld_trellis serve` listens at a free port of 127.0.0.1 and knows a token that nobody else has.
//! It holds on to the other end of a pipe, so that it stops whichever way this process ends. Its log goes to
//! `tracing`. It is started once, and again before the next generation when it has ended or cannot work; never by
//! itself.

mod log;
mod process;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use self::process::Process;
use super::{HealthStatus, Server, ServerError, ServerTimeouts, TOGETHER};
use crate::backend::{Backend, BackendError, BackendInfo, Cancelled, Progress, Prompt, Watch};
use crate::voxel::SparseVoxels;

/// How long is waited for a process to end whose connection has ended.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// The pause before a process that follows a failed one; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Processes in a row that fail before auto passes the backend over.
const MAX_FAILURES: u32 = 3;

/// How often somebody who waits looks up.
const TICK: Duration = Duration::from_millis(20);

type End = Result<SparseVoxels, BackendError>;

/// How a process ended, and what it said last.
type Death = (ExitStatus, Option<String>);

/// How a server process is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpawnOptions {
    /// The Python that runs it, by default the one that [`crate::backend::Interpreter::find`] finds.
    pub python: Option<PathBuf>,
    /// The model that it runs, a folder or a repository of the hub; by default the one that `TRELLIS_MODEL_PATH` names,
    /// else the published TRELLIS.
    pub model: Option<String>,
    /// Further arguments of `python -m crossworld_trellis serve`, such as `--device cpu`. Where it listens cannot be
    /// changed.
    pub arguments: Vec<OsString>,
    /// Environment variables that it gets besides ours.
    pub variables: Vec<(OsString, OsString)>,
    /// How long it may take until it listens. Its model may take longer: generations wait for that.
    pub start: Duration,
}

impl Default for SpawnOptions {
    fn default() -> Self {
        Self {
            python: None,
            model: None,
            arguments: Vec::new(),
            variables: Vec::new(),
            start: Duration::from_secs(60),
        }
    }
}

/// A server process that was started here, and is stopped when this is dropped.
pub struct LocalServer {
    options: SpawnOptions,
    process: Option<Process>,
    /// Where the last process listened.
    server: Server,
    /// Processes in a row that failed, and when the last one did.
    failures: u32,
    failed: Instant,
}

impl Server {
    /// Starts a server process on this machine and waits until it listens, which takes a few seconds; its model is
    /// loaded meanwhile.
    ///
    /// A game that wants one registers it, and it then takes the place of a server that runs anyway; where another model
    /// is chosen, another process takes the place of this one:
    ///
    /// ```
    /// use crossworld_trellis::backend::{Backends, Server, SpawnOptions};
    ///
    /// let mut backends = Backends::default();
    /// backends.register_with_model(Server::NAME, |model| {
    ///     let options = SpawnOptions {
    ///         model: model.map(Into::into),
    ///         ..SpawnOptions::default()
    ///     };
    ///     Ok(Box::new(Server::spawn(options)?))
    /// });
    /// ```
    ///
    /// # Errors
    /// [`ServerError::Python`] where there is none, [`ServerError::NotStarted`] where it cannot run the package.
    pub fn spawn(options: SpawnOptions) -> Result<LocalServer, ServerError> {
        let started = start(&options, &mut || Ok(()));
        let (process, server) = started.map_err(|error| match error {
            BackendError::Server(error) => error,
            other => ServerError::Unfit {
                detail: other.to_string(),
            },
        })?;
        Ok(LocalServer {
            options,
            process: Some(process),
            server,
            failures: 0,
            failed: Instant::now(),
        })
    }
}

impl LocalServer {
    /// Number of the process; `None` while there is none.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Sees to it that a process runs.
    fn ensure(&mut self, watch: &mut dyn Watch) -> Result<(), BackendError> {
        if let Some(process) = &mut self.process {
            match process.end() {
                None => return Ok(()),
                Some(end) => {
                    tracing::warn!("the server process has ended ({end}): starting another one");
                    self.fail();
                }
            }
        }
        let mut ask = || watch.progress(Progress::LOADING);
        let pause = pause_after(self.failures);
        while self.failed.elapsed() < pause {
            ask()?;
            std::thread::sleep(TICK);
        }
        match start(&self.options, &mut ask) {
            Ok((process, server)) => {
                self.process = Some(process);
                self.server = server;
                Ok(())
            }
            Err(error) => {
                if !matches!(error, BackendError::Cancelled(_)) {
                    self.fail();
                }
                Err(error)
            }
        }
    }

    /// Gives the process up.
    fn fail(&mut self) {
        self.process = None;
        self.failures = self.failures.saturating_add(1);
        self.failed = Instant::now();
    }

    /// Whether requests met a process that had ended before.
    fn came_too_late(&mut self, ends: &[End]) -> bool {
        ends.iter().any(is_unheard)
            && self
                .process
                .as_mut()
                .is_some_and(|process| process.end_within(ENDS_WITHIN).is_some())
    }

    /// What an error of a connection means for the process behind it. A batch has several, and a process ends once:
    /// `death` is how, after the first of them.
    fn judge(&mut self, error: ServerError, death: &mut Option<Death>) -> ServerError {
        match error {
            ServerError::Unreachable { .. }
            | ServerError::Silent { .. }
            | ServerError::Dropped { .. }
            | ServerError::Broken { .. } => {
                if let Some(process) = &mut self.process {
                    let end = process.end_within(ENDS_WITHIN);
                    *death = end.map(|end| (end, process.said()));
                    self.fail();
                }
                match death.clone() {
                    Some((end, said)) => ServerError::Died { end, said },
                    None => error,
                }
            }
            // Nobody else uses it: it has no room because it has given up.
            ServerError::Busy { detail, .. } => {
                if self.process.is_some() {
                    self.fail();
                }
                ServerError::Unfit { detail }
            }
            other => other,
        }
    }
}

impl Backend for LocalServer {
    /// Ready is also one that would have to be started anew, unless several in a row have failed.
    fn describe(&self) -> BackendInfo {
        let health = self.server.recent_health();
        let in_trouble = health.is_some_and(|health| health.status == HealthStatus::Error);
        BackendInfo {
            ready: !in_trouble && self.failures < MAX_FAILURES,
            ..self.server.describe()
        }
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        let mut ends = self.generate_batch(std::slice::from_ref(prompt), &mut [watch]);
        ends.pop().unwrap_or(Err(BackendError::NoPicture))
    }

    fn batch_size(&self) -> usize {
        TOGETHER
    }

    fn generate_batch(
        &mut self,
        prompts: &[Prompt],
        watches: &mut [&mut dyn Watch],
    ) -> Vec<Result<SparseVoxels, BackendError>> {
        let mut ends: Vec<End> = Vec::new();
        // Whoever leaves while a process starts, or waits for one that fails, has its end; the next one waits anew.
        for (prompt, watch) in prompts.iter().zip(watches.iter_mut()) {
            match self
                .server
                .check(prompt)
                .and_then(|()| self.ensure(&mut **watch))
            {
                Ok(()) => break,
                Err(error) => ends.push(Err(error)),
            }
        }
        let prompts = prompts.get(ends.len()..).unwrap_or_default();
        let watches = watches.get_mut(ends.len()..).unwrap_or_default();
        let mut made = self.server.generate_batch(prompts, watches);
        if self.came_too_late(&made) {
            for (end, (prompt, watch)) in made.iter_mut().zip(prompts.iter().zip(watches)) {
                if is_unheard(end) {
                    *end = self
                        .ensure(&mut **watch)
                        .and_then(|()| self.server.generate(prompt, &mut **watch));
                }
            }
        }
        if made.iter().any(Result::is_ok) {
            self.failures = 0;
        }
        let mut death = None;
        ends.extend(made.into_iter().map(|end| match end {
            Err(BackendError::Server(error)) => Err(self.judge(error, &mut death).into()),
            other => other,
        }));
        ends
    }

    /// Waits until the model is loaded.
    fn make_ready(&mut self, watch: &mut dyn Watch) -> Result<(), BackendError> {
        self.ensure(watch)?;
        let mut heard = Instant::now();
        let mut is_loading = |server: &Server| match server.recent_health() {
            Some(health) => {
                heard = Instant::now();
                health.status == HealthStatus::Loading
            }
            // One that says nothing for long has its generation fail.
            None => heard.elapsed() < server.timeouts.silence,
        };
        while is_loading(&self.server) && self.process.as_mut().is_some_and(|it| it.end().is_none())
        {
            watch.progress(Progress::LOADING)?;
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// What the server tells once its model is loaded; nothing that holds for this process only, as the next one has
    /// another port.
    fn cache_identity(&mut self) -> Option<String> {
        match self.process.as_mut()?.end() {
            None => self.server.recent_health()?.identity,
            Some(_) => None,
        }
    }
}

/// Whether a request failed before anything was heard of it.
fn is_unheard(end: &End) -> bool {
    matches!(
        end,
        Err(BackendError::Server(
            ServerError::Unreachable { .. }
                | ServerError::Dropped {
                    answered: false,
                    ..
                }
        ))
    )
}

/// Starts a process and waits until it listens.
fn start(
    options: &SpawnOptions,
    ask: &mut dyn FnMut() -> Result<(), Cancelled>,
) -> Result<(Process, Server), BackendError> {
    let token = random_token()?;
    let mut process = Process::start(options, &token)?;
    let url = process.address(options.start, ask)?;
    tracing::info!(
        "a server process, number {}, listens at {url}",
        process.id()
    );
    // While its model loads, it may be slow to answer.
    let timeouts = ServerTimeouts {
        handshake: Duration::from_secs(60),
        silence: Duration::from_secs(120),
        busy: Duration::ZERO,
        ..ServerTimeouts::default()
    };
    let server = Server::at(&url)?
        .with_token(&token)?
        .with_timeouts(timeouts);
    Ok((process, server))
}

/// 128 random bits.
fn random_token() -> Result<String, ServerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ServerError::Unfit {
        detail: format!("the system gives no random numbers for its token: {error}"),
    })?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// The pause before the next process after some that failed.
fn pause_after(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(LONGEST_PAUSE),
    }
}
