//! [`StandIn`]: a server that does what a test tells it, connection by connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use super::super::Server;
use crate::format::voxels;
use crate::voxel::SparseVoxels;

pub struct StandIn {
    pub url: String,
    connections: Arc<AtomicUsize>,
}

impl StandIn {
    /// Serves every connection with `serve`, which is also told how many there were before.
    pub fn new(serve: impl Fn(TcpStream, usize) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), count.fetch_add(1, Ordering::SeqCst));
            }
        });
        Self { url, connections }
    }

    /// One that takes each prompt over `/stream` and then does as told.
    pub fn streaming(work: impl Fn(&mut WebSocket<TcpStream>, Value) + Send + 'static) -> Self {
        Self::new(move |stream, _| {
            let mut socket = tungstenite::accept(stream).unwrap();
            let prompt = prompt(&mut socket);
            work(&mut socket, prompt);
        })
    }

    pub fn server(&self) -> Server {
        Server::at(&self.url).unwrap()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Reads the prompt and its pictures, which must be PNG.
pub fn prompt(socket: &mut WebSocket<TcpStream>) -> Value {
    let text = socket.read().unwrap().into_text().unwrap();
    let prompt: Value = serde_json::from_str(&text).unwrap();
    for _ in 0..prompt["pictures"].as_u64().unwrap() {
        let picture = socket.read().unwrap().into_data();
        assert!(picture.starts_with(b"\x89PNG"));
    }
    prompt
}

pub fn say(socket: &mut WebSocket<TcpStream>, message: Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

pub fn progress(socket: &mut WebSocket<TcpStream>, stage: &str, step: u32, steps: u32) {
    say(
        socket,
        json!({ "type": "progress", "stage": stage, "step": step, "steps": steps }),
    );
}

/// Sends voxels as `preview` or `result`.
pub fn hand_over(socket: &mut WebSocket<TcpStream>, what: &str, result: &SparseVoxels) {
    say(socket, json!({ "type": what }));
    socket
        .send(Message::binary(voxels::encode(result)))
        .unwrap();
}

/// Reads an HTTP request with its body.
pub fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "))
                .map_or(0, |length| length.trim().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return bytes;
            }
        }
        let got = stream.read(&mut buffer).unwrap();
        assert!(got > 0, "the request ends early: {text}");
        bytes.extend(&buffer[..got]);
    }
}

/// Answers with a status line, further headers, and a body.
pub fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}
