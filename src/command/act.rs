//! [`TrellisCommand`]: a command carried out.

use bevy::prelude::*;

use crate::image_to_3d::{
    GenerateRequest, Generation, GenerationFailed, GenerationFinished, ImageTo3D,
};

use super::line::{Answer, Verb, Which, parse};

/// Carries out a command line such as `/trellis generate cat.png --seed 7`; the leading `/trellis` may be left out.
#[derive(Event, Clone, Debug, PartialEq, Eq)]
pub struct TrellisCommand(pub String);

impl TrellisCommand {
    /// The command of a line as typed.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }
}

/// Where things stand that a command asks for without `--at`. A game may set it every frame, for example to where
/// the crosshair points.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct CommandSpot(pub Transform);

/// What a command has to say, one or more lines; also news of generations that commands asked for.
#[derive(Event, Message, Clone, Debug, PartialEq, Eq)]
pub struct TrellisReply {
    /// The text.
    pub text: String,
    /// Whether something went wrong.
    pub is_error: bool,
}

/// A generation that a command asked for, so that its end is told.
#[derive(Component)]
pub(super) struct AskedByCommand;

/// Carries out a command.
pub(super) fn carry_out(
    command: On<TrellisCommand>,
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
    spot: Res<CommandSpot>,
    generations: Query<(Entity, &Generation)>,
) {
    let reply = match parse(&command.0) {
        Err(Answer::Help(text)) => Ok(text),
        Err(Answer::Error(text)) => Err(text),
        Ok(Verb::Generate {
            picture,
            seed,
            resolution,
            at,
            backend,
        }) => {
            let transform = match at.as_deref() {
                Some(&[x, y, z]) => Transform::from_xyz(x, y, z),
                _ => spot.0,
            };
            let mut request = GenerateRequest::new(picture).with_seed(seed).at(transform);
            request.resolution = resolution;
            request.backend = backend.map(Into::into);
            let entity = image_to_3d.generate(&mut commands, request);
            commands.entity(entity).insert(AskedByCommand);
            Ok(format!("making {}", image_to_3d.last_number()))
        }
        Ok(Verb::List) => Ok(list(&generations)),
        Ok(Verb::Cancel { which }) => {
            let running = |generation: &Generation| !generation.status.is_end();
            each(which, &generations, running, "to cancel").map(|chosen| {
                chosen
                    .iter()
                    .for_each(|&(entity, _)| image_to_3d.cancel(entity));
                told("cancelling", &chosen)
            })
        }
        Ok(Verb::Remove { which }) => {
            each(which, &generations, |_| true, "to remove").map(|chosen| {
                chosen
                    .iter()
                    .for_each(|&(entity, _)| commands.entity(entity).try_despawn());
                told("removed", &chosen)
            })
        }
    };
    commands.say(reply);
}

/// The chosen generations in order of their numbers, or an error where there are none.
fn each(
    which: Which,
    generations: &Query<(Entity, &Generation)>,
    fits: impl Fn(&Generation) -> bool,
    purpose: &str,
) -> Result<Vec<(Entity, u32)>, String> {
    let mut chosen: Vec<(Entity, u32)> = generations
        .iter()
        .filter(|(_, generation)| which.holds(generation.number) && fits(generation))
        .map(|(entity, generation)| (entity, generation.number))
        .collect();
    chosen.sort_by_key(|&(_, number)| number);
    match (chosen.is_empty(), which) {
        (false, _) | (true, Which::All) => Ok(chosen),
        (true, Which::Number(number)) => Err(format!(
            "error: there is no #{number} {purpose}; see /trellis list"
        )),
    }
}

fn told(verb: &str, chosen: &[(Entity, u32)]) -> String {
    if chosen.is_empty() {
        return "there is nothing to do".into();
    }
    let numbers: Vec<String> = chosen
        .iter()
        .map(|(_, number)| number.to_string())
        .collect();
    format!("{verb} {}", numbers.join(", "))
}

fn list(generations: &Query<(Entity, &Generation)>) -> String {
    let mut all: Vec<&Generation> = generations
        .iter()
        .map(|(_, generation)| generation)
        .collect();
    all.sort_by_key(|generation| generation.number);
    if all.is_empty() {
        return "nothing yet: /trellis generate PICTURE".into();
    }
    let line = |generation: &&Generation| {
        format!(
            "{}  {}  ({})",
            generation.number, generation.picture, generation.status
        )
    };
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Tells that a thing asked for by command stands.
pub(super) fn tell_finished(
    finished: On<GenerationFinished>,
    mut commands: Commands,
    asked: Query<&Generation, With<AskedByCommand>>,
) {
    if let Ok(generation) = asked.get(finished.entity) {
        let seconds = finished.elapsed.as_secs_f32();
        let text = format!(
            "{} stands: {} voxels in {seconds:.1} s",
            generation.number, finished.voxels
        );
        commands.say(Ok(text));
    }
}

/// Tells that a thing asked for by command could not be made.
pub(super) fn tell_failed(
    failed: On<GenerationFailed>,
    mut commands: Commands,
    asked: Query<&Generation, With<AskedByCommand>>,
) {
    if let Ok(generation) = asked.get(failed.entity) {
        commands.say(Err(format!(
            "error: {}: {}",
            generation.number, failed.message
        )));
    }
}

/// Saying something, to observers and readers alike.
trait Say {
    fn say(&mut self, reply: Result<String, String>);
}

impl Say for Commands<'_, '_> {
    fn say(&mut self, reply: Result<String, String>) {
        let is_error = reply.is_err();
        let text = reply.unwrap_or_else(|error| error);
        let reply = TrellisReply { text, is_error };
        self.write_message(reply.clone());
        self.trigger(reply);
    }
}
