//! The place: ground, sun, sky, and the camera one flies with.

use bevy::camera::visibility::RenderLayers;
use bevy::camera_controller::free_camera::{FreeCamera, FreeCameraPlugin};
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::light::CascadeShadowConfigBuilder;
use bevy::prelude::*;
use crossworld_trellis::prelude::*;

use crate::args::Args;

/// Sky behind everything; the fog of the ground fades into it.
const SKY: Color = Color::srgb(0.53, 0.74, 0.92);

const GRASS: Color = Color::srgb(0.36, 0.55, 0.27);

/// Half the ground's edge in metres.
const GROUND: f32 = 200.0;

/// The layer of what photos shall not show.
const SCENERY: usize = 1;

/// The camera the player flies with.
#[derive(Component)]
pub struct Eye;

/// The camera that takes photos: sees things, but neither ground nor sky.
#[derive(Component)]
pub struct PhotoCamera;

pub fn plugin(app: &mut App) {
    app.add_plugins(FreeCameraPlugin)
        .insert_resource(ClearColor(SKY))
        .insert_resource(GlobalAmbientLight {
            brightness: 1_600.0,
            color: SKY.mix(&Color::WHITE, 0.5),
            ..default()
        })
        .add_systems(Startup, (spawn_ground, spawn_sun, spawn_eye));
}

fn spawn_ground(
    mut commands: Commands,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    commands.spawn((
        Mesh3d(meshes.add(Plane3d::new(Vec3::Y, Vec2::splat(GROUND)))),
        MeshMaterial3d(materials.add(StandardMaterial {
            base_color: GRASS,
            perceptual_roughness: 1.0,
            reflectance: 0.1,
            ..default()
        })),
        RenderLayers::layer(SCENERY),
    ));
}

fn spawn_sun(mut commands: Commands) {
    commands.spawn((
        DirectionalLight {
            illuminance: 7_000.0,
            color: Color::srgb(1.0, 0.95, 0.86),
            shadow_maps_enabled: true,
            ..default()
        },
        CascadeShadowConfigBuilder {
            maximum_distance: 80.0,
            first_cascade_far_bound: 12.0,
            ..default()
        }
        .build(),
        Transform::from_xyz(4.0, 7.0, 5.0).looking_at(Vec3::ZERO, Vec3::Y),
        RenderLayers::from_layers(&[0, SCENERY]),
    ));
}

/// Puts the eye where it sees the whole row of pictures.
fn spawn_eye(mut commands: Commands, args: Res<Args>, settings: Res<TrellisSettings>) {
    let height = args.resolution as f32 * settings.voxel_size;
    let row = args.images.len() as f32 * args.spacing(settings.voxel_size);
    let away = Vec3::new(0.8, 0.75, 1.9) * height.max(row / 2.6);
    let look_at = Vec3::Y * height * 0.45;
    commands.spawn((
        Eye,
        Camera3d::default(),
        Tonemapping::AcesFitted,
        FreeCamera::default(),
        RenderLayers::from_layers(&[0, SCENERY]),
        DistanceFog {
            color: SKY,
            falloff: FogFalloff::Linear {
                start: 40.0,
                end: GROUND,
            },
            ..default()
        },
        Transform::from_translation(away).looking_at(look_at, Vec3::Y),
        children![(
            PhotoCamera,
            Camera3d::default(),
            Tonemapping::AcesFitted,
            Camera {
                is_active: false,
                clear_color: ClearColorConfig::Custom(Color::NONE),
                ..default()
            },
        )],
    ));
}
