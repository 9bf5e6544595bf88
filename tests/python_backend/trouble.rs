//! Everything that goes wrong in Python is one failed generation with its cause; the next one works.

use std::fs;

use crossworld_trellis::backend::{Backend, BackendError, Prompt, Python, PythonError, Unwatched};

use super::torch::{Bent, alone, backend, checkpoint, prompt, shared_checkpoint};

/// A backend that has worked once.
fn warm() -> Python {
    let mut python = backend(shared_checkpoint());
    python.generate(&prompt(1), &mut Unwatched).unwrap();
    python
}

fn error_of(python: &mut Python) -> PythonError {
    match python.generate(&prompt(1), &mut Unwatched) {
        Err(BackendError::Python(error)) => {
            let message = error.to_string();
            assert!(!message.contains('\n'), "{message:?}");
            error
        }
        other => panic!("it did not fail in Python: {other:?}"),
    }
}

#[test]
fn whatever_python_raises_fails_one_generation_with_its_cause() {
    let _alone = alone();
    let mut python = warm();
    type Check = fn(&PythonError) -> bool;
    let cases: [(&str, Check); 6] = [
        ("raise ValueError('the cat\\n sat on it')", |error| {
            error.to_string() == "Python raised ValueError: the cat sat on it"
        }),
        (
            "raise SystemExit(3)",
            |error| matches!(error, PythonError::Exit(code) if code == "3"),
        ),
        ("raise KeyboardInterrupt", |error| {
            matches!(error, PythonError::Interrupted)
        }),
        (
            "import nosuch.part",
            |error| matches!(error, PythonError::MissingPackage { package, .. } if package == "nosuch"),
        ),
        (
            "raise RuntimeError('CUDA error: device-side assert triggered')",
            |error| matches!(error, PythonError::DeviceLost(text) if text.contains("start it again")),
        ),
        (
            "raise BaseException",
            |error| matches!(error, PythonError::Raised { kind, .. } if kind == "BaseException"),
        ),
    ];
    for (body, check) in cases {
        let bent = Bent::encode(body);
        let error = error_of(&mut python);
        assert!(check(&error), "{body}: {error:?}");
        drop(bent);
        assert!(
            python.generate(&prompt(1), &mut Unwatched).is_ok(),
            "{body}"
        );
    }
}

#[test]
fn a_device_that_is_full_is_tried_once_more_with_one_network_at_a_time() {
    let _alone = alone();
    let mut python = warm();
    let full = "from crossworld_trellis.errors import DeviceMemoryError as E";
    let bent = Bent::encode(&format!(
        "{full}\n    calls.append(a[0]._shelf._keep)\n    if len(calls) == 1: raise E('full')\n    \
         assert calls == [True, False], calls\n    return original(*a, **k)"
    ));
    assert!(python.generate(&prompt(1), &mut Unwatched).is_ok());
    drop(bent);

    let bent = Bent::encode(&format!("{full}\n    raise E('full')"));
    let error = error_of(&mut python);
    assert!(matches!(error, PythonError::DeviceMemory(_)), "{error:?}");
    assert!(error.to_string().contains("lower resolution"), "{error}");
    drop(bent);
    assert!(python.generate(&prompt(1), &mut Unwatched).is_ok());
}

#[test]
fn a_checkpoint_that_is_not_there_yet_is_used_once_it_is() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let place = checkpoint(home.path());
    let away = home.path().join("away");
    fs::rename(&place, &away).unwrap();
    let mut python = backend(&place);
    let error = error_of(&mut python);
    assert!(matches!(error, PythonError::Checkpoint(_)), "{error:?}");
    fs::rename(&away, &place).unwrap();
    assert!(python.generate(&prompt(1), &mut Unwatched).is_ok());
}

#[test]
fn a_checkpoint_that_vanishes_fails_what_needs_more_of_it_and_nothing_else() {
    let _alone = alone();
    let home = tempfile::tempdir().unwrap();
    let place = checkpoint(home.path());
    let mut python = backend(&place);
    python.generate(&prompt(1), &mut Unwatched).unwrap();
    fs::remove_dir_all(&place).unwrap();
    // The network for fine voxels is loaded when it is first asked for.
    let fine = Prompt {
        resolution: 128,
        ..prompt(1)
    };
    let end = python.generate(&fine, &mut Unwatched);
    assert!(
        matches!(end, Err(BackendError::Python(PythonError::Checkpoint(_)))),
        "{end:?}"
    );
    assert!(python.generate(&prompt(1), &mut Unwatched).is_ok());
}

#[test]
fn a_process_keeps_the_packages_of_the_first_python() {
    let _alone = alone();
    warm();
    let mut other = backend(shared_checkpoint()).with_interpreter("/usr/bin/another-python");
    let error = error_of(&mut other);
    assert!(
        matches!(error, PythonError::AnotherRuns { .. }),
        "{error:?}"
    );
}
