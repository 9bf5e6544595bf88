//! Saving and loading worlds, off the main thread.
//!
//! Trigger [`SaveWorld`] or [`LoadWorld`] on an entity with a [`VoxelWorld`]; [`WorldSaved`], [`WorldLoaded`] or
//! [`WorldFileFailed`] answers on it. What is saved is the world as it was when asked. Work is done in the order in
//! which it was asked for. A file is an octree whose middle is the world's origin, of Crossworld's materials: a world
//! with a palette of its own is refused, since its values would mean other things when read again.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task, block_on};

use crate::schedule::TrellisSystems;
use crate::voxel::{Octree, SurveyedOctree, VoxelWorld};

use super::autosave::{Autosave, Kept, autosave, begin_autosave, save_at_exit};
use super::file::{self, WorldFileError};

/// Saves the world as it is to a file, `.bcf` or `.csm` by its extension.
#[derive(EntityEvent, Clone, Debug)]
pub struct SaveWorld {
    /// The entity with the [`VoxelWorld`].
    pub entity: Entity,
    /// The file. What is there is replaced as a whole or not at all.
    pub path: PathBuf,
}

/// Replaces the world by that of a file, `.bcf` or `.csm` by its extension, as one step that can be undone. While it
/// loads, and where it cannot be read, the world stays as it is.
#[derive(EntityEvent, Clone, Debug)]
pub struct LoadWorld {
    /// The entity with the [`VoxelWorld`].
    pub entity: Entity,
    /// The file.
    pub path: PathBuf,
}

/// A world was saved.
#[derive(EntityEvent, Clone, Debug)]
pub struct WorldSaved {
    /// The entity with the [`VoxelWorld`].
    pub entity: Entity,
    /// The file.
    pub path: PathBuf,
    /// Solid cells.
    pub voxels: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// A world was replaced by that of a file.
#[derive(EntityEvent, Clone, Debug)]
pub struct WorldLoaded {
    /// The entity with the [`VoxelWorld`].
    pub entity: Entity,
    /// The file.
    pub path: PathBuf,
    /// Solid cells.
    pub voxels: u64,
}

/// A world could not be saved or loaded; it is unchanged.
#[derive(EntityEvent, Clone, Debug)]
pub struct WorldFileFailed {
    /// The entity that was named.
    pub entity: Entity,
    /// The file.
    pub path: PathBuf,
    /// Why, and what to do; names the file.
    pub message: String,
}

/// Saves and loads that are asked for. One is done at a time, so that a file that is written twice ends as the newer
/// one, and a load after a save reads what was saved. They are kept apart from the worlds: a world that is despawned
/// after it asked is saved all the same.
#[derive(Resource, Default)]
pub(super) struct WorldFiles {
    running: Option<(Work, Task<Outcome>)>,
    waiting: VecDeque<Work>,
}

/// One file to be written or read.
#[derive(Clone)]
struct Work {
    entity: Entity,
    path: PathBuf,
    /// What to save, or `None` to load.
    snapshot: Option<Octree>,
}

type Outcome = Result<Done, WorldFileError>;

/// What has been done, and its numbers.
enum Done {
    Saved {
        octree: Octree,
        voxels: u64,
        bytes: u64,
    },
    /// Surveyed here, since a world that takes it over is on the main thread.
    Loaded { octree: SurveyedOctree, voxels: u64 },
}

impl Done {
    fn into_octree(self) -> Octree {
        match self {
            Self::Saved { octree, .. } => octree,
            Self::Loaded { octree, .. } => octree.octree().clone(),
        }
    }
}

impl Work {
    fn carry_out(&self) -> Outcome {
        Ok(match &self.snapshot {
            Some(octree) => Done::Saved {
                bytes: file::save(&self.path, octree)?,
                voxels: octree.len(),
                octree: octree.clone(),
            },
            None => {
                let octree = file::load(&self.path)?;
                Done::Loaded {
                    voxels: octree.len(),
                    octree: octree.into(),
                }
            }
        })
    }
}

impl WorldFiles {
    /// Whether a save of a world to a file is on its way.
    pub(super) fn is_saving(&self, entity: Entity, path: &Path) -> bool {
        let running = self.running.iter().map(|(work, _)| work);
        running
            .chain(&self.waiting)
            .any(|work| work.snapshot.is_some() && work.entity == entity && work.path == path)
    }

    /// The next result, if one has come; starts what comes after it.
    fn next(&mut self) -> Option<(Work, Outcome)> {
        if self.running.is_none() {
            let work = self.waiting.pop_front()?;
            let task = work.clone();
            let task = IoTaskPool::get().spawn(async move { task.carry_out() });
            self.running = Some((work, task));
        }
        let outcome = check_ready(&mut self.running.as_mut()?.1)?;
        let (work, _) = self.running.take()?;
        Some((work, outcome))
    }

