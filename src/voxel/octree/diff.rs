//! Telling two octrees apart: which chunks differ. What they share is not looked at.

use std::sync::Arc;

use super::{Node, Octree};
use crate::voxel::{CHUNK_DEPTH, ChunkKey, morton};

impl Octree {
    /// Keys of the chunks in which two cubes differ, in Morton order; both keyed from the corner of `self`, and both
    /// standing about the same middle where one has grown.
    #[must_use]
    pub fn changed_chunks(&self, before: &Self) -> Vec<ChunkKey> {
        let mut before = before.clone();
        while before.depth < self.depth && before.grow().is_ok() {}
        let mut codes = Vec::new();
        if before.depth == self.depth {
            compare(&self.root, &before.root, self.depth, 0, &mut codes);
        } else {
            // Smaller than before, as after undoing: all that is left may look different.
            let chunks = 3 * self.depth.saturating_sub(CHUNK_DEPTH);
            codes.extend(0..1 << chunks);
        }
        let key = |code| ChunkKey(glam::UVec3::from(morton::decode_deep(code)).as_ivec3());
        codes.into_iter().map(key).collect()
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
