//! The backend against stand-ins for servers, good and bad ones.

mod fallback;
mod stand_in;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::json;
use tungstenite::Message;

use self::stand_in::{StandIn, answer, hand_over, progress, prompt, request, say};
use super::*;
use crate::backend::{Cancelled, Progress, Stage};
use crate::picture::Picture;

/// Writes down what it hears, and asks to stop at a stage.
#[derive(Default)]
struct Log {
    heard: Vec<String>,
    stop_at: Option<Stage>,
}

impl Watch for Log {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        let text = progress.to_string();
        if self.heard.last() != Some(&text) {
            self.heard.push(text);
        }
        if self.stop_at == Some(progress.stage) {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }

    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled> {
        self.heard.push(format!("preview of {}", voxels.len()));
        Ok(())
    }
}

fn some_voxels(count: u16) -> SparseVoxels {
    let cells = (0..count).map(|x| [x, 0, 0]).collect();
    SparseVoxels::new(64, cells, vec![[1, 2, 3, 255]; count.into()], None).unwrap()
}

fn a_prompt() -> Prompt {
    Prompt {
        seed: 7,
        ..Prompt::new(Picture::new(2, 2, vec![9; 16]).unwrap())
    }
}

fn outcome(server: &mut Server) -> Result<SparseVoxels, BackendError> {
    server.generate(&a_prompt(), &mut Log::default())
}

fn complaint(stand_in: &StandIn) -> String {
    let error = outcome(&mut stand_in.server()).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(&stand_in.url), "{error}");
    error
}

#[test]
fn progress_and_previews_come_in_order_before_the_result() {
    let stand_in = StandIn::streaming(|socket, prompt| {
        assert_eq!(
            prompt,
            json!({ "seed": 7, "resolution": 64, "previews": true, "pictures": 1 })
        );
        say(socket, json!({ "type": "queued", "position": 1 }));
        progress(socket, "structure", 1, 2);
        progress(socket, "structure", 2, 2);
        hand_over(socket, "preview", &some_voxels(2));
        progress(socket, "polishing", 1, 1);
        progress(socket, "appearance", 1, 2);
        hand_over(socket, "preview", &some_voxels(3));
        hand_over(socket, "result", &some_voxels(4));
    });
    let mut log = Log::default();
    let result = stand_in.server().generate(&a_prompt(), &mut log).unwrap();
    assert_eq!(result, some_voxels(4));
    assert_eq!(
        log.heard,
        [
            "loading",
            "structure 1/2",
            "structure 2/2",
            "preview of 2",
            "structure 2/2",
            "appearance 1/2",
            "preview of 3",
        ]
    );
}

#[test]
fn cancelling_closes_the_connection_at_once() {
    let (told, closed) = mpsc::channel();
    let stand_in = StandIn::streaming(move |socket, _| {
        progress(socket, "structure", 1, 9);
        let began = Instant::now();
        while socket.read().is_ok_and(|message| !message.is_close()) {}
        told.send(began.elapsed()).unwrap();
    });
    let mut log = Log {
        stop_at: Some(Stage::Structure),
        ..Log::default()
    };
    let end = stand_in.server().generate(&a_prompt(), &mut log);
    assert!(matches!(end, Err(BackendError::Cancelled(_))));
    let took = closed.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_silent_server_can_be_cancelled_and_is_given_up_in_the_end() {
    let stand_in = StandIn::streaming(|socket, _| {
        // Answers no pings either.
        std::thread::sleep(Duration::from_secs(2));
        drop(socket.close(None));
    });
    struct Impatient(Instant);
    impl Watch for Impatient {
        fn progress(&mut self, _: Progress) -> Result<(), Cancelled> {
            if self.0.elapsed() > Duration::from_millis(300) {
                return Err(Cancelled);
            }
            Ok(())
        }
        fn preview(&mut self, _: SparseVoxels) -> Result<(), Cancelled> {
            Ok(())
        }
    }
    let end = stand_in
        .server()
        .generate(&a_prompt(), &mut Impatient(Instant::now()));
    assert!(matches!(end, Err(BackendError::Cancelled(_))));

    let mut hasty = stand_in.server().with_timeouts(ServerTimeouts {
        silence: Duration::from_millis(200),
        ..ServerTimeouts::default()
    });
    let error = outcome(&mut hasty).unwrap_err().to_string();
    assert!(error.contains("said nothing for 0.2 s"), "{error}");
}

#[test]
fn a_connection_dropped_before_the_first_byte_is_opened_again() {
    let stand_in = StandIn::new(|stream, before| {
        if before < 2 {
            return;
        }
        let mut socket = tungstenite::accept(stream).unwrap();
        prompt(&mut socket);
        hand_over(&mut socket, "result", &some_voxels(1));
    });
    assert_eq!(outcome(&mut stand_in.server()).unwrap(), some_voxels(1));
    assert_eq!(stand_in.connections(), 3);
}

#[test]
fn a_connection_dropped_in_the_middle_fails_the_generation_with_its_cause() {
    let stand_in = StandIn::streaming(|socket, _| progress(socket, "structure", 1, 9));
    let error = complaint(&stand_in);
    assert!(error.contains("closed the connection"), "{error}");
    assert_eq!(stand_in.connections(), 1);
}

#[test]
fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let stand_in = StandIn::new(|mut stream, before| {
        if before == 0 {
            request(&mut stream);
            return answer(
                &mut stream,
                "429 Too Many Requests",
                "Retry-After: 1\r\n",
                b"",
            );
        }
        let mut socket = tungstenite::accept(stream).unwrap();
        prompt(&mut socket);
        if before == 1 {
            say(
                &mut socket,
                json!({ "type": "error", "status": 503, "detail": "restarting" }),
            );
        } else {
            hand_over(&mut socket, "result", &some_voxels(1));
        }
    });
    let began = Instant::now();
    assert_eq!(outcome(&mut stand_in.server()).unwrap(), some_voxels(1));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(stand_in.connections(), 3);
}

