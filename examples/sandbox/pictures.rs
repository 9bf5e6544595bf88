//! Where pictures come from: the command line, files dropped on the window, photos of the view.

use bevy::prelude::*;
use bevy_console::ConsoleOpen;
use crossworld_trellis::command::CommandSpot;
use crossworld_trellis::prelude::*;

use crate::args::Args;
use crate::scene::PhotoCamera;

pub fn plugin(app: &mut App) {
    app.add_systems(Startup, (apply_settings, start_with_pictures).chain())
        .add_systems(
            Update,
            (take_dropped_files, take_photo.run_if(p_is_pressed)),
        );
}

fn apply_settings(args: Res<Args>, mut settings: ResMut<TrellisSettings>) {
    settings.resolution = args.resolution;
}

/// Puts the pictures of the command line in a row.
fn start_with_pictures(
    args: Res<Args>,
    settings: Res<TrellisSettings>,
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
) {
    let spacing = args.spacing(settings.voxel_size);
    let middle = (args.images.len() - 1) as f32 / 2.0;
    for (place, picture) in args.images.iter().enumerate() {
        let spot = Transform::from_xyz((place as f32 - middle) * spacing, 0.0, 0.0);
        let request = GenerateRequest::new(picture.as_path())
            .with_seed(args.seed)
            .at(spot);
        image_to_3d.generate(&mut commands, request);
    }
}

fn take_dropped_files(
    mut drops: MessageReader<FileDragAndDrop>,
    spot: Res<CommandSpot>,
    args: Res<Args>,
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
) {
    for drop in drops.read() {
        if let FileDragAndDrop::DroppedFile { path_buf, .. } = drop {
            let request = GenerateRequest::new(path_buf.as_path())
                .with_seed(args.seed)
                .at(spot.0);
            image_to_3d.generate(&mut commands, request);
        }
    }
}

/// Whether the key is meant for the place and not for the console.
fn p_is_pressed(
    keys: Option<Res<ButtonInput<KeyCode>>>,
    console: Option<Res<ConsoleOpen>>,
) -> bool {
    keys.is_some_and(|keys| keys.just_pressed(KeyCode::KeyP))
        && !console.is_some_and(|console| console.open)
}

/// P takes a photo of what stands in view and makes it anew at the crosshair.
fn take_photo(
    camera: Query<Entity, With<PhotoCamera>>,
    spot: Res<CommandSpot>,
    args: Res<Args>,
    mut commands: Commands,
    mut image_to_3d: ResMut<ImageTo3D>,
) {
    for camera in &camera {
        let request = GenerateRequest::new(PictureInput::Camera(camera))
            .with_seed(args.seed)
            .at(spot.0);
        image_to_3d.generate(&mut commands, request);
    }
}
