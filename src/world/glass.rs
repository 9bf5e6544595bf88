//! What translucent chunk parts need besides a blended material: light passes through them, and they are sorted where
//! they are.
//!
//! Bevy 0.19 blends meshes from far to near by the middle of their bounds, which a part's mesh carries, so chunks and
//! models come in the right order wherever their corners are. But it works that place out when a mesh is first drawn,
//! and keeps it when the entity moves ([bevy#24826](https://github.com/bevyengine/bevy/issues/24826)).

use bevy::ecs::change_detection::DetectChangesMut;
use bevy::light::NotShadowCaster;
use bevy::prelude::*;

use super::Chunk;

/// Our own [`NotShadowCaster`]: one that a game has given to a part stays as it is.
#[derive(Component)]
pub(super) struct LetsLightThrough;

/// Takes the shadow from what is blended and gives it to what is not: a bottle that throws the shadow of a brick looks
/// like none.
pub(super) fn let_light_through(
    mut commands: Commands,
    materials: Res<Assets<StandardMaterial>>,
    painted: Query<
        (
            Entity,
            &MeshMaterial3d<StandardMaterial>,
            Has<NotShadowCaster>,
            Has<LetsLightThrough>,
        ),
        (With<Chunk>, Changed<MeshMaterial3d<StandardMaterial>>),
    >,
) {
    for (entity, material, is_light, is_ours) in &painted {
        let is_glass = is_blended(&materials, material);
        let mut entity = commands.entity(entity);
        match (is_glass, is_light, is_ours) {
            (true, false, _) => {
                entity.try_insert((NotShadowCaster, LetsLightThrough));
            }
            (false, _, true) => {
                entity.try_remove::<(NotShadowCaster, LetsLightThrough)>();
            }
            _ => {}
        }
    }
}

/// Has Bevy sort moved parts anew, by marking their mesh as changed.
pub(super) fn sort_moved(
    materials: Res<Assets<StandardMaterial>>,
    mut moved: Query<
        (&mut Mesh3d, &MeshMaterial3d<StandardMaterial>),
        (With<Chunk>, Changed<GlobalTransform>),
    >,
) {
    for (mut mesh, material) in &mut moved {
        if is_blended(&materials, material) {
            mesh.set_changed();
        }
    }
}

fn is_blended(
    materials: &Assets<StandardMaterial>,
    material: &MeshMaterial3d<StandardMaterial>,
) -> bool {
    let material = materials.get(&material.0);
    material.is_some_and(|material| material.alpha_mode == AlphaMode::Blend)
}
