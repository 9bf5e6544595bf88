#![expect(
    clippy::cast_possible_truncation,
    reason = "coordinates are small here"
)]

use std::collections::HashMap;

use glam::{IVec3, Vec3};
use proptest::prelude::*;

use super::*;
use crate::voxel::{CHUNK_EDGE, ChunkKey, ChunkVoxels};

/// What an octree should be, the plain way.
type Cells = HashMap<[u32; 3], u8>;

fn cells_of(octree: &Octree) -> Cells {
    let cells: Vec<_> = octree.cells().collect();
    let map: Cells = cells.iter().copied().collect();
    assert_eq!(map.len(), cells.len(), "a cell comes once");
    map
}

fn any_cells(edge: u32) -> impl Strategy<Value = Vec<([u32; 3], u8)>> {
    let cell = [0..edge, 0..edge, 0..edge];
    prop::collection::vec((cell, 0u8..4), 0..200)
}

/// Whether no node could be smaller.
fn is_canonical(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => true,
        Node::Octa(leaves) => leaves.iter().any(|leaf| leaf != &leaves[0]),
        Node::Branch(children) => {
            !children.iter().all(|child| matches!(child, Node::Leaf(_)))
                && children.iter().all(is_canonical)
        }
    }
}

#[test]
fn a_depth_is_enough_for_every_cell_also_at_powers_of_two() {
    for (resolution, depth) in [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 2),
        (4, 2),
        (5, 3),
        (16, 4),
        (17, 5),
        (1024, 10),
    ] {
        assert_eq!(
            Octree::depth_for(resolution),
            depth,
            "resolution {resolution}"
        );
    }
    for edge in [1u32, 2, 4, 16, 64, 1024] {
        let last = edge - 1;
        let octree =
            Octree::from_cells(Octree::depth_for(edge), [([0; 3], 1), ([last; 3], 2)]).unwrap();
        assert_eq!(octree.get([last; 3]), if edge == 1 { 1 } else { 2 });
    }
}

#[test]
fn the_octants_are_crossworlds() {
    let cells = (0..8).map(|i| ([i & 1, i >> 1 & 1, i >> 2], 10 + i as u8));
    let octree = Octree::from_cells(1, cells).unwrap();
    assert_eq!(*octree.root(), Node::octa([10, 11, 12, 13, 14, 15, 16, 17]));
}

#[test]
fn of_two_voxels_at_one_place_the_first_holds() {
    let octree = Octree::from_cells(3, [([1, 2, 3], 5), ([0, 0, 0], 1), ([1, 2, 3], 6)]).unwrap();
    assert_eq!(octree.get([1, 2, 3]), 5);
}

#[test]
fn a_cell_outside_and_a_depth_beyond_the_greatest_are_refused() {
    let outside = Octree::from_cells(2, [([4, 0, 0], 1)]).unwrap_err();
    assert_eq!(
        outside,
        OctreeError::Outside {
            cell: [4, 0, 0],
            edge: 4
        }
    );
    assert_eq!(
        Octree::empty(17).unwrap_err(),
        OctreeError::TooDeep { got: 17 }
    );
    let root = Octree::from_cells(3, [([0; 3], 1)]).unwrap().root.clone();
    assert_eq!(
        Octree::from_root(2, root).unwrap_err(),
        OctreeError::RootTooDeep { got: 3, depth: 2 }
    );
}

#[test]
fn a_full_cube_is_one_leaf_whatever_way_it_was_filled() {
    let mut octree = Octree::empty(2).unwrap();
    for cell in (0..64).map(|i| [i & 3, i >> 2 & 3, i >> 4]) {
        octree.set(cell, 7);
    }
    assert_eq!(*octree.root(), Node::Leaf(7));
    assert_eq!(octree.len(), 64);
}

#[test]
fn an_edit_leaves_snapshots_as_they_were() {
    let mut octree = Octree::from_cells(4, [([3, 4, 5], 1), ([15, 0, 0], 2)]).unwrap();
    let before = octree.clone();
    octree.set([3, 4, 5], 9);
    octree.fill(
        &Region::Box {
            min: IVec3::ZERO,
            max: IVec3::splat(8),
        },
        4,
    );
    assert_eq!(before.get([3, 4, 5]), 1);
    assert_eq!(octree.get([3, 4, 5]), 4);
}

