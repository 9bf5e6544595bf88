use proptest::prelude::*;

use super::super::{ChunkKey, Node, PaletteEntry};
use super::*;

fn world() -> VoxelWorld {
    let entries = vec![PaletteEntry::matte([9, 9, 9, 255]); 9];
    VoxelWorld::new(Palette::from_entries(entries).unwrap())
}

#[test]
fn a_world_grows_to_hold_what_is_placed_and_keeps_what_stands() {
    let mut world = world();
    world.set(IVec3::new(-3, 0, 5), 1).unwrap();
    world.set(IVec3::new(900, -4, 0), 2).unwrap();
    assert_eq!(world.octree().edge(), 2048);
    assert_eq!(world.get(IVec3::new(-3, 0, 5)), 1);
    assert_eq!(world.get(IVec3::new(900, -4, 0)), 2);
    assert_eq!(world.octree().len(), 2);
}

#[test]
fn a_world_that_cannot_hold_a_change_stays_as_it_was() {
    let mut world = world();
    world.set(IVec3::ZERO, 1).unwrap();
    let before = world.octree().clone();
    let far = IVec3::new(0, 40_000, 0);
    let error = world.set(far, 1).unwrap_err();
    assert_eq!(error, VoxelWorldError::Outside { cell: far });
    let error = world.set(IVec3::ONE, 10).unwrap_err();
    assert_eq!(
        error,
        VoxelWorldError::NoEntry {
            value: 10,
            entries: 9
        }
    );
    let everything = Region::Box {
        min: IVec3::MIN,
        max: IVec3::MAX,
    };
    assert!(world.fill(&everything, 1).is_err());
    let stamp = Octree::from_cells(3, [([4, 4, 4], 1)]).unwrap();
    for min in [i32::MIN, i32::MAX - 1, i32::MAX] {
        assert!(world.stamp(&stamp, IVec3::splat(min)).is_err());
    }
    assert_eq!(*world.octree(), before);
    world.fill(&everything, 0).unwrap();
    assert!(world.octree().is_empty(), "everywhere may be dug");
}

#[test]
fn steps_are_undone_and_done_again_in_order() {
    let mut world = world();
    let cells = [IVec3::ZERO, IVec3::new(500, 0, 0), IVec3::new(0, -3, 0)];
    for (value, cell) in (1..).zip(cells) {
        world.set(cell, value).unwrap();
    }
    assert!(world.undo() && world.undo());
    assert_eq!(cells.map(|cell| world.get(cell)), [1, 0, 0]);
    assert!(world.redo());
    assert_eq!(cells.map(|cell| world.get(cell)), [1, 2, 0]);
    world.set(cells[2], 7).unwrap();
    assert!(!world.redo(), "a new step ends the old future");
    assert!(world.undo() && world.undo() && world.undo() && !world.undo());
    assert!(world.octree().is_empty());
}

#[test]
fn a_change_that_changes_nothing_is_no_step() {
    let mut world = world();
    world.set(IVec3::ZERO, 0).unwrap();
    assert!(!world.undo());
}

#[test]
fn the_oldest_steps_are_forgotten() {
    let mut world = world();
    for x in 0..300 {
        world.set(IVec3::new(x, 0, 0), 1).unwrap();
    }
    let steps = std::iter::from_fn(|| world.undo().then_some(())).count();
    assert_eq!(steps, VoxelWorld::MAX_STEPS);
    assert_eq!(world.octree().len(), 300 - 256);
}

#[test]
fn a_ray_tells_cells_from_the_worlds_origin() {
    let mut world = world();
    world.set(IVec3::new(-1, -1, -1), 4).unwrap();
    let from = Vec3::new(-0.5, 20.0, -0.5);
    let hit = world.raycast(from, Vec3::NEG_Y, 100.0).unwrap();
    assert_eq!(
        (hit.cell, hit.normal, hit.value),
        (IVec3::NEG_ONE, IVec3::Y, 4)
    );
    assert!((hit.distance - 20.0).abs() < 1e-4);
}

#[test]
fn one_changed_cell_is_one_changed_chunk_also_when_the_world_has_grown() {
    let mut world = world();
    world
        .fill(
            &Region::Box {
                min: IVec3::splat(-20),
                max: IVec3::splat(20),
            },
            3,
        )
        .unwrap();
    let before = world.octree().clone();
    world.set(IVec3::new(40, 0, 0), 1).unwrap();
    let shift = world.half_edge() >> CHUNK_DEPTH;
    let changed = world.octree().changed_chunks(&before);
    assert_eq!(changed, [ChunkKey(IVec3::new(1, 0, 0) + shift)]);
    let after = world.octree().clone();
    world.undo();
    world.redo();
    assert!(world.octree().changed_chunks(&after).is_empty());
}

