//! The server that a game would ask: whether it is there, well, and knows our token.

use std::env;

use crossworld_trellis::backend::{
    Health, HealthStatus, SERVER_VARIABLE, Server, ServerError, TOKEN_VARIABLE,
};

use super::check::{Check, complaint};

const NAME: &str = "server";
const START: &str = "start it with 'python -m crossworld_trellis serve'";

/// Asks the server at an address, else the one that the environment names, else the usual one.
pub fn check(url: Option<&str>) -> Option<Check> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let named = url.map(str::to_owned).or_else(|| set(SERVER_VARIABLE));
    let url = named.as_deref().unwrap_or(Server::DEFAULT_URL);
    Some(examine(url, named.is_some(), set(TOKEN_VARIABLE).is_some()))
}

fn examine(url: &str, is_named: bool, has_token: bool) -> Check {
    let server = match Server::at(url) {
        Ok(server) => server,
        Err(ServerError::Address { problem, .. }) => {
            let found = format!("'{}' is no address: {problem}", url.escape_debug());
            return Check::problem(NAME, found, "write it like http://127.0.0.1:8001");
        }
        Err(error) => {
            let remedy = "set TRELLIS_TOKEN to letters and digits";
            return Check::problem(NAME, complaint(&error), remedy);
        }
    };
    match server.health() {
        Ok(health) => match server.check_token() {
            Err(ServerError::Token { .. }) => refused(url, has_token),
            _ => judge(url, &health),
        },
        Err(ServerError::Unreachable { source, .. }) if is_named => {
            let found = format!("{url} does not answer: {source}");
            let remedy =
                "start it there, or check the address, the firewall and TRELLIS_HOST of the server";
            Check::problem(NAME, found, remedy)
        }
        Err(ServerError::Unreachable { .. }) => {
            let remedy = format!("to have one, {START}, or use '--server spawn'");
            Check::note(NAME, format!("none runs at {url}"), &remedy)
        }
        Err(ServerError::Token { .. }) => refused(url, has_token),
        Err(ServerError::Silent { .. }) => {
            let remedy =
                "look into its log; it may be out of memory, or another program listens there";
            Check::problem(NAME, format!("{url} accepts and says nothing"), remedy)
        }
        Err(error) => {
            let remedy = "look into its log; perhaps another program listens there";
            Check::problem(NAME, error.to_string(), remedy)
        }
    }
}

fn judge(url: &str, health: &Health) -> Check {
    let told = |word: &Option<String>, otherwise: &str| {
        word.clone().unwrap_or_else(|| otherwise.to_owned())
    };
    match health.status {
        HealthStatus::Healthy => {
            let model = told(&health.model, "a model it does not name");
            let device = told(&health.device, "a device it does not name");
            let family = health.family;
            let family = family.map_or_else(String::new, |family| format!(" ({family})"));
            Check::ok(NAME, format!("{url} runs {model}{family} on {device}"))
        }
        HealthStatus::Loading => Check::note(
            NAME,
            format!("{url} loads its model"),
            "wait: requests do too; the first time it downloads some 4 GB",
        ),
        _ => {
            let error = told(&health.last_error, "it does not say why");
            let remedy =
                "run 'python -m crossworld_trellis doctor' on its machine, then start it again";
            Check::problem(NAME, format!("{url} cannot work: {error}"), remedy)
        }
    }
}

fn refused(url: &str, has_token: bool) -> Check {
    let found = if has_token {
        format!("{url} does not know this token")
    } else {
        format!("{url} wants a token")
    };
    Check::problem(
        NAME,
        found,
        "set TRELLIS_TOKEN to the one that the server was started with",
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::super::check::Status;
    use super::*;

    /// A server that answers every request for a path with a status and a body.
    fn stand_in(answer: impl Fn(&str) -> (u16, &'static str) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &answer);
            }
        });
        url
    }

    fn serve(mut stream: TcpStream, answer: &impl Fn(&str) -> (u16, &'static str)) {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head);
        let (status, body) = answer(head.split(' ').nth(1).unwrap_or_default());
        let length = body.len();
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        let _ = stream.write_all(text.as_bytes());
    }

    fn problem(check: &Check, found: &str, remedy: &str) {
        assert_eq!(check.status, Status::Problem, "{check}");
        assert!(check.found.contains(found), "{check}");
        assert!(check.remedy.as_deref().unwrap().contains(remedy), "{check}");
    }

    #[test]
    fn a_healthy_server_is_told_with_its_model_and_device() {
        let url = stand_in(|_| (200, r#"{"status":"healthy","model":"m","device":"cuda"}"#));
        let found = examine(&url, true, false);
        assert_eq!(found, Check::ok("server", format!("{url} runs m on cuda")));
        let url = stand_in(|_| {
            (
                200,
                r#"{"status":"healthy","model":"m","pipeline_type":"512","resolutions":[32]}"#,
            )
        });
        assert!(
            examine(&url, true, false)
                .found
                .contains("runs m (TRELLIS.2) on")
        );
        // Those of other projects have no page that wants a token.
        let url = stand_in(|path| {
            if path == "/health" {
                (200, "ok")
            } else {
                (404, "")
            }
        });
        assert_eq!(examine(&url, true, false).status, Status::Ok);
    }

    #[test]
    fn a_server_that_loads_is_no_problem() {
        let url = stand_in(|_| (200, r#"{"status":"loading"}"#));
        assert_eq!(examine(&url, true, false).status, Status::Note);
    }

    #[test]
    fn a_server_in_trouble_is_told_with_its_last_error() {
        let url = stand_in(|_| (200, r#"{"status":"error","last_error":"no pipeline.json"}"#));
        problem(
            &examine(&url, true, false),
            "no pipeline.json",
            "doctor' on its machine",
        );
    }

    #[test]
    fn a_token_that_is_missing_or_wrong_is_told() {
        let answer = |path: &str| match path {
            "/health" => (200, r#"{"status":"healthy"}"#),
            _ => (401, "{}"),
        };
        let url = stand_in(answer);
        problem(
            &examine(&url, true, false),
            "wants a token",
            "TRELLIS_TOKEN",
        );
        problem(
            &examine(&url, true, true),
            "does not know this token",
            "TRELLIS_TOKEN",
        );
    }

    #[test]
    fn a_server_that_is_not_there_is_a_problem_only_where_it_was_named() {
        let url = "http://127.0.0.1:1";
        problem(
            &examine(url, true, false),
            "does not answer",
            "check the address",
        );
        let found = examine(url, false, false);
        assert_eq!(found.status, Status::Note);
        assert!(found.remedy.unwrap().contains("crossworld_trellis serve"));
    }

    #[test]
    fn something_else_at_the_address_is_told() {
        let url = stand_in(|_| (200, "<html>my router</html>"));
        problem(&examine(&url, true, false), "web page", "another program");
        problem(
            &examine("127.0.0.1:8001", true, false),
            "no address",
            "http://",
        );
    }
}
