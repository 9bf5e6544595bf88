//! Tests of the `.voxels` format: round trips, the golden file, and everything a stranger may send.

use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::voxel::SparseVoxelsError;

const GOLDEN: &[u8] = include_bytes!("../../../tests/golden/tiny.voxels");
const METADATA: &str =
    r#"{"format":"crossworld-voxels","version":"1","frame":"y-up","resolution":"8"}"#;

fn tiny() -> SparseVoxels {
    SparseVoxels::new(
        8,
        vec![[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [7, 7, 7]],
        vec![
            [255, 0, 0, 255],
            [0, 255, 0, 255],
            [0, 0, 255, 255],
            [255, 255, 255, 128],
            [1, 2, 3, 4],
        ],
        Some(vec![[0, 255], [255, 0], [10, 20], [30, 40], [50, 60]]),
    )
    .unwrap()
}

/// A file of a header and as many zero bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

/// A file of the format's metadata, given tensors (JSON entries) and as many zero bytes of data.
fn file_of(tensors: &str, data: usize) -> Vec<u8> {
    file(&format!(r#"{{"__metadata__":{METADATA},{tensors}}}"#), data)
}

fn with_metadata(metadata: &str) -> FormatError {
    decode(&file(&format!(r#"{{"__metadata__":{metadata}}}"#), 0)).unwrap_err()
}

fn python() -> Command {
    Command::new(if cfg!(windows) { "python" } else { "python3" })
}

#[test]
fn the_golden_file_of_another_writer_holds_exactly_its_voxels_and_notes() {
    let (voxels, notes) = decode_with_notes(GOLDEN).unwrap();
    assert_eq!(voxels, tiny());
    assert_eq!(
        notes,
        Notes::from([("generator".into(), "make_golden.py".into())])
    );
}

#[test]
fn another_reader_reads_what_is_written() {
    if python().arg("--version").output().is_err() {
        println!("skipped: there is no Python here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.voxels");
    std::fs::write(&path, encode(&tiny())).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/make_golden.py");
    let output = python()
        .args([script, "--check"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn notes_come_back_but_cannot_overwrite_the_formats_own_keys() {
    let notes = Notes::from([
        ("backend".into(), "inflate \"fast\"\n".into()),
        ("version".into(), "7".into()),
    ]);
    let (voxels, read) = decode_with_notes(&encode_with_notes(&tiny(), &notes)).unwrap();
    assert_eq!(voxels, tiny());
    assert_eq!(
        read,
        Notes::from([("backend".into(), "inflate \"fast\"\n".into())])
    );
}

#[test]
fn tensors_lie_aligned_in_the_file() {
    let bytes = encode(&tiny());
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(header % 8, 0);
}

#[test]
fn bytes_at_odd_addresses_decode() {
    let mut shifted = vec![0];
    shifted.extend(encode(&tiny()));
    assert_eq!(decode(&shifted[1..]).unwrap(), tiny());
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for whole in [encode(&tiny()), GOLDEN.to_vec()] {
        for length in 0..whole.len() {
            assert!(decode(&whole[..length]).is_err(), "cut to {length} bytes");
        }
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = encode(&tiny());
    bytes.push(0);
    let error = decode(&bytes).unwrap_err();
    assert!(matches!(error, FormatError::Length { .. }), "{error}");
}

#[test]
fn a_header_that_claims_too_much_is_refused_by_its_length_field() {
    for claim in [MAX_HEADER_BYTES + 1, u64::MAX] {
        let error = decode(&claim.to_le_bytes()).unwrap_err();
        assert!(
            matches!(error, FormatError::HeaderTooLarge { got, .. } if got == claim),
            "{error}"
        );
    }
    let error = decode(&1000u64.to_le_bytes()).unwrap_err();
    assert!(
        matches!(
            error,
            FormatError::Length {
                part: "header",
                expected: 1000,
                got: 0
            }
        ),
        "{error}"
    );
}

#[test]
fn text_and_pictures_and_deep_nests_are_no_header() {
    for header in [
        "",
        "{",
        "Dear diary",
        "[]",
        "{\"a\":1}",
        &"[".repeat(100_000),
    ] {
        let error = decode(&file(header, 0)).unwrap_err();
        assert!(matches!(error, FormatError::Header { .. }), "{error}");
    }
}

#[test]
fn wrong_metadata_are_named_with_their_value() {
    let error = decode(&file("{}", 0)).unwrap_err();
    assert!(
        matches!(error, FormatError::MissingMetadata { key: "format", .. }),
        "{error}"
    );
    for (from, to, key) in [
        ("crossworld-voxels", "gaussians", "format"),
        (r#""version":"1""#, r#""version":"2""#, "version"),
        ("y-up", "z-up", "frame"),
        (
            r#""resolution":"8""#,
            r#""resolution":"eight""#,
            "resolution",
        ),
        (r#""resolution":"8""#, r#""resolution":"-8""#, "resolution"),
        (
            r#""resolution":"8""#,
            r#""resolution":"4294967296""#,
            "resolution",
        ),
    ] {
        let error = with_metadata(&METADATA.replace(from, to));
        assert!(
            matches!(error, FormatError::Metadata { key: got, .. } if got == key),
            "{error}"
        );
    }
    let error = with_metadata(&METADATA.replace(r#","resolution":"8""#, ""));
    assert!(
        matches!(
            error,
            FormatError::MissingMetadata {
                key: "resolution",
                ..
            }
        ),
        "{error}"
    );
    let error = with_metadata(r#"{"resolution":8}"#);
    assert!(matches!(error, FormatError::Header { .. }), "{error}");
}

#[test]
fn a_value_of_any_length_makes_a_short_message() {
    let error = with_metadata(&METADATA.replace("y-up", &"z".repeat(10_000)));
    assert!(error.to_string().len() < 120, "{error}");
}

#[test]
fn missing_tensors_are_named() {
    let rgba = r#""rgba":{"dtype":"U8","shape":[0,4],"data_offsets":[0,0]}"#;
    let error = decode(&file_of(rgba, 0)).unwrap_err();
    assert!(
        matches!(error, FormatError::MissingTensor { name: "coords", .. }),
        "{error}"
    );
    let coords = r#""coords":{"dtype":"U16","shape":[0,3],"data_offsets":[0,0]}"#;
    let error = decode(&file_of(coords, 0)).unwrap_err();
    assert!(
        matches!(error, FormatError::MissingTensor { name: "rgba", .. }),
        "{error}"
    );
}

#[test]
fn tensors_of_another_type_or_shape_are_described() {
    for (dtype, shape, bytes) in [
        ("I16", "[1,3]", 6),
        ("U8", "[1,3]", 3),
        ("U16", "[3]", 6),
        ("U16", "[1,4]", 8),
        ("U16", "[1,3,1]", 6),
        ("U16", "[]", 2),
        ("U16", "[1,1,1,1,1,3]", 6),
    ] {
        let tensor =
            format!(r#""coords":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{bytes}]}}"#);
        let error = decode(&file_of(&tensor, bytes)).unwrap_err();
        assert!(
            matches!(error, FormatError::Tensor { name: "coords", .. }),
            "{error}"
        );
        assert!(error.to_string().contains(dtype), "{error}");
    }
}

#[test]
fn tensors_that_overlap_leave_holes_or_overflow_are_refused() {
    let coords = |rows: &str, from: &str, to: &str| {
        format!(r#""coords":{{"dtype":"U16","shape":[{rows},3],"data_offsets":[{from},{to}]}}"#)
    };
    let rgba = |from: u32, to: u32| {
        format!(r#""rgba":{{"dtype":"U8","shape":[1,4],"data_offsets":[{from},{to}]}}"#)
    };
    let fine = decode(&file_of(
        &format!("{},{}", coords("1", "0", "6"), rgba(6, 10)),
        10,
    ));
    assert_eq!(fine.unwrap().len(), 1);
    let most = u64::MAX.to_string();
    for tensors in [
        format!("{},{}", coords("1", "0", "6"), rgba(2, 6)),
        format!("{},{}", coords("1", "0", "6"), rgba(5, 9)),
        format!("{},{}", coords("1", "0", "6"), rgba(7, 11)),
        coords("1", "6", "0"),
        coords("1", "4", "10"),
        coords(&most, "0", &most),
        coords("3074457345618258603", "0", "10"),
        coords("-1", "0", "10"),
        coords("1e3", "0", "6000"),
    ] {
        let error = decode(&file_of(&tensors, 10)).unwrap_err();
        assert!(matches!(error, FormatError::Header { .. }), "{error}");
    }
}

#[test]
fn tensors_whose_sizes_add_up_to_more_than_memory_are_refused() {
    // Each alone passes the rule of the crate `safetensors`; together they overflow the address space.
    let huge = 1u64 << 60;
    let tensors: Vec<String> = (0..15u64)
        .map(|i| {
            let (from, to) = (i * huge, (i + 1) * huge);
            format!(r#""t{i:02}":{{"dtype":"U8","shape":[{huge}],"data_offsets":[{from},{to}]}}"#)
        })
        .collect();
    let error = decode(&file_of(&tensors.join(","), 0)).unwrap_err();
    assert!(
        matches!(
            error,
            FormatError::Length {
                part: "tensor data",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn voxels_that_contradict_their_grid_are_refused() {
    let twice = r#""coords":{"dtype":"U16","shape":[2,3],"data_offsets":[0,12]},
        "rgba":{"dtype":"U8","shape":[2,4],"data_offsets":[12,20]}"#;
    let error = decode(&file_of(twice, 20)).unwrap_err();
    assert!(
        matches!(
            error,
            FormatError::Voxels(SparseVoxelsError::Duplicate { cell: [0, 0, 0] })
        ),
        "{error}"
    );
    let short = r#""coords":{"dtype":"U16","shape":[1,3],"data_offsets":[0,6]},
        "rgba":{"dtype":"U8","shape":[0,4],"data_offsets":[6,6]}"#;
    let error = decode(&file_of(short, 6)).unwrap_err();
    assert!(
        matches!(error, FormatError::Voxels(SparseVoxelsError::Length { .. })),
        "{error}"
    );
}

#[test]
fn further_tensors_are_ignored() {
    let tensors = r#""coords":{"dtype":"U16","shape":[1,3],"data_offsets":[0,6]},
        "rgba":{"dtype":"U8","shape":[1,4],"data_offsets":[6,10]},
        "normals":{"dtype":"F32","shape":[1,3],"data_offsets":[10,22]}"#;
    assert_eq!(decode(&file_of(tensors, 22)).unwrap().len(), 1);
}

/// Any valid voxels: cells from a set, each colour and finish told by chance.
fn any_voxels() -> impl Strategy<Value = SparseVoxels> {
    let cell = [0u16..100, 0u16..100, 0u16..100];
    let voxel = (any::<[u8; 4]>(), any::<[u8; 2]>());
    let cells = prop::collection::btree_map(cell, voxel, 0..100);
    (cells, 100u32..=1024, any::<bool>()).prop_map(|(cells, resolution, finished)| {
        let (coords, (rgba, finishes)): (Vec<_>, (Vec<_>, Vec<_>)) = cells.into_iter().unzip();
        SparseVoxels::new(resolution, coords, rgba, finished.then_some(finishes)).unwrap()
    })
}

proptest! {
    #[test]
    fn any_voxels_and_notes_come_back_and_make_the_same_bytes_again(
        voxels in any_voxels(),
        notes in prop::collection::btree_map("n[a-z]{0,6}", ".{0,20}", 0..5),
    ) {
        let bytes = encode_with_notes(&voxels, &notes);
        let (read, read_notes) = decode_with_notes(&bytes).unwrap();
        prop_assert_eq!(encode_with_notes(&read, &read_notes), bytes);
        prop_assert_eq!(read, voxels);
        prop_assert_eq!(read_notes, notes);
    }

    #[test]
    fn any_damaged_byte_is_survived(place in 0usize..10_000, byte in any::<u8>()) {
        let mut bytes = encode(&tiny());
        let place = place % bytes.len();
        bytes[place] = byte;
        if let Ok(voxels) = decode(&bytes) {
            prop_assert!(decode(&encode(&voxels)).is_ok());
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
    }
}
