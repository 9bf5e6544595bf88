//! The in-process backend with a Python that has no package at all: a process of its own, since it keeps the first.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::process::Command;
use std::time::{Duration, Instant};

use crossworld_trellis::backend::{BackendError, Backends, Interpreter, Python, PythonError};
use crossworld_trellis::generation::{Event, GenerationError, Generator, Job};
use crossworld_trellis::picture::Picture;

/// The end of a job.
fn end(generator: &mut Generator, backend: &str) -> Event {
    let picture = Picture::open("assets/images/mushroom_house.png".as_ref()).unwrap();
    let job = Job {
        backend: backend.into(),
        ..Job::new(picture)
    };
    generator.submit(job).unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        match generator.poll() {
            Some(event) if event.is_end() => return event,
            Some(_) => {}
            None => std::thread::sleep(Duration::from_millis(1)),
        }
        assert!(Instant::now() < deadline, "the job did not end");
    }
}

#[test]
fn a_python_without_torch_fails_the_generation_with_the_remedy_and_the_next_one_works() {
    let home = tempfile::tempdir().unwrap();
    let bare = home.path().join("bare");
    let made = Command::new(Interpreter::find().unwrap().program)
        .args(["-m", "venv", "--without-pip"])
        .arg(&bare)
        .status()
        .unwrap();
    assert!(made.success());
    let program = bare.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/python");
    let mut backends = Backends::default();
    let interpreter = program.clone();
    backends.register(Python::NAME, move || {
        let python = Python::new().with_interpreter(&interpreter);
        Ok(Box::new(python.with_packages(package).with_model(package)))
    });
    let mut generator = Generator::new(backends, 4);
    match end(&mut generator, Python::NAME) {
        Event::Failed {
            error: GenerationError::Backend(BackendError::Python(error)),
            ..
        } => {
            assert!(
                matches!(&error, PythonError::MissingPackage { package, .. } if package == "torch"),
                "{error:?}"
            );
            let remedy = format!("{} -m pip install torch", program.display());
            assert!(error.to_string().contains(&remedy), "{error}");
        }
        other => panic!("it did not fail in Python: {other:?}"),
    }
    let next = end(&mut generator, "inflate");
    assert!(matches!(next, Event::Finished { .. }), "{next:?}");
}
