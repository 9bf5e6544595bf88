//! [`Autosave`]: a world that saves itself now and then, and when the game ends.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bevy::prelude::*;
use bevy::time::Real;

use crate::voxel::{Octree, VoxelWorld};

use super::file;
use super::save::{SaveWorld, WorldFiles, check_palette};

/// Saves a [`VoxelWorld`] on the same entity when it has changed since it was last saved to or loaded from the file:
/// at intervals, and when the game ends (when an [`AppExit`] was written before the schedule `Last`).
///
/// A world that differs from a file that is there already when this component comes counts as saved until it changes;
/// load the file first if the game is to go on where it stopped. Failures come as [`super::WorldFileFailed`].
#[derive(Component, Clone, Debug, PartialEq, Eq)]
pub struct Autosave {
    /// The file, `.bcf` or `.csm` by its extension.
    pub path: PathBuf,
    /// Time between two saves.
    pub every: Duration,
}

impl Autosave {
    /// Saves every minute.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            every: Duration::from_mins(1),
        }
    }

    /// Another time between two saves.
    #[must_use]
    pub fn every(self, every: Duration) -> Self {
        Self { every, ..self }
    }
}

/// What lies in an autosave's file.
#[derive(Component)]
pub(super) struct Kept {
    path: PathBuf,
    /// The world as it is in the file; `None` where nothing has been saved.
    octree: Option<Octree>,
    /// When the world was last looked at, since the game began.
    looked: Duration,
}

impl Kept {
    /// Notes that a file holds a world now.
    pub(super) fn note(&mut self, autosave: &Autosave, path: &Path, octree: &Octree) {
        if autosave.path == path {
            self.path = path.into();
            self.octree = Some(octree.clone());
        }
    }

    /// Whether the world is not what lies in the file of its autosave.
    fn differs(&self, autosave: &Autosave, world: &VoxelWorld) -> bool {
        self.path != autosave.path || self.octree.as_ref() != Some(world.octree())
    }
}

/// Begins to watch a world.
pub(super) fn begin_autosave(
    added: On<Insert, Autosave>,
    worlds: Query<(&Autosave, Option<&VoxelWorld>)>,
    time: Res<Time<Real>>,
    mut commands: Commands,
) {
    if let Ok((Autosave { path, .. }, world)) = worlds.get(added.entity) {
        let kept = Kept {
            path: path.clone(),
            octree: world
                .filter(|_| path.exists())
                .map(|world| world.octree().clone()),
            looked: time.elapsed(),
        };
        commands.entity(added.entity).try_insert(kept);
    }
}

/// Saves worlds whose time has come.
pub(super) fn autosave(
    time: Res<Time<Real>>,
    files: Res<WorldFiles>,
    mut worlds: Query<(Entity, &VoxelWorld, &Autosave, &mut Kept)>,
    mut commands: Commands,
) {
    for (entity, world, autosave, mut kept) in &mut worlds {
        if time.elapsed() < kept.looked + autosave.every {
            continue;
        }
        kept.looked = time.elapsed();
        let path = autosave.path.clone();
        if kept.differs(autosave, world) && !files.is_saving(entity, &path) {
            commands.trigger(SaveWorld { entity, path });
        }
    }
}

/// Saves what is unsaved when the game ends.
pub(super) fn save_at_exit(
    mut exits: MessageReader<AppExit>,
    mut files: ResMut<WorldFiles>,
    mut worlds: Query<(&VoxelWorld, &Autosave, &mut Kept)>,
) {
    if exits.read().count() == 0 {
        return;
    }
    for (entity, path, saved) in files.finish_saves() {
        match (saved, worlds.get_mut(entity)) {
            (Ok(octree), Ok((_, autosave, mut kept))) => kept.note(autosave, &path, &octree),
            (Ok(_), Err(_)) => {}
            (Err(error), _) => error!("{error}"),
        }
    }
    for (world, autosave, mut kept) in &mut worlds {
        if !kept.differs(autosave, world) {
            continue;
        }
        let path = &autosave.path;
        match check_palette(world).and_then(|()| file::save(path, world.octree())) {
            Ok(_) => kept.note(autosave, path, world.octree()),
            Err(error) => error!("{error}"),
        }
    }
}
