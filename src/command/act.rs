//! [`TrellisCommand`]: a command carried out.

use bevy::prelude::*;

use super::files::Files;
use super::line::{Answer, Verb, parse};
use super::making::Making;
use super::reply::Say;
use super::upkeep::Upkeep;

/// Carries out a command line such as `/trellis generate cat.png --seed 7`; the leading `/trellis` may be left out.
#[derive(Event, Clone, Debug, PartialEq, Eq)]
pub struct TrellisCommand(pub String);

impl TrellisCommand {
    /// The command of a line as typed.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

/// Carries out a command.
pub(super) fn carry_out(
    command: On<TrellisCommand>,
    // The reply goes out before what the others set in motion, since that may reply too.
    mut commands: Commands,
    mut making: Making,
    mut files: Files,
    mut upkeep: Upkeep,
) {
    let reply = match parse(&command.0) {
        Err(Answer::Help(text)) => Ok(text),
        Err(Answer::Error(text)) => Err(text),
        Ok(Verb::Generate(order)) => Ok(making.generate(order)),
        Ok(Verb::Backend { name }) => upkeep.backend(name),
        Ok(Verb::Model { name }) => upkeep.model(name, &mut making.image_to_3d),
        Ok(Verb::Cache { verb }) => upkeep.cache(verb),
        Ok(Verb::List) => Ok(making.list()),
        Ok(Verb::Cancel { which }) => making.cancel(which),
        Ok(Verb::Remove { which }) => making.remove(which),
        Ok(Verb::Save { name }) => files.save(&name),
        Ok(Verb::Load { name }) => files.load(&name),
        Ok(Verb::Export { what, name }) => files.export(what, &name),
    };
    commands.say(reply);
}
