//! Models and worlds of many chunks, as a game sees them: what comes first, how far away, and how much a frame.

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

use std::time::{Duration, Instant};

use bevy::asset::RenderAssetUsages;
use bevy::platform::collections::HashSet;
use bevy::prelude::*;
use crossworld_trellis::backend::{Backend, BackendError, BackendInfo, Backends, Prompt, Watch};
use crossworld_trellis::generation::{Event as News, Generator, Job};
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::{Octree, Palette, PaletteEntry, Region};
use crossworld_trellis::world::{Chunk, LevelOfDetail, MeshingSettings, ModelReady, WorldReady};

use common::app::{
    ask_for, count, headless_app, heard, listen, many_chunks, puppet_app, status, update_until,
};
use common::puppet::Act;

/// Chunks that are on their way at most, which may come in any order.
const ON_THE_WAY: usize = 256;

/// A model of 512^3 whose 4096 chunks hold a voxel each.
fn wide() -> VoxelModel {
    let corners = (0..4096_u32).map(|i| [i % 16, i / 16 % 16, i / 256].map(|c| c * 32 + 16));
    let octree = Octree::from_cells(9, corners.map(|cell| (cell, 1))).unwrap();
    let palette = Palette::from_entries(vec![PaletteEntry::matte([9, 9, 9, 255])]).unwrap();
    VoxelModel::new(512, octree, palette).unwrap()
}

/// Shows a model in voxels of a metre.
fn show(app: &mut App, model: VoxelModel) -> Entity {
    let handle = app
        .world_mut()
        .resource_mut::<Assets<VoxelModel>>()
        .add(model);
    let shown = (VoxelModel3d(handle), VoxelSize(1.0));
    app.world_mut().spawn(shown).id()
}

fn look_from(app: &mut App, place: Vec3) -> Entity {
    let camera = (Camera3d::default(), Transform::from_translation(place));
    app.world_mut().spawn(camera).id()
}

/// Chunks in the order in which they come, by the distance of their middles from a place; those of a frame come at once.
fn arrivals(app: &mut App, wanted: usize, from: Vec3) -> Vec<f32> {
    let mut known: HashSet<Entity> = all_chunks(app).map(|(entity, _)| entity).collect();
    let mut distances = Vec::new();
    update_until(app, "the chunks", |world| {
        let mut query = world.query_filtered::<(Entity, &GlobalTransform), With<Chunk>>();
        for (entity, place) in query.iter(world) {
            if known.insert(entity) {
                let middle = place.transform_point(Vec3::splat(16.0));
                distances.push(middle.distance(from));
            }
        }
        distances.len() >= wanted
    });
    distances
}

fn all_chunks(app: &mut App) -> impl Iterator<Item = (Entity, Transform)> {
    let world = app.world_mut();
    let mut query = world.query_filtered::<(Entity, &Transform), With<Chunk>>();
    let chunks: Vec<_> = query
        .iter(world)
        .map(|(entity, place)| (entity, *place))
        .collect();
    chunks.into_iter()
}

#[test]
fn a_model_of_512_cells_an_axis_appears_over_several_frames_until_all_of_it_stands() {
    let mut app = headless_app();
    listen::<ModelReady>(&mut app);
    show(&mut app, wide());
    let (mut before, mut frames) = (0, 0);
    update_until(&mut app, "the model", |world| {
        let now = count::<Chunk>(world);
        assert!(now - before <= ON_THE_WAY, "{} in a frame", now - before);
        frames += usize::from(now > before);
        before = now;
        !heard::<ModelReady>(world).is_empty()
    });
    assert_eq!(before, 4096);
    assert!(frames >= 16, "{frames} frames");
    assert_eq!(heard::<ModelReady>(app.world())[0].chunks, 4096);
}

