//! Where the crosshair points: there things come to stand.

use bevy::prelude::*;
use crossworld_trellis::command::CommandSpot;

use crate::scene::Eye;

/// Farthest and nearest spot in metres from the eye.
const REACH: std::ops::RangeInclusive<f32> = 3.0..=40.0;

pub fn plugin(app: &mut App) {
    app.add_systems(Update, aim);
}

/// Points the spot at the ground under the crosshair, its front turned to the eye.
fn aim(eye: Single<&GlobalTransform, With<Eye>>, mut spot: ResMut<CommandSpot>) {
    let ground = InfinitePlane3d::new(Vec3::Y);
    let ray = Ray3d::new(eye.translation(), eye.forward());
    let distance = ray
        .intersect_plane(Vec3::ZERO, ground)
        .unwrap_or(*REACH.end());
    let point = ray
        .get_point(distance.clamp(*REACH.start(), *REACH.end()))
        .with_y(0.0);
    let towards_eye = (eye.translation() - point).with_y(0.0);
    spot.0 = Transform::from_translation(point).looking_to(-towards_eye, Vec3::Y);
}
