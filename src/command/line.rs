//! What a player may type, parsed with clap so that help and errors read well.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

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
    Generate(Order),
    /// Tell who makes things and who could, or let another backend do it
    Backend {
        /// auto or a backend's name; what waits goes there, too, unless it named one itself
        name: Option<String>,
    },
    /// Tell which model works on what, or let another one do it where the backend has a choice
    Model {
        /// A folder, a repository of the hub (owner/name), or default; what waits is made with it, too
        #[arg(value_name = "NAME|FOLDER|default")]
        name: Option<String>,
    },
    /// Look at the results that are kept, or remove them
    Cache {
        #[command(subcommand)]
        verb: CacheVerb,
    },
    /// List what is being made and what was made
    List,
    /// Stop making something
    Cancel {
        /// Its number in the list, or all
        #[arg(value_name = "ID|all")]
        which: Which,
    },
    /// Take something away; what was stamped into the world stays there
    Remove {
        /// Its number in the list, or all
        #[arg(value_name = "ID|all")]
        which: Which,
    },
    /// Save the world
    Save {
        /// A file name, with .bcf or .csm; without either .bcf
        name: PathBuf,
    },
    /// Replace the world by a saved one
    Load {
        /// A file name, with .bcf or .csm; without either .bcf
        name: PathBuf,
    },
    /// Write a thing that was made, or the world, to a file
    Export {
        /// Its number in the list, or world
        #[arg(value_name = "ID|world")]
        what: What,
        /// A file name; its extension tells the format; without one .bcf
        name: PathBuf,
    },
}

/// What to do with kept results.
#[derive(Subcommand, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheVerb {
    /// How many there are, how large and where
    Info,
    /// Remove all of them
    Clear,
}

/// What to make.
#[derive(Args, Clone, Debug, PartialEq)]
pub(super) struct Order {
    /// A picture file (PNG, JPEG, WebP)
    pub(super) picture: PathBuf,
    /// Another view of the same object; may be given several times
    #[arg(long, value_name = "PICTURE")]
    pub(super) also: Vec<PathBuf>,
    /// Seed of every random choice
    #[arg(long, default_value_t = 0)]
    pub(super) seed: u64,
    /// How many different ones, in a row along x, 1 to 16; their seeds count up
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub(super) variants: u32,
    /// Voxels per axis
    #[arg(long)]
    pub(super) resolution: Option<u32>,
    /// Where it shall stand, in metres; default: where the game says, else the origin
    #[arg(long, num_args = 3, value_names = ["X", "Y", "Z"], allow_negative_numbers = true)]
    pub(super) at: Option<Vec<f32>>,
    /// Who makes it: auto or a backend's name
    #[arg(long)]
    pub(super) backend: Option<String>,
    /// Stamp it into the voxel world instead of letting it stand on its own
    #[arg(long)]
    pub(super) world: bool,
    /// Make it anew even where the result is kept, and do not keep it
    #[arg(long)]
    pub(super) no_cache: bool,
}

/// A generation's model or the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Number(u32),
    World,
}

impl std::str::FromStr for What {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "world" => Ok(Self::World),
            number => number
                .parse()
                .map(Self::Number)
                .map_err(|_| "use a number from the list, or world".into()),
        }
    }
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
        let line = "/trellis generate 'my cat.png' --seed 7 --resolution 32 --at 1 -2.5 3 --backend inflate --world --also side.png --also back.png --variants 3 --no-cache";
        let expected = Verb::Generate(Order {
            picture: "my cat.png".into(),
            also: vec!["side.png".into(), "back.png".into()],
            seed: 7,
            variants: 3,
            resolution: Some(32),
            at: Some(vec![1.0, -2.5, 3.0]),
            backend: Some("inflate".into()),
            world: true,
            no_cache: true,
        });
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
        let folder = Some("my models/fine".into());
        assert_eq!(
            parse("model 'my models/fine'"),
            Ok(Verb::Model { name: folder })
        );
        let name = std::path::PathBuf::from("my town");
        let line = "export world 'my town'";
        let what = What::World;
        assert_eq!(parse(line), Ok(Verb::Export { what, name }));
    }

    #[test]
    fn help_and_an_empty_line_list_every_verb() {
        for text in ["help", "/trellis", ""] {
            let Err(Answer::Help(help)) = parse(text) else {
                panic!("no help for {text:?}")
            };
            for verb in [
                "generate", "backend", "model", "cache", "list", "cancel", "remove", "save",
                "load", "export", "help",
            ] {
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
        assert!(error("export all a.vox").contains("use a number from the list, or world"));
        assert!(error("generate a.png --resolution huge").contains("huge"));
        assert!(error("generate a.png --at 1 2").contains("--at"));
        assert!(error("generate a.png --variants 0").contains("1..=16"));
        assert!(error("cache burn").contains("burn"));
        assert!(error("generate 'a.png").contains("quotation mark"));
        assert!(error("generate").contains("<PICTURE>"));
    }
}
