//! A server that makes the same thing of every picture, and counts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Sender, unbounded};
use crossworld_trellis::format::voxels;
use crossworld_trellis::voxel::SparseVoxels;

pub struct StandIn {
    pub url: String,
    made: Arc<AtomicUsize>,
}

impl StandIn {
    /// Answers each request for a thing after `wait`.
    pub fn new(result: &SparseVoxels, wait: impl Fn() + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let made = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&made);
        let result: Arc<[u8]> = voxels::encode(result).into();
        let wait = Arc::new(wait);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (count, result, wait) = (count.clone(), result.clone(), wait.clone());
                std::thread::spawn(move || {
                    let _ = serve(stream.unwrap(), &result, &|| {
                        count.fetch_add(1, Ordering::SeqCst);
                        wait();
                    });
                });
            }
        });
        Self { url, made }
    }

    /// Things that were asked for.
    pub fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

/// Lets each request wait until the test sends one word.
pub fn gate() -> (Sender<()>, impl Fn() + Send + Sync + 'static) {
    let (open, opened) = unbounded();
    (open, move || {
        let _ = opened.recv();
    })
}

/// Answers one request; a client may be killed in the middle.
fn serve(mut stream: TcpStream, result: &[u8], asked: &dyn Fn()) -> std::io::Result<()> {
    let head = request(&mut stream)?;
    let health = br#"{"status": "healthy", "model": "stand-in", "version": "1"}"#;
    let (status, media, body): (_, _, &[u8]) = if head.starts_with("GET /health") {
        ("200 OK", "application/json", health)
    } else if head.starts_with("POST /generate") {
        asked();
        ("200 OK", "application/vnd.crossworld.voxels", result)
    } else {
        ("404 Not Found", "text/plain", b"no")
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(body)
}

/// Reads a request with its body and returns its head.
fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let got = stream.read(&mut buffer)?;
        bytes.extend(&buffer[..got]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            assert!(got > 0, "the request ends early");
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        if got == 0 || bytes.len() >= end + 4 + length {
            return Ok(head);
        }
    }
}
