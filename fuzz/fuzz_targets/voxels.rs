//! Any bytes: voxels or an error. Voxels that are read are written and read back the same.

#![no_main]

use crossworld_trellis::format::voxels;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = voxels::decode(bytes) {
        let again = voxels::decode(&voxels::encode(&read)).expect("what was written is read");
        assert_eq!(again, read);
    }
});
