//! Apps without window, renderer or graphics driver.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bevy::app::PluginsState;
use bevy::ecs::system::RunSystemOnce;
use bevy::prelude::*;
use crossbeam_channel::Sender;
use crossworld_trellis::backend::Stage;
use crossworld_trellis::prelude::*;

use super::puppet::{Act, puppet_backends};

/// Bevy's core and the plugin under test.
pub fn headless_app() -> App {
    app_with(AssetPlugin::default())
}

/// The same with assets in a folder.
pub fn app_with_assets(folder: &std::path::Path) -> App {
    app_with(AssetPlugin {
        file_path: folder.display().to_string(),
        ..default()
    })
}

fn app_with(assets: AssetPlugin) -> App {
    let mut app = App::new();
    app.add_plugins((
        MinimalPlugins,
        assets,
        TransformPlugin,
        bevy::mesh::MeshPlugin,
        ImagePlugin::default(),
        TrellisPlugin,
    ));
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    app
}

/// The same with a [`super::puppet`] as the only backend.
pub fn puppet_app() -> (App, Sender<Act>) {
    let (backends, hand) = puppet_backends();
    let mut app = headless_app();
    app.insert_resource(backends);
    (app, hand)
}

/// Runs frames until `done`, for ten seconds at most.
pub fn update_until(app: &mut App, what: &str, mut done: impl FnMut(&mut World) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done(app.world_mut()) {
        assert!(
            Instant::now() < deadline,
            "in ten seconds {what} did not happen"
        );
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Asks for a generation of a one-pixel picture.
pub fn ask(app: &mut App) -> Entity {
    ask_for(
        app,
        GenerateRequest::new(Picture::new(1, 1, vec![255; 4]).unwrap()),
    )
}

/// Asks for a generation.
pub fn ask_for(app: &mut App, request: GenerateRequest) -> Entity {
    app.world_mut()
        .run_system_once_with(
            |In(request): In<GenerateRequest>,
             mut commands: Commands,
             mut image_to_3d: ResMut<ImageTo3D>| {
                image_to_3d.generate(&mut commands, request)
            },
            request,
        )
        .unwrap()
}

/// Status of a generation.
pub fn status(world: &World, entity: Entity) -> GenerationStatus {
    world.get::<Generation>(entity).unwrap().status.clone()
}

/// The thing that a generation made.
pub fn made(world: &World, entity: Entity) -> VoxelModel {
    let shown = world.get::<VoxelModel3d>(entity).unwrap();
    let models = world.resource::<Assets<VoxelModel>>();
    models.get(&shown.0).unwrap().clone()
}

/// Metal and roughness of a thing's voxels, as far as they differ.
pub fn finishes(thing: &VoxelModel) -> BTreeSet<[u8; 2]> {
    let entries = thing.palette().entries().iter();
    entries
        .map(|entry| [entry.metallic, entry.roughness])
        .collect()
}

/// Runs frames until a generation has ended, for some minutes at most: torch takes its time.
pub fn update_until_end(app: &mut App, entity: Entity) -> GenerationStatus {
    update_until_status(app, entity, GenerationStatus::is_end)
}

/// Runs frames until a generation is at a stage, for some minutes at most.
pub fn update_until_stage(app: &mut App, entity: Entity, stage: Stage) {
    let is_there = |status: &GenerationStatus| match status {
        GenerationStatus::Running(progress) => progress.stage == stage,
        status => status.is_end(),
    };
    let end = update_until_status(app, entity, is_there);
    assert!(is_running(&end), "it ended before: {end:?}");
}

fn update_until_status(
    app: &mut App,
    entity: Entity,
    done: impl Fn(&GenerationStatus) -> bool,
) -> GenerationStatus {
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let now = status(app.world(), entity);
        if done(&now) {
            return now;
        }
        assert!(Instant::now() < deadline, "still {now:?}");
        app.update();
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Why a generation failed.
pub fn failure(app: &mut App, entity: Entity) -> String {
    match update_until_end(app, entity) {
        GenerationStatus::Failed { message } => message,
        other => panic!("it did not fail: {other:?}"),
    }
}

/// Cancels a generation.
pub fn cancel(app: &mut App, entity: Entity) {
    app.world_mut().resource_mut::<ImageTo3D>().cancel(entity);
}

/// What events of type `E` said, newest last.
#[derive(Resource)]
pub struct Heard<E>(pub Vec<E>);

/// Notes every event of a type.
pub fn listen<E: Event + Clone>(app: &mut App) {
    app.insert_resource(Heard::<E>(Vec::new()));
    app.add_observer(|event: On<E>, mut heard: ResMut<Heard<E>>| {
        heard.0.push(event.event().clone());
    });
}

pub fn heard<E: Event + Clone>(world: &World) -> &[E] {
    &world.resource::<Heard<E>>().0
}

pub fn is_running(status: &GenerationStatus) -> bool {
    matches!(status, GenerationStatus::Running(_))
}

pub fn count<C: Component>(world: &mut World) -> usize {
    world.query_filtered::<(), With<C>>().iter(world).count()
}

/// A voxel in each of 64 chunks.
pub fn many_chunks() -> SparseVoxels {
    let axis = || (0..4u16).map(|chunk| chunk * 32);
    let coords: Vec<[u16; 3]> = axis()
        .flat_map(|z| axis().flat_map(move |y| axis().map(move |x| [x, y, z])))
        .collect();
    SparseVoxels::new(128, coords, vec![[9, 9, 9, 255]; 64], None).unwrap()
}
