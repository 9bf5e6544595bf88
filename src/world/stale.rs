//! Which chunks look different after a change: those that differ, and those that look at a side that does.
//!
//! Only parts that two octrees do not share are looked at.

use std::sync::Arc;

use bevy::math::IVec3;
use bevy::platform::collections::HashSet;

use crate::voxel::{CHUNK_DEPTH, ChunkKey, Node, Octree};

/// Chunks to be meshed again when `before` has become `now`, an octree of the same size. `detail` tells at which level
/// a chunk is drawn. Each is listed once.
pub(super) fn stale_chunks(
    now: &Octree,
    before: &Octree,
    detail: impl Fn(ChunkKey) -> u8,
) -> Vec<ChunkKey> {
    let changed = now.changed_chunks(before);
    let mut stale = changed.clone();
    let mut known: HashSet<ChunkKey> = changed.iter().copied().collect();
    for key in changed {
        let nodes = [now, before].map(|octree| octree.chunk_node(key));
        let detail = u32::from(detail(key));
        for (axis, step) in IVec3::AXES.into_iter().enumerate() {
            for (is_upper, step) in [(false, -step), (true, step)] {
                let neighbor = ChunkKey(key.0 + step);
                // The dearest question comes last; of a big thing that is new it is never asked.
                if !known.contains(&neighbor)
                    && !is_empty(&now.chunk_node(neighbor))
                    && side_differs(&nodes, CHUNK_DEPTH, (axis, is_upper), detail)
                {
                    known.insert(neighbor);
                    stale.push(neighbor);
                }
            }
        }
    }
    stale
}

fn is_empty(node: &Node) -> bool {
    matches!(node, Node::Leaf(0))
}

/// Whether two cubes differ at a side, in the layer of cells that is drawn there.
fn side_differs(
    [now, before]: &[Node; 2],
    height: u32,
    side @ (axis, is_upper): (usize, bool),
    detail: u32,
) -> bool {
    match (now, before) {
        (Node::Leaf(now), Node::Leaf(before)) => return now != before,
        (Node::Branch(now), Node::Branch(before)) if Arc::ptr_eq(now, before) => return false,
        _ => {}
    }
    if height <= detail {
        return now != before;
    }
    let octants = (0..8).filter(|octant| (octant >> axis & 1 == 1) == is_upper);
    octants.into_iter().any(|octant| {
        let nodes = [now.child(octant), before.child(octant)];
        side_differs(&nodes, height - 1, side, detail)
    })
}

#[cfg(test)]
mod tests {
    use bevy::math::UVec3;
    use proptest::prelude::*;

    use super::*;

    /// What the mesher reads of a chunk: its cells and one beyond each side.
    fn looks(octree: &Octree, key: ChunkKey) -> [Vec<u8>; 4] {
        let read = |min: IVec3, size: [usize; 3]| {
            let mut cells = vec![0; size.iter().product()];
            octree.read(min, size, &mut cells);
            cells
        };
        let min = key.min_cell();
        [
            read(min, [32; 3]),
            [-1, 32]
                .map(|x| read(min + IVec3::new(x, 0, 0), [1, 32, 32]))
                .concat(),
            [-1, 32]
                .map(|y| read(min + IVec3::new(0, y, 0), [32, 1, 32]))
                .concat(),
            [-1, 32]
                .map(|z| read(min + IVec3::new(0, 0, z), [32, 32, 1]))
                .concat(),
        ]
    }

    proptest! {
        #[test]
        fn stale_are_exactly_the_chunks_with_voxels_that_look_different(
            ground in 0u32..128,
            edits in prop::collection::vec(([0u32..128, 0u32..128, 0u32..128], 0u8..3), 0..8),
        ) {
            let mut before = Octree::empty(7).unwrap();
            let ground = IVec3::new(128, ground as i32, 128);
            before.fill(&crate::voxel::Region::Box { min: IVec3::ZERO, max: ground }, 1);
            let mut now = before.clone();
            for (cell, value) in edits {
                // Every second edit lies at a corner of chunks, where it matters most.
                now.set(if value == 0 { cell.map(|c| c | 31) } else { cell }, value);
            }
            let mut stale = stale_chunks(&now, &before, |_| 0);
            stale.sort_by_key(|key| key.0.to_array());
            let mut expected = Vec::new();
            for (x, y, z) in (0..64).map(|i| (i >> 4, i >> 2 & 3, i & 3)) {
                let key = ChunkKey(UVec3::new(x, y, z).as_ivec3());
                let is_shown = [&now, &before].map(|octree| octree.chunk_node(key)) != [Node::EMPTY; 2];
                let [cells, sides @ ..] = looks(&now, key);
                let [old_cells, old_sides @ ..] = looks(&before, key);
                let holds = cells.iter().any(|&value| value != 0);
                if is_shown && (cells != old_cells || (holds && sides != old_sides)) {
                    expected.push(key);
                }
            }
            prop_assert_eq!(stale, expected);
        }
    }

    #[test]
    fn what_is_drawn_coarser_shows_at_a_side_what_lies_behind_it() {
        let mut before = Octree::empty(6).unwrap();
        before.set([40, 5, 5], 1);
        let mut now = before.clone();
        now.set([28, 5, 5], 1);
        let count = |detail| stale_chunks(&now, &before, |_| detail).len();
        assert_eq!([0, 1, 2, 3].map(count), [1, 1, 2, 2]);
    }

    #[test]
    fn an_octree_smaller_than_a_chunk_is_one_chunk() {
        let before = Octree::empty(3).unwrap();
        let mut now = before.clone();
        now.set([7, 7, 7], 1);
        let stale = stale_chunks(&now, &before, |_| 0);
        assert_eq!(stale, [ChunkKey(IVec3::ZERO)]);
    }
}
