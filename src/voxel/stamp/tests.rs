use super::super::PaletteEntry;
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
fn the_parts_nearest_to_an_eye_are_laid_first_and_all_of_them_make_the_whole() {
    let cells = (0..4_u32).map(|i| ([i * 130, 5, 5], 1));
    let octree = Octree::from_cells(9, cells).unwrap();
    let row = VoxelModel::new(512, octree, palette(&[RED])).unwrap();
    let world = VoxelWorld::new(palette(&[RED]));
    let here = (world.octree(), world.palette());
    let place = (Vec3::ZERO, Symmetry::default());
    let eye = Vec3::new(900.0, 0.0, 0.0);
    let mut parts = PreparedStamp::in_parts(&row, here, place, &[eye]).unwrap();
    let mut told = Vec::new();
    while parts.lay_next() {
        told.push(parts.stamp.over(world.octree()).unwrap());
    }
    let lengths: Vec<u64> = told.iter().map(Octree::len).collect();
    assert_eq!(lengths, [1, 2, 3, 4]);
    let half = told[0].half_edge();
    let right = IVec3::new(195, 0, 0) + half;
    assert_eq!(told[0].get(right.as_uvec3().to_array()), 1);
    let whole = PreparedStamp::new(&row, here, place.0, place.1).unwrap();
    assert_eq!(parts.stamp.laid, whole.laid);
    assert_eq!(whole.laid, told[3]);
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