#[test]
fn a_tree_that_shares_its_parts_is_counted_without_walking_every_leaf() {
    let mut node = Node::octa([1, 0, 0, 0, 0, 0, 0, 0]);
    for _ in 1..16 {
        node = Node::new(node.children().map(|_| node.clone()));
    }
    // The first level's eight octas are alike, but no leaves, so nothing collapses.
    let octree = Octree::from_root(16, node).unwrap();
    assert_eq!(octree.len(), 1 << (3 * 15));
    assert_eq!(octree.bounds().unwrap().max, [65_534; 3]);
}

#[test]
fn trees_that_share_their_parts_with_themselves_alone_are_compared_without_walking_every_leaf() {
    let tree = |first: u8| {
        let mut node = Node::octa([first, 2, 0, 0, 0, 0, 0, 0]);
        for _ in 1..16 {
            node = Node::new(node.children().map(|_| node.clone()));
        }
        node
    };
    assert_eq!(tree(1), tree(1));
    assert_ne!(tree(1), tree(3));
}

#[test]
fn a_ball_without_a_size_holds_nothing() {
    let mut octree = Octree::empty(16).unwrap();
    for radius in [f32::NAN, -1.0, f32::NEG_INFINITY] {
        octree.fill(
            &Region::Ball {
                center: Vec3::ZERO,
                radius,
            },
            1,
        );
    }
    assert!(octree.is_empty());
}

#[test]
fn growing_keeps_every_voxel_at_its_place_from_the_middle() {
    let mut octree = Octree::from_cells(3, [([0, 7, 3], 5), ([4, 4, 4], 6)]).unwrap();
    octree.grow().unwrap();
    assert_eq!(octree.depth(), 4);
    let expected: Cells = [([4, 11, 7], 5), ([8, 8, 8], 6)].into();
    assert_eq!(cells_of(&octree), expected);
}

#[test]
fn growing_a_single_leaf_works_too() {
    let mut octree = Octree::from_cells(0, [([0; 3], 3)]).unwrap();
    octree.grow().unwrap();
    octree.grow().unwrap();
    let expected: Cells = [([2, 2, 2], 3)].into();
    assert_eq!(cells_of(&octree), expected, "from the middle it is cell 0");
    assert_eq!(octree.half_edge(), 2);
    let mut deepest = Octree::empty(MAX_DEPTH).unwrap();
    assert!(deepest.grow().is_err());
    assert_eq!(deepest.depth(), MAX_DEPTH);
}

#[test]
fn chunks_that_stood_outside_a_smaller_cube_have_changed_too() {
    let small = Octree::from_cells(6, [([32, 32, 32], 1)]).unwrap();
    let mut large = small.clone();
    large.grow().unwrap();
    large.set([127, 64, 0], 2);
    let outside = ChunkKey(IVec3::new(2, 1, -1));
    assert_eq!(small.changed_chunks(&large), [outside]);
    assert_eq!(large.changed_chunks(&small), [ChunkKey(outside.0 + 1)]);
}

#[test]
fn far_away_a_cube_is_empty_only_where_all_of_it_is() {
    let octree = Octree::from_cells(
        3,
        [
            ([0, 0, 0], 1),
            ([2, 2, 2], 5),
            ([3, 2, 2], 6),
            ([3, 3, 2], 6),
        ],
    )
    .unwrap();
    let mut chunk = ChunkVoxels::default();
    octree.read_chunk(ChunkKey::default(), 1, &mut chunk);
    let at = |x: usize, y: usize, z: usize| chunk.get([x, y, z]);
    assert_eq!(
        [
            at(0, 0, 0),
            at(1, 1, 1),
            at(2, 2, 2),
            at(3, 3, 3),
            at(4, 4, 4)
        ],
        [1, 1, 6, 6, 0]
    );
}

