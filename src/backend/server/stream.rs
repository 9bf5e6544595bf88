//! The WebSocket `/stream`: a prompt in, progress, previews and the result out; one generation a connection.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::client_with_config;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::{Request, generate_key};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::link::{Link, Patience, is_late};
use super::{MAX_RESULT_BYTES, Server, ServerError, reply};
use crate::backend::{BackendError, Progress, Prompt, Stage};
use crate::format::voxels;
use crate::voxel::SparseVoxels;

/// How often a silent server is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(5);

/// What the next binary message is.
#[derive(Clone, Copy)]
enum Announced {
    Preview,
    Result,
}

/// Has the thing made over `/stream`; `None` where the server has no such thing.
pub(super) fn generate(
    server: &Server,
    prompt: &Prompt,
    pictures: &[Vec<u8>],
    patience: &mut Patience<'_>,
) -> Result<Option<SparseVoxels>, BackendError> {
    let Some(mut stream) = Stream::open(server, patience)? else {
        return Ok(None);
    };
    patience.begin(server.timeouts.silence);
    let done = stream.work(prompt, pictures, patience);
    // Whatever came of it, the server shall know that nobody listens; the connection ends right after.
    let _ = stream.socket.close(None);
    done.map(Some)
}

struct Stream {
    socket: WebSocket<Link>,
    answered: Rc<Cell<bool>>,
    url: String,
    asked: Instant,
}

impl Stream {
    fn open(server: &Server, patience: &mut Patience<'_>) -> Result<Option<Self>, BackendError> {
        patience.begin(server.timeouts.handshake);
        let url = server.address.to_string();
        let link = Link::open(&server.address, server.timeouts.connect)?;
        let answered = link.answered();
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_RESULT_BYTES))
            .max_frame_size(Some(MAX_RESULT_BYTES));
        let mut shaking = client_with_config(request(server)?, link, Some(config));
        loop {
            match shaking {
                Ok((socket, _)) => {
                    return Ok(Some(Self {
                        socket,
                        answered,
                        url,
                        asked: Instant::now(),
                    }));
                }
                Err(HandshakeError::Interrupted(half)) => {
                    patience.wait()?;
                    shaking = half.handshake();
                }
                Err(HandshakeError::Failure(Error::Http(response))) => {
                    return refused(&response, url);
                }
                Err(HandshakeError::Failure(error)) => {
                    return Err(failure(error, answered.get(), url).into());
                }
            }
        }
    }

    fn work(
        &mut self,
        prompt: &Prompt,
        pictures: &[Vec<u8>],
        patience: &mut Patience<'_>,
    ) -> Result<SparseVoxels, BackendError> {
        let wish = json!({
            "seed": prompt.seed,
            "resolution": prompt.resolution,
            "previews": patience.watch.wants_previews(),
            "pictures": pictures.len(),
        });
        self.send(Message::text(wish.to_string()), patience)?;
        for picture in pictures {
            self.send(Message::binary(picture.clone()), patience)?;
        }
        let mut announced = None;
        loop {
            match (self.next(patience)?, announced) {
                (Message::Text(text), None) => announced = self.hear(&text, patience)?,
                (Message::Binary(bytes), Some(what)) => {
                    announced = None;
                    let voxels = voxels::decode(&bytes).map_err(|source| ServerError::Damaged {
                        source: source.into(),
                        url: self.url.clone(),
                    })?;
                    match what {
                        Announced::Result => return Ok(voxels),
                        Announced::Preview => patience.watch.preview(voxels)?,
                    }
                }
                (Message::Text(_), Some(_)) => {
                    return Err(self.protocol("text where voxels were announced").into());
                }
                (Message::Binary(_), None) => {
                    return Err(self.protocol("bytes that nothing announced").into());
                }
                (Message::Close(frame), _) => return Err(self.closed(frame.as_ref()).into()),
                _ => {}
            }
        }
    }

    /// Deals with a text message; tells what binary message it announces.
    fn hear(
        &self,
        text: &str,
        patience: &mut Patience<'_>,
    ) -> Result<Option<Announced>, BackendError> {
        let message: Value =
            serde_json::from_str(text).map_err(|_| self.protocol("a message that is no JSON"))?;
        let number = |key: &str| message.get(key).and_then(Value::as_u64).unwrap_or(0);
        let small = |key: &str| u32::try_from(number(key)).unwrap_or(u32::MAX);
        match message.get("type").and_then(Value::as_str) {
            Some("preview") => return Ok(Some(Announced::Preview)),
            Some("result") => return Ok(Some(Announced::Result)),
            Some("progress") => {
                let name = message.get("stage").and_then(Value::as_str);
                // A newer server may have a stage that we do not know; the work goes on all the same.
                match Stage::ALL
                    .into_iter()
                    .find(|stage| Some(stage.name()) == name)
                {
                    Some(stage) => patience.progress(Progress {
                        stage,
                        step: small("step"),
                        steps: small("steps"),
                    })?,
                    None => patience.ask()?,
                }
            }
            Some("error") => {
                let status = u16::try_from(number("status")).unwrap_or(u16::MAX);
                return Err(reply::refusal(status, text.as_bytes(), None, self.url.clone()).into());
            }
            // Such as "queued".
            Some(_) => patience.ask()?,
            None => return Err(self.protocol("a message without a type").into()),
        }
        Ok(None)
    }

    fn send(&mut self, message: Message, patience: &mut Patience<'_>) -> Result<(), BackendError> {
        // What cannot be sent at once waits in the socket's buffer.
        let mut sent = self.socket.write(message);
        loop {
            match sent {
                Ok(()) => {}
                Err(Error::Io(error)) if is_late(&error) => patience.wait()?,
                Err(error) => return Err(self.failure(error).into()),
            }
            sent = self.socket.flush();
            if sent.is_ok() {
                patience.heard();
                return Ok(());
            }
        }
    }

    fn next(&mut self, patience: &mut Patience<'_>) -> Result<Message, BackendError> {
        loop {
            match self.socket.read() {
                Ok(message) => {
                    patience.heard();
                    return Ok(message);
                }
                Err(Error::Io(error)) if is_late(&error) => {
                    patience.wait()?;
                    if self.asked.elapsed() > PING_EVERY {
                        self.asked = Instant::now();
                        self.send(Message::Ping(Vec::new().into()), patience)?;
                    }
                }
                Err(error) => return Err(self.failure(error).into()),
            }
        }
    }

    fn failure(&self, error: Error) -> ServerError {
        failure(error, self.answered.get(), self.url.clone())
    }

    fn protocol(&self, problem: &str) -> ServerError {
        ServerError::Protocol {
            problem: problem.into(),
            url: self.url.clone(),
        }
    }

    fn closed(&self, frame: Option<&CloseFrame>) -> ServerError {
        match frame {
            Some(frame) if frame.code == CloseCode::Policy => ServerError::Token {
                status: 1008,
                url: self.url.clone(),
            },
            frame => ServerError::Dropped {
                reason: frame.map_or_else(
                    || "without a reason".into(),
                    |frame| reply::line(&format!("{} {}", frame.code, frame.reason)),
                ),
                answered: true,
                url: self.url.clone(),
            },
        }
    }
}

