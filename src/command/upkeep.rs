//! Verbs about who makes things and what is kept: backend, cache.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use crate::backend::{BackendChoice, BackendReport, Backends};
use crate::image_to_3d::TrellisSettings;

use super::later::Later;
use super::line::CacheVerb;

/// What the verbs work on.
#[derive(SystemParam)]
pub(super) struct Upkeep<'w> {
    settings: ResMut<'w, TrellisSettings>,
    backends: Res<'w, Backends>,
    later: ResMut<'w, Later>,
}

impl Upkeep<'_> {
    /// Switches to a backend, or tells of all of them.
    pub(super) fn backend(&mut self, name: Option<String>) -> Result<String, String> {
        match name {
            Some(name) => self.switch(name.into()),
            None => {
                let choice = self.settings.backend.clone();
                let backends = self.backends.clone();
                self.later.find_out(move || survey(&backends, &choice));
                Ok("asking the backends".into())
            }
        }
    }

    fn switch(&mut self, choice: BackendChoice) -> Result<String, String> {
        let known = self.backends.candidates(&choice);
        known.map_err(|error| format!("error: {error}"))?;
        let reply = format!("the backend is {choice} from now on");
        self.settings.backend = choice;
        Ok(reply)
    }

    pub(super) fn cache(&mut self, verb: CacheVerb) -> Result<String, String> {
        let Some(cache) = self.settings.cache.clone() else {
            return Err("error: this game keeps no results".into());
        };
        self.later.find_out(move || {
            let folder = cache.folder().display();
            let done = match verb {
                CacheVerb::Info => cache.info().map(|info| {
                    format!(
                        "{info} of at most {} MiB are kept in {folder}",
                        cache.capacity() >> 20
                    )
                }),
                CacheVerb::Clear => cache
                    .clear()
                    .map(|info| format!("removed {info} from {folder}")),
            };
            done.map_err(|error| format!("error: {error} ({folder})"))
        });
        Ok("looking at what is kept".into())
    }
}

/// Every backend in a line, with a mark at the one that works for requests which name none.
fn survey(backends: &Backends, choice: &BackendChoice) -> Result<String, String> {
    let candidates = backends.candidates(choice);
    let candidates = candidates.map_err(|error| format!("error: {error}"))?;
    let reports = backends.survey();
    let is_chosen = |report: &&BackendReport| match candidates.as_slice() {
        [only] => report.name == *only,
        _ => report.is_ready(),
    };
    let chosen = reports.iter().find(is_chosen).map(|report| report.name);
    let line = |report: &BackendReport| {
        let mark = if chosen == Some(report.name) {
            "*"
        } else {
            " "
        };
        let name = report.name;
        match &report.answer {
            Ok(info) => {
                let ready = if info.ready { "ready" } else { "not ready" };
                format!("{mark} {name}: {ready}, {} on {}", info.model, info.device)
            }
            Err(error) => format!("{mark} {name}: not ready, {error}"),
        }
    };
    let lines: Vec<String> = reports.iter().map(line).collect();
    Ok(format!("backend {choice}\n{}", lines.join("\n")))
}
