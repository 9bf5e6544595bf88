//! The place: meadow, sun, and the camera one flies with.

use bevy::camera::visibility::RenderLayers;
use bevy::camera_controller::free_camera::{FreeCamera, FreeCameraPlugin};
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::light::CascadeShadowConfigBuilder;
use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::Material;

use crate::args::Args;
use crate::sky::{SKY, SUNWARDS};

/// Half the meadow's edge in metres.
const FAR: f32 = 200.0;

/// The layer of what photos shall not show.
pub const SCENERY: usize = 1;

/// The camera the player flies with.
#[derive(Component)]
pub struct Eye;

/// The camera that takes photos: sees things, but neither ground nor sky.
#[derive(Component)]
pub struct PhotoCamera;

pub fn plugin(app: &mut App) {
    app.add_plugins(FreeCameraPlugin)
        .insert_resource(ClearColor(SKY))
        .add_systems(Startup, (spawn_meadow, spawn_sun, spawn_eye));
}

/// The meadow around the ground that can be dug, as far as one sees: four planes with a hole between them.
fn spawn_meadow(
    mut commands: Commands,
    args: Res<Args>,
    settings: Res<TrellisSettings>,
    mut meshes: ResMut<Assets<Mesh>>,
    mut materials: ResMut<Assets<StandardMaterial>>,
) {
    let end = args.plan(settings.voxel_size).end;
    let [r, g, b, _] = Material::by_name("grass").unwrap_or_default().rgba();
    let material = materials.add(StandardMaterial {
        base_color: Color::srgb_u8(r, g, b),
        perceptual_roughness: 0.9,
        ..default()
    });
    let half = Vec2::new((FAR + end) / 2.0, (FAR - end) / 2.0);
    let plane = meshes.add(Plane3d::new(Vec3::Y, half));
    for quarter in [0.0, 1.0, 2.0, 3.0] {
        let turn = Quat::from_rotation_y(quarter * std::f32::consts::FRAC_PI_2);
        let middle = Vec3::new((FAR - end) / 2.0, 0.0, -(FAR + end) / 2.0);
        commands.spawn((
            Mesh3d(plane.clone()),
            MeshMaterial3d(material.clone()),
            Transform::from_translation(turn * middle).with_rotation(turn),
            RenderLayers::layer(SCENERY),
        ));
    }
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
        Transform::from_translation(SUNWARDS).looking_at(Vec3::ZERO, Vec3::Y),
        RenderLayers::from_layers(&[0, SCENERY]),
    ));
}

/// Puts the eye where it sees the whole row of pictures.
fn spawn_eye(mut commands: Commands, args: Res<Args>, settings: Res<TrellisSettings>) {
    let (height, row) = args.row(settings.voxel_size);
    let away = Vec3::new(0.8, 0.75, 1.9) * height.max(row / 2.6);
    let look_at = Vec3::Y * height * 0.45;
    commands.spawn((
        Eye,
        Camera3d::default(),
        Tonemapping::AcesFitted,
        FreeCamera {
            // Left and right dig and place.
            mouse_key_cursor_grab: MouseButton::Middle,
            keyboard_key_toggle_cursor_grab: KeyCode::Tab,
            ..default()
        },
        RenderLayers::from_layers(&[0, SCENERY]),
        DistanceFog {
            color: SKY,
            falloff: FogFalloff::Linear {
                start: 40.0,
                end: FAR,
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
