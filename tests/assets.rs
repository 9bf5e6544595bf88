//! Voxel models loaded from asset files.

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
use std::path::Path;

use bevy::asset::LoadState;
use bevy::prelude::*;
use crossworld_trellis::format::{self, Contents, PaletteChoice};
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::{Material, Octree, Palette, PaletteEntry};
use crossworld_trellis::world::{LoadedColors, ModelReady, VoxelModelSettings};

use common::app::{app_with_assets, heard, listen, update_until};

/// Writes an octree of materials, or a model of a colour that is none of them.
fn write(path: &Path, octree: Octree) {
    let contents = match path.extension().unwrap().to_str().unwrap() {
        "bcf" | "csm" => Contents::Materials(octree),
        _ => {
            let entries = vec![PaletteEntry::matte([10, 200, 30, 255]); 20];
            let palette = Palette::from_entries(entries).unwrap();
            Contents::Model(VoxelModel::new(octree.edge(), octree, palette).unwrap())
        }
    };
    format::save(path, contents, PaletteChoice::Auto).unwrap();
}

fn cells(depth: u32, cells: &[[u32; 3]]) -> Octree {
    Octree::from_cells(depth, cells.iter().map(|&cell| (cell, 20))).unwrap()
}

/// An app whose assets lie in a folder of its own.
fn app() -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut app = app_with_assets(folder.path());
    listen::<ModelReady>(&mut app);
    (app, folder)
}

fn loaded(app: &mut App, handle: &Handle<VoxelModel>) -> Result<VoxelModel, String> {
    let mut ended = None;
    update_until(app, "loading", |world| {
        ended = match world.resource::<AssetServer>().load_state(handle) {
            LoadState::Loaded => Some(Ok(())),
            LoadState::Failed(error) => Some(Err(error.to_string())),
            _ => None,
        };
        ended.is_some()
    });
    ended.unwrap()?;
    let models = app.world().resource::<Assets<VoxelModel>>();
    Ok(models.get(handle).unwrap().clone())
}

fn load(app: &mut App, name: &str) -> Result<VoxelModel, String> {
    let handle = app.world().resource::<AssetServer>().load(name.to_owned());
    loaded(app, &handle)
}

#[test]
fn every_format_loads_in_its_own_colours() {
    let (mut app, folder) = app();
    let octree = cells(4, &[[0, 0, 0], [1, 0, 0], [9, 3, 2]]);
    for name in ["a.bcf", "a.csm", "a.vox", "a.voxels"] {
        write(&folder.path().join(name), octree.clone());
        let model = load(&mut app, name).unwrap();
        assert_eq!(model.len(), 3, "{name}");
        let color = match name {
            "a.bcf" | "a.csm" => Material(20).rgba(),
            _ => [10, 200, 30, 255],
        };
        let colors = model.to_sparse().unwrap();
        assert!(colors.rgba().iter().all(|rgba| *rgba == color), "{name}");
    }
}

#[test]
fn settings_bound_the_resolution_and_choose_the_colours() {
    let (mut app, folder) = app();
    write(
        &folder.path().join("a.vox"),
        cells(6, &[[0, 0, 0], [40, 3, 2]]),
    );
    write(
        &folder.path().join("deep.bcf"),
        cells(12, &[[0, 0, 0], [4000, 3, 2]]),
    );
    let settings = VoxelModelSettings {
        colors: LoadedColors::Crossworld {
            named: false,
            dither: false,
        },
        max_resolution: Some(16),
        ..default()
    };
    for name in ["a.vox", "deep.bcf"] {
        let settings = settings.clone();
        let handle = app
            .world()
            .resource::<AssetServer>()
            .load_builder()
            .with_settings(move |set: &mut VoxelModelSettings| *set = settings.clone())
            .load(name);
        let model = loaded(&mut app, &handle).unwrap();
        assert!(model.resolution() <= 16, "{name}: {}", model.resolution());
        assert_eq!(model.len(), 2, "{name}");
        assert!(model.palette().is_crossworld());
    }
    let path = folder.path().join("unbounded.bcf");
    write(&path, cells(12, &[[0, 0, 0], [4000, 3, 2]]));
    let error = load(&mut app, "unbounded.bcf").map(|_| ()).unwrap_err();
    assert!(error.contains("4096"), "{error}");
}

#[test]
fn a_bad_file_is_named_with_its_cause() {
    let (mut app, folder) = app();
    fs::write(folder.path().join("bad.bcf"), "Dear diary, today").unwrap();
    let error = load(&mut app, "bad.bcf").unwrap_err();
    assert!(error.contains("bad.bcf"), "{error}");
    assert!(error.contains("no .bcf file"), "{error}");
}

#[test]
fn what_shows_a_model_follows_its_file() {
    let (mut app, folder) = app();
    let path = folder.path().join("a.bcf");
    write(&path, cells(4, &[[0, 0, 0]]));
    let handle: Handle<VoxelModel> = app.world().resource::<AssetServer>().load("a.bcf");
    app.world_mut().spawn(VoxelModel3d(handle));
    update_until(&mut app, "the model", |world| {
        heard::<ModelReady>(world).len() == 1
    });
    assert_eq!(heard::<ModelReady>(app.world())[0].quads, 6);
    write(&path, cells(4, &[[0, 0, 0], [9, 0, 0]]));
    app.world().resource::<AssetServer>().reload("a.bcf");
    update_until(&mut app, "the changed model", |world| {
        heard::<ModelReady>(world).last().unwrap().quads == 12
    });
}

#[test]
fn labels_give_the_model_in_larger_cells() {
    let (mut app, folder) = app();
    write(
        &folder.path().join("a.bcf"),
        cells(4, &[[0, 0, 0], [1, 1, 0], [9, 3, 2]]),
    );
    let coarse = load(&mut app, "a.bcf#Coarser1").unwrap();
    assert_eq!((coarse.resolution(), coarse.len()), (8, 2));
    assert_eq!(coarse.octree().get([4, 1, 1]), 20);
    let coarsest = load(&mut app, "a.bcf#Coarser3").unwrap();
    assert_eq!(coarsest.resolution(), 2);
    assert!(load(&mut app, "a.bcf#Coarser4").is_err());
}
