//! [`Log`]: what a server process writes, passed on to `tracing`.
//!
//! Python's logging writes `LEVEL: text`; lines without a level, such as those of a traceback, are warnings, or go on
//! what came before.

use std::io::{BufRead, Read};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Level;

use crate::backend::server::reply;

/// Most bytes of one line; the rest becomes a line of its own.
const MAX_LINE_BYTES: u64 = 16 << 10;

/// What a process complained of last. Clones are the same log.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Memory>>);

#[derive(Default)]
struct Memory {
    level: Option<Level>,
    complaint: Option<String>,
}

impl Log {
    /// Passes a line on.
    pub(super) fn take(&self, line: &str) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, text) = match prefix(line) {
            Some((level, text)) => (level, text),
            None => (continued(memory.level, line), line),
        };
        memory.level = Some(level);
        let text = text.trim_end();
        if level <= Level::WARN && !text.is_empty() {
            memory.complaint = Some(reply::line(text));
        }
        drop(memory);
        match level {
            Level::ERROR => tracing::error!("{text}"),
            Level::WARN => tracing::warn!("{text}"),
            Level::INFO => tracing::info!("{text}"),
            _ => tracing::debug!("{text}"),
        }
    }

    /// The last line of a warning or an error.
    pub(super) fn last_complaint(&self) -> Option<String> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.complaint.clone()
    }
}

/// The level that a line begins with, and its text.
fn prefix(line: &str) -> Option<(Level, &str)> {
    let (word, text) = line.split_once(':')?;
    let level = match word.to_ascii_uppercase().as_str() {
        "CRITICAL" | "ERROR" => Level::ERROR,
        "WARNING" => Level::WARN,
        "INFO" => Level::INFO,
        "DEBUG" => Level::DEBUG,
        _ => return None,
    };
    Some((level, text.trim_start()))
}

/// The level of a line that has none.
fn continued(before: Option<Level>, line: &str) -> Level {
    match before {
        Some(before) if line.starts_with(char::is_whitespace) => before,
        Some(Level::ERROR) => Level::ERROR,
        _ => Level::WARN,
    }
}

/// Hands over every line until the end, or until reading fails.
pub(super) fn each_line(mut from: impl BufRead, mut hear: impl FnMut(&str)) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match from
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
        {
            Ok(0) | Err(_) => return,
            Ok(_) => hear(String::from_utf8_lossy(&line).trim_end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_level_that_it_begins_with() {
        assert_eq!(prefix("INFO:     Started"), Some((Level::INFO, "Started")));
        assert_eq!(prefix("error: no model"), Some((Level::ERROR, "no model")));
        assert_eq!(prefix("Traceback (most recent call last):"), None);
        assert_eq!(prefix("no colon"), None);
    }

    #[test]
    fn the_last_complaint_is_the_end_of_a_traceback_and_no_chatter() {
        let log = Log::default();
        let chatter = ["INFO: listening", "  and more of it", "DEBUG: x"];
        chatter.iter().for_each(|line| log.take(line));
        assert_eq!(log.last_complaint(), None);
        let lines = [
            "ERROR: the model does not load",
            "Traceback (most recent call last):",
            "  File \"a.py\", line 1, in <module>",
            "ValueError: bad\tvalue",
            "",
            "INFO: connection closed",
        ];
        lines.iter().for_each(|line| log.take(line));
        assert_eq!(
            log.last_complaint().as_deref(),
            Some("ValueError: bad value")
        );
    }

    #[test]
    fn lines_may_be_cut_too_long_or_no_text() {
        let mut bytes = vec![b'x'; 20_000];
        bytes.extend(b"\r\n\xff\nlast");
        let mut lines = Vec::new();
        each_line(&bytes[..], |line| lines.push(line.to_owned()));
        let lengths: Vec<usize> = lines.iter().map(|line| line.chars().count()).collect();
        assert_eq!(lengths, [16 << 10, 20_000 - (16 << 10), 1, 4]);
    }
}
