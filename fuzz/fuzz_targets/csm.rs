//! Any bytes: a tree or an error. A tree that is read and small enough to be written reads back the same.

#![no_main]

use crossworld_trellis::format::csm;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = str::from_utf8(bytes) {
        let octree = csm::parse(text).octree;
        if octree.len() < 1 << 16
            && let Ok(written) = csm::encode(&octree)
        {
            let again = csm::decode(&written).expect("what was written is read");
            assert_eq!(again.root(), octree.root());
        }
    }
});
