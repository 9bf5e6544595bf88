//! Worlds in files, through the plugin: saving, loading, autosave, commands.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
#![cfg(feature = "bevy")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bevy::prelude::*;
use crossworld_trellis::command::{CommandFolder, TrellisReply};
use crossworld_trellis::format::{self, Contents, ReadOptions, bcf, csm};
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::{Octree, Palette, PaletteEntry, Region};

use common::app::{ask, headless_app, heard, listen, puppet_app, status, update_until};
use common::puppet::Act;

/// A half-filled world: no part of it is as small as one cell.
fn plain() -> VoxelWorld {
    let mut world = VoxelWorld::default();
    let min = IVec3::new(-64, -32, -64);
    let max = IVec3::new(64, 0, 64);
    world.fill(&Region::Box { min, max }, 19).unwrap();
    world
}

fn app() -> App {
    let mut app = headless_app();
    listen::<WorldSaved>(&mut app);
    listen::<WorldLoaded>(&mut app);
    listen::<WorldFileFailed>(&mut app);
    app
}

fn spawn(app: &mut App, world: VoxelWorld) -> Entity {
    app.world_mut().spawn(world).id()
}

fn world(app: &App, entity: Entity) -> &VoxelWorld {
    app.world().get(entity).unwrap()
}

fn change(app: &mut App, entity: Entity, cell: [i32; 3], value: u8) {
    let mut world = app.world_mut().get_mut::<VoxelWorld>(entity).unwrap();
    world.set(cell.into(), value).unwrap();
}

fn save(app: &mut App, entity: Entity, path: &Path) {
    let path = path.into();
    app.world_mut().trigger(SaveWorld { entity, path });
    app.world_mut().flush();
}

fn load(app: &mut App, entity: Entity, path: &Path) {
    let path = path.into();
    app.world_mut().trigger(LoadWorld { entity, path });
    app.world_mut().flush();
}

fn file(path: &Path) -> Octree {
    match format::load(path, &ReadOptions::default()).unwrap() {
        Contents::Materials(octree) => octree,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_saved_world_is_loaded_as_it_was_and_loading_can_be_undone() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.bcf", "b.CSM"] {
        let path = folder.path().join(name);
        let mut app = app();
        let saved = spawn(&mut app, plain());
        let other = spawn(&mut app, VoxelWorld::default());
        change(&mut app, other, [3, 2, 1], 7);
        save(&mut app, saved, &path);
        load(&mut app, other, &path);
        update_until(&mut app, "loading", |world| {
            !heard::<WorldLoaded>(world).is_empty()
        });
        let told = &heard::<WorldSaved>(app.world())[0];
        assert_eq!((told.entity, &told.path), (saved, &path));
        assert_eq!(told.voxels, 128 * 32 * 128);
        assert_eq!(told.bytes, fs::metadata(&path).unwrap().len());
        // Also where no voxel stands alone, which would tell the size of the cells.
        assert_eq!(world(&app, other).octree(), world(&app, saved).octree());
        let mut world = app.world_mut().get_mut::<VoxelWorld>(other).unwrap();
        assert!(world.undo());
        assert_eq!(world.get(IVec3::new(3, 2, 1)), 7);
    }
}

#[test]
fn of_full_worlds_of_one_material_the_larger_one_is_loaded_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    let mut app = app();
    let [small, large] = [32, 64].map(|half| {
        let mut world = VoxelWorld::default();
        let [min, max] = [-half, half].map(IVec3::splat);
        world.fill(&Region::Box { min, max }, 19).unwrap();
        spawn(&mut app, world)
    });
    save(&mut app, large, &path);
    load(&mut app, small, &path);
    update_until(&mut app, "loading", |world| {
        !heard::<WorldLoaded>(world).is_empty()
    });
    assert_eq!(world(&app, small).octree().len(), 128 * 128 * 128);
}

#[test]
fn a_save_holds_the_world_as_it_was_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    let mut app = app();
    let entity = spawn(&mut app, plain());
    let before = world(&app, entity).octree().clone();
    save(&mut app, entity, &path);
    change(&mut app, entity, [0, 0, 0], 9);
    update_until(&mut app, "the save", |world| {
        !heard::<WorldSaved>(world).is_empty()
    });
    assert_eq!(file(&path), before);
}

#[test]
fn a_world_that_is_despawned_after_it_asked_is_saved_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    let mut app = app();
    let entity = spawn(&mut app, plain());
    save(&mut app, entity, &path);
    app.world_mut().despawn(entity);
    update_until(&mut app, "the save", |_| path.exists());
    assert_eq!(file(&path), *plain().octree());
}

