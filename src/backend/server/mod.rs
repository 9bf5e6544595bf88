//! [`Server`]: a TRELLIS server, on this machine or another one, does the work.
//!
//! It is asked over the WebSocket `/stream`, which tells progress and previews ([`stream`]); a server that has none
//! gets `POST /generate` and may answer with a mesh ([`upload`]). Everything blocks with short looks at the watch, so
//! a cancelled generation closes its connection within a tenth of a second. [`LocalServer`] brings a server process
//! along. Answers are outside data: read within
//! [`MAX_RESULT_BYTES`], checked, and told in one line. Plain `http` without TLS; the frame is the wire format's.

mod address;
mod error;
mod http;
mod link;
mod local;
mod reply;
mod retry;
mod stream;
#[cfg(test)]
mod tests;
mod together;
mod upload;

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

pub use error::ServerError;
pub use local::{LocalServer, SpawnOptions};
pub use reply::{Health, HealthStatus};

use self::address::Address;
use self::http::{Answer, Request};
use self::link::Patience;
use self::retry::Retry;
use super::{Backend, BackendError, BackendInfo, Prompt, Unwatched, Watch};
use crate::voxel::SparseVoxels;

/// The environment variable with the server's address.
pub const SERVER_VARIABLE: &str = "TRELLIS_SERVER_URL";

/// The environment variable with the server's bearer token.
pub const TOKEN_VARIABLE: &str = "TRELLIS_TOKEN";

/// Most bytes of a result that are read.
const MAX_RESULT_BYTES: usize = 256 << 20;

/// Most bytes of an answer to `/health` and its like that are read.
const MAX_PAGE_BYTES: usize = 64 << 10;

/// Prompts that are sent at once, as many as a server makes together by default.
const TOGETHER: usize = 4;

/// How long what a server said of its health is believed.
const HEALTH_LASTS: Duration = Duration::from_secs(1);

/// How long a server is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTimeouts {
    /// For a connection.
    pub connect: Duration,
    /// For an answer to `/health`; auto waits that long before it tries another backend.
    pub health: Duration,
    /// For `/stream` to open.
    pub handshake: Duration,
    /// For any sign of life on `/stream`, where a living server answers pings also while it works.
    pub silence: Duration,
    /// For an answer to `POST /generate`, which comes only when the work is done.
    pub answer: Duration,
    /// For a busy server to have room, all pauses together.
    pub busy: Duration,
}

impl Default for ServerTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(1),
            health: Duration::from_secs(1),
            handshake: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            answer: Duration::from_secs(900),
            busy: Duration::from_secs(120),
        }
    }
}

/// A TRELLIS server that listens at an address. It holds no connection between generations, so a server that was
/// started anew is simply used.
#[derive(Clone)]
pub struct Server {
    address: Address,
    token: Option<String>,
    timeouts: ServerTimeouts,
    health: RefCell<Option<(Instant, Option<Health>)>>,
}

impl Server {
    /// The name it is chosen by.
    pub const NAME: &'static str = "server";

    /// Where a server listens unless it is told otherwise.
    pub const DEFAULT_URL: &'static str = "http://127.0.0.1:8001";

    /// Cells per axis that are asked for where the server does not tell which it makes.
    const RESOLUTIONS: RangeInclusive<u32> = 1..=1024;

