//! Telling two octrees apart: which chunks differ. What they share is not looked at.

use std::sync::Arc;

use super::chunk::shell;
use super::{Node, Octree};
use crate::voxel::{CHUNK_DEPTH, ChunkKey, morton};

impl Octree {
    /// Keys of the chunks that look different in two cubes, in Morton order from the larger one's corner: those that
    /// differ, without those inside a cube of chunks that is uniform in both, since nobody sees them.
    ///
    /// Both stand about the same middle, so one may have [grown](Octree::grow) from the other. Keys count from the
    /// corner of `self`, and lie outside of it where the other one was larger and not empty there.
    #[must_use]
    pub fn changed_chunks(&self, before: &Self) -> Vec<ChunkKey> {
        let (mut now, mut before) = (self.clone(), before.clone());
        while now.depth < before.depth && now.grow().is_ok() {}
        while before.depth < now.depth && before.grow().is_ok() {}
        let mut codes = Vec::new();
        compare(&now.root, &before.root, now.depth, 0, &mut codes);
        let shift = (now.half_edge() - self.half_edge()) >> CHUNK_DEPTH;
        let key = |code| glam::UVec3::from(morton::decode_deep(code)).as_ivec3();
        codes
            .into_iter()
            .map(|code| ChunkKey(key(code) - shift))
            .collect()
    }
}

fn compare(now: &Node, before: &Node, height: u32, code: u64, changed: &mut Vec<u64>) {
    let is_same = match (now, before) {
        (Node::Branch(now), Node::Branch(before)) => Arc::ptr_eq(now, before),
        (now, before) => now == before,
    };
    if is_same {
        return;
    }
    if let (Node::Leaf(_), Node::Leaf(_)) = (now, before)
        && height > CHUNK_DEPTH
    {
        let above = height - CHUNK_DEPTH;
        let first = code << (3 * above);
        changed.extend(shell(above).into_iter().map(|code| first | code));
        return;
    }
    if height <= CHUNK_DEPTH {
        // Edited and edited back, or built twice: other pointers, but the same voxels.
        if now != before {
            changed.push(code);
        }
        return;
    }
    for octant in 0..8 {
        let code = code << 3 | octant as u64;
        compare(
            &now.child(octant),
            &before.child(octant),
            height - 1,
            code,
            changed,
        );
    }
}