#[test]
fn bad_missing_and_foreign_files_leave_the_world_as_it_is_and_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("bad.bcf");
    fs::write(&bad, "no octree").unwrap();
    let text = folder.path().join("bad.csm");
    fs::write(&text, ">z 1").unwrap();
    let missing = folder.path().join("missing.bcf");
    let foreign = folder.path().join("world.obj");
    let huge = folder.path().join("huge.bcf");
    let octree = Octree::from_cells(16, [([0; 3], 1)]).unwrap();
    fs::write(&huge, bcf::encode(&octree).unwrap()).unwrap();
    let mut app = app();
    let entity = spawn(&mut app, plain());
    for (number, path) in [&bad, &text, &missing, &foreign, &huge]
        .into_iter()
        .enumerate()
    {
        load(&mut app, entity, path);
        update_until(&mut app, "the failure", |world| {
            heard::<WorldFileFailed>(world).len() > number
        });
        let failed = heard::<WorldFileFailed>(app.world()).last().unwrap();
        assert_eq!((failed.entity, &failed.path), (entity, path));
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(failed.message.contains(name), "{}", failed.message);
        assert!(!failed.message.contains('\n'), "{}", failed.message);
    }
    let mut world = app.world_mut().get_mut::<VoxelWorld>(entity).unwrap();
    assert_eq!(world.octree(), plain().octree());
    assert!(world.undo() && !world.undo(), "only its own step is there");
}

#[test]
fn what_cannot_be_saved_says_so_and_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    fs::write(&path, "old").unwrap();
    let mut app = app();
    let entries = vec![PaletteEntry::matte([1, 2, 3, 255])];
    let own = VoxelWorld::new(Palette::from_entries(entries).unwrap());
    let own = spawn(&mut app, own);
    save(&mut app, own, &path);
    load(&mut app, own, &path);
    let entity = spawn(&mut app, plain());
    save(&mut app, entity, &folder.path().join("no/folder.bcf"));
    let nobody = app.world_mut().spawn_empty().id();
    save(&mut app, nobody, &path);
    update_until(&mut app, "four failures", |world| {
        heard::<WorldFileFailed>(world).len() == 4
    });
    let failed = heard::<WorldFileFailed>(app.world());
    assert!(failed[0].message.contains("palette of its own"));
    assert!(heard::<WorldSaved>(app.world()).is_empty());
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

/// Lets some frames and milliseconds go by.
fn wait(app: &mut App) {
    for _ in 0..30 {
        app.update();
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn autosave_saves_what_has_changed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    let mut app = app();
    let autosave = Autosave::new(&path).every(Duration::from_millis(10));
    let entity = app.world_mut().spawn((plain(), autosave)).id();
    update_until(&mut app, "the first save", |world| {
        !heard::<WorldSaved>(world).is_empty()
    });
    wait(&mut app);
    assert_eq!(heard::<WorldSaved>(app.world()).len(), 1, "nothing changed");
    change(&mut app, entity, [0, 5, 0], 9);
    update_until(&mut app, "the second save", |world| {
        heard::<WorldSaved>(world).len() == 2
    });
    assert_eq!(file(&path), *world(&app, entity).octree());
    load(&mut app, entity, &path);
    update_until(&mut app, "loading", |world| {
        !heard::<WorldLoaded>(world).is_empty()
    });
    wait(&mut app);
    assert_eq!(heard::<WorldSaved>(app.world()).len(), 2, "as in the file");
}

#[test]
fn a_file_that_is_there_is_not_overwritten_until_the_world_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    fs::write(&path, "yesterday").unwrap();
    let mut app = app();
    let autosave = Autosave::new(&path).every(Duration::from_millis(1));
    app.world_mut().spawn((plain(), autosave));
    wait(&mut app);
    app.world_mut().write_message(AppExit::Success);
    app.update();
    assert_eq!(fs::read(&path).unwrap(), b"yesterday");
}

#[test]
fn a_world_that_comes_after_its_autosave_does_not_replace_the_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    fs::write(&path, "yesterday").unwrap();
    let mut app = app();
    let autosave = Autosave::new(&path).every(Duration::from_millis(1));
    let entity = app.world_mut().spawn(autosave).id();
    app.update();
    app.world_mut().entity_mut(entity).insert(plain());
    wait(&mut app);
    assert_eq!(fs::read(&path).unwrap(), b"yesterday");
    change(&mut app, entity, [0, 5, 0], 9);
    update_until(&mut app, "a save", |world| {
        !heard::<WorldSaved>(world).is_empty()
    });
}

#[test]
fn a_file_that_could_not_be_loaded_is_not_replaced_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bcf");
    fs::write(&path, "a newer format").unwrap();
    let mut app = app();
    let autosave = Autosave::new(&path).every(Duration::from_millis(1));
    let entity = app.world_mut().spawn((plain(), autosave)).id();
    load(&mut app, entity, &path);
    update_until(&mut app, "a failure", |world| {
        !heard::<WorldFileFailed>(world).is_empty()
    });
    change(&mut app, entity, [0, 5, 0], 9);
    wait(&mut app);
    assert_eq!(fs::read(&path).unwrap(), b"a newer format");
    save(&mut app, entity, &path);
    update_until(&mut app, "a save on purpose", |world| {
        !heard::<WorldSaved>(world).is_empty()
    });
    change(&mut app, entity, [0, 6, 0], 9);
    update_until(&mut app, "a save by itself", |world| {
        heard::<WorldSaved>(world).len() == 2
    });
}

