//! Servers of other projects: health in plain text, no `/stream`, meshes as answers. And those that are none.

use std::io::Write;
use std::time::Duration;

use super::stand_in::{StandIn, answer, request};
use super::{complaint, outcome};
use crate::backend::server::{HealthStatus, ServerTimeouts};
use crate::backend::{Backend, BackendChoice, Backends, Inflate};
use crate::format::glb;
use crate::voxel::{SparseVoxels, VoxelModel};

const RED: [u8; 4] = [200, 30, 30, 255];
const BLUE: [u8; 4] = [30, 30, 200, 255];

/// A textured mesh: a cube with a red half and a blue one.
fn cube() -> Vec<u8> {
    let cells: Vec<[u16; 3]> = (0..64).map(|i| [i % 4, i / 4 % 4, i / 16]).collect();
    let colors = cells
        .iter()
        .map(|cell| if cell[1] < 2 { RED } else { BLUE });
    let voxels = SparseVoxels::new(4, cells.clone(), colors.collect(), None).unwrap();
    glb::encode(&VoxelModel::from(&voxels)).unwrap()
}

/// A server with `/health` in plain text and `POST /generate`; its connections end with each answer.
fn stranger(refusal: &'static str) -> StandIn {
    StandIn::new(move |mut stream, _| {
        let request = request(&mut stream);
        let text = String::from_utf8_lossy(&request);
        if text.starts_with("GET /health ") {
            answer(&mut stream, "200 OK", "Content-Type: text/plain\r\n", b"ok");
        } else if text.starts_with("POST /generate ") {
            assert!(text.contains("name=\"seed\"\r\n\r\n7\r\n"), "{text}");
            assert!(
                text.contains("name=\"image\"; filename=\"picture.png\""),
                "{text}"
            );
            assert!(request.windows(4).any(|four| four == b"\x89PNG"));
            answer(
                &mut stream,
                "200 OK",
                "Content-Type: model/gltf-binary\r\n",
                &cube(),
            );
        } else {
            answer(&mut stream, refusal, "", b"");
        }
    })
}

#[test]
fn a_server_without_stream_is_asked_by_post_and_its_textured_mesh_becomes_voxels() {
    for refusal in [
        "404 Not Found",
        "426 Upgrade Required",
        "400 Bad Request",
        "403 Forbidden",
    ] {
        let stand_in = stranger(refusal);
        let mut server = stand_in.server().reached().unwrap();
        assert!(server.describe().ready);
        assert_eq!(server.batch_size(), 1, "it may work one by one");
        let voxels = outcome(&mut server).unwrap();
        assert_eq!(voxels.resolution(), 64);
        for color in [RED, BLUE] {
            assert!(voxels.rgba().contains(&color), "{refusal}: no {color:?}");
        }
    }
}

#[test]
fn auto_prefers_a_server_that_is_ready_and_inflate_otherwise() {
    let pick = |health: &'static [u8]| {
        let stand_in = StandIn::new(move |mut stream, _| {
            request(&mut stream);
            answer(&mut stream, "200 OK", "", health);
        });
        let url = stand_in.url.clone();
        let mut backends = Backends::none();
        backends.register("inflate", || Ok(Box::new(Inflate)));
        backends.register("server", move || {
            Ok(Box::new(super::Server::at(&url)?.reached()?))
        });
        backends
            .start(&BackendChoice::Auto)
            .unwrap()
            .describe()
            .name
    };
    assert_eq!(pick(br#"{"status":"healthy","model":"m"}"#), "server");
    assert_eq!(pick(br#"{"status":"loading"}"#), "inflate");
    assert_eq!(pick(b"<html>a web page</html>"), "inflate");
}

#[test]
fn health_tells_the_model_and_its_device() {
    let stand_in = StandIn::new(|mut stream, _| {
        request(&mut stream);
        let body = br#"{"status":"healthy","model":"tiny","device":"cuda","device_name":"Card"}"#;
        let mut chunked = format!("{:x}\r\n", body.len()).into_bytes();
        chunked.extend(body);
        chunked.extend(b"\r\n0\r\n\r\n");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let _ = stream.write_all(&chunked);
    });
    let health = stand_in.server().health().unwrap();
    assert_eq!(health.status, HealthStatus::Healthy);
    let info = stand_in.server().describe();
    assert_eq!(info.model, "tiny");
    assert_eq!(info.device, format!("Card ({})", stand_in.url));
}

#[test]
fn problems_of_a_server_without_stream_are_passed_on() {
    let stand_in = StandIn::new(|mut stream, before| {
        request(&mut stream);
        let problem = br#"{"title":"Out of memory","detail":"lower resolution","status":507}"#;
        match before {
            0 => answer(&mut stream, "404 Not Found", "", b""),
            _ => answer(&mut stream, "507 Insufficient Storage", "", problem),
        }
    });
    assert!(complaint(&stand_in).contains("507: lower resolution"));
}

/// What is said to a server without `/stream` that answers `POST /generate` with these bytes.
fn complaint_about(bytes: &'static [u8]) -> String {
    complaint(&StandIn::new(move |mut stream, _| {
        let request = request(&mut stream);
        if request.starts_with(b"POST") {
            let _ = stream.write_all(bytes);
        } else {
            answer(&mut stream, "404 Not Found", "", b"");
        }
    }))
}

#[test]
fn answers_that_are_no_mesh_are_refused() {
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>";
    assert!(complaint_about(page).contains("it sent text/html"));
    let damaged = b"HTTP/1.1 200 OK\r\n\r\nglTF\x02\0\0\0";
    assert!(complaint_about(damaged).contains("damaged result"));
    assert!(complaint_about(b"SSH-2.0-OpenSSH\r\n").contains("no HTTP"));
    assert!(
        complaint_about(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nglTF").contains("closed")
    );
}

#[test]
fn sizes_that_claim_too_much_are_refused_before_memory_is_taken() {
    let long = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nglTF";
    assert!(complaint_about(long).contains("more than"));
    let absurd = b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nglTF";
    assert!(complaint_about(absurd).contains("more than"));
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nglTF";
    assert!(complaint_about(chunk).contains("more than"));
}

#[test]
fn an_endless_head_or_health_is_cut_off() {
    let stand_in = StandIn::new(|mut stream, before| {
        request(&mut stream);
        let start: &[u8] = if before == 0 {
            b"HTTP/1.1 200 OK\r\nX: "
        } else {
            b"HTTP/1.1 200 OK\r\n\r\n"
        };
        let _ = stream.write_all(start);
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let error = stand_in.server().health().unwrap_err().to_string();
    assert!(error.contains("no end"), "{error}");
    let error = stand_in.server().health().unwrap_err().to_string();
    assert!(error.contains("more than 65536 bytes"), "{error}");
}

#[test]
fn a_server_that_accepts_and_says_nothing_is_given_up_quickly() {
    let stand_in = StandIn::new(|stream, _| {
        std::thread::sleep(Duration::from_secs(1));
        drop(stream);
    });
    let hasty = ServerTimeouts {
        health: Duration::from_millis(150),
        ..ServerTimeouts::default()
    };
    let server = stand_in.server().with_timeouts(hasty);
    assert!(
        server
            .health()
            .unwrap_err()
            .to_string()
            .contains("said nothing")
    );
    assert!(!server.describe().ready);
}
