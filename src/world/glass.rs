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
        ),
        (With<Chunk>, Changed<MeshMaterial3d<StandardMaterial>>),
    >,
) {
    for (entity, material, is_light) in &painted {
        match (is_blended(&materials, material), is_light) {
            (true, false) => {
                commands.entity(entity).try_insert(NotShadowCaster);
            }
            (false, true) => {
                commands.entity(entity).try_remove::<NotShadowCaster>();
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
