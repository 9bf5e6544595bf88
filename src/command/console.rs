//! The command in the console of the crate `bevy_console`.

use bevy::prelude::*;
use bevy_console::{ConsoleCommandEntered, ConsoleConfiguration, ConsoleSet, PrintConsoleLine};
use clap::CommandFactory;

use super::line::Line;
use super::{TrellisCommand, TrellisReply};

/// Names under which players find the command.
const NAMES: [&str; 2] = ["trellis", "/trellis"];

/// Connects the command to the console, when the game has one.
pub(super) fn connect(app: &mut App) {
    app.add_systems(
        Startup,
        register.run_if(resource_exists::<ConsoleConfiguration>),
    )
    .add_systems(
        Update,
        (
            forward.in_set(ConsoleSet::Commands),
            print_replies.in_set(ConsoleSet::PostCommands),
        )
            .run_if(resource_exists::<ConsoleConfiguration>),
    );
}

fn register(mut console: ResMut<ConsoleConfiguration>) {
    for name in NAMES {
        console.commands.insert(name, Line::command().name(name));
    }
}

fn forward(mut entered: MessageReader<ConsoleCommandEntered>, mut commands: Commands) {
    for entry in entered
        .read()
        .filter(|entry| NAMES.contains(&entry.command_name.as_str()))
    {
        let words = entry.args.iter().map(String::as_str);
        if let Ok(line) = shlex::try_join(words) {
            commands.trigger(TrellisCommand(line));
        }
    }
}

fn print_replies(
    mut replies: MessageReader<TrellisReply>,
    mut lines: MessageWriter<PrintConsoleLine>,
) {
    for reply in replies.read() {
        for line in reply.text.lines() {
            lines.write(PrintConsoleLine::new(line.into()));
        }
    }
}
