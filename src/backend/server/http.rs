//! HTTP as far as it takes to ask a server: one request a connection, answers read within bounds.
//!
//! Written out over [`Link`], because a request must end at once when its work is cancelled. No redirects, no
//! proxies, no TLS.

use std::io::{Read, Write};
use std::time::Duration;

use super::address::Address;
use super::link::{Link, Patience, is_late};
use super::{ServerError, reply};
use crate::backend::BackendError;

/// Most bytes of an answer's head.
const MAX_HEAD_BYTES: usize = 64 << 10;

/// Most headers of an answer.
const MAX_HEADERS: usize = 100;

/// A request.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) endpoint: &'static str,
    pub(super) token: Option<&'a str>,
    /// Media type of the body.
    pub(super) media: Option<String>,
    pub(super) body: &'a [u8],
    /// Most bytes of the answer's body.
    pub(super) limit: usize,
}

/// An answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) media: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// How long the body of an answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// Sends a request and reads the whole answer.
pub(super) fn ask(
    address: &Address,
    connect: Duration,
    request: &Request<'_>,
    patience: &mut Patience<'_>,
) -> Result<Answer, BackendError> {
    let mut line = Line {
        link: Link::open(address, connect)?,
        url: address.to_string(),
        limit: request.limit,
        bytes: Vec::new(),
        at: 0,
    };
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: */*\r\nContent-Length: {}\r\n",
        request.method,
        address.path(request.endpoint),
        address.authority(),
        request.body.len(),
    );
    if let Some(token) = request.token {
        head += &format!("Authorization: Bearer {token}\r\n");
    }
    if let Some(media) = &request.media {
        head += &format!("Content-Type: {media}\r\n");
    }
    head += "\r\n";
    // A server that refuses early may close before it has read everything; its answer counts.
    let sent = line
        .send(head.as_bytes(), patience)
        .and_then(|()| line.send(request.body, patience));
    match sent {
        Ok(()) | Err(BackendError::Server(ServerError::Dropped { .. })) => {}
        Err(error) => return Err(error),
    }
    let (mut answer, framing) = line.head(patience)?;
    answer.body = line.body(framing, patience)?;
    Ok(answer)
}

/// A connection and what has come over it.
struct Line {
    link: Link,
    url: String,
    limit: usize,
    bytes: Vec<u8>,
    /// Bytes that are dealt with.
    at: usize,
}

impl Line {
    fn send(&mut self, mut bytes: &[u8], patience: &mut Patience<'_>) -> Result<(), BackendError> {
        while !bytes.is_empty() {
            match self.link.write(bytes) {
                Ok(sent) => {
                    patience.heard();
                    bytes = bytes.get(sent..).unwrap_or_default();
                }
                Err(error) if is_late(&error) => patience.wait()?,
                Err(error) => return Err(self.dropped(error.to_string()).into()),
            }
        }
        Ok(())
    }

    /// Reads on; tells whether anything came, or the other side is done.
    fn more(&mut self, patience: &mut Patience<'_>) -> Result<bool, BackendError> {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.link.read(&mut buffer) {
                Ok(0) => return Ok(false),
                Ok(got) => {
                    patience.heard();
                    self.bytes.extend(buffer.get(..got).unwrap_or_default());
                    return Ok(true);
                }
                Err(error) if is_late(&error) => patience.wait()?,
                Err(error) => return Err(self.dropped(error.to_string()).into()),
            }
        }
    }

    fn more_or_dropped(&mut self, patience: &mut Patience<'_>) -> Result<(), BackendError> {
        if self.more(patience)? {
            return Ok(());
        }
        Err(self.dropped("in the middle of its answer".into()).into())
    }

    fn head(&mut self, patience: &mut Patience<'_>) -> Result<(Answer, Framing), BackendError> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut headers);
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match response.parse(rest) {
                Ok(httparse::Status::Complete(length)) => {
                    self.at += length;
                    // 100 Continue and its like come before the answer.
                    let status = response.code.unwrap_or(0);
                    if !(100..200).contains(&status) {
                        return Ok(summary(status, response.headers));
                    }
                }
                Ok(httparse::Status::Partial) if self.bytes.len() <= MAX_HEAD_BYTES => {
                    self.more_or_dropped(patience)?;
                }
                Ok(httparse::Status::Partial) => {
                    return Err(self.protocol("the head of its answer has no end").into());
                }
                Err(error) => {
                    return Err(self
                        .protocol(&format!("its answer is no HTTP: {error}"))
                        .into());
                }
            }
        }
    }

    fn body(
        &mut self,
        framing: Framing,
        patience: &mut Patience<'_>,
    ) -> Result<Vec<u8>, BackendError> {
        match framing {
            Framing::Length(length) => self.exactly(length, 0, patience),
            Framing::Chunked => self.chunks(patience),
            Framing::UntilClosed => {
                while self.more(patience)? {
                    if self.bytes.len() - self.at > self.limit {
                        return Err(self.too_large().into());
                    }
                }
                Ok(self.bytes.split_off(self.at))
            }
        }
    }

    /// The next `length` bytes, where `before` are already taken.
    fn exactly(
        &mut self,
        length: usize,
        before: usize,
        patience: &mut Patience<'_>,
    ) -> Result<Vec<u8>, BackendError> {
        if length > self.limit.saturating_sub(before) {
            return Err(self.too_large().into());
        }
        while self.bytes.len() - self.at < length {
            self.more_or_dropped(patience)?;
        }
        let tail = self.bytes.split_off(self.at + length);
        let body = self.bytes.split_off(self.at);
        self.bytes = tail;
        self.at = 0;
        Ok(body)
    }

    fn chunks(&mut self, patience: &mut Patience<'_>) -> Result<Vec<u8>, BackendError> {
        let mut body = Vec::new();
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            match httparse::parse_chunk_size(rest) {
                Ok(httparse::Status::Complete((line, length))) => {
                    self.at += line;
                    if length == 0 {
                        return Ok(body);
                    }
                    let length = usize::try_from(length).unwrap_or(usize::MAX);
                    body.extend(self.exactly(length, body.len(), patience)?);
                    // The line end behind the chunk.
                    self.exactly(2, 0, patience)?;
                }
                Ok(httparse::Status::Partial) if rest.len() <= MAX_HEAD_BYTES => {
                    self.more_or_dropped(patience)?;
                }
                _ => return Err(self.protocol("a chunk of its answer has no length").into()),
            }
        }
    }

    fn dropped(&self, reason: String) -> ServerError {
        ServerError::Dropped {
            reason,
            answered: self.link.answered().get(),
            url: self.url.clone(),
        }
    }

    fn protocol(&self, problem: &str) -> ServerError {
        ServerError::Protocol {
            problem: problem.into(),
            url: self.url.clone(),
        }
    }

    fn too_large(&self) -> ServerError {
        ServerError::TooLarge {
            limit: self.limit,
            url: self.url.clone(),
        }
    }
}

/// What counts of an answer's head.
fn summary(status: u16, headers: &[httparse::Header<'_>]) -> (Answer, Framing) {
    let mut answer = Answer {
        status,
        ..Answer::default()
    };
    let mut framing = Framing::UntilClosed;
    for header in headers {
        let value = String::from_utf8_lossy(header.value);
        let value = value.trim();
        match header.name.to_ascii_lowercase().as_str() {
            "content-type" => answer.media = reply::line(value),
            "retry-after" => answer.retry_after = reply::retry_after(value),
            "transfer-encoding" if value.to_ascii_lowercase().contains("chunked") => {
                framing = Framing::Chunked;
            }
            "content-length" if framing != Framing::Chunked => {
                framing = Framing::Length(value.parse().unwrap_or(usize::MAX));
            }
            _ => {}
        }
    }
    if matches!(status, 204 | 304) {
        framing = Framing::Length(0);
    }
    (answer, framing)
}
