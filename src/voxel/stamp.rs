//! Putting a model into a voxel world: to which cells, turned how, in which of the world's colours.
//!
//! A model's voxels are not resampled: one of its cells becomes one of the world's, whatever size either is shown at.
//! Positions are cells from the world's origin; turns and mirror images go about the model's origin.

use glam::{IVec3, UVec3, Vec3};

use super::world::make_room;
use super::{Bounds, ColorMatch, Octree, Palette, PaletteMap, Symmetry};
use super::{VoxelModel, VoxelWorld, VoxelWorldError};

/// A model laid over a world's voxels as they were, ready to become a step of that world.
///
/// All that takes time is done where this is made, off the main thread for a big model; the world need not be the same
/// any more when it takes it over.
#[derive(Clone, Debug)]
pub struct PreparedStamp {
    before: Octree,
    laid: Octree,
    layer: Octree,
    greatest: u8,
}

impl PreparedStamp {
    /// Lays a model over the voxels of a world, given as [`VoxelWorld::octree`] and [`VoxelWorld::palette`]: see
    /// [`VoxelWorld::stamp_model`].
    ///
    /// # Errors
    /// [`VoxelWorldError::Outside`], [`VoxelWorldError::NoEntry`] for a palette without colours.
    pub fn new(
        model: &VoxelModel,
        (before, palette): (&Octree, &Palette),
        position: Vec3,
        symmetry: Symmetry,
    ) -> Result<Self, VoxelWorldError> {
        let Some(bounds) = model.bounds() else {
            return Ok(Self::of_nothing(before));
        };
        let voxels = model.octree().turned(symmetry);
        let bounds = symmetry.bounds(bounds, voxels.edge());
        if palette.entries().is_empty() {
            let (value, entries) = (1, 0);
            return Err(VoxelWorldError::NoEntry { value, entries });
        }
        let map = PaletteMap::new(model.palette(), palette, ColorMatch::default());
        let min = smallest_cell(bounds, position);
        let corner = |cell: [u16; 3]| min + UVec3::from(cell.map(u32::from)).as_ivec3();
        let mut laid = before.clone();
        let (low, last) = (corner(bounds.min), corner(bounds.max));
        make_room(&mut laid, low, last + 1)?;
        let layer = voxels.shifted(min + laid.half_edge(), laid.depth(), map.table());
        laid.overlay(&layer)
            .map_err(|_| VoxelWorldError::Outside { cell: low })?;
        Ok(Self {
            before: before.clone(),
            laid,
            greatest: match model.palette() == palette {
                // The model may use values that its own palette lacks.
                true => layer.greatest_value(),
                false => map.table().iter().copied().max().unwrap_or(0),
            },
            layer,
        })
    }

    fn of_nothing(before: &Octree) -> Self {
        Self {
            before: before.clone(),
            laid: before.clone(),
            layer: Octree::default(),
            greatest: 0,
        }
    }
}

impl VoxelWorld {
    /// Puts a model into the world as one step: its origin, the centre of its bottom face, as near to `position` as
    /// whole cells allow. Colours become the nearest ones of the world's palette; empty cells leave what is there.
    ///
    /// A large model takes a while; [`PreparedStamp`] and [`VoxelWorld::apply`] are the two halves, the first of which
    /// can be done elsewhere.
    ///
    /// # Errors
    /// [`VoxelWorldError::Outside`], [`VoxelWorldError::NoEntry`] for a palette without colours; the world is
    /// unchanged then.
    pub fn stamp_model(
        &mut self,
        model: &VoxelModel,
        position: Vec3,
        symmetry: Symmetry,
    ) -> Result<(), VoxelWorldError> {
        let here = (self.octree(), self.palette());
        self.apply(&PreparedStamp::new(model, here, position, symmetry)?)
    }