#[test]
fn a_ray_meets_the_first_voxel_on_the_face_it_comes_through() {
    let octree = Octree::from_cells(5, [([10, 3, 3], 8), ([20, 3, 3], 9)]).unwrap();
    let hit = octree
        .raycast(Vec3::new(-5.0, 3.5, 3.5), Vec3::X, 100.0)
        .unwrap();
    assert_eq!(
        (hit.cell, hit.normal, hit.value),
        (IVec3::new(10, 3, 3), IVec3::NEG_X, 8)
    );
    assert!((hit.distance - 15.0).abs() < 1e-4);
    let back = octree
        .raycast(Vec3::new(100.0, 3.5, 3.5), Vec3::NEG_X, 100.0)
        .unwrap();
    assert_eq!((back.cell.x, back.normal), (20, IVec3::X));
}

#[test]
fn a_ray_that_is_too_short_points_away_or_is_no_ray_meets_nothing() {
    let octree = Octree::from_cells(5, [([10, 3, 3], 8)]).unwrap();
    let from = Vec3::new(0.5, 3.5, 3.5);
    for (direction, reach) in [
        (Vec3::X, 9.0),
        (Vec3::NEG_X, 99.0),
        (Vec3::ZERO, 99.0),
        (Vec3::NAN, 99.0),
        (Vec3::X, f32::NAN),
    ] {
        assert_eq!(
            octree.raycast(from, direction, reach),
            None,
            "{direction}, {reach}"
        );
    }
    let inside = octree
        .raycast(Vec3::new(10.5, 3.5, 3.5), Vec3::Y, 1.0)
        .unwrap();
    assert_eq!((inside.distance, inside.normal), (0.0, IVec3::ZERO));
}

#[test]
fn four_quarter_turns_and_two_mirror_images_change_nothing() {
    let octree = Octree::from_cells(3, [([0, 1, 7], 5), ([4, 2, 4], 6), ([3, 3, 0], 7)]).unwrap();
    let mut turned = octree.clone();
    for _ in 0..4 {
        turned = turned.turned(Symmetry {
            quarter_turns: 1,
            mirrored: false,
        });
    }
    assert_eq!(turned, octree);
    let mirror = Symmetry {
        quarter_turns: 0,
        mirrored: true,
    };
    assert_eq!(octree.turned(mirror).turned(mirror), octree);
}

