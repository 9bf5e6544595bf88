//! [`ServerError`]: why a server made nothing.

use std::error::Error;
use std::process::ExitStatus;
use std::time::Duration;

use crate::backend::InterpreterError;
use crate::format::FormatError;
use crate::picture::PictureError;

/// Why a server made nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be used.
    #[error(
        "the server's address cannot be used: {problem}; write it like http://127.0.0.1:8001 (got {address})"
    )]
    Address {
        /// What is wrong with it.
        problem: &'static str,
        /// The address.
        address: String,
    },
    /// The token cannot be sent.
    #[error(
        "the server's token has a space or a sign that cannot be sent: use letters and digits in TRELLIS_TOKEN"
    )]
    TokenSpelling,
    /// Nothing answers at the address.
    #[error(
        "no TRELLIS server answers ({source}): start one with 'python -m crossworld_trellis serve', \
         name its address in TRELLIS_SERVER_URL, or set TRELLIS_BACKEND=inflate (tried {url})"
    )]
    Unreachable {
        /// What the system said.
        source: std::io::Error,
        /// The server.
        url: String,
    },
    /// The server is there and says nothing.
    #[error("the server said nothing for {} s: look into its log, then try again ({url})", after.as_secs_f32())]
    Silent {
        /// How long it was waited for.
        after: Duration,
        /// The server.
        url: String,
    },
    /// The connection ended before the result was there.
    #[error(
        "the server closed the connection ({reason}): look into its log, then try again ({url})"
    )]
    Dropped {
        /// What was said about it.
        reason: String,
        /// Whether anything had come over it; if not, the request is sent anew a few times.
        answered: bool,
        /// The server.
        url: String,
    },
    /// The server does not know us.
    #[error(
        "the server wants another token (status {status}): set TRELLIS_TOKEN to the one it was started with ({url})"
    )]
    Token {
        /// HTTP status.
        status: u16,
        /// The server.
        url: String,
    },
    /// The server has no room for the request, still after several tries.
    #[error("the server is busy (status {status}: {detail}): try again later ({url})")]
    Busy {
        /// HTTP status: 429 or 503.
        status: u16,
        /// What it said.
        detail: String,
        /// How long it asked to wait.
        retry_after: Option<Duration>,
        /// The server.
        url: String,
    },
    /// The server refused the request, or failed.
    #[error("the server answered with status {status}: {detail} ({url})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What it said, in one line; it tells what to do.
        detail: String,
        /// The setting it was about.
        field: Option<String>,
        /// The server.
        url: String,
    },
    /// The answer is larger than any result.
    #[error("the server's answer has more than {limit} bytes: ask for a lower resolution ({url})")]
    TooLarge {
        /// Most bytes that are read.
        limit: usize,
        /// The server.
        url: String,
    },
    /// The answer is none of a TRELLIS server.
    #[error(
        "what answers is no TRELLIS server, or a newer one ({problem}): check TRELLIS_SERVER_URL ({url})"
    )]
    Protocol {
        /// What was out of order.
        problem: String,
        /// The server.
        url: String,
    },
    /// The voxels or the mesh that came are damaged.
    #[error("the server sent a damaged result: {source} ({url})")]
    Damaged {
        /// What is wrong with them.
        source: Box<FormatError>,
        /// The server.
        url: String,
    },
    /// The picture could not be made ready for sending.
    #[error("cannot send the picture: {source}")]
    Picture {
        /// What was wrong.
        source: PictureError,
    },
    /// There is no Python that could run a server.
    #[error(transparent)]
    Python(#[from] InterpreterError),
    /// The server process could not be started.
    #[error(
        "the server process does not start ({reason}): set it up with 'python3 python/set_up.py' in the repository \
         (docs/guide.md), or name another Python in TRELLIS_PYTHON (tried {python})"
    )]
    NotStarted {
        /// What it or the system said.
        reason: String,
        /// The Python, and how it was found.
        python: String,
    },
    /// The server process ended before the result was there.
    #[error(
        "the server process ended ({end}{}): try again, it is started anew",
        said.as_ref().map(|said| format!(": {said}")).unwrap_or_default()
    )]
    Died {
        /// How it ended.
        end: ExitStatus,
        /// What it complained of last.
        said: Option<String>,
    },
    /// The server process runs and cannot work.
    #[error("the server process cannot work ({detail}): it is started anew for the next request")]
    Unfit {
        /// What it said.
        detail: String,
    },
    /// The connection broke for a reason of the system's.
    #[error("the connection to the server broke: {source} ({url})")]
    Broken {
        /// What the system said.
        source: Box<dyn Error + Send + Sync>,
        /// The server.
        url: String,
    },
}
