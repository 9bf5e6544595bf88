//! Which backend `auto` would take, and why none before it.

use std::env;

use crossworld_trellis::backend::{BACKEND_VARIABLE, BackendChoice, BackendError, Backends};

use super::check::{Check, complaint};

/// The built-in method, which is taken when nothing better is there.
const LAST_RESORT: &str = "inflate";

/// Starts backends as `auto` does.
pub fn check(backends: &Backends) -> Check {
    let named = env::var(BACKEND_VARIABLE)
        .ok()
        .filter(|name| !name.is_empty());
    match backends.candidates(&BackendChoice::Auto) {
        Ok(candidates) => judge(backends, &candidates, named.as_deref()),
        Err(BackendError::Unknown { name, known }) => Check::problem(
            BACKEND_VARIABLE,
            format!("there is no backend '{name}'"),
            &format!("unset it, or set it to auto or one of {}", known.join(", ")),
        ),
        Err(error) => Check::problem(BACKEND_VARIABLE, error.to_string(), "unset it"),
    }
}

fn judge(backends: &Backends, candidates: &[&str], named: Option<&str>) -> Check {
    let mut passed_over = Vec::new();
    for &name in candidates {
        match backends
            .start(&name.into())
            .map(|backend| backend.describe())
        {
            Ok(info) if info.ready => {
                let found = format!("auto takes {name}: {info}");
                return taken(name, found, &passed_over, named);
            }
            Ok(info) => passed_over.push(format!("{name} is not ready: {}", info.device)),
            Err(error) => passed_over.push(format!("{name}: {}", complaint(&error))),
        }
    }
    let remedy = match named {
        Some(name) => format!("unset {BACKEND_VARIABLE}, or start {name}"),
        None => "see the lines above".into(),
    };
    Check::problem("backend", passed_over.join("; "), &remedy)
}

fn taken(name: &str, found: String, passed_over: &[String], named: Option<&str>) -> Check {
    if let Some(named) = named.filter(|named| !named.eq_ignore_ascii_case("auto")) {
        return Check::ok("backend", format!("{found} ({BACKEND_VARIABLE}={named})"));
    }
    if passed_over.is_empty() {
        return Check::ok("backend", found);
    }
    let found = format!("{found} ({})", passed_over.join("; "));
    if name == LAST_RESORT {
        let remedy = "docs/guide.md tells how to have TRELLIS do it instead";
        return Check::note("backend", found, remedy);
    }
    Check::ok("backend", found)
}
