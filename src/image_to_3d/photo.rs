//! Photos that a camera of the game takes.
//!
//! A copy of the camera (place, projection, layers, fog, exposure; no further effects) renders into an image of its own,
//! so the user interface stays out of the picture and the game's camera is left alone. The renderer compiles its pipelines while frames go by and screenshots arrive some
//! frames late, so a photo of one single colour is taken again for a while.

use bevy::camera::visibility::RenderLayers;
use bevy::camera::{Exposure, RenderTarget};
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::light::EnvironmentMapLight;
use bevy::pbr::DistanceFog;
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy::render::renderer::RenderDevice;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};

use crate::generation::PictureSource;
use crate::picture::Picture;

use super::picture_input::{InputError, pixels_of};

/// Longest edge of a photo in pixels.
const PHOTO_EDGE: f32 = 768.0;

/// Frames until a new camera and its target have reached the renderer.
const FIRST_SHOT: u32 = 3;

/// Frames after which no picture is expected any more.
const GIVE_UP: u32 = 1200;

/// Frames before a camera that shows nothing but one colour is believed.
const PATIENCE: u32 = 120;

/// A photo being taken for a request; lives on the request's entity. Removing it puts the copied camera away.
#[derive(Component)]
pub(super) struct Photo {
    camera: Entity,
    /// The copy that renders.
    copy: Option<Entity>,
    shot: Shot,
}

enum Shot {
    /// Asked for; nothing is done yet.
    Asked,
    /// A copy of the camera renders into `target`; `awaited` while a screenshot is on its way.
    Rendering {
        target: Handle<Image>,
        frames: u32,
        awaited: bool,
    },
    /// Came out.
    Taken(Picture),
    /// Cannot be.
    Failed(&'static str),
}

impl Photo {
    /// The photo of a camera, once it is there. Asks for it the first time.
    pub(super) fn fetch(
        photo: Option<&Self>,
        camera: Entity,
        request: Entity,
        commands: &mut Commands,
    ) -> Result<Option<PictureSource>, InputError> {
        match photo.filter(|photo| photo.camera == camera) {
            Some(photo) => match &photo.shot {
                Shot::Taken(picture) => Ok(Some(picture.clone().into())),
                Shot::Failed(reason) => Err(InputError::Photo { reason }),
                Shot::Asked | Shot::Rendering { .. } => Ok(None),
            },
            None => {
                commands.entity(request).try_insert(Self {
                    camera,
                    copy: None,
                    shot: Shot::Asked,
                });
                Ok(None)
            }
        }
    }
}

/// Sets cameras up for photos and presses the button.
pub(super) fn take_photos(
    mut commands: Commands,
    device: Option<Res<RenderDevice>>,
    mut images: ResMut<Assets<Image>>,
    cameras: Query<&Camera>,
    mut photos: Query<(Entity, &mut Photo)>,
) {
    for (request, mut photo) in &mut photos {
        let camera = photo.camera;
        match &mut photo.shot {
            Shot::Asked => {
                photo.shot = match (device.is_some(), cameras.get(camera)) {
                    (false, _) => Shot::Failed("there is no renderer; give a picture file instead"),
                    (_, Err(_)) => Shot::Failed("the entity has no camera (any more)"),
                    (true, Ok(settings)) => {
                        let target = images.add(photo_target(settings));
                        photo.copy = Some(copy_camera(camera, settings, &target, &mut commands));
                        Shot::Rendering {
                            target,
                            frames: 0,
                            awaited: false,
                        }
                    }
                }
            }
            Shot::Rendering {
                target,
                frames,
                awaited,
                ..
            } => {
                *frames += 1;
                if *frames >= GIVE_UP {
                    photo.shot = Shot::Failed("the renderer gives no picture");
                } else if *frames >= FIRST_SHOT && !*awaited {
                    *awaited = true;
                    commands.spawn(Screenshot::image(target.clone())).observe(
                        move |captured: On<ScreenshotCaptured>, mut photos: Query<&mut Photo>| {
                            if let Ok(mut photo) = photos.get_mut(request) {
                                photo.develop(&captured.image);
                            }
                        },
                    );
                }
            }
            Shot::Taken(_) | Shot::Failed(_) => {}
        }
    }
}

/// An image to take the photo on, in the camera's proportions.
fn photo_target(camera: &Camera) -> Image {
    let seen = camera
        .physical_viewport_size()
        .unwrap_or(UVec2::new(16, 9))
        .max(UVec2::ONE)
        .as_vec2();
    let size = (seen * (PHOTO_EDGE / seen.max_element()))
        .round()
        .as_uvec2()
        .max(UVec2::ONE);
    Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None)
}

/// Starts a copy of a camera that renders into `target`.
fn copy_camera(
    camera: Entity,
    settings: &Camera,
    target: &Handle<Image>,
    commands: &mut Commands,
) -> Entity {
    let settings = Camera {
        is_active: true,
        viewport: None,
        ..settings.clone()
    };
    let target = RenderTarget::Image(target.clone().into());
    commands
        .entity(camera)
        .clone_and_spawn_with_opt_in(|copied| {
            // Only what makes the picture: a game's own components would meet its systems twice.
            copied.allow::<(Camera, Camera3d, Projection, Tonemapping, Exposure, Msaa)>();
            copied.allow::<(RenderLayers, DistanceFog, EnvironmentMapLight)>();
            copied.allow::<(Transform, GlobalTransform, ChildOf)>();
        })
        .insert((settings, target))
        .id()
}

impl Photo {
    /// Takes a screenshot as the photo, or asks for another one.
    fn develop(&mut self, image: &Image) {
        let Shot::Rendering {
            frames, awaited, ..
        } = &mut self.shot
        else {
            return;
        };
        let Ok(picture) = pixels_of(image) else {
            self.shot = Shot::Failed("the renderer gave no pixels");
            return;
        };
        let blank = picture.pixels().array_windows().all(|[a, b]| a == b);
        if blank && *frames < PATIENCE {
            *awaited = false;
        } else {
            self.shot = Shot::Taken(picture);
        }
    }
}

/// Puts the copied camera away when the photo is done or its request is gone.
pub(super) fn put_camera_away(
    removed: On<Discard, Photo>,
    photos: Query<&Photo>,
    mut commands: Commands,
) {
    if let Ok(Photo {
        copy: Some(copy), ..
    }) = photos.get(removed.entity)
    {
        commands.entity(*copy).try_despawn();
    }
}
