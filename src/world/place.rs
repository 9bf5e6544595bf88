//! [`WorldSpot`]: where something lands in a voxel world, and which world is meant.

use bevy::prelude::*;

use crate::voxel::Symmetry;

/// A place in a voxel world and the quarter turn in which something stands there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorldSpot {
    /// The place, in cells from the world's origin.
    pub position: Vec3,
    /// How it is turned and mirrored against the world.
    pub symmetry: Symmetry,
}

impl WorldSpot {
    /// The spot at a place. Upright turns go to the nearest quarter; a mirror image is kept; tilt and size are not.
    ///
    /// `voxel_size` is the edge of the world's voxels in the world's own units. `None` where the world has no extent
    /// or a number is not finite.
    #[must_use]
    pub fn nearest(
        place: &GlobalTransform,
        world: &GlobalTransform,
        voxel_size: f32,
    ) -> Option<Self> {
        let inside = GlobalTransform::from(world.affine().inverse() * place.affine());
        let (scale, rotation, translation) = inside.to_scale_rotation_translation();
        let position = translation / voxel_size;
        let (yaw, _, _) = rotation.to_euler(EulerRot::YXZ);
        if !position.is_finite() || !yaw.is_finite() {
            return None;
        }
        let turns = (yaw / std::f32::consts::FRAC_PI_2).round();
        let mirrored = scale.x < 0.0;
        // A transform mirrors first and turns then, a symmetry the other way round.
        let turns = if mirrored { -turns } else { turns }.rem_euclid(4.0);
        let quarter_turns = [0, 1, 2, 3]
            .into_iter()
            .find(|&quarter| f32::from(quarter) == turns)?;
        let symmetry = Symmetry {
            quarter_turns,
            mirrored,
        };
        Some(Self { position, symmetry })
    }

    /// Where the spot is, and how what stands there is turned and sized.
    #[must_use]
    pub fn transform(&self, world: &GlobalTransform, voxel_size: f32) -> GlobalTransform {
        let mut turns = f32::from(self.symmetry.quarter_turns);
        let mut scale = Vec3::ONE;
        if self.symmetry.mirrored {
            (turns, scale.x) = (-turns, -1.0);
        }
        let rotation = Quat::from_rotation_y(turns * std::f32::consts::FRAC_PI_2);
        let place = Transform {
            translation: self.position * voxel_size,
            rotation,
            scale,
        };
        *world * place
    }
}

/// Why it is not clear which voxel world is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhichWorldError {
    /// There is none.
    #[error("there is no voxel world: spawn an entity with a VoxelWorld first")]
    None,
    /// There are several and none is named.
    #[error("there are {count} voxel worlds: name the one that is meant")]
    Several {
        /// How many.
        count: usize,
    },
    /// The one that is named is none.
    #[error("entity {entity} has no VoxelWorld (any more): name one that has")]
    NotOne {
        /// The entity.
        entity: Entity,
    },
}

/// The world that is meant among those there are: the one that is named, else the only one.
///
/// # Errors
/// [`WhichWorldError`].
pub fn which_world(
    named: Option<Entity>,
    worlds: impl IntoIterator<Item = Entity>,
) -> Result<Entity, WhichWorldError> {
    let mut worlds = worlds.into_iter();
    if let Some(entity) = named {
        let is_there = worlds.any(|world| world == entity);
        return is_there
            .then_some(entity)
            .ok_or(WhichWorldError::NotOne { entity });
    }
    let only = worlds.next().ok_or(WhichWorldError::None)?;
    match worlds.count() {
        0 => Ok(only),
        others => Err(WhichWorldError::Several { count: others + 1 }),
    }
}

#[cfg(test)]
mod tests {
    use std::f32::consts::FRAC_PI_2;

    use super::*;

    fn turned(degrees: f32) -> Transform {
        Transform::from_rotation(Quat::from_rotation_y(degrees.to_radians()))
    }

    fn spot(place: Transform, world: Transform, voxel_size: f32) -> WorldSpot {
        WorldSpot::nearest(&place.into(), &world.into(), voxel_size).unwrap()
    }

    #[test]
    fn turns_go_to_the_nearest_quarter() {
        for (degrees, quarters) in [
            (0.0, 0),
            (44.0, 0),
            (46.0, 1),
            (180.0, 2),
            (-91.0, 3),
            (359.0, 0),
        ] {
            let spot = spot(turned(degrees), Transform::IDENTITY, 1.0);
            assert_eq!(spot.symmetry.quarter_turns, quarters, "{degrees} degrees");
        }
    }

    #[test]
    fn a_spot_is_told_in_the_worlds_own_cells_and_turns() {
        let world = Transform::from_xyz(10.0, 0.0, 0.0)
            .with_rotation(Quat::from_rotation_y(FRAC_PI_2))
            .with_scale(Vec3::splat(2.0));
        let place = turned(90.0).with_translation(Vec3::new(10.0, 1.0, -4.0));
        let spot = spot(place, world, 0.5);
        assert!(
            spot.position.abs_diff_eq(Vec3::new(4.0, 1.0, 0.0), 1e-4),
            "{}",
            spot.position
        );
        assert_eq!(spot.symmetry, Symmetry::default());
    }

    #[test]
    fn what_stands_on_a_spot_looks_as_the_spots_symmetry_says() {
        let world = Transform::from_xyz(3.0, 1.0, 2.0).with_scale(Vec3::splat(3.0));
        for quarter_turns in 0..4 {
            for mirrored in [false, true] {
                let symmetry = Symmetry {
                    quarter_turns,
                    mirrored,
                };
                let spot = WorldSpot {
                    position: Vec3::ZERO,
                    symmetry,
                };
                let there = spot.transform(&world.into(), 0.25);
                let point = Vec3::new(1.0, 2.0, 3.0);
                let expected = Vec3::new(3.0, 1.0, 2.0) + symmetry.point(point) * 3.0;
                assert!(
                    there.transform_point(point).abs_diff_eq(expected, 1e-4),
                    "{symmetry:?}"
                );
                let again = WorldSpot::nearest(&there, &world.into(), 0.25).unwrap();
                assert_eq!(again.symmetry, symmetry);
            }
        }
    }

    #[test]
    fn places_that_are_no_places_have_no_spot() {
        let flat = GlobalTransform::from(Transform::from_scale(Vec3::ZERO));
        let far = GlobalTransform::from(Transform::from_xyz(f32::INFINITY, 0.0, 0.0));
        let here = GlobalTransform::IDENTITY;
        assert_eq!(WorldSpot::nearest(&here, &flat, 1.0), None);
        assert_eq!(WorldSpot::nearest(&far, &here, 1.0), None);
        assert_eq!(WorldSpot::nearest(&here, &here, f32::NAN), None);
    }

    #[test]
    fn the_only_world_is_meant_unless_one_is_named() {
        let mut entities = World::new();
        let [one, other] = [(); 2].map(|()| entities.spawn_empty().id());
        assert_eq!(which_world(None, [one]), Ok(one));
        assert_eq!(which_world(Some(other), [one, other]), Ok(other));
        assert_eq!(which_world(None, []), Err(WhichWorldError::None));
        assert_eq!(
            which_world(None, [one, other]),
            Err(WhichWorldError::Several { count: 2 })
        );
        assert_eq!(
            which_world(Some(other), [one]),
            Err(WhichWorldError::NotOne { entity: other })
        );
    }
}