#[test]
fn the_chunks_nearest_to_the_camera_appear_first() {
    let mut app = headless_app();
    let eye = Vec3::new(300.0, 400.0, -200.0);
    look_from(&mut app, eye);
    app.update();
    show(&mut app, wide());
    let come = arrivals(&mut app, 2000, eye);
    let mut sorted = arrivals(&mut app, 4096 - come.len(), eye);
    sorted.extend(&come);
    sorted.sort_by(f32::total_cmp);
    // A chunk's middle lies up to half its diagonal farther away than its nearest point.
    for (place, distance) in come.iter().enumerate() {
        let latest = sorted[(place + 2 * ON_THE_WAY).min(4095)] + 28.0;
        assert!(
            *distance <= latest,
            "number {place} is {distance} away, {latest} expected"
        );
    }
}

#[test]
fn a_camera_that_moves_on_is_followed_by_what_is_still_to_come() {
    let mut app = headless_app();
    let [one, other] = [-1.0, 1.0].map(|side| Vec3::new(side * 300.0, 256.0, 0.0));
    let camera = look_from(&mut app, one);
    app.update();
    show(&mut app, wide());
    arrivals(&mut app, 300, one);
    let there = Transform::from_translation(other);
    app.world_mut().entity_mut(camera).insert(there);
    let come = arrivals(&mut app, 1000, other);
    let near = come.iter().filter(|&&distance| distance < 300.0).count();
    assert!(near >= 300, "{near} of {} are near", come.len());
}

/// A ball of voxels that differ from their neighbours' heights.
fn rough() -> VoxelModel {
    let mut octree = Octree::empty(7).unwrap();
    let (center, radius) = (Vec3::splat(64.0), 40.0);
    octree.fill(&Region::Ball { center, radius }, 1);
    let palette = Palette::from_entries(vec![PaletteEntry::matte([9, 9, 9, 255])]).unwrap();
    VoxelModel::new(128, octree, palette).unwrap()
}

#[test]
fn a_far_model_is_drawn_in_larger_cells_and_in_full_when_the_camera_comes_near() {
    let mut app = headless_app();
    listen::<ModelReady>(&mut app);
    app.world_mut().insert_resource(LevelOfDetail {
        full_detail: 300.0,
        ..default()
    });
    let quads_when = |app: &mut App, what: &str, is_meant: &dyn Fn(usize) -> bool| {
        let last = |world: &World| heard::<ModelReady>(world).last().map(|ready| ready.quads);
        update_until(app, what, |world| last(world).is_some_and(is_meant));
        last(app.world()).unwrap()
    };
    let camera = look_from(&mut app, Vec3::new(0.0, 0.0, 200.0));
    app.update();
    show(&mut app, rough());
    let full = quads_when(&mut app, "the model", &|quads| quads > 0);
    let away = Transform::from_xyz(0.0, 0.0, 900.0);
    app.world_mut().entity_mut(camera).insert(away);
    quads_when(&mut app, "larger cells", &|quads| quads < full / 2);
    let back = Transform::from_xyz(0.0, 0.0, 200.0);
    app.world_mut().entity_mut(camera).insert(back);
    quads_when(&mut app, "the model in full", &|quads| quads == full);
}

#[test]
fn another_voxel_size_moves_a_few_chunks_a_frame_when_the_budget_is_small() {
    let mut app = headless_app();
    listen::<WorldReady>(&mut app);
    let mut world = VoxelWorld::default();
    let [min, max] = [IVec3::new(-128, 0, -128), IVec3::new(128, 8, 128)];
    world.fill(&Region::Box { min, max }, 20).unwrap();
    let entity = app.world_mut().spawn(world).id();
    let is_ready = |world: &mut World| !heard::<WorldReady>(world).is_empty();
    update_until(&mut app, "the world", is_ready);
    app.world_mut()
        .resource_mut::<MeshingSettings>()
        .frame_budget = Duration::ZERO;
    app.world_mut().entity_mut(entity).insert(VoxelSize(2.0));
    let mut before = 0;
    update_until(&mut app, "64 larger chunks", |world| {
        let mut query = world.query_filtered::<&Transform, With<Chunk>>();
        let now = query
            .iter(world)
            .filter(|place| place.scale == Vec3::splat(2.0))
            .count();
        assert!(now <= before + 1, "{} chunks in one frame", now - before);
        before = now;
        now == 64
    });
}

