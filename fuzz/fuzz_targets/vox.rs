//! Any bytes: a model or an error, in both readings. A model that is read is written and reads back with its voxels.

#![no_main]

use crossworld_trellis::format::vox::{self, Extent};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = vox::decode_as_crossworld(bytes, Extent::Canvas);
    let _ = vox::decode_as_crossworld(bytes, Extent::Compact);
    if let Ok(model) = vox::decode(bytes)
        && model.len() < 1 << 16
    {
        let written = vox::encode(&model).expect("what was read can be written");
        let again = vox::decode(&written).expect("what was written is read");
        assert_eq!(again.len(), model.len());
    }
});