    /// Puts a model that has been prepared into the world as one step. Only what has changed since then is walked, so
    /// this is quick.
    ///
    /// # Errors
    /// [`VoxelWorldError::NoEntry`] where the stamp was made for a larger palette, [`VoxelWorldError::Outside`]; the
    /// world is unchanged then.
    pub fn apply(&mut self, stamp: &PreparedStamp) -> Result<(), VoxelWorldError> {
        self.check_value(stamp.greatest)?;
        let octree = self
            .octree()
            .overlaid_since([&stamp.before, &stamp.laid, &stamp.layer])
            .map_err(|_| VoxelWorldError::Outside { cell: IVec3::MAX })?;
        self.step(octree);
        Ok(())
    }
}

/// Where the octree's own smallest cell comes to lie, so that the middle of the bottom face of its bounds is as near
/// to a position as whole cells allow.
fn smallest_cell(Bounds { min, max }: Bounds, position: Vec3) -> IVec3 {
    let min = UVec3::from(min.map(u32::from)).as_ivec3();
    let size = UVec3::from(max.map(u32::from)).as_ivec3() + 1 - min;
    let half = size.as_vec3() * Vec3::new(0.5, 0.0, 0.5);
    // Half a cell is rounded up on every axis and on both sides of the origin, so that two models asked for a whole
    // number of cells apart stand just so far apart.
    let corner = (position - half + 0.5).floor();
    // Far outside every world, yet far from overflow.
    let limit = Vec3::splat(16_777_216.0);
    corner.clamp(-limit, limit).as_ivec3() - min
}

#[cfg(test)]
mod tests {
    use super::super::{Octree, PaletteEntry};
    use super::*;

    const RED: [u8; 4] = [200, 0, 0, 255];
    const GREEN: [u8; 4] = [0, 200, 0, 255];

    fn palette(colors: &[[u8; 4]]) -> Palette {
        let entries = colors.iter().copied().map(PaletteEntry::matte);
        Palette::from_entries(entries.collect()).unwrap()
    }

    /// Three red cells along x, then a green one in front of the first.
    fn hook() -> VoxelModel {
        let cells = [
            ([4, 1, 2], 1),
            ([5, 1, 2], 1),
            ([6, 1, 2], 1),
            ([4, 1, 3], 2),
        ];
        let octree = Octree::from_cells(3, cells).unwrap();
        VoxelModel::new(8, octree, palette(&[RED, GREEN])).unwrap()
    }

    fn stamped(position: Vec3, symmetry: Symmetry) -> VoxelWorld {
        let mut world = VoxelWorld::new(palette(&[[1, 2, 3, 255], GREEN, RED]));
        world.stamp_model(&hook(), position, symmetry).unwrap();
        world
    }

    fn turns(quarter_turns: u8) -> Symmetry {
        Symmetry {
            quarter_turns,
            mirrored: false,
        }
    }

    /// Cells from the world's origin and their values.
    fn cells(world: &VoxelWorld) -> Vec<([i32; 3], u8)> {
        let half = world.half_edge();
        let from_origin =
            |(cell, value): ([u32; 3], u8)| ((UVec3::from(cell).as_ivec3() - half).into(), value);
        let mut cells: Vec<_> = world.octree().cells().map(from_origin).collect();
        cells.sort();
        cells
    }

    #[test]
    fn the_models_origin_comes_to_its_place_in_the_worlds_colours() {
        // The hook is 3 cells wide and 2 deep: its origin is the middle of a cell in x, a corner in z.
        let world = stamped(Vec3::new(10.5, -7.0, 20.0), Symmetry::default());
        let expected = [
            ([9, -7, 19], 3),
            ([9, -7, 20], 2),
            ([10, -7, 19], 3),
            ([11, -7, 19], 3),
        ];
        assert_eq!(cells(&world), expected);
    }

    #[test]
    fn places_between_cells_go_to_the_nearest_one() {
        let exact = stamped(Vec3::new(10.5, -7.0, 20.0), Symmetry::default());
        let near = stamped(Vec3::new(10.9, -7.4, 19.6), Symmetry::default());
        assert_eq!(cells(&near), cells(&exact));
        let next = stamped(Vec3::new(11.1, -7.0, 20.0), Symmetry::default());
        assert_ne!(cells(&next), cells(&exact));
    }