#[test]
fn meshes_stay_in_main_memory_only_where_that_is_asked_for() {
    for (keep_meshes, usages) in [
        (false, RenderAssetUsages::RENDER_WORLD),
        (true, RenderAssetUsages::default()),
    ] {
        let mut app = headless_app();
        app.world_mut()
            .resource_mut::<MeshingSettings>()
            .keep_meshes = keep_meshes;
        show(&mut app, VoxelModel::from(&many_chunks()));
        update_until(&mut app, "the model", |world| count::<Chunk>(world) == 64);
        let meshes = app.world().resource::<Assets<Mesh>>();
        assert!(meshes.iter().all(|(_, mesh)| mesh.asset_usage == usages));
    }
}

/// Shows a preview as fine as its result.
struct Fine;

/// A slab of 512 x 512 cells.
fn slab() -> SparseVoxels {
    let coords: Vec<[u16; 3]> = (0..512)
        .flat_map(|z| (0..512).map(move |x| [x, 0, z]))
        .collect();
    let rgba = coords.iter().map(|&[x, ..]| [x as u8, 0, 0, 255]).collect();
    SparseVoxels::new(512, coords, rgba, None).unwrap()
}

impl Backend for Fine {
    fn describe(&self) -> BackendInfo {
        BackendInfo {
            name: "fine",
            model: "slab".into(),
            device: "memory".into(),
            ready: true,
            family: None,
            resolutions: 1..=1024,
        }
    }

    fn generate(
        &mut self,
        _: &Prompt,
        watch: &mut dyn Watch,
    ) -> Result<SparseVoxels, BackendError> {
        watch.preview(slab())?;
        Ok(slab())
    }
}

#[test]
fn the_preview_of_a_big_result_is_coarse_and_the_result_is_not() {
    let mut backends = Backends::none();
    backends.register("fine", || Ok(Box::new(Fine)));
    let mut generator = Generator::new(backends, 1);
    generator
        .submit(Job::new(Picture::new(1, 1, vec![255; 4]).unwrap()))
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut sizes = Vec::new();
    while sizes.len() < 2 {
        assert!(Instant::now() < deadline, "no result in a minute");
        match generator.poll() {
            Some(News::Preview { model, .. } | News::Finished { model, .. }) => {
                sizes.push((model.resolution(), model.len()));
            }
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    assert_eq!(sizes, [(128, 128 * 128), (512, 512 * 512)]);
}

#[test]
fn what_is_dug_while_something_is_laid_over_a_world_stays_dug() {
    let (mut app, hand) = puppet_app();
    let mut voxels = VoxelWorld::default();
    let [min, max] = [IVec3::splat(-256), IVec3::new(256, 0, 256)];
    voxels.fill(&Region::Box { min, max }, 20).unwrap();
    let entity = app.world_mut().spawn(voxels).id();
    let picture = Picture::new(1, 1, vec![255; 4]).unwrap();
    let request = GenerateRequest::new(picture).into_world();
    let generation = ask_for(&mut app, request);
    hand.send(Act::FinishWith(slab())).unwrap();
    let mut dug = 0;
    update_until(&mut app, "the end", |world| {
        let is_done = status(world, generation) == GenerationStatus::Done;
        let mut voxels = world.get_mut::<VoxelWorld>(entity).unwrap();
        if !is_done {
            voxels.set(IVec3::new(dug % 256, -2, dug / 256), 0).unwrap();
            dug += 1;
        }
        is_done
    });
    let world = app.world().get::<VoxelWorld>(entity).unwrap();
    for i in 0..dug {
        assert_eq!(world.get(IVec3::new(i % 256, -2, i / 256)), 0);
    }
    let solid = 512 * 512 * 257 - u64::try_from(dug).unwrap();
    assert_eq!(world.octree().len(), solid);
}
