//! Bevy with a window, or without window and graphics driver.

use std::time::Duration;

use bevy::app::ScheduleRunnerPlugin;
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::settings::WgpuSettings;
use bevy::window::{ExitCondition, WindowResolution};
use bevy::winit::WinitPlugin;

use crate::args::Args;

/// Time between two frames without a window.
const HEADLESS_FRAME: Duration = Duration::from_millis(16);

pub fn add_default_plugins(app: &mut App, args: &Args) {
    if args.headless {
        let no_window = WindowPlugin {
            primary_window: None,
            exit_condition: ExitCondition::DontExit,
            ..default()
        };
        let no_driver = WgpuSettings {
            backends: None,
            ..default()
        };
        let no_renderer = RenderPlugin {
            render_creation: no_driver.into(),
            ..default()
        };
        app.add_plugins(
            DefaultPlugins
                .set(no_window)
                .set(no_renderer)
                .disable::<WinitPlugin>(),
        )
        .add_plugins(ScheduleRunnerPlugin::run_loop(HEADLESS_FRAME));
    } else {
        let window = Window {
            title: "crossworld-trellis sandbox".into(),
            resolution: WindowResolution::new(1280, 720),
            ..default()
        };
        app.add_plugins(DefaultPlugins.set(WindowPlugin {
            primary_window: Some(window),
            ..default()
        }));
    }
}
