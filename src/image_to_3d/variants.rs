//! Variants of one picture, in a row.

use bevy::prelude::*;

use crate::voxel::VoxelWorld;
use crate::world::VoxelSize;

use super::{GenerateRequest, Placement, TrellisSettings};

/// Steps between neighbours, in widths of their grids.
const SPACING: f32 = 1.125;

/// A command that puts variants of a request in a row, the first at its place.
pub(super) fn line_up(
    request: GenerateRequest,
    entities: Vec<Entity>,
) -> impl FnOnce(&mut World) + Send + 'static {
    move |world: &mut World| {
        let step = Vec3::X * width(&request, world) * SPACING;
        for (place, &entity) in entities.iter().enumerate() {
            if let Some(mut transform) = world.get_mut::<Transform>(entity) {
                transform.translation = request.transform.transform_point(step * place as f32);
            }
        }
    }
}

/// Metres from one side of the request's grid to the other.
fn width(request: &GenerateRequest, world: &mut World) -> f32 {
    let settings = world.get_resource::<TrellisSettings>().cloned();
    let settings = settings.unwrap_or_default();
    let resolution = request.resolution.unwrap_or(settings.resolution);
    let voxel_size = match request.placement.unwrap_or(settings.placement) {
        Placement::Entity => request.voxel_size.unwrap_or(settings.voxel_size),
        Placement::World(named) => {
            let mut worlds =
                world.query_filtered::<(Entity, Option<&VoxelSize>), With<VoxelWorld>>();
            let chosen = worlds
                .iter(world)
                .find(|(entity, _)| named.is_none_or(|named| named == *entity));
            let size = chosen.and_then(|(_, size)| size.copied());
            size.unwrap_or_default().0
        }
    };
    resolution as f32 * voxel_size
}
