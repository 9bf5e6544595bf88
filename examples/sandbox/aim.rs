//! What the player points at: with the crosshair while the mouse looks around, else with the pointer.

use bevy::camera::visibility::RenderLayers;
use bevy::light::NotShadowCaster;
use bevy::prelude::*;
use bevy::window::{CursorGrabMode, CursorOptions, PrimaryWindow};
use crossworld_trellis::command::CommandSpot;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::RayHit;

use crate::ground::{Ground, VOXEL};
use crate::scene::{Eye, SCENERY};

/// Farthest and nearest spot in metres from the eye.
const REACH: std::ops::RangeInclusive<f32> = 3.0..=40.0;

/// Where the player points.
#[derive(Resource, Default)]
pub struct Aim {
    ray: Option<Ray3d>,
    /// The voxel of the ground that is pointed at.
    pub hit: Option<RayHit>,
}

/// When [`Aim`] is brought up to date.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Aiming;

pub fn plugin(app: &mut App) {
    app.init_resource::<Aim>()
        .add_systems(Startup, spawn_frame)
        .add_systems(
            Update,
            (point, look_for_voxel, aim, mark)
                .chain()
                .in_set(Aiming)
                .before(TrellisSystems::Collect),
        );
}

/// The frame around the voxel that is pointed at.
#[derive(Component)]
struct Frame;

fn spawn_frame(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let material = materials.add(StandardMaterial {
        base_color: Color::srgba(0.0, 0.0, 0.0, 0.75),
        alpha_mode: AlphaMode::Blend,
        unlit: true,
        ..default()
    });
    let bars = (0..12).map(bar_of_frame).reduce(|mut all, bar| {
        // Meshes of the same attributes always merge.
        let _ = all.merge(&bar);
        all
    });
    if let Some(bars) = bars {
        commands.spawn((
            Frame,
            Mesh3d(meshes.add(bars)),
            MeshMaterial3d(material),
            Visibility::Hidden,
            NotShadowCaster,
            RenderLayers::layer(SCENERY),
        ));
    }
}

/// One of the twelve edges of a unit cube.
fn bar_of_frame(bar: usize) -> Mesh {
    let along = bar / 4;
    let mut size = [0.05; 3];
    let mut middle = [0.0; 3];
    for (axis, (size, middle)) in size.iter_mut().zip(&mut middle).enumerate() {
        let side = if axis == (along + 1) % 3 {
            bar & 1
        } else {
            bar >> 1 & 1
        };
        if axis == along {
            *size = 1.05;
        } else {
            *middle = side as f32 - 0.5;
        }
    }
    Mesh::from(Cuboid::from_size(size.into())).translated_by(middle.into())
}

/// The ray through the middle of the screen, or through the pointer where that is free.
fn point(
    mut aim: ResMut<Aim>,
    window: Option<Single<(&Window, &CursorOptions), With<PrimaryWindow>>>,
    eye: Single<(&Camera, &GlobalTransform), With<Eye>>,
) {
    let (camera, place) = *eye;
    let pointer = window.and_then(|window| {
        let (window, cursor) = *window;
        let is_free = cursor.grab_mode == CursorGrabMode::None;
        window.cursor_position().filter(|_| is_free)
    });
    let through_pointer = pointer.and_then(|pointer| camera.viewport_to_world(place, pointer).ok());
    aim.ray =
        Some(through_pointer.unwrap_or_else(|| Ray3d::new(place.translation(), place.forward())));
}

fn look_for_voxel(
    mut aim: ResMut<Aim>,
    ground: Single<(&VoxelWorld, &GlobalTransform), With<Ground>>,
) {
    let (world, place) = *ground;
    let inside = place.affine().inverse();
    aim.hit = aim.ray.and_then(|ray| {
        let origin = inside.transform_point3(ray.origin) / VOXEL;
        let direction = inside.transform_vector3(ray.direction.as_vec3()) / VOXEL;
        world.raycast(origin, direction, *REACH.end())
    });
}

/// Points the commands' spot at the ground, its front turned to the eye.
fn aim(aim: Res<Aim>, eye: Single<&GlobalTransform, With<Eye>>, mut spot: ResMut<CommandSpot>) {
    let Some(ray) = aim.ray else { return };
    let plane = ray.intersect_plane(Vec3::ZERO, InfinitePlane3d::new(Vec3::Y));
    let distance = aim
        .hit
        .map(|hit| hit.distance)
        .or(plane)
        .unwrap_or(*REACH.end());
    let mut point = ray.get_point(distance.clamp(*REACH.start(), *REACH.end()));
    if aim.hit.is_none() {
        point.y = 0.0;
    }
    let towards_eye = (eye.translation() - point).with_y(0.0);
    spot.0 = Transform::from_translation(point).looking_to(-towards_eye, Vec3::Y);
}

fn mark(
    aim: Res<Aim>,
    ground: Single<&GlobalTransform, With<Ground>>,
    mut frame: Single<(&mut Transform, &mut Visibility), With<Frame>>,
) {
    let (place, visibility) = &mut *frame;
    visibility.set_if_neq(match aim.hit {
        Some(_) => Visibility::Inherited,
        None => Visibility::Hidden,
    });
    if let Some(hit) = aim.hit {
        let middle = Transform::from_translation((hit.cell.as_vec3() + 0.5) * VOXEL)
            .with_scale(Vec3::splat(VOXEL));
        **place = ground.mul_transform(middle).compute_transform();
    }
}
