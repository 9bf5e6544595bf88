//! Any bytes: a tree or an error. A tree that is read and small enough to be written reads back the same.

#![no_main]

use crossworld_trellis::format::bcf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(octree) = bcf::decode(bytes)
        && octree.len() < 1 << 16
        && let Ok(written) = bcf::encode(&octree)
    {
        let again = bcf::decode(&written).expect("what was written is read");
        assert_eq!(again.root(), octree.root());
    }
});
