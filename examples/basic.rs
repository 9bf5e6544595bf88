//! The smallest game: a picture of a mushroom house becomes a mushroom house.
//!
//! You see ghost voxels first and the finished thing a moment later. Run it with `cargo run --example basic`.

use bevy::{core_pipeline::tonemapping::Tonemapping, prelude::*};
use crossworld_trellis::prelude::*;

fn main() -> AppExit {
    App::new()
        .add_plugins((DefaultPlugins, TrellisPlugin))
        .add_systems(Startup, (look, conjure))
        .run()
}

fn conjure(mut commands: Commands, mut image_to_3d: ResMut<ImageTo3D>, assets: Res<AssetServer>) {
    let picture = assets.load("images/mushroom_house.png");
    image_to_3d.generate(&mut commands, GenerateRequest::new(picture).with_seed(7));
}

fn look(mut commands: Commands) {
    let eye = Transform::from_xyz(2.5, 2.8, 5.0).looking_at(Vec3::new(0.0, 1.5, 0.0), Vec3::Y);
    commands.spawn((Camera3d::default(), Tonemapping::AcesFitted, eye));
    let sun = Transform::from_xyz(3.0, 5.0, 4.0).looking_at(Vec3::ZERO, Vec3::Y);
    commands.spawn((
        DirectionalLight {
            shadow_maps_enabled: true,
            ..default()
        },
        sun,
    ));
}
