//! The light of the sky: without it metal has nothing to reflect and is black.
//!
//! A small cube map is drawn here, a glow around the sun, a bright horizon and the green of the meadow, and the same
//! blurred for rough surfaces. The simplest sky is a line:
//! `EnvironmentMapLight::hemispherical_gradient(&mut images, top, horizon, bottom)`.

use bevy::asset::RenderAssetUsages;
use bevy::image::ImageSampler;
use bevy::light::EnvironmentMapLight;
use bevy::prelude::*;
use bevy::render::render_resource::{
    Extent3d, TextureDimension, TextureFormat, TextureViewDescriptor, TextureViewDimension,
};

/// Sky behind everything; the fog of the ground fades into it.
pub const SKY: Color = Color::srgb(0.53, 0.74, 0.92);

/// Where the sun stands.
pub const SUNWARDS: Vec3 = Vec3::new(4.0, 7.0, 5.0);

/// Colours of the zenith, the horizon and the meadow in linear light.
const ZENITH: Vec3 = Vec3::new(0.12, 0.30, 0.68);
const HORIZON: Vec3 = Vec3::new(0.86, 0.92, 0.96);
const MEADOW: Vec3 = Vec3::new(0.46, 0.47, 0.33);

/// Light of the glow around the sun.
const GLOW: Vec3 = Vec3::new(2.6, 2.3, 1.8);

/// Edge of the cube map's faces for a mirror.
const EDGE: u32 = 64;

/// Candela per square metre of a value of 1.
const BRIGHTNESS: f32 = 1_500.0;

pub fn plugin(app: &mut App) {
    app.add_systems(PostStartup, light_eyes);
}

/// Lets the sky shine on what a camera sees.
fn light_eyes(
    mut commands: Commands,
    mut images: ResMut<Assets<Image>>,
    eyes: Query<Entity, With<Camera3d>>,
) {
    let light = EnvironmentMapLight {
        diffuse_map: images.add(cube_map(1, |_| 1.0)),
        // Each level stands for more roughness, the last for chalk.
        specular_map: images.add(cube_map(EDGE, |level| level / EDGE.ilog2() as f32)),
        intensity: BRIGHTNESS,
        ..default()
    };
    for eye in &eyes {
        commands.entity(eye).insert(light.clone());
    }
}

/// A cube map with all its levels; `roughness` tells that of a level.
fn cube_map(edge: u32, roughness: impl Fn(f32) -> f32) -> Image {
    let levels = edge.ilog2() + 1;
    let mut texels = Vec::new();
    for face in 0..6 {
        for level in 0..levels {
            let edge = edge >> level;
            for place in 0..edge * edge {
                let at = UVec2::new(place % edge, place / edge).as_vec2();
                let at = (at + 0.5) / edge as f32 * 2.0 - 1.0;
                let light = sky(direction(face, at), roughness(level as f32));
                texels.extend(shared_exponent(light).to_le_bytes());
            }
        }
    }
    let size = Extent3d {
        width: edge,
        height: edge,
        depth_or_array_layers: 6,
    };
    let mut image = Image::new_uninit(
        size,
        TextureDimension::D2,
        TextureFormat::Rgb9e5Ufloat,
        RenderAssetUsages::RENDER_WORLD,
    );
    image.texture_descriptor.mip_level_count = levels;
    image.data = Some(texels);
    image.sampler = ImageSampler::linear();
    image.texture_view_descriptor = Some(TextureViewDescriptor {
        dimension: Some(TextureViewDimension::Cube),
        ..default()
    });
    image
}

/// Where a place of a face lies, in the order and orientation that cube maps have: +x, -x, +y, -y, +z, -z.
fn direction(face: u32, at: Vec2) -> Vec3 {
    let (right, down) = (at.x, at.y);
    let towards = match face {
        0 => Vec3::new(1.0, -down, -right),
        1 => Vec3::new(-1.0, -down, right),
        2 => Vec3::new(right, 1.0, down),
        3 => Vec3::new(right, -1.0, -down),
        4 => Vec3::new(right, -down, 1.0),
        _ => Vec3::new(-right, -down, -1.0),
    };
    // Cube maps are left-handed.
    Vec3::new(towards.x, towards.y, -towards.z).normalize()
}

/// Light from a direction, blurred as a surface of that roughness sees it.
fn sky(direction: Vec3, roughness: f32) -> Vec3 {
    let width = 0.04 + 0.9 * roughness;
    let meadow = smooth((0.5 * width - direction.y) / width);
    let high = direction.y.max(0.0).powf(0.6);
    let above = HORIZON.lerp(ZENITH, high * (1.0 - 0.4 * roughness));
    let spread = 0.03 + 0.9 * roughness * roughness;
    let off = 1.0 - direction.dot(SUNWARDS.normalize());
    let glow = GLOW * (-off / spread).exp() * (0.06 / (spread + 0.03)).min(1.0);
    above.lerp(MEADOW, meadow) + glow * (1.0 - meadow)
}

/// 0 up to 0, 1 from 1 on, without a corner.
fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// Three numbers of nine bits with one exponent of five, lowest bits first: `Rgb9e5Ufloat`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "light of the sky lies between 0 and 8"
)]
fn shared_exponent(light: Vec3) -> u32 {
    let exponent = (light.max_element().max(1e-4).log2().floor() as i32 + 1).clamp(-15, 16);
    let part = |value: f32| ((value / (exponent as f32 - 9.0).exp2()).round() as u32).min(511);
    let biased = (exponent + 15) as u32;
    part(light.x) | part(light.y) << 9 | part(light.z) << 18 | biased << 27
}