    /// Saves what is still to be saved, at once; tells of which world to which file, and what was saved.
    pub(super) fn finish_saves(
        &mut self,
    ) -> Vec<(Entity, PathBuf, Result<Octree, WorldFileError>)> {
        let running = self.running.take().map(|(work, task)| {
            let outcome = block_on(task);
            (work, outcome)
        });
        let is_save = |work: &Work| work.snapshot.is_some();
        // A load has nobody left to see it.
        let waiting = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(is_save);
        let waiting = waiting.map(|work| {
            let outcome = work.carry_out();
            (work, outcome)
        });
        running
            .into_iter()
            .filter(|(work, _)| is_save(work))
            .chain(waiting)
            .map(|(work, outcome)| (work.entity, work.path, outcome.map(Done::into_octree)))
            .collect()
    }
}

/// Wiring of saving and loading.
pub(super) fn connect(app: &mut App) {
    app.init_resource::<WorldFiles>()
        .add_observer(ask_save)
        .add_observer(ask_load)
        .add_observer(begin_autosave)
        .configure_sets(Update, TrellisSystems::Collect.before(TrellisSystems::Mesh))
        .add_systems(
            Update,
            (autosave, work_on_files)
                .chain()
                .in_set(TrellisSystems::Collect),
        )
        .add_systems(Last, save_at_exit);
}

/// Takes a snapshot and puts it into the queue.
fn ask_save(
    asked: On<SaveWorld>,
    worlds: Query<&VoxelWorld>,
    mut files: ResMut<WorldFiles>,
    mut commands: Commands,
) {
    let SaveWorld { entity, path } = asked.event().clone();
    match check(entity, &worlds) {
        Ok(world) => files.waiting.push_back(Work {
            entity,
            path,
            snapshot: Some(world.octree().clone()),
        }),
        Err(error) => fail(entity, path, &error, &mut commands),
    }
}

/// Puts a load into the queue.
fn ask_load(
    asked: On<LoadWorld>,
    worlds: Query<&VoxelWorld>,
    mut files: ResMut<WorldFiles>,
    mut commands: Commands,
) {
    let LoadWorld { entity, path } = asked.event().clone();
    match check(entity, &worlds) {
        Ok(_) => files.waiting.push_back(Work {
            entity,
            path,
            snapshot: None,
        }),
        Err(error) => fail(entity, path, &error, &mut commands),
    }
}

/// The world of an entity, if it is one that files can hold.
fn check<'a>(
    entity: Entity,
    worlds: &'a Query<&VoxelWorld>,
) -> Result<&'a VoxelWorld, WorldFileError> {
    let world = worlds
        .get(entity)
        .map_err(|_| WorldFileError::NoWorld { entity })?;
    check_palette(world).map(|()| world)
}

pub(super) fn check_palette(world: &VoxelWorld) -> Result<(), WorldFileError> {
    match world.palette().is_crossworld() {
        true => Ok(()),
        false => Err(WorldFileError::OwnPalette),
    }
}

/// Takes what the tasks have done, and gives them more.
fn work_on_files(
    mut commands: Commands,
    mut files: ResMut<WorldFiles>,
    mut worlds: Query<(&mut VoxelWorld, Option<(&Autosave, &mut Kept)>)>,
) {
    while let Some((work, outcome)) = files.next() {
        let (entity, path) = (work.entity, work.path);
        let world = worlds.get_mut(entity);
        match (outcome, world) {
            (
                Ok(Done::Saved {
                    octree,
                    voxels,
                    bytes,
                }),
                world,
            ) => {
                if let Ok((_, Some((autosave, mut kept)))) = world {
                    kept.note(autosave, &path, &octree);
                }
                commands.trigger(WorldSaved {
                    entity,
                    path,
                    voxels,
                    bytes,
                });
            }
            (Ok(Done::Loaded { octree, voxels }), Ok((world, kept))) => {
                match take_over(world, octree, kept, &path) {
                    Ok(()) => commands.trigger(WorldLoaded {
                        entity,
                        path,
                        voxels,
                    }),
                    Err(error) => fail(entity, path, &error, &mut commands),
                }
            }
            (Ok(Done::Loaded { .. }), Err(_)) => {
                let error = WorldFileError::NoWorld { entity };
                fail(entity, path, &error, &mut commands);
            }
            (Err(error), world) => {
                if let Ok((_, Some((autosave, mut kept)))) = world
                    && work.snapshot.is_none()
                {
                    kept.spare(autosave, &path);
                }
                fail(entity, path, &error, &mut commands);
            }
        }
    }
}

/// Puts what was loaded into a world. A file that the world cannot have is not to be overwritten by it.
fn take_over(
    mut world: Mut<VoxelWorld>,
    octree: SurveyedOctree,
    kept: Option<(&Autosave, Mut<Kept>)>,
    path: &Path,
) -> Result<(), WorldFileError> {
    let outcome = world.replace(octree);
    if let Some((autosave, mut kept)) = kept {
        match &outcome {
            Ok(()) => kept.note(autosave, path, world.octree()),
            Err(_) => kept.spare(autosave, path),
        }
    }
    let path = path.to_path_buf();
    outcome.map_err(|source| WorldFileError::World { source, path })
}

/// Tells of a failure.
fn fail(entity: Entity, path: PathBuf, error: &WorldFileError, commands: &mut Commands) {
    let message = error.to_string();
    error!("{message}");
    commands.trigger(WorldFileFailed {
        entity,
        path,
        message,
    });
}
