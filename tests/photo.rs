//! A camera of the game takes a photo, and the thing in it is made.
//!
//! Needs a graphics driver (Mesa's software driver does). Runs only with `TRELLIS_WINDOW_TEST=1`, since Bevy ends the
//! program where there is none.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
#![cfg(feature = "x11")]

mod common;

use bevy::app::PluginsState;
use bevy::camera::visibility::RenderLayers;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::window::ExitCondition;
use bevy::winit::WinitPlugin;
use crossworld_trellis::prelude::*;

use common::app::{ask_for, status, update_until};

/// An app that renders without a window.
fn rendering_app() -> App {
    let mut app = App::new();
    let no_window = WindowPlugin {
        primary_window: None,
        exit_condition: ExitCondition::DontExit,
        ..default()
    };
    let patient = RenderPlugin {
        synchronous_pipeline_compilation: true,
        ..default()
    };
    app.add_plugins((
        DefaultPlugins
            .set(no_window)
            .set(patient)
            .disable::<WinitPlugin>(),
        TrellisPlugin,
    ));
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    app
}

/// A glowing red ball, and a camera that is not active and sees it before nothing.
fn spawn_studio(app: &mut App) -> Entity {
    let world = app.world_mut();
    let ball = world.resource_mut::<Assets<Mesh>>().add(Sphere::new(1.0));
    let red = StandardMaterial {
        base_color: Color::srgb(0.8, 0.1, 0.1),
        unlit: true,
        ..default()
    };
    let red = world.resource_mut::<Assets<StandardMaterial>>().add(red);
    world.spawn((Mesh3d(ball), MeshMaterial3d(red), RenderLayers::layer(3)));
    spawn_camera(app, Vec3::new(0.0, 0.0, 5.0))
}

/// A camera that is not active and looks at the ball before nothing.
fn spawn_camera(app: &mut App, place: Vec3) -> Entity {
    let clear_color = ClearColorConfig::Custom(Color::NONE);
    let settings = Camera {
        is_active: false,
        clear_color,
        ..default()
    };
    let view = Transform::from_translation(place).looking_at(Vec3::ZERO, Vec3::Y);
    let layers = RenderLayers::layer(3);
    let camera = (
        Camera3d::default(),
        Tonemapping::None,
        settings,
        layers,
        view,
    );
    app.world_mut().spawn(camera).id()
}

#[test]
fn photos_of_a_ball_become_a_ball_and_the_cameras_stay_as_they_were() {
    if std::env::var_os("TRELLIS_WINDOW_TEST").is_none() {
        println!("skipped: needs a graphics driver; set TRELLIS_WINDOW_TEST=1 where there is one");
        return;
    }
    let mut app = rendering_app();
    let camera = spawn_studio(&mut app);
    let second = spawn_camera(&mut app, Vec3::new(5.0, 0.0, 0.0));
    let mut request = GenerateRequest::new(PictureInput::Camera(camera)).with_resolution(32);
    request.pictures.push(PictureInput::Camera(second));
    let entity = ask_for(&mut app, request);
    update_until(&mut app, "the end", |world| status(world, entity).is_end());
    assert_eq!(status(app.world(), entity), GenerationStatus::Done);

    let world = app.world_mut();
    let shown = world.get::<VoxelModel3d>(entity).unwrap().id();
    let model = world.resource::<Assets<VoxelModel>>().get(shown).unwrap();
    let [width, height, depth] = model.bounds().unwrap().size();
    assert!(
        width.abs_diff(height) <= 1 && width >= 30,
        "{width} x {height} x {depth}"
    );
    assert!(depth >= 16, "a ball is round: {width} x {height} x {depth}");
    let reds = model
        .palette()
        .entries()
        .iter()
        .filter(|entry| entry.rgba[0] > 2 * entry.rgba[1]);
    assert!(
        reds.count() * 2 > model.palette().entries().len(),
        "the ball is red"
    );

    let cameras: Vec<_> = world.query::<(Entity, &Camera)>().iter(world).collect();
    assert_eq!(cameras.len(), 2, "the copies are put away");
    assert!(
        cameras
            .iter()
            .all(|(entity, settings)| [camera, second].contains(entity) && !settings.is_active)
    );
}
