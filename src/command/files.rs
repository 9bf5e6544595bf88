//! Verbs about files: save, load, export.

use std::path::{Path, PathBuf};

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{IoTaskPool, Task, block_on};

use crate::format::{self, Contents, FormatError, PaletteChoice};
use crate::image_to_3d::Generation;
use crate::voxel::{VoxelModel, VoxelWorld};
use crate::world::{
    LoadWorld, SaveWorld, VoxelModel3d, WorldFileFailed, WorldLoaded, WorldSaved, which_world,
};

use super::line::What;
use super::reply::Say;

/// The folder of file names that commands give without one; the working directory, unless a game says otherwise. It
/// is made when something is saved into it.
#[derive(Resource, Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandFolder(pub PathBuf);

/// Extension of names without one.
const DEFAULT_EXTENSION: &str = "bcf";

/// Worlds' files that commands asked for, so that their end is told.
#[derive(Resource, Default)]
pub(super) struct Asked(Vec<PathBuf>);

impl Asked {
    /// Whether a file was asked for; forgets one time of it.
    fn take(&mut self, path: &Path) -> bool {
        let place = self.0.iter().position(|asked| asked == path);
        place.map(|place| self.0.swap_remove(place)).is_some()
    }
}

/// Exports that are being written.
#[derive(Resource, Default)]
pub(super) struct Exports(Vec<Export>);

struct Export {
    name: String,
    path: PathBuf,
    task: Task<Result<(), FormatError>>,
}

/// What the verbs work on.
#[derive(SystemParam)]
pub(super) struct Files<'w, 's> {
    commands: Commands<'w, 's>,
    folder: Res<'w, CommandFolder>,
    asked: ResMut<'w, Asked>,
    exports: ResMut<'w, Exports>,
    models: Res<'w, Assets<VoxelModel>>,
    worlds: Query<'w, 's, (Entity, &'static VoxelWorld)>,
    generations: Query<'w, 's, (&'static Generation, Option<&'static VoxelModel3d>)>,
}

impl Files<'_, '_> {
    pub(super) fn save(&mut self, name: &Path) -> Result<String, String> {
        let entity = self.world()?;
        let path = self.path(name);
        self.make_folder();
        let reply = format!("saving {}", path.display());
        self.asked.0.push(path.clone());
        self.commands.trigger(SaveWorld { entity, path });
        Ok(reply)
    }

    pub(super) fn load(&mut self, name: &Path) -> Result<String, String> {
        let entity = self.world()?;
        let path = self.path(name);
        let reply = format!("loading {}", path.display());
        self.asked.0.push(path.clone());
        self.commands.trigger(LoadWorld { entity, path });
        Ok(reply)
    }

    pub(super) fn export(&mut self, what: What, name: &Path) -> Result<String, String> {
        let (contents, name_of) = match what {
            What::World => (self.world_contents()?, "the world".into()),
            What::Number(number) => (Contents::Model(self.model(number)?), number.to_string()),
        };
        let path = self.path(name);
        format::check_extension(&path).map_err(|error| format!("error: {error}"))?;
        self.make_folder();
        let reply = format!("exporting {name_of} to {}", path.display());
        let target = path.clone();
        let task = IoTaskPool::get()
            .spawn(async move { format::save(&target, contents, PaletteChoice::Auto) });
        self.exports.0.push(Export {
            name: name_of,
            path,
            task,
        });
        Ok(reply)
    }

    /// The only world.
    fn world(&self) -> Result<Entity, String> {
        let worlds = self.worlds.iter().map(|(entity, _)| entity);
        which_world(None, worlds).map_err(|error| format!("error: {error}"))
    }

    fn world_contents(&self) -> Result<Contents, String> {
        let told = |error: &dyn std::fmt::Display| format!("error: {error}");
        let entity = self.world()?;
        let (_, world) = self.worlds.get(entity).map_err(|error| told(&error))?;
        let octree = world.octree().clone();
        if world.palette().is_crossworld() {
            return Ok(Contents::Materials(octree));
        }
        let model = VoxelModel::new(octree.edge(), octree, world.palette().clone());
        model.map(Contents::Model).map_err(|error| told(&error))
    }

    /// The model of a generation.
    fn model(&self, number: u32) -> Result<VoxelModel, String> {
        let generation = self
            .generations
            .iter()
            .find(|(generation, _)| generation.number == number);
        let Some((generation, shows)) = generation else {
            return Err(format!(
                "error: there is no #{number} to export; see /trellis list"
            ));
        };
        let model = shows.and_then(|shows| self.models.get(shows.id()));
        model.cloned().ok_or_else(|| match generation.status.is_end() {
            true => format!("error: #{number} has no model of its own; what is in the world goes with: export world"),
            false => format!("error: #{number} is not done yet; see /trellis list"),
        })
    }

    /// The file of a name as typed.
    fn path(&self, name: &Path) -> PathBuf {
        let mut path = self.folder.0.join(name);
        if path.extension().is_none() {
            path.set_extension(DEFAULT_EXTENSION);
        }
        path
    }

    fn make_folder(&self) {
        // Where this fails, so does what is written there, and tells why.
        let _ = std::fs::create_dir_all(&self.folder.0);
    }
}

/// Tells of exports that have ended.
pub(super) fn tell_exported(mut exports: ResMut<Exports>, mut commands: Commands) {
    exports.0.retain_mut(|Export { name, path, task }| {
        let Some(outcome) = check_ready(task) else {
            return true;
        };
        commands.say(match outcome {
            Ok(()) => Ok(format!("exported {name} to {}", path.display())),
            Err(error) => Err(format!("error: {error}")),
        });
        false
    });
}

/// Waits for exports that are being written when the game ends.
pub(super) fn finish_exports(mut exits: MessageReader<AppExit>, mut exports: ResMut<Exports>) {
    if exits.read().count() == 0 {
        return;
    }
    for Export { task, .. } in exports.0.drain(..) {
        if let Err(error) = block_on(task) {
            error!("{error}");
        }
    }
}

/// Tells that a world is saved.
pub(super) fn tell_saved(saved: On<WorldSaved>, mut asked: ResMut<Asked>, mut commands: Commands) {
    if asked.take(&saved.path) {
        let WorldSaved { voxels, bytes, .. } = *saved.event();
        let path = saved.path.display();
        commands.say(Ok(format!("saved {path}: {voxels} voxels, {bytes} bytes")));
    }
}

/// Tells that a world is loaded.
pub(super) fn tell_loaded(
    loaded: On<WorldLoaded>,
    mut asked: ResMut<Asked>,
    mut commands: Commands,
) {
    if asked.take(&loaded.path) {
        let path = loaded.path.display();
        commands.say(Ok(format!("loaded {path}: {} voxels", loaded.voxels)));
    }
}

/// Tells that a world could not be saved or loaded.
pub(super) fn tell_file_failed(
    failed: On<WorldFileFailed>,
    mut asked: ResMut<Asked>,
    mut commands: Commands,
) {
    if asked.take(&failed.path) {
        commands.say(Err(format!("error: {}", failed.message)));
    }
}