    #[test]
    fn a_quarter_turn_takes_the_front_to_the_right() {
        let world = stamped(Vec3::new(0.0, 0.0, 0.5), turns(1));
        // What was in front (+z) is to the right (+x); what was to the right is behind.
        let expected = [
            ([-1, 0, -1], 3),
            ([-1, 0, 0], 3),
            ([-1, 0, 1], 3),
            ([0, 0, 1], 2),
        ];
        assert_eq!(cells(&world), expected);
    }

    #[test]
    fn a_mirror_image_changes_sides() {
        let mirrored = Symmetry {
            quarter_turns: 0,
            mirrored: true,
        };
        let world = stamped(Vec3::new(0.5, 0.0, 0.0), mirrored);
        let expected = [
            ([-1, 0, -1], 3),
            ([0, 0, -1], 3),
            ([1, 0, -1], 3),
            ([1, 0, 0], 2),
        ];
        assert_eq!(cells(&world), expected);
    }

    #[test]
    fn four_quarter_turns_end_where_they_began() {
        let place = Vec3::new(3.0, 4.0, 5.0);
        let cells_of = |turn| cells(&stamped(place, turns(turn)));
        assert_eq!(cells_of(4), cells_of(0));
        assert_ne!(cells_of(1), cells_of(3));
    }

    #[test]
    fn a_stamp_is_one_step_and_leaves_what_is_around_it() {
        let mut world = VoxelWorld::new(palette(&[RED, GREEN]));
        world.set(IVec3::new(1, 0, 0), 2).unwrap();
        let before = cells(&world);
        world
            .stamp_model(&hook(), Vec3::ZERO, Symmetry::default())
            .unwrap();
        assert_eq!(cells(&world).len(), before.len() + 4);
        assert!(world.undo());
        assert_eq!(cells(&world), before);
    }

    #[test]
    fn a_stamp_prepared_for_an_earlier_world_keeps_what_was_done_since() {
        let mut world = VoxelWorld::new(palette(&[RED, GREEN]));
        let box_of = |min: i32, max: i32| crate::voxel::Region::Box {
            min: IVec3::splat(min),
            max: IVec3::splat(max),
        };
        world.fill(&box_of(-20, 0), 2).unwrap();
        world.set(IVec3::new(1, 0, 0), 2).unwrap();
        let mut direct = world.clone();
        let here = (world.octree(), world.palette());
        let place = Vec3::new(1.0, -1.0, 0.0);
        let stamp = PreparedStamp::new(&hook(), here, place, Symmetry::default()).unwrap();
        for world in [&mut world, &mut direct] {
            world.fill(&box_of(-1, 1), 0).unwrap();
            world.set(IVec3::new(500, 0, 0), 1).unwrap();
            world.set(IVec3::new(-9, -9, -9), 1).unwrap();
        }
        let before = world.octree().clone();
        world.apply(&stamp).unwrap();
        direct
            .stamp_model(&hook(), place, Symmetry::default())
            .unwrap();
        assert_eq!(world.octree(), direct.octree());
        assert_ne!(*world.octree(), before);
        assert!(world.undo());
        assert_eq!(*world.octree(), before);
    }

    #[test]
    fn what_cannot_be_stamped_changes_nothing() {
        let mut world = VoxelWorld::new(palette(&[RED]));
        for place in [Vec3::splat(1e6), Vec3::splat(f32::MAX), Vec3::splat(-1e30)] {
            let error = world.stamp_model(&hook(), place, Symmetry::default());
            assert!(
                matches!(error, Err(VoxelWorldError::Outside { .. })),
                "{place}"
            );
        }
        let mut colourless = VoxelWorld::new(Palette::default());
        let error = colourless.stamp_model(&hook(), Vec3::ZERO, Symmetry::default());
        assert!(matches!(error, Err(VoxelWorldError::NoEntry { .. })));
        assert!(world.octree().is_empty() && colourless.octree().is_empty());
        assert!(!world.undo());
    }
}