    /// The server at an address like [`Server::DEFAULT_URL`], with the token of `TRELLIS_TOKEN`. Connects to nothing.
    ///
    /// # Errors
    /// [`ServerError::Address`] or [`ServerError::TokenSpelling`].
    pub fn at(url: &str) -> Result<Self, ServerError> {
        let server = Self {
            address: Address::parse(url)?,
            token: None,
            timeouts: ServerTimeouts::default(),
            health: RefCell::default(),
        };
        match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.is_empty() => server.with_token(&token),
            _ => Ok(server),
        }
    }

    /// The server that `TRELLIS_SERVER_URL` names, else the one at [`Server::DEFAULT_URL`].
    ///
    /// # Errors
    /// As [`Server::at`].
    pub fn from_environment() -> Result<Self, ServerError> {
        match std::env::var(SERVER_VARIABLE) {
            Ok(url) if !url.trim().is_empty() => Self::at(&url),
            _ => Self::at(Self::DEFAULT_URL),
        }
    }

    /// The same server, asked with this bearer token.
    ///
    /// # Errors
    /// [`ServerError::TokenSpelling`].
    pub fn with_token(mut self, token: &str) -> Result<Self, ServerError> {
        if !token.chars().all(|c| c.is_ascii_graphic()) {
            return Err(ServerError::TokenSpelling);
        }
        self.token = Some(token.into());
        Ok(self)
    }

    /// The same server, waited for so long.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: ServerTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Asks the server how it is. Blocks for some two seconds at most.
    ///
    /// # Errors
    /// [`ServerError`] where nothing answers, or not as a TRELLIS server does.
    pub fn health(&self) -> Result<Health, ServerError> {
        let answer = self.page("/health")?;
        Health::read(&answer.body).ok_or(ServerError::Protocol {
            problem: "its /health is a web page".into(),
            url: self.address.to_string(),
        })
    }

    /// Asks for something that only those see who know the token, which [`Server::health`] is not. A server that has no
    /// such thing lets everybody in. Blocks as [`Server::health`] does.
    ///
    /// # Errors
    /// [`ServerError::Token`] where the server wants another token, else as [`Server::health`].
    pub fn check_token(&self) -> Result<(), ServerError> {
        match self.page("/metrics") {
            Ok(_) | Err(ServerError::Refused { .. } | ServerError::TooLarge { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A short answer that is soon there.
    fn page(&self, endpoint: &'static str) -> Result<Answer, ServerError> {
        let url = self.address.to_string();
        let request = Request {
            method: "GET",
            endpoint,
            token: self.token.as_deref(),
            media: None,
            body: &[],
            limit: MAX_PAGE_BYTES,
        };
        let mut watch = Unwatched;
        let mut patience = Patience::new(&self.address, self.timeouts.health, &mut watch);
        let answer = http::ask(
            &self.address,
            self.timeouts.connect,
            &request,
            &mut patience,
        );
        let answer = answer.map_err(|error| match error {
            BackendError::Server(error) => error,
            other => ServerError::Broken {
                source: other.into(),
                url: url.clone(),
            },
        })?;
        match answer.status {
            200..300 => Ok(answer),
            status => Err(reply::refusal(
                status,
                &answer.body,
                answer.retry_after,
                url,
            )),
        }
    }

    /// The server, if it answers at all: how this backend starts, see [`super::Backends::register`].
    ///
    /// # Errors
    /// As [`Server::health`].
    pub fn reached(self) -> Result<Self, ServerError> {
        match self.health() {
            Ok(health) => {
                self.health.replace(Some((Instant::now(), Some(health))));
            }
            // It is there and cannot tell just now; the request itself is retried.
            Err(ServerError::Busy { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(self)
    }

    /// Its health, a moment old at most; `None` where it cannot be told.
    fn recent_health(&self) -> Option<Health> {
        let mut known = self.health.borrow_mut();
        match &*known {
            Some((when, health)) if when.elapsed() < HEALTH_LASTS => health.clone(),
            _ => {
                let health = self.health().ok();
                *known = Some((Instant::now(), health.clone()));
                health
            }
        }
    }

    /// Refuses what this server cannot make, as far as it was told; asks nobody.
    fn check(&self, prompt: &Prompt) -> Result<(), BackendError> {
        let known = self.health.borrow();
        let told = known.as_ref().and_then(|(_, health)| health.as_ref());
        let told = told.and_then(|health| health.resolutions.clone());
        prompt.check(Self::NAME, &told.unwrap_or(Self::RESOLUTIONS))
    }

    fn attempt(
        &self,
        prompt: &Prompt,
        pictures: &[Vec<u8>],
        patience: &mut Patience<'_>,
    ) -> Result<SparseVoxels, BackendError> {
        match stream::generate(self, prompt, pictures, patience)? {
            Some(voxels) => Ok(voxels),
            None => upload::generate(self, prompt, pictures, patience),
        }
    }
}

impl Backend for Server {
    /// Asks the server, so this may block for as long as [`Server::health`] does.
    fn describe(&self) -> BackendInfo {
        let health = self.recent_health();
        let state = match health.as_ref().map(|health| health.status) {
            Some(HealthStatus::Healthy) => "",
            Some(HealthStatus::Loading) => ", still loading",
            Some(HealthStatus::Error) => ", in trouble",
            None => ", out of reach",
        };
        let told = health.as_ref();
        let device = told.and_then(|health| health.device.as_deref());
        let device = device.unwrap_or("a server");
        let model = told.and_then(|health| health.model.clone());
        let resolutions = told.and_then(|health| health.resolutions.clone());
        BackendInfo {
            name: Self::NAME,
            model: model.unwrap_or_else(|| "a model it does not name".into()),
            family: told.and_then(|health| health.family),
            device: format!("{device} ({}{state})", self.address),
            ready: told.is_some_and(|health| health.status == HealthStatus::Healthy),
            resolutions: resolutions.unwrap_or(Self::RESOLUTIONS),
        }
    }

    /// What the server tells, so that all servers with the same model share results; else model, version and address,
    /// as another server may call another model the same. Asks as [`Backend::describe`] does.
    fn cache_identity(&mut self) -> Option<String> {
        let health = self.recent_health()?;
        if health.identity.is_some() {
            return health.identity;
        }
        let version = health.version.unwrap_or_default();
        Some(format!("{}\n{version}\n{}", health.model?, self.address))
    }

    /// Several only where the server tells its identity, as those of this project do: another one may not even listen
    /// to a second connection while it works. Asks as [`Backend::describe`] does.
    fn batch_size(&self) -> usize {
        match self.recent_health() {
            Some(Health {
                identity: Some(_), ..
            }) => TOGETHER,
            _ => 1,
        }
    }

    /// Sends all at once; the server decides what it makes together.
    fn generate_batch(
        &mut self,
        prompts: &[Prompt],
        watches: &mut [&mut dyn Watch],
    ) -> Vec<Result<SparseVoxels, BackendError>> {
        together::generate(self, prompts, watches)
    }

    fn generate(
        &mut self,
        prompt: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        self.check(prompt)?;
        let mut patience = Patience::new(&self.address, self.timeouts.silence, watch);
        patience.ask()?;
        let pictures = prompt.pictures.iter().map(|picture| picture.to_png());
        let pictures: Vec<Vec<u8>> = pictures
            .collect::<Result<_, _>>()
            .map_err(|source| ServerError::Picture { source })?;
        let mut retry = Retry::new(self.timeouts.busy);
        loop {
            match self.attempt(prompt, &pictures, &mut patience) {
                Err(BackendError::Server(error)) => {
                    tracing::debug!("a try came to nothing: {error}");
                    let pause = retry.after(error)?;
                    patience.pause(pause)?;
                }
                done => return done,
            }
        }
    }
}
