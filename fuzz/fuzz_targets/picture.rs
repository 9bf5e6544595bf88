//! Any bytes: a picture or an error.

#![no_main]

use crossworld_trellis::picture::Picture;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = Picture::decode(bytes) {
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        assert_eq!(picture.pixels().len() as u64, pixels);
    }
});
