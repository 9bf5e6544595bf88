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
/// A file that is there already when this component comes is not replaced until the world has changed since; load it
/// first if the game is to go on where it stopped. Where loading it fails, it is not replaced at all until the world is
/// saved to it or loaded from it on purpose. Failures come as [`super::WorldFileFailed`].
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

/// What is known of an autosave's file.
#[derive(Component)]
pub(super) struct Kept {
    path: PathBuf,
    content: Content,
    /// When the world was last looked at, since the game began.
    looked: Duration,
}

/// What lies in a file, as far as it matters to whoever would replace it.
enum Content {
    /// There is no file.
    Nothing,
    /// A file that was there before; the world as it is when it is first seen counts as its content.
    Unseen,
    /// This world, or one that stands for it.
    World(Octree),
    /// Something that could not be read, and that must not be lost.
    Unreadable,
}

impl Kept {
    /// Takes the world for the content of a file that was there before.
    fn see(&mut self, world: &VoxelWorld) {
        if let Content::Unseen = self.content {
            self.content = Content::World(world.octree().clone());
        }
    }

    /// Notes that a file could not be read.
    pub(super) fn spare(&mut self, autosave: &Autosave, path: &Path) {
        if autosave.path == path && path.exists() {
            warn!(
                "the world is not saved by itself until it is saved or loaded once: {} could not be read",
                path.display()
            );
            self.path = path.into();
            self.content = Content::Unreadable;
        }
    }

    /// Notes that a file holds a world now.
    pub(super) fn note(&mut self, autosave: &Autosave, path: &Path, octree: &Octree) {
        if autosave.path == path {
            self.path = path.into();
            self.content = Content::World(octree.clone());
        }
    }

    /// Whether the world is not what lies in the file of its autosave.
    fn differs(&self, autosave: &Autosave, world: &VoxelWorld) -> bool {
        let differs = match &self.content {
            Content::Nothing => true,
            Content::World(octree) => octree != world.octree(),
            Content::Unseen | Content::Unreadable => false,
        };
        differs || self.path != autosave.path
    }
}

/// Begins to watch a world.
pub(super) fn begin_autosave(
    added: On<Insert, Autosave>,
    worlds: Query<(&Autosave, Option<&Kept>)>,
    time: Res<Time<Real>>,
    mut commands: Commands,
) {
    let Ok((Autosave { path, .. }, kept)) = worlds.get(added.entity) else {
        return;
    };
    // Another time between two saves changes nothing about the file.
    if kept.is_some_and(|kept| kept.path == *path) {
        return;
    }
    let kept = Kept {
        path: path.clone(),
        content: match path.exists() {
            true => Content::Unseen,
            false => Content::Nothing,
        },
        looked: time.elapsed(),
    };
    commands.entity(added.entity).try_insert(kept);
}

/// Saves worlds whose time has come.
pub(super) fn autosave(
    time: Res<Time<Real>>,
    files: Res<WorldFiles>,
    mut worlds: Query<(Entity, &VoxelWorld, &Autosave, &mut Kept)>,
    mut commands: Commands,
) {
    for (entity, world, autosave, mut kept) in &mut worlds {
        kept.see(world);
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
        kept.see(world);
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
