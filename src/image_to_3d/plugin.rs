//! Wiring of this room.

use bevy::image::{CompressedImageFormats, ImageLoader};
use bevy::prelude::*;
use bevy::render::RenderApp;

use crate::backend::Backends;
use crate::schedule::TrellisSystems;

use super::collect::{cancel_removed, cancel_requests, collect_requests};
use super::photo::{put_camera_away, take_photos};
use super::placement::{end_stamping, stamp, start_stamping};
use super::receive::{finish, receive_news};
use super::{ImageTo3D, TrellisSettings};

/// Turns [`super::GenerateRequest`]s into entities with a [`crate::world::VoxelModel3d`].
pub struct ImageTo3DPlugin;

impl Plugin for ImageTo3DPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Backends>()
            .init_resource::<TrellisSettings>()
            .init_resource::<ImageTo3D>()
            .configure_sets(
                Update,
                (
                    TrellisSystems::Collect,
                    TrellisSystems::Receive,
                    TrellisSystems::Mesh,
                )
                    .chain(),
            )
            .add_systems(
                Update,
                (collect_requests, take_photos, cancel_requests)
                    .chain()
                    .in_set(TrellisSystems::Collect),
            )
            .add_systems(
                Update,
                (receive_news, start_stamping, stamp)
                    .chain()
                    .in_set(TrellisSystems::Receive),
            )
            .add_observer(cancel_removed)
            .add_observer(end_stamping)
            .add_observer(put_camera_away)
            .add_observer(finish);
    }

    fn finish(&self, app: &mut App) {
        // Bevy's renderer registers the image loader. Without one (a server, a test) assets would load for ever.
        let has_renderer = app.get_sub_app(RenderApp).is_some();
        if !has_renderer && app.world().contains_resource::<AssetServer>() {
            app.register_asset_loader(ImageLoader::new(CompressedImageFormats::NONE));
        }
    }
}
