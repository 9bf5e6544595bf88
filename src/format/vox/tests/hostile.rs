//! Files that are cut, damaged or made to hurt.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Extent, VoxError, decode, decode_as_crossworld, encode};
use super::{Builder, GOLDEN, golden, rich_file};

/// Reads a file in every way.
fn read_all(bytes: &[u8]) {
    if let Ok(model) = decode(bytes) {
        encode(&model).unwrap();
    }
    for extent in [Extent::Canvas, Extent::Compact] {
        let _ = decode_as_crossworld(bytes, extent);
    }
}

fn refused(builder: &Builder) -> VoxError {
    decode(&builder.bytes()).unwrap_err()
}

/// A file with one voxel, to which a scene is added.
fn one_voxel() -> Builder {
    Builder::with_model([1, 1, 1], &[[0, 0, 0, 1]])
}

#[test]
fn hostile_files_are_refused_with_the_reason_and_its_place() {
    let cut = "are left: copy or make the file again";
    let no_vox = "this is no .vox file: it should begin with 'VOX ', a version and the chunk MAIN";
    let lies = "the chunk XYZI at byte 44 is damaged: its content ends early";
    let wide =
        "cells along an axis: at most 1024 are possible, so split it or move its models together";
    let outside = "model 0 has a voxel at";
    let refused = [
        ("empty", no_vox.into()),
        ("wrong_magic", no_vox.into()),
        (
            "cut",
            format!("the chunk at byte 8 needs 1092 bytes, but 1091 {cut}"),
        ),
        (
            "cut_short",
            format!("the chunk at byte 8 needs 1092 bytes, but 32 {cut}"),
        ),
        ("count_lies", lies.into()),
        ("count_lies_small", lies.into()),
        (
            "no_model",
            "the file holds no model: it should have chunks SIZE and XYZI".into(),
        ),
        (
            "empty_palette",
            "a voxel uses colour 1, but the palette has 0 only".into(),
        ),
        (
            "short_palette",
            "a voxel uses colour 9, but the palette has 2 only".into(),
        ),
        ("size_4096", format!("the grid would have 4096 {wide}")),
        (
            "size_2_31",
            format!("the grid would have 2147483648 {wide}"),
        ),
        (
            "size_2_31_less_1",
            format!("the grid would have 2147483647 {wide}"),
        ),
        (
            "size_zero",
            format!("{outside} [0, 0, 0] outside its canvas of [0, 0, 0] cells"),
        ),
        (
            "outside_canvas",
            format!("{outside} [5, 0, 0] outside its canvas of [4, 4, 4] cells"),
        ),
    ];
    for (name, expected) in refused {
        let bytes = golden(&format!("hostile/{name}.vox"));
        let start = Instant::now();
        assert_eq!(decode(&bytes).unwrap_err().to_string(), expected, "{name}");
        assert!(start.elapsed() < Duration::from_millis(50), "{name}");
    }
    assert_eq!(decode(&golden("hostile/twice.vox")).unwrap().len(), 1);
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    for bytes in GOLDEN
        .map(|name| golden(&format!("vox/{name}.vox")))
        .into_iter()
        .chain([rich_file()])
    {
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "{length}");
            assert!(decode_as_crossworld(&bytes[..length], Extent::Canvas).is_err());
        }
    }
}

#[test]
fn a_file_cut_at_any_byte_whose_main_chunk_agrees_is_read_without_harm() {
    let whole = rich_file();
    for length in 20..whole.len() {
        let mut bytes = whole[..length].to_vec();
        bytes[16..20].copy_from_slice(&u32::try_from(length - 20).unwrap().to_le_bytes());
        read_all(&bytes);
    }
}

#[test]
fn every_chunk_cut_at_any_byte_is_refused_or_harmless() {
    for name in [
        "SIZE", "XYZI", "RGBA", "MATL", "LAYR", "nTRN", "nGRP", "nSHP",
    ] {
        for length in 0..40 {
            for fill in [0, 1, 0xff] {
                read_all(&one_voxel().chunk(name, &vec![fill; length]).bytes());
            }
        }
    }
}

#[test]
fn a_graph_with_a_cycle_or_a_shared_node_is_refused() {
    let cycle = one_voxel()
        .transform(0, 1, &[])
        .group(1, &[2])
        .transform(2, 1, &[]);
    assert!(matches!(refused(&cycle), VoxError::NodeTwice { id: 1 }));
    let own_child = one_voxel().transform(0, 0, &[]);
    assert!(matches!(refused(&own_child), VoxError::NodeTwice { id: 0 }));
    let shared = one_voxel()
        .transform(0, 1, &[])
        .group(1, &[2, 2])
        .shape(2, 0);
    assert!(matches!(refused(&shared), VoxError::NodeTwice { id: 2 }));
}

