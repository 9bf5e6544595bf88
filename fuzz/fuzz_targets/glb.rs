//! Any bytes: voxels of a small grid or an error.

#![no_main]

use crossworld_trellis::format::glb;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for fill in [false, true] {
        if let Ok(voxels) = glb::decode(bytes, Some(16), fill) {
            assert_eq!(voxels.resolution(), 16);
        }
    }
});
