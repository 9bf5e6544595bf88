//! The screenshot at the end: of the window, or without one by the crate's own CPU renderer.

use std::path::Path;

use bevy::prelude::*;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use crossworld_trellis::prelude::*;
use crossworld_trellis::render::{Placed, View, render};

use crate::args::Args;
use crate::report::{Duty, Report};

/// Frames for shadows and pipelines to settle before the window is captured.
const SETTLING_FRAMES: u32 = 20;

pub fn plugin(app: &mut App) {
    app.add_systems(
        PostUpdate,
        (
            capture_window.run_if(has_window),
            draw.run_if(not(has_window)),
        )
            .run_if(resource_equals(Duty::Looking)),
    );
}

fn has_window(args: Res<Args>) -> bool {
    !args.headless
}

fn capture_window(
    args: Res<Args>,
    mut frames: Local<u32>,
    mut duty: ResMut<Duty>,
    mut commands: Commands,
) {
    let Some(path) = args.screenshot.clone() else {
        *duty = Duty::Done;
        return;
    };
    *frames += 1;
    if *frames == SETTLING_FRAMES {
        commands.spawn(Screenshot::primary_window()).observe(
            move |shot: On<ScreenshotCaptured>,
                  mut report: ResMut<Report>,
                  mut duty: ResMut<Duty>| {
                let pixels = shot
                    .image
                    .clone()
                    .try_into_dynamic()
                    .map(|image| image.to_rgb8());
                let saved = pixels.map(|pixels| pixels.save(&path));
                report.lacks_screenshot = !matches!(saved, Ok(Ok(())));
                tell(&path, report.lacks_screenshot);
                *duty = Duty::Done;
            },
        );
    }
}

/// Draws all models as they stand, without the place around them.
fn draw(
    args: Res<Args>,
    models: Res<Assets<VoxelModel>>,
    shown: Query<(&VoxelModel3d, &VoxelSize, &Transform), With<Generation>>,
    mut report: ResMut<Report>,
    mut duty: ResMut<Duty>,
) {
    *duty = Duty::Done;
    let Some(path) = &args.screenshot else { return };
    let placed = shown.iter().filter_map(|(shows, size, transform)| {
        let model = models.get(shows.id())?;
        Some(Placed {
            model,
            position: transform.translation,
            voxel_size: size.0,
        })
    });
    let view = View {
        width: 1280,
        height: 720,
        ..default()
    };
    let drawn = render(&placed.collect::<Vec<_>>(), &view);
    report.lacks_screenshot = !drawn.is_ok_and(|picture| picture.save_png(path).is_ok());
    tell(path, report.lacks_screenshot);
}

fn tell(path: &Path, failed: bool) {
    if failed {
        error!("cannot save the screenshot ({})", path.display());
    } else {
        println!("saved {}", path.display());
    }
}