#[test]
fn a_graph_that_leads_nowhere_is_refused() {
    let no_root = one_voxel().shape(1, 0);
    assert!(matches!(refused(&no_root), VoxError::NoNode { id: 0 }));
    let no_child = one_voxel().transform(0, 7, &[]);
    assert!(matches!(refused(&no_child), VoxError::NoNode { id: 7 }));
    let no_model = one_voxel().transform(0, 1, &[]).shape(1, 1);
    assert!(matches!(
        refused(&no_model),
        VoxError::NoShape { id: 1, models: 1 }
    ));
    let two_of_an_id = one_voxel().shape(0, 0).shape(0, 0);
    assert!(matches!(refused(&two_of_an_id), VoxError::Damaged { .. }));
}

#[test]
fn a_graph_as_deep_as_a_file_allows_is_walked() {
    let deep = 100_000;
    let chain = (0..deep).fold(one_voxel(), |file, id| {
        file.transform(id, id + 1, &[("_t", "0 0 1")])
    });
    let model = decode(&chain.shape(deep, 0).bytes()).unwrap();
    assert_eq!((model.resolution(), model.len()), (1, 1));
}

#[test]
fn huge_translations_are_refused_where_they_part_models_and_harmless_else() {
    let far = [("_t", "2147483647 -2147483648 2147483647")];
    let alone = one_voxel()
        .transform(0, 1, &far)
        .transform(1, 2, &far)
        .shape(2, 0);
    assert_eq!(decode(&alone.bytes()).unwrap().resolution(), 1);
    let apart = one_voxel()
        .group(0, &[1, 3])
        .transform(1, 2, &far)
        .shape(2, 0)
        .transform(3, 4, &[])
        .shape(4, 0);
    assert!(matches!(
        refused(&apart),
        VoxError::TooLarge {
            cells: 2_147_483_649
        }
    ));
}

#[test]
fn placements_that_are_no_numbers_are_refused_by_their_place() {
    for frame in [
        ("_t", "1 2"),
        ("_t", "far away 1"),
        ("_r", "0"),
        ("_r", "left"),
    ] {
        let error = refused(&one_voxel().transform(0, 1, &[frame]).shape(1, 0));
        let VoxError::Damaged { chunk, offset, .. } = error else {
            panic!("{error}");
        };
        assert_eq!((chunk.as_str(), offset), ("nTRN", 64));
    }
}

#[test]
fn a_model_shown_over_and_over_is_refused_before_its_voxels_are_placed() {
    let voxels: Vec<[u8; 4]> = (0..=u16::MAX)
        .map(|i| [i.to_le_bytes()[0], i.to_le_bytes()[1], 0, 1])
        .collect();
    let shapes: Vec<u32> = (1..200).collect();
    let file = Builder::with_model([256, 256, 1], &voxels).group(0, &shapes);
    let file = shapes.iter().fold(file, |file, &id| file.shape(id, 0));
    let error = refused(&file);
    assert!(
        matches!(
            error,
            VoxError::TooMany {
                voxels: 13_041_664,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_chunk_within_a_chunk_is_passed_over_however_deep() {
    let mut nested = Vec::new();
    for depth in (0..20_000u32).rev() {
        nested.extend(b"deep\0\0\0\0");
        nested.extend((depth * 12).to_le_bytes());
    }
    let mut file = one_voxel();
    file.0.extend(&nested);
    assert_eq!(decode(&file.bytes()).unwrap().len(), 1);
    read_all(&file.bytes());
}

#[test]
fn a_voxel_chunk_without_a_size_is_refused() {
    let error = refused(&Builder::new().numbers("XYZI", &[], &[0]));
    assert!(
        error.to_string().contains("no SIZE comes before it"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn random_changes_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = rich_file();
        for (at, value) in changes {
            // The palette fills most of the file and cannot be wrong.
            let at = at.index(bytes.len() - 1024);
            let at = if at < 420 { at } else { at + 1024 };
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        read_all(&bytes);
    }

    #[test]
    fn random_chunks_do_no_harm(content in prop::collection::vec(0..4u8, 0..80), name in 0..8usize) {
        let names = ["SIZE", "XYZI", "RGBA", "MATL", "LAYR", "nTRN", "nGRP", "nSHP"];
        read_all(&one_voxel().chunk(names[name], &content).bytes());
    }
}
