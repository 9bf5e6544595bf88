//! Asking every known backend how it is.

use super::{BackendError, BackendInfo, Backends};

/// How a backend is.
#[derive(Debug)]
pub struct BackendReport {
    /// The name it is chosen by.
    pub name: &'static str,
    /// What it tells of itself, or why it does not start.
    pub answer: Result<BackendInfo, BackendError>,
}

impl BackendReport {
    /// Whether a prompt would be worked on now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.answer.as_ref().is_ok_and(|info| info.ready)
    }
}

impl Backends {
    /// Starts every known backend and asks it how it is, best first; those that work already are not disturbed. This
    /// blocks, some two seconds for a server out of reach, so a game does it on a thread of its own.
    #[must_use]
    pub fn survey(&self) -> Vec<BackendReport> {
        let ask = |name| BackendReport {
            name,
            answer: self.start_named(name).map(|backend| backend.describe()),
        };
        self.names().map(ask).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Inflate;
    use super::*;

    #[test]
    fn a_survey_tells_of_every_backend_also_of_those_that_do_not_start() {
        let mut backends = Backends::none();
        backends.register("inflate", || Ok(Box::new(Inflate)));
        backends.register("broken", || Err(BackendError::NoPicture));
        let reports = backends.survey();
        let told: Vec<_> = reports
            .iter()
            .map(|report| (report.name, report.is_ready()))
            .collect();
        assert_eq!(told, [("broken", false), ("inflate", true)]);
    }
}
