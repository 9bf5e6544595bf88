//! [`Link`]: a TCP connection on which nobody waits long.
//!
//! Reads and writes give up after [`TICK`] with [`ErrorKind::WouldBlock`], so that whoever waits can look up, ask
//! whether the work shall go on, and see how long the other side has been silent.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::ServerError;
use super::address::Address;
use crate::backend::{BackendError, Cancelled, Progress, Watch};

/// How long a read or write may take before its caller looks up.
const TICK: Duration = Duration::from_millis(50);

/// A connection to a server.
pub(super) struct Link {
    stream: TcpStream,
    answered: Rc<Cell<bool>>,
}

impl Link {
    /// Connects, trying every address that the host's name stands for.
    pub(super) fn open(address: &Address, within: Duration) -> Result<Self, ServerError> {
        let unreachable = |source| ServerError::Unreachable {
            source,
            url: address.to_string(),
        };
        let mut last = io::Error::new(ErrorKind::NotFound, "the name stands for no address");
        let places = (address.host.as_str(), address.port).to_socket_addrs();
        for place in places.map_err(unreachable)? {
            match TcpStream::connect_timeout(&place, within).and_then(Self::over) {
                Ok(link) => return Ok(link),
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }

    fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TICK))?;
        Ok(Self {
            stream,
            answered: Rc::default(),
        })
    }

    /// Tells whether anything has come over the connection, also once it is gone.
    pub(super) fn answered(&self) -> Rc<Cell<bool>> {
        Rc::clone(&self.answered)
    }
}

impl Read for Link {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.stream.read(buffer).map_err(late)?;
        if got > 0 {
            self.answered.set(true);
        }
        Ok(got)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Windows calls it `TimedOut`.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::Interrupted => ErrorKind::WouldBlock.into(),
        _ => error,
    }
}

/// Whether an error only says that nothing has come yet.
pub(super) fn is_late(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}

/// Waiting for the other side: asks the watch whether to go on, and ends when nothing has come for too long.
pub(super) struct Patience<'a> {
    pub(super) watch: &'a mut dyn Watch,
    url: String,
    silence: Duration,
    heard: Instant,
    /// What is told again while nothing comes, since that is how a watch is asked.
    last: Progress,
}

impl<'a> Patience<'a> {
    /// Waits for at most `silence` at a time.
    pub(super) fn new(address: &Address, silence: Duration, watch: &'a mut dyn Watch) -> Self {
        Self {
            watch,
            url: address.to_string(),
            silence,
            heard: Instant::now(),
            last: Progress::LOADING,
        }
    }

    /// Begins to wait for something else, for at most `silence`.
    pub(super) fn begin(&mut self, silence: Duration) {
        self.silence = silence;
        self.heard();
    }

    /// Something came.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Passes progress on.
    pub(super) fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        self.last = progress;
        self.watch.progress(progress)
    }

    /// Asks whether to go on.
    pub(super) fn ask(&mut self) -> Result<(), Cancelled> {
        self.watch.progress(self.last)
    }

    /// Nothing came for a moment.
    ///
    /// # Errors
    /// [`ServerError::Silent`], or [`Cancelled`].
    pub(super) fn wait(&mut self) -> Result<(), BackendError> {
        self.ask()?;
        if self.heard.elapsed() > self.silence {
            return Err(ServerError::Silent {
                after: self.silence,
                url: self.url.clone(),
            }
            .into());
        }
        Ok(())
    }

    /// Lets some time pass.
    pub(super) fn pause(&mut self, time: Duration) -> Result<(), Cancelled> {
        let began = Instant::now();
        loop {
            self.ask()?;
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(TICK));
        }
    }
}