proptest! {
    #[test]
    fn an_octree_holds_its_cells_in_its_smallest_form(cells in any_cells(32)) {
        let octree = Octree::from_cells(5, cells.clone()).unwrap();
        let mut expected = Cells::new();
        for (cell, value) in cells {
            expected.entry(cell).or_insert(value);
        }
        expected.retain(|_, value| *value != 0);
        prop_assert!(is_canonical(octree.root()));
        prop_assert_eq!(octree.len(), expected.len() as u64);
        let coords: Vec<[u16; 3]> = expected.keys().map(|cell| cell.map(|c| c as u16)).collect();
        prop_assert_eq!(octree.bounds(), Bounds::of(&coords));
        for (cell, value) in &expected {
            prop_assert_eq!(octree.get(*cell), *value);
        }
        prop_assert_eq!(cells_of(&octree), expected);
    }

    #[test]
    fn editing_is_as_good_as_building_anew(cells in any_cells(16), edits in any_cells(16)) {
        let mut octree = Octree::from_cells(4, cells.clone()).unwrap();
        let mut expected = cells_of(&octree);
        let _kept = octree.clone();
        for (cell, value) in edits {
            octree.set(cell, value);
            expected.insert(cell, value);
        }
        prop_assert!(is_canonical(octree.root()));
        let rebuilt = Octree::from_cells(4, expected).unwrap();
        prop_assert_eq!(octree, rebuilt);
    }

    #[test]
    fn a_filled_region_has_exactly_its_cells(
        cells in any_cells(16),
        corner in [-4i32..20, -4i32..20, -4i32..20],
        size in 0i32..12,
        ball in any::<bool>(),
        value in 0u8..4,
    ) {
        let mut octree = Octree::from_cells(4, cells).unwrap();
        let mut expected = cells_of(&octree);
        let min = IVec3::from(corner);
        let region = match ball {
            true => Region::Ball { center: min.as_vec3() + 0.3, radius: size as f32 * 0.7 },
            false => Region::Box { min, max: min + size },
        };
        for cell in (0..4096).map(|i| [i & 15, i >> 4 & 15, i >> 8]) {
            if region.contains(IVec3::from(cell)) {
                expected.insert(cell.map(|c| c as u32), value);
            }
        }
        expected.retain(|_, value| *value != 0);
        octree.fill(&region, value);
        prop_assert!(is_canonical(octree.root()));
        prop_assert_eq!(cells_of(&octree), expected);
    }

    #[test]
    fn a_box_reads_as_its_cells(cells in any_cells(64), corner in [-8i32..60, -8i32..60, -8i32..60]) {
        let octree = Octree::from_cells(6, cells).unwrap();
        let size = [9, 4, 7];
        let mut out = vec![77; 9 * 4 * 7];
        octree.read(IVec3::from(corner), size, &mut out);
        for (i, &value) in (0..).zip(&out) {
            let cell = IVec3::from(corner) + IVec3::new(i % 9, i / 9 % 4, i / 36);
            let expected = if cell.min_element() < 0 { 0 } else { octree.get(cell.as_uvec3().to_array()) };
            prop_assert_eq!(value, expected);
        }
    }

    #[test]
    fn a_chunk_reads_as_its_cells_writes_back_and_its_sides_are_its_outer_layers(
        cells in any_cells(64),
        detail in 0u32..6,
        axis in 0usize..3,
        upper: bool,
    ) {
        let mut octree = Octree::from_cells(6, cells).unwrap();
        let key = ChunkKey(IVec3::new(1, 0, 1));
        let mut chunk = ChunkVoxels::default();
        octree.read_chunk(key, 0, &mut chunk);
        let mut plain = vec![0; CHUNK_EDGE.pow(3)];
        octree.read(key.min_cell(), [CHUNK_EDGE; 3], &mut plain);
        prop_assert_eq!(&chunk.cells()[..], &plain);
        let before = octree.clone();
        octree.set_chunk(key, Node::from(&chunk));
        prop_assert_eq!(&octree, &before);

        octree.read_chunk(key, detail, &mut chunk);
        let mut layer = [[0; CHUNK_EDGE]; CHUNK_EDGE];
        octree.read_side(key, ChunkSide { axis, upper }, detail, &mut layer);
        for (v, row) in layer.iter().enumerate() {
            for (u, &value) in row.iter().enumerate() {
                let n = if upper { CHUNK_EDGE - 1 } else { 0 };
                let cell = match axis { 0 => [n, u, v], 1 => [u, n, v], _ => [u, v, n] };
                prop_assert_eq!(value, chunk.get(cell));
            }
        }
        let other = ChunkKey(IVec3::new(0, 1, 0));
        octree.set_chunk(other, Node::from(&chunk));
        let mut copy = ChunkVoxels::default();
        octree.read_chunk(other, 0, &mut copy);
        prop_assert_eq!(copy, chunk);
    }

    #[test]
    fn turning_moves_voxels_as_it_moves_points(cells in any_cells(8), quarter_turns in 0u8..4, mirrored: bool) {
        let octree = Octree::from_cells(3, cells).unwrap();
        let symmetry = Symmetry { quarter_turns, mirrored };
        let middle = Vec3::splat(4.0);
        let moved: Cells = cells_of(&octree).into_iter().map(|(cell, value)| {
            let point = glam::UVec3::from(cell).as_vec3() + 0.5 - middle;
            ((symmetry.point(point) + middle).floor().as_uvec3().to_array(), value)
        }).collect();
        prop_assert_eq!(cells_of(&octree.turned(symmetry)), moved);
    }

    #[test]
    fn a_ray_meets_what_small_steps_along_it_meet(
        cells in any_cells(16),
        from in [-10f32..26.0, -10f32..26.0, -10f32..26.0],
        to in [0f32..16.0, 0f32..16.0, 0f32..16.0],
    ) {
        let octree = Octree::from_cells(4, cells).unwrap();
        let (origin, target) = (Vec3::from(from), Vec3::from(to));
        let direction = (target - origin).normalize_or(Vec3::X);
        let solid = |distance: f32| {
            let cell = (origin + direction * distance).floor().as_ivec3();
            cell.min_element() >= 0 && octree.get(cell.as_uvec3().to_array()) != 0
        };
        let step = 1.0 / 128.0;
        let stepped = (0..60 * 128).map(|i| i as f32 * step).find(|&distance| solid(distance));
        match (octree.raycast(origin, direction, 60.0), stepped) {
            (Some(hit), Some(distance)) => {
                // The steps may miss a corner that the ray cuts, never the other way round.
                prop_assert!(hit.distance <= distance + 1e-3, "{hit:?} {distance}");
                let middle = hit.cell.as_vec3() + 0.5;
                let on_cell = (origin + direction * hit.distance - middle).abs().max_element();
                prop_assert!(on_cell <= 0.5 + 1e-3);
                prop_assert_eq!(hit.value, octree.get(hit.cell.as_uvec3().to_array()));
            }
            (hit, stepped) => {
                prop_assert!(stepped.is_none(), "{hit:?} {stepped:?}");
                if let Some(hit) = hit {
                    prop_assert!(!solid(hit.distance - 0.1), "only corners may be missed");
                }
            }
        }
    }

    #[test]
    fn what_lies_above_hides_what_lies_below_and_the_middles_meet(
        below in (0u32..=4).prop_flat_map(|depth| (Just(depth), any_cells(1 << depth))),
        above in (0u32..=4).prop_flat_map(|depth| (Just(depth), any_cells(1 << depth))),
    ) {
        let [mut below, mut above] = [below, above].map(|(depth, cells)| Octree::from_cells(depth, cells).unwrap());
        let mut both = below.clone();
        both.overlay(&above).unwrap();
        for octree in [&mut below, &mut above] {
            while octree.depth() < both.depth() {
                octree.grow().unwrap();
            }
        }
        let mut expected = cells_of(&below);
        expected.extend(cells_of(&above));
        prop_assert_eq!(cells_of(&both), expected);
        prop_assert!(is_canonical(both.root()));
    }
}