#[test]
fn the_end_of_the_game_saves_what_is_unsaved_before_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let [auto, asked] = ["auto.csm", "asked.bcf"].map(|name| folder.path().join(name));
    let mut app = app();
    let autosave = Autosave::new(&auto);
    let entity = app.world_mut().spawn((plain(), autosave)).id();
    app.update();
    change(&mut app, entity, [0, 5, 0], 9);
    save(&mut app, entity, &asked);
    app.world_mut().write_message(AppExit::Success);
    app.update();
    assert_eq!(file(&auto), *world(&app, entity).octree());
    assert_eq!(file(&asked), *world(&app, entity).octree());
}

fn picture() -> Picture {
    Picture::new(1, 1, vec![255; 4]).unwrap()
}

/// Carries out a command and waits until it has been answered `answers` times.
fn say(app: &mut App, line: &str, answers: usize) -> TrellisReply {
    let before = heard::<TrellisReply>(app.world()).len();
    app.world_mut().trigger(TrellisCommand::new(line));
    app.world_mut().flush();
    update_until(app, line, |world| {
        heard::<TrellisReply>(world).len() >= before + answers
    });
    heard::<TrellisReply>(app.world()).last().cloned().unwrap()
}

fn commanded(folder: &Path) -> (App, Entity, crossbeam_channel::Sender<Act>) {
    let (mut app, hand) = puppet_app();
    listen::<TrellisReply>(&mut app);
    app.insert_resource(CommandFolder(folder.join("saves")));
    let entity = spawn(&mut app, plain());
    (app, entity, hand)
}

#[test]
fn the_commands_save_and_load_keep_worlds_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, entity, _hand) = commanded(folder.path());
    let reply = say(&mut app, "save town", 2);
    assert!(
        !reply.is_error && reply.text.starts_with("saved "),
        "{}",
        reply.text
    );
    let path: PathBuf = folder.path().join("saves/town.bcf");
    assert_eq!(
        bcf::decode(&fs::read(path).unwrap()).unwrap(),
        *plain().octree()
    );
    change(&mut app, entity, [0, 5, 0], 9);
    let reply = say(&mut app, "/trellis load town.bcf", 2);
    assert!(
        reply.text.contains("town.bcf: 524288 voxels"),
        "{}",
        reply.text
    );
    assert_eq!(world(&app, entity).octree(), plain().octree());
    let reply = say(&mut app, "load village", 2);
    assert!(
        reply.is_error && reply.text.contains("village.bcf"),
        "{}",
        reply.text
    );
    let reply = say(&mut app, "save town.obj", 2);
    assert!(
        reply.is_error && reply.text.contains(".bcf"),
        "{}",
        reply.text
    );
    app.world_mut().despawn(entity);
    let reply = say(&mut app, "save town", 1);
    assert!(
        reply.is_error && reply.text.contains("no voxel world"),
        "{}",
        reply.text
    );
}

#[test]
fn the_command_export_writes_a_model_or_the_world() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, _, hand) = commanded(folder.path());
    let reply = say(&mut app, "export world town.csm", 2);
    assert_eq!(
        reply.text,
        format!(
            "exported the world to {}",
            folder.path().join("saves/town.csm").display()
        )
    );
    let town = fs::read(folder.path().join("saves/town.csm")).unwrap();
    assert_eq!(csm::decode(&town).unwrap().len(), plain().octree().len());
    let generation = ask(&mut app);
    let reply = say(&mut app, "export 1 thing.vox", 1);
    assert!(
        reply.is_error && reply.text.contains("not done"),
        "{}",
        reply.text
    );
    hand.send(Act::Finish).unwrap();
    update_until(&mut app, "the end", |world| {
        status(world, generation) == GenerationStatus::Done
    });
    for name in ["thing.vox", "thing.voxels", "thing"] {
        let reply = say(&mut app, &format!("export 1 {name}"), 2);
        assert!(!reply.is_error, "{}", reply.text);
    }
    let thing = folder.path().join("saves/thing.vox");
    assert_eq!(
        format::load(&thing, &ReadOptions::default()).unwrap().len(),
        1
    );
    for line in [
        "export 2 thing.vox",
        "export 1 thing.obj",
        "export all a.vox",
    ] {
        let reply = say(&mut app, line, 1);
        assert!(
            reply.is_error && reply.text.starts_with("error: "),
            "{}",
            reply.text
        );
    }
}

#[test]
fn generate_with_world_stamps_and_then_has_no_model_to_export() {
    let folder = tempfile::tempdir().unwrap();
    let (mut app, entity, hand) = commanded(folder.path());
    let file = folder.path().join("a.png");
    picture().save_png(&file).unwrap();
    hand.send(Act::Finish).unwrap();
    let line = format!("generate '{}' --world --at 0.5 9 0.5", file.display());
    let reply = say(&mut app, &line, 2);
    assert!(
        reply.text.starts_with("1 is in the world: 1 voxels"),
        "{}",
        reply.text
    );
    assert_eq!(
        world(&app, entity).octree().len(),
        plain().octree().len() + 1
    );
    let reply = say(&mut app, "export 1 a.vox", 1);
    assert!(
        reply.is_error && reply.text.contains("export world"),
        "{}",
        reply.text
    );
}