#[test]
fn what_a_server_refuses_is_passed_on_with_its_words() {
    let stand_in = StandIn::streaming(|socket, _| {
        say(
            socket,
            json!({ "type": "error", "status": 422, "title": "Bad", "detail": "steps is 0: use 1 to 100", "field": "steps" }),
        );
    });
    let error = complaint(&stand_in);
    assert!(error.contains("422: steps is 0: use 1 to 100"), "{error}");
}

#[test]
fn a_server_that_wants_a_token_says_where_to_put_it() {
    let stand_in = StandIn::new(|mut stream, _| {
        let head = String::from_utf8(request(&mut stream))
            .unwrap()
            .to_lowercase();
        assert!(head.contains("authorization: bearer wrong"), "{head}");
        answer(&mut stream, "401 Unauthorized", "", b"");
    });
    let mut server = stand_in.server().with_token("wrong").unwrap();
    let error = outcome(&mut server).unwrap_err().to_string();
    assert!(error.contains("set TRELLIS_TOKEN"), "{error}");
    assert!(stand_in.server().with_token("a\r\nb").is_err());
}

#[test]
fn bytes_that_are_no_voxels_are_refused() {
    let stand_in = StandIn::streaming(|socket, _| {
        say(socket, json!({ "type": "result" }));
        socket.send(Message::binary(vec![7; 100])).unwrap();
    });
    assert!(complaint(&stand_in).contains("damaged result"));
    let stand_in = StandIn::streaming(|socket, _| {
        socket.send(Message::binary(vec![7; 100])).unwrap();
    });
    assert!(complaint(&stand_in).contains("no TRELLIS server"));
    let stand_in = StandIn::streaming(|socket, _| {
        socket.send(Message::text("[1, 2")).unwrap();
    });
    assert!(complaint(&stand_in).contains("no JSON"));
}

#[test]
fn a_frame_that_claims_to_be_huge_is_refused_before_memory_is_taken() {
    use std::io::Write;

    let stand_in = StandIn::streaming(|socket, _| {
        say(socket, json!({ "type": "result" }));
        let mut frame = vec![0x82, 127];
        frame.extend((1_u64 << 40).to_be_bytes());
        socket.get_mut().write_all(&frame).unwrap();
    });
    assert!(complaint(&stand_in).contains("more than"));
}

#[test]
fn a_prompt_that_cannot_be_is_refused_before_anyone_is_asked() {
    let mut server = Server::at("http://127.0.0.1:1").unwrap();
    let large = Prompt {
        resolution: 2000,
        ..a_prompt()
    };
    let none = Prompt {
        pictures: Vec::new(),
        ..a_prompt()
    };
    let mut end = |prompt| server.generate(&prompt, &mut Log::default());
    assert!(matches!(
        end(large),
        Err(BackendError::Resolution { got: 2000, .. })
    ));
    assert!(matches!(end(none), Err(BackendError::NoPicture)));
}

#[test]
fn where_no_server_listens_the_error_says_how_to_start_one() {
    let server = Server::at("http://127.0.0.1:1").unwrap();
    let began = Instant::now();
    let error = server.reached().err().unwrap().to_string();
    assert!(error.contains("no TRELLIS server answers"), "{error}");
    assert!(
        error.contains("TRELLIS_BACKEND=inflate (tried http://127.0.0.1:1)"),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_secs(2));
}
