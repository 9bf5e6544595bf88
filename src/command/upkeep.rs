//! Verbs about who makes things, with which model, and what is kept: backend, model, cache.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use crate::backend::{BackendChoice, BackendInfo, BackendReport, Backends, ModelFiles};
use crate::image_to_3d::{ImageTo3D, TrellisSettings};

use super::later::Later;
use super::line::CacheVerb;

/// What players call the model that is used where none is named.
const DEFAULT: &str = "default";

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
                let mut backends = self.backends.clone();
                backends.use_model(self.settings.model.clone());
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

    /// Switches to a model, and tells what works then.
    pub(super) fn model(
        &mut self,
        name: Option<String>,
        image_to_3d: &mut ImageTo3D,
    ) -> Result<String, String> {
        let reply = match name {
            Some(name) => self.switch_model(name)?,
            None => "asking the backend; it answers when the work at hand is done".into(),
        };
        let outbox = self.later.promise();
        let backends = self.backends.clone();
        let named = self.settings.model.is_some();
        image_to_3d.describe(&self.backends, &self.settings, move |answer| {
            let reply = match answer {
                Ok(info) => Ok(told(
                    &info,
                    named && !backends.has_choice_of_model(info.name),
                )),
                Err(error) => Err(format!("error: {error}")),
            };
            // Nobody listens any more where the game has ended.
            let _ = outbox.send(reply);
        });
        Ok(reply)
    }

    fn switch_model(&mut self, name: String) -> Result<String, String> {
        let candidates = self.backends.candidates(&self.settings.backend);
        let candidates = candidates.map_err(|error| format!("error: {error}"))?;
        let have_choice = candidates
            .iter()
            .any(|name| self.backends.has_choice_of_model(name));
        if !have_choice {
            return Err(format!(
                "error: {} cannot be given another model from here; a server takes the one it is started with: \
                 'python -m crossworld_trellis serve --model {}'",
                candidates.join(" and "),
                in_a_line(&name)
            ));
        }
        if name == DEFAULT {
            self.settings.model = None;
            return Ok("the model is the default one from now on".into());
        }
        let files = ModelFiles::of(&name).map_err(|error| format!("error: {error}"))?;
        let family = files.family;
        let family = family.map_or_else(String::new, |family| format!(" ({family})"));
        let mut reply = format!("the model is {name}{family} from now on");
        if !files.has_pipeline {
            reply += &format!(
                ", which was not downloaded yet: 'python -m crossworld_trellis fetch --model {}' does it",
                in_a_line(&name)
            );
        }
        self.settings.model = Some(name);
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

/// A name as part of a command for a shell.
fn in_a_line(name: &str) -> String {
    match name.contains(char::is_whitespace) {
        true => format!("\"{name}\""),
        false => name.into(),
    }
}

/// What works.
fn told(info: &BackendInfo, keeps_its_own: bool) -> String {
    let BackendInfo {
        name, resolutions, ..
    } = info;
    let (least, most) = resolutions.clone().into_inner();
    let own = if keeps_its_own {
        "; it keeps to a model of its own"
    } else {
        ""
    };
    format!("backend {name}: {info}, {least} to {most} voxels per axis{own}")
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
                format!("{mark} {name}: {ready}, {info}")
            }
            Err(error) => format!("{mark} {name}: not ready, {error}"),
        }
    };
    let lines: Vec<String> = reports.iter().map(line).collect();
    Ok(format!("backend {choice}\n{}", lines.join("\n")))
}
