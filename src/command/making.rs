//! Verbs about generations: make, list, cancel, remove.

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;

use crate::image_to_3d::{
    GenerateRequest, Generation, GenerationFailed, GenerationFinished, ImageTo3D, Placement,
};

use super::line::{Order, Which};
use super::reply::Say;

/// Where things stand that a command asks for without `--at`. A game may set it every frame, for example to where
/// the crosshair points.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq)]
pub struct CommandSpot(pub Transform);

/// A generation that a command asked for, so that its end is told.
#[derive(Component)]
pub(super) struct AskedByCommand;

/// What the verbs work on.
#[derive(SystemParam)]
pub(super) struct Making<'w, 's> {
    commands: Commands<'w, 's>,
    pub(super) image_to_3d: ResMut<'w, ImageTo3D>,
    spot: Res<'w, CommandSpot>,
    generations: Query<'w, 's, (Entity, &'static Generation)>,
}

impl Making<'_, '_> {
    pub(super) fn generate(&mut self, order: Order) -> String {
        let transform = match order.at.as_deref() {
            Some(&[x, y, z]) => Transform::from_xyz(x, y, z),
            _ => self.spot.0,
        };
        let mut request = GenerateRequest::new(order.picture)
            .with_seed(order.seed)
            .at(transform);
        for picture in order.also {
            request = request.also(picture);
        }
        if order.no_cache {
            request = request.no_cache();
        }
        request.resolution = order.resolution;
        request.backend = order.backend.map(Into::into);
        request.placement = order.world.then_some(Placement::World(None));
        let first = self.image_to_3d.last_number() + 1;
        let entities = match order.variants {
            1 => vec![self.image_to_3d.generate(&mut self.commands, request)],
            several => self
                .image_to_3d
                .generate_variants(&mut self.commands, request, several),
        };
        for entity in entities {
            self.commands.entity(entity).insert(AskedByCommand);
        }
        match self.image_to_3d.last_number() {
            last if last == first => format!("making {first}"),
            last => format!("making {first} to {last}"),
        }
    }

    pub(super) fn list(&self) -> String {
        list(&self.generations)
    }

    pub(super) fn cancel(&mut self, which: Which) -> Result<String, String> {
        let running = |generation: &Generation| !generation.status.is_end();
        let chosen = each(which, &self.generations, running, "to cancel")?;
        for &(entity, _) in &chosen {
            self.image_to_3d.cancel(entity);
        }
        Ok(told("cancelling", &chosen))
    }

    pub(super) fn remove(&mut self, which: Which) -> Result<String, String> {
        let chosen = each(which, &self.generations, |_| true, "to remove")?;
        for &(entity, _) in &chosen {
            self.commands.entity(entity).try_despawn();
        }
        Ok(told("removed", &chosen))
    }
}

/// The chosen generations in order of their numbers, or an error where there are none.
fn each(
    which: Which,
    generations: &Query<(Entity, &'static Generation)>,
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

fn list(generations: &Query<(Entity, &'static Generation)>) -> String {
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
        let stands = match finished.world {
            Some(_) => "is in the world",
            None => "stands",
        };
        let kept = if finished.cached {
            ", kept from before"
        } else {
            ""
        };
        let text = format!(
            "{} {stands}: {} voxels in {seconds:.1} s{kept}",
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
