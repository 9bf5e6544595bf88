//! What the engine makes of a file: its own results, and the crate it reads with.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::Value;

use super::super::crossworld::first_model;
use super::super::{Extent, VoxError, decode_as_crossworld};
use super::{Builder, GOLDEN, golden, golden_text, rich_file};
use crate::voxel::Octree;

/// The dump that the golden files have.
fn dump(octree: &Octree) -> String {
    let mut cells: Vec<_> = octree.cells().collect();
    cells.sort_unstable();
    let mut dump = format!("depth {}\n", octree.depth());
    for ([x, y, z], material) in cells {
        writeln!(dump, "{x} {y} {z} {material}").unwrap();
    }
    dump
}

fn fnv1a64(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[test]
fn both_loaders_give_the_engines_voxels_and_sizes() {
    for name in GOLDEN {
        let bytes = golden(&format!("vox/{name}.vox"));
        for (extent, loader) in [(Extent::Canvas, "canvas"), (Extent::Compact, "compact")] {
            let (octree, [x, y, z]) = decode_as_crossworld(&bytes, extent).unwrap();
            let expected = |kind| golden_text(&format!("vox/{name}.{loader}.{kind}.txt"));
            assert_eq!(dump(&octree), expected("voxels"), "{name} {loader}");
            assert_eq!(
                format!("{x} {y} {z}\n"),
                expected("size"),
                "{name} {loader}"
            );
        }
    }
}

#[test]
fn hostile_files_give_what_the_engine_gives_or_an_error_where_it_dies() {
    let outcomes: Value = serde_json::from_slice(&golden("hostile/outcomes.json")).unwrap();
    let mut files = 0;
    for outcome in outcomes.as_array().unwrap() {
        let file = outcome["file"].as_str().unwrap();
        if !file.ends_with(".vox") {
            continue;
        }
        files += 1;
        let bytes = golden(&format!("hostile/{file}"));
        let result = decode_as_crossworld(&bytes, Extent::Canvas);
        match outcome["outcome"].as_str().unwrap() {
            "ok" => {
                let digest = fnv1a64(&dump(&result.unwrap().0));
                assert_eq!(digest, outcome["fnv1a64_of_dump"], "{file}");
            }
            "error" | "panic" => assert!(result.is_err(), "{file}"),
            other => panic!("{file}: {other}"),
        }
    }
    assert_eq!(files, 15);
}

#[test]
fn a_palette_too_short_and_a_canvas_too_deep_are_told_as_such() {
    let read = |name| {
        let bytes = golden(&format!("hostile/{name}.vox"));
        decode_as_crossworld(&bytes, Extent::Canvas).unwrap_err()
    };
    let short = read("short_palette");
    assert!(
        matches!(
            short,
            VoxError::Color {
                index: 9,
                colors: 2
            }
        ),
        "{short}"
    );
    let empty = read("empty_palette");
    assert!(
        matches!(empty, VoxError::Color { colors: 0, .. }),
        "{empty}"
    );
    let deep = read("size_2_31_less_1");
    assert!(matches!(deep, VoxError::Octree(_)), "{deep}");
}

#[test]
fn a_model_without_voxels_is_an_empty_box_of_size_0() {
    let bytes = Builder::with_model([9, 9, 9], &[]).bytes();
    for extent in [Extent::Canvas, Extent::Compact] {
        let empty = (Octree::empty(0).unwrap(), [0; 3]);
        assert_eq!(decode_as_crossworld(&bytes, extent).unwrap(), empty);
    }
}

/// The first model and the palette as the engine's own crate reads them; `None` where it finds no model.
fn by_dot_vox(bytes: &[u8]) -> Option<([u32; 3], Vec<[u8; 4]>, Vec<[u8; 4]>)> {
    let file = dot_vox::load_bytes(bytes).ok()?;
    let model = file.models.first()?;
    let size = [model.size.x, model.size.y, model.size.z];
    let voxels = model.voxels.iter().map(|v| [v.x, v.y, v.z, v.i]).collect();
    Some((size, voxels, file.palette.iter().map(Into::into).collect()))
}

fn by_us(bytes: &[u8]) -> Option<([u32; 3], Vec<[u8; 4]>, Vec<[u8; 4]>)> {
    let (model, colors) = first_model(bytes).ok()?;
    let zero_based = |&[x, y, z, i]: &[u8; 4]| [x, y, z, i.saturating_sub(1)];
    let voxels = model.voxels.iter().map(zero_based).collect();
    Some((model.canvas, voxels, colors))
}

#[test]
fn every_file_is_found_to_hold_what_the_engines_crate_finds() {
    for name in GOLDEN {
        let bytes = golden(&format!("vox/{name}.vox"));
        assert_eq!(by_us(&bytes), by_dot_vox(&bytes), "{name}");
    }
    let bytes = rich_file();
    assert!(by_us(&bytes).is_some());
    assert_eq!(by_us(&bytes), by_dot_vox(&bytes));
}

proptest! {
    #[test]
    fn damaged_files_are_found_to_hold_what_the_engines_crate_finds(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = rich_file();
        // Changes fall on the headers of the first chunks as often as on all the rest.
        for (at, value) in changes {
            let range = if value % 2 == 0 { 140 } else { bytes.len() };
            bytes[at.index(range)] = value;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        prop_assert_eq!(by_us(&bytes), by_dot_vox(&bytes));
    }
}
