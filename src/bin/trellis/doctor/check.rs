//! [`Check`]: what was found about one thing. `python -m crossworld_trellis doctor` has the same.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// Something to know.
    Note,
    /// It keeps something from working.
    Problem,
}

/// One finding: a line, and one more where there is something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub status: Status,
    pub found: String,
    pub remedy: Option<String>,
}

impl Check {
    pub fn ok(name: &str, found: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, found.into(), None)
    }

    pub fn note(name: &str, found: impl Into<String>, remedy: &str) -> Self {
        Self::new(name, Status::Note, found.into(), Some(remedy))
    }

    pub fn problem(name: &str, found: impl Into<String>, remedy: &str) -> Self {
        Self::new(name, Status::Problem, found.into(), Some(remedy))
    }

    fn new(name: &str, status: Status, found: String, remedy: Option<&str>) -> Self {
        Self {
            name: name.into(),
            status,
            found: line(&found),
            remedy: remedy.map(Into::into),
        }
    }

    /// Whether two look at the same thing.
    pub fn is_about(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
    }
}

/// Text of others as one line.
pub fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What an error of ours says is wrong, without what it says to do.
pub fn complaint(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    text.split_once(": ")
        .map_or(text.clone(), |(complaint, _)| complaint.into())
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.status {
            Status::Ok => "ok",
            Status::Note => "note",
            Status::Problem => "PROBLEM",
        };
        write!(f, "{sign:8}{}: {}", self.name, self.found)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n        -> {remedy}"),
            None => Ok(()),
        }
    }
}