proptest! {
    #[test]
    fn bounds_turn_with_their_octree(
        cells in any_cells(16),
        quarter_turns in 0u8..4,
        mirrored in any::<bool>(),
    ) {
        let octree = Octree::from_cells(4, cells).unwrap();
        let symmetry = Symmetry { quarter_turns, mirrored };
        let turned = octree.bounds().map(|bounds| symmetry.bounds(bounds, 16));
        prop_assert_eq!(octree.turned(symmetry).bounds(), turned);
    }

    #[test]
    fn a_shifted_octree_has_its_cells_elsewhere_in_other_values(
        cells in any_cells(16),
        by in [-40i32..40, -40i32..40, -40i32..40],
        depth in 0u32..7,
    ) {
        let octree = Octree::from_cells(4, cells).unwrap();
        let table = std::array::from_fn(|value| (value * 2) as u8);
        let by = IVec3::from(by);
        let root = Shifted::new(&octree, by, depth, &table).node_at(depth, IVec3::ZERO);
        let shifted = Octree::from_root(depth, root).unwrap();
        let upper = Shifted::new(&octree, by, 6, &table).node_at(4, IVec3::new(0, 1, 0));
        prop_assert!(depth < 5 || shifted.node_at(4, IVec3::new(0, 1, 0)) == upper);
        prop_assert!(is_canonical(shifted.root()));
        let edge = 1 << depth;
        let mut expected = Cells::new();
        for (cell, value) in octree.cells() {
            let place = glam::UVec3::from(cell).as_ivec3() + by;
            if place.min_element() >= 0 && place.max_element() < edge {
                expected.insert(place.as_uvec3().to_array(), value * 2);
            }
        }
        prop_assert_eq!(cells_of(&shifted), expected);
    }
}