#[test]
fn of_a_filled_cube_of_chunks_only_the_outermost_have_changed() {
    let mut world = world();
    let before = world.octree().clone();
    world
        .fill(
            &Region::Box {
                min: IVec3::ZERO,
                max: IVec3::splat(1024),
            },
            3,
        )
        .unwrap();
    assert_eq!(
        world.octree().changed_chunks(&before).len(),
        32_768 - 30 * 30 * 30
    );
    assert_eq!(world.octree().chunk_key_count(), 32_768 - 30 * 30 * 30);
    let edge = 1 << (VoxelWorld::MAX_DEPTH - 1);
    world
        .fill(
            &Region::Box {
                min: IVec3::splat(-edge),
                max: IVec3::splat(edge),
            },
            3,
        )
        .unwrap();
    assert!(world.set(IVec3::splat(edge), 3).is_err());
}

#[test]
fn an_octree_that_no_world_can_have_is_refused_and_the_world_stays() {
    let mut world = world();
    let deep = Octree::empty(15).unwrap();
    assert!(matches!(
        world.replace(deep),
        Err(VoxelWorldError::Outside { .. })
    ));
    // A few nodes that stand for 2^27 chunks with one voxel each.
    let mut node = Node::octa([1, 0, 0, 0, 0, 0, 0, 0]);
    for _ in 1..14 {
        node = Node::new([0; 8].map(|_| node.clone()));
    }
    let crowd = Octree::from_root(14, node).unwrap();
    assert_eq!(crowd.chunk_key_count(), 1 << 27);
    let too_many = VoxelWorldError::TooManyChunks { got: 1 << 27 };
    assert_eq!(world.replace(crowd).unwrap_err(), too_many);
    let unknown = Octree::from_cells(6, [([0; 3], 200)]).unwrap();
    let no_entry = VoxelWorldError::NoEntry {
        value: 200,
        entries: 9,
    };
    assert_eq!(world.replace(unknown).unwrap_err(), no_entry);
    assert!(world.octree().is_empty());
}

proptest! {
    #[test]
    fn a_stamp_lays_its_solid_cells_over_what_is_there(
        ground in prop::collection::vec(([0u32..64, 0u32..64, 0u32..64], 1u8..4), 0..200),
        stamp in prop::collection::vec(([0u32..50, 0u32..50, 0u32..50], 0u8..9), 0..200),
        min in [-60i32..60, -60i32..60, -60i32..60],
    ) {
        let mut world = world();
        world.replace(Octree::from_cells(6, ground).unwrap()).unwrap();
        let before = world.clone();
        let stamp = Octree::from_cells(6, stamp).unwrap();
        let min = IVec3::from(min);
        world.stamp(&stamp, min).unwrap();
        let mut solid = before.octree().len();
        for (cell, value) in stamp.cells() {
            let cell = glam::UVec3::from(cell).as_ivec3() + min;
            prop_assert_eq!(world.get(cell), value);
            solid += u64::from(before.get(cell) == 0);
        }
        prop_assert_eq!(world.octree().len(), solid);
        let half = before.half_edge();
        for (cell, value) in before.octree().cells() {
            let cell = glam::UVec3::from(cell).as_ivec3() - half;
            let inside = cell - min;
            let over = if inside.min_element() < 0 { 0 } else { stamp.get(inside.as_uvec3().to_array()) };
            prop_assert_eq!(world.get(cell), if over == 0 { value } else { over });
        }
    }

    #[test]
    fn changed_chunks_are_those_that_differ(
        cells in prop::collection::vec([0i32..128, 0i32..128, 0i32..128], 0..6),
        region in ([-70i32..60, -70i32..60, -70i32..60], 0i32..40),
    ) {
        let mut world = world();
        world.fill(&Region::Box { min: IVec3::splat(-64), max: IVec3::new(64, -20, 64) }, 2).unwrap();
        let before = world.octree().clone();
        for cell in cells {
            world.set(IVec3::from(cell) - 64, 1).unwrap();
        }
        let min = IVec3::from(region.0);
        world.fill(&Region::Box { min, max: min + region.1 }, 3).unwrap();
        let now = world.octree().clone();
        let mut grown = before.clone();
        while grown.depth() < now.depth() {
            grown.grow().unwrap();
        }
        let edge = now.edge() >> CHUNK_DEPTH;
        let mut expected = Vec::new();
        for code in 0..u64::from(edge).pow(3) {
            let key = ChunkKey(glam::UVec3::from(super::super::morton::decode_deep(code)).as_ivec3());
            if now.chunk_node(key) != grown.chunk_node(key) {
                expected.push(key);
            }
        }
        prop_assert_eq!(now.changed_chunks(&before), expected);
    }
}