fn request(server: &Server) -> Result<Request, ServerError> {
    let address = &server.address;
    let mut request = Request::builder()
        .uri(format!(
            "ws://{}{}",
            address.authority(),
            address.path("/stream")
        ))
        .header("Host", address.authority())
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", generate_key());
    if let Some(token) = &server.token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    request.body(()).map_err(|_| ServerError::Address {
        problem: "it cannot stand in a request",
        address: address.to_string(),
    })
}

/// An answer to the upgrade that is none: no room, no access, a fault, or no `/stream` at all.
fn refused(
    response: &tungstenite::http::Response<Option<Vec<u8>>>,
    url: String,
) -> Result<Option<Stream>, BackendError> {
    let status = response.status().as_u16();
    // Servers without WebSocket answer with all kinds of statuses, Starlette with 403.
    if !matches!(status, 401 | 429 | 500 | 502..=599) {
        return Ok(None);
    }
    let wait = response.headers().get("retry-after");
    let wait = wait.and_then(|value| reply::retry_after(value.to_str().ok()?));
    let body = response.body().as_deref().unwrap_or_default();
    Err(reply::refusal(status, body, wait, url).into())
}

fn failure(error: Error, answered: bool, url: String) -> ServerError {
    use tungstenite::error::ProtocolError::{HandshakeIncomplete, ResetWithoutClosingHandshake};

    let dropped = |reason: String| ServerError::Dropped {
        reason,
        answered,
        url: url.clone(),
    };
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => dropped("without a reason".into()),
        Error::Protocol(HandshakeIncomplete | ResetWithoutClosingHandshake) => {
            dropped("without a word".into())
        }
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => dropped(error.to_string()),
            _ => ServerError::Broken {
                source: error.into(),
                url,
            },
        },
        Error::Capacity(_) => ServerError::TooLarge {
            limit: MAX_RESULT_BYTES,
            url,
        },
        other => ServerError::Protocol {
            problem: reply::line(&other.to_string()),
            url,
        },
    }
}
