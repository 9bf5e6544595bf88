//! What a player may type, parsed with clap so that help and errors read well.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// Turn pictures into voxels.
#[derive(Parser, Clone, Debug, PartialEq)]
#[command(name = "/trellis", no_binary_name = true, bin_name = "/trellis", color = clap::ColorChoice::Never)]
pub(super) struct Line {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Subcommand, Clone, Debug, PartialEq)]
pub(super) enum Verb {
    /// Make the thing in a picture
    Generate {
        /// A picture file (PNG, JPEG, WebP)
        picture: PathBuf,
        /// Seed of every random choice
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Voxels per axis
        #[arg(long)]
        resolution: Option<u32>,
        /// Where it shall stand, in metres; default: where the game says, else the origin
        #[arg(long, num_args = 3, value_names = ["X", "Y", "Z"], allow_negative_numbers = true)]
        at: Option<Vec<f32>>,
        /// Who makes it: auto or a backend's name
        #[arg(long)]
        backend: Option<String>,
    },
    /// List what is being made and what was made
    List,
    /// Stop making something
    Cancel {
        /// Its number in the list, or all
        #[arg(value_name = "ID|all")]
        which: Which,
    },
    /// Take something out of the world
    Remove {
        /// Its number in the list, or all
        #[arg(value_name = "ID|all")]
        which: Which,
    },
}

/// One generation or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Number(u32),
    All,
}

impl Which {
    pub(super) fn holds(self, number: u32) -> bool {
        self == Self::All || self == Self::Number(number)
    }
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            number => number
                .parse()
                .map(Self::Number)
                .map_err(|_| "use a number from the list, or all".into()),
        }
    }
}

/// What to say instead of acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Help that was asked for.
    Help(String),
    /// What is wrong with the line.
    Error(String),
}

/// Parses a line as typed, with or without the leading `/trellis`.
pub(super) fn parse(text: &str) -> Result<Verb, Answer> {
    let words = shlex::split(text)
        .ok_or_else(|| Answer::Error("error: a quotation mark is not closed".into()))?;
    let mut words = words.as_slice();
    if let [first, rest @ ..] = words
        && matches!(first.as_str(), "trellis" | "/trellis")
    {
        words = rest;
    }
    let words: &[String] = if words.is_empty() {
        &["help".into()]
    } else {
        words
    };
    match Line::try_parse_from(words) {
        Ok(line) => Ok(line.verb),
        Err(error) => {
            let text = error.render().to_string().trim_end().to_owned();
            Err(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                    Answer::Help(text)
                }
                _ => Answer::Error(text),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        match parse(text) {
            Err(Answer::Error(text)) => text,
            other => panic!("{text} gave {other:?}"),
        }
    }

    #[test]
    fn every_option_of_generate_is_understood() {
        let line = "/trellis generate 'my cat.png' --seed 7 --resolution 32 --at 1 -2.5 3 --backend inflate";
        let expected = Verb::Generate {
            picture: "my cat.png".into(),
            seed: 7,
            resolution: Some(32),
            at: Some(vec![1.0, -2.5, 3.0]),
            backend: Some("inflate".into()),
        };
        assert_eq!(parse(line), Ok(expected));
    }

    #[test]
    fn the_leading_name_may_be_left_out() {
        assert_eq!(parse("list"), Ok(Verb::List));
        assert_eq!(parse("trellis list"), Ok(Verb::List));
        assert_eq!(
            parse("/trellis cancel all"),
            Ok(Verb::Cancel { which: Which::All })
        );
        assert_eq!(
            parse("remove 12"),
            Ok(Verb::Remove {
                which: Which::Number(12)
            })
        );
    }

    #[test]
    fn help_and_an_empty_line_list_every_verb() {
        for text in ["help", "/trellis", ""] {
            let Err(Answer::Help(help)) = parse(text) else {
                panic!("no help for {text:?}")
            };
            for verb in ["generate", "list", "cancel", "remove", "help"] {
                assert!(help.contains(verb), "{verb} is missing in {help}");
            }
        }
        assert!(
            matches!(parse("generate --help"), Err(Answer::Help(help)) if help.contains("/trellis generate"))
        );
        assert!(
            matches!(parse("help generate"), Err(Answer::Help(help)) if help.contains("--resolution"))
        );
    }

    #[test]
    fn errors_name_the_word_that_is_wrong() {
        assert!(error("dance").contains("dance"));
        assert!(error("cancel seven").contains("use a number from the list, or all"));
        assert!(error("generate a.png --resolution huge").contains("huge"));
        assert!(error("generate a.png --at 1 2").contains("--at"));
        assert!(error("generate 'a.png").contains("quotation mark"));
        assert!(error("generate").contains("<PICTURE>"));
    }
}
