//! [`Failure`]: why a command stopped, as one line.

use std::error::Error;
use std::fmt;
use std::path::Path;

/// An error in words. What decoders and systems say is folded into one line.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// An error about a file that it does not name itself.
    pub fn about(file: &Path, error: impl Error) -> Self {
        Self::line(&format!("{error} ({})", file.display()))
    }

    fn line(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        Self(words.join(" "))
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::line(&error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
