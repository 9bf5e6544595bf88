//! `trellis doctor` with every condition faked.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::desk::{Desk, text};

/// Runs the doctor with some variables; those that would tell of this machine are unset.
fn doctor(desk: &Desk, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trellis"));
    for name in [
        "DISPLAY",
        "TRELLIS_BACKEND",
        "TRELLIS_TOKEN",
        "VK_ICD_FILENAMES",
        "WAYLAND_DISPLAY",
    ] {
        command.env_remove(name);
    }
    command
        .arg("doctor")
        .args(arguments)
        .current_dir(desk.0.path())
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// A driver's file, a Python that reports something, and their variables.
fn whole(desk: &Desk, report: &Value) -> [(&'static str, String); 2] {
    desk.file(
        "radeon_icd.json",
        br#"{"ICD": {"library_path": "lib_radeon.so"}}"#,
    );
    desk.file("python", format!("#!/bin/sh\necho '{report}'\n").as_bytes());
    let python = desk.path("python");
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let name = |file: &str| desk.path(file).display().to_string();
    [
        ("TRELLIS_PYTHON", name("python")),
        ("VK_DRIVER_FILES", name("radeon_icd.json")),
    ]
}

/// A server of another project, which says that it is well.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    url
}

fn check<'a>(report: &'a Value, name: &str) -> &'a Value {
    let mut named = report["checks"].as_array().unwrap().iter();
    let found = named.find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {report}"))
}

#[test]
fn a_machine_without_faults_is_exit_code_0_and_every_line_is_told_once() {
    let desk = Desk::new();
    let theirs = json!({ "healthy": false, "checks": [
        { "name": "Python", "status": "ok", "found": "3.12.1", "remedy": null },
        { "name": "torch", "status": "ok", "found": "2.9", "remedy": null },
        { "name": "server", "status": "problem", "found": "theirs", "remedy": "theirs" },
        { "name": "Vulkan", "status": "note", "found": "theirs", "remedy": "theirs" },
    ]});
    let whole = whole(&desk, &theirs);
    let mut variables: Vec<(&str, &str)> = whole.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let url = server();
    variables.push(("TRELLIS_SERVER_URL", "http://127.0.0.1:1"));
    let output = doctor(&desk, &["--server", &url, "--json"], &variables);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert_eq!(report["healthy"], true);
    assert_eq!(
        check(&report, "Python")["found"],
        "3.12.1, from TRELLIS_PYTHON"
    );
    assert_eq!(check(&report, "Vulkan")["found"], "radeon_icd");
    assert!(!report.to_string().contains("theirs"), "{report}");
    let backend = check(&report, "backend")["found"].as_str().unwrap();
    assert!(backend.starts_with("auto takes server"), "{backend}");

    let output = doctor(&desk, &["--server", &url], &variables);
    let said = text(&output.stdout);
    assert!(said.contains("ok      torch: 2.9\n"), "{said}");
    assert!(said.ends_with("nothing is broken\n"), "{said}");
}

#[test]
fn everything_that_is_broken_is_told_with_what_to_do_and_exit_code_1() {
    let desk = Desk::new();
    let variables = [
        ("TRELLIS_PYTHON", "/nowhere/python"),
        ("TRELLIS_SERVER_URL", "http://127.0.0.1:1"),
        ("TRELLIS_BACKEND", "sculptor"),
        ("VK_DRIVER_FILES", "/nowhere.json"),
        ("DISPLAY", ":0"),
    ];
    let output = doctor(&desk, &["--json"], &variables);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["healthy"], false);
    for (name, found, remedy) in [
        ("Python", "/nowhere/python", "unset it"),
        ("server", "does not answer", "check the address"),
        ("Vulkan", "names no driver", "unset VK_DRIVER_FILES"),
        (
            "TRELLIS_BACKEND",
            "'sculptor'",
            "auto or one of server, inflate",
        ),
    ] {
        let check = check(&report, name);
        assert_eq!(check["status"], "problem", "{check}");
        assert!(check["found"].as_str().unwrap().contains(found), "{check}");
        assert!(
            check["remedy"].as_str().unwrap().contains(remedy),
            "{check}"
        );
    }
    assert_eq!(check(&report, "display")["found"], "DISPLAY=:0");
    let said = text(&doctor(&desk, &[], &variables).stdout);
    assert!(
        said.ends_with("broken: Python, server, Vulkan, TRELLIS_BACKEND\n"),
        "{said}"
    );
}

#[test]
fn without_a_server_it_says_that_inflate_does_the_work_and_why() {
    let desk = Desk::new();
    let whole = whole(&desk, &json!({ "healthy": true, "checks": [] }));
    let mut variables: Vec<(&str, &str)> = whole.iter().map(|(n, v)| (*n, v.as_str())).collect();
    variables.push(("TRELLIS_SERVER_URL", "http://127.0.0.1:1"));
    let output = doctor(&desk, &["--json"], &variables);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let backend = check(&report, "backend");
    assert_eq!(backend["status"], "note");
    let found = backend["found"].as_str().unwrap();
    assert!(found.starts_with("auto takes inflate"), "{found}");
    assert!(
        found.contains("server: no TRELLIS server answers"),
        "{found}"
    );

    variables.push(("TRELLIS_BACKEND", "server"));
    let output = doctor(&desk, &["--json"], &variables);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let backend = check(&report, "backend");
    assert_eq!(backend["status"], "problem");
    assert_eq!(backend["remedy"], "unset TRELLIS_BACKEND, or start server");
}
