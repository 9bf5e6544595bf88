//! Files written by the Crossworld engine, read and written back: see tests/golden/README.md for what made them.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message"
)]

mod cost;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crossworld_trellis::format::{bcf, csm, dump, vox};
use crossworld_trellis::voxel::Octree;
use serde_json::Value;

use cost::{Cost, measured};

/// Most that a broken file may cost.
const LIMIT: Cost = Cost {
    time: Duration::from_millis(50),
    memory: 64 << 20,
};

type Decode = fn(&[u8]) -> Result<Octree, String>;

/// How each format is read into materials.
const READERS: [(&str, Decode); 3] = [
    ("csm", |bytes| csm::decode(bytes).map_err(|e| e.to_string())),
    ("bcf", |bytes| bcf::decode(bytes).map_err(|e| e.to_string())),
    ("vox", |bytes| {
        vox::decode_as_crossworld(bytes, vox::Extent::Canvas)
            .map(|(octree, _)| octree)
            .map_err(|e| e.to_string())
    }),
];

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/crossworld")
        .join(folder)
}

/// Files of a folder with an ending, by their name without it.
fn files(folder: &str, ending: &str) -> BTreeMap<String, Vec<u8>> {
    let ending = format!(".{ending}");
    fs::read_dir(golden(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path
                .file_name()?
                .to_str()?
                .strip_suffix(&ending)?
                .to_owned();
            Some((name, fs::read(path).unwrap()))
        })
        .collect()
}

fn json(path: &str) -> Vec<Value> {
    serde_json::from_slice(&fs::read(golden(path)).unwrap()).unwrap()
}

fn dumped(octree: &Octree) -> String {
    let mut text = Vec::new();
    dump::write(octree, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// FNV-1a of 64 bits, as the digests are.
fn digest(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

#[test]
fn every_file_of_the_engine_holds_exactly_its_voxels() {
    let mut compared = 0;
    for (ending, decode) in READERS {
        for folder in ["models", "csm", "bcf", "vox"] {
            let dumps = files(
                folder,
                if ending == "vox" {
                    "canvas.voxels.txt"
                } else {
                    "voxels.txt"
                },
            );
            for (name, bytes) in files(folder, ending) {
                let octree =
                    decode(&bytes).unwrap_or_else(|error| panic!("{name}.{ending}: {error}"));
                assert_eq!(dumped(&octree).as_bytes(), dumps[&name], "{name}.{ending}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 60, "only {compared} files are there");
}

#[test]
fn canonical_models_are_written_as_the_engine_writes_them() {
    let texts = files("models", "csm");
    let binaries = files("models", "bcf");
    let mut written = [0, 0];
    for model in json("models/index.json") {
        let name = model["name"].as_str().unwrap();
        if model["canonical"] != true {
            continue;
        }
        let octree = csm::decode(&texts[name]).unwrap();
        assert_eq!(csm::encode(&octree).unwrap(), texts[name], "{name}.csm");
        written[0] += 1;
        if model["bcf_valid"] == true {
            assert_eq!(bcf::encode(&octree).unwrap(), binaries[name], "{name}.bcf");
            written[1] += 1;
        }
    }
    assert!(written[0] >= 15 && written[1] >= 14, "{written:?}");
}

#[test]
fn a_model_that_the_engine_writes_wrong_is_written_with_wider_pointers() {
    let octree = csm::decode(&files("models", "csm")["crowd64"]).unwrap();
    let ours = bcf::encode(&octree).unwrap();
    assert_eq!(ours, files("bcf", "bcf")["crowd64_4_byte"]);
}

#[test]
fn broken_files_end_in_an_error_or_in_what_the_engine_reads() {
    let mut outcomes = BTreeMap::new();
    for case in json("hostile/outcomes.json") {
        let file = case["file"].as_str().unwrap().to_owned();
        let (_, ending) = file.rsplit_once('.').unwrap();
        let decode = READERS.iter().find(|(name, _)| *name == ending).unwrap().1;
        let bytes = fs::read(golden("hostile").join(&file)).unwrap();
        let read = read_within_limit(&file, &bytes, decode);
        let outcome = case["outcome"].as_str().unwrap();
        match &read {
            Ok(octree) => {
                let is_ok = outcome.starts_with("ok") || outcome == "stack overflow";
                let is_bomb =
                    outcome == "does not finish" && octree.len() > dump::MAX_DUMPED_VOXELS;
                assert!(
                    is_ok || is_bomb,
                    "{file}: read, but the engine says {outcome}"
                );
                if let Some(expected) = case["fnv1a64_of_dump"].as_str() {
                    assert_eq!(digest(&dumped(octree)), expected, "{file}");
                }
            }
            Err(error) => {
                assert!(!error.contains('\n') && error.len() > 20, "{file}: {error}");
                let is_too_deep = error.contains("levels") || error.contains("deep");
                let is_dropped = outcome == "ok, tail dropped";
                assert!(outcome != "ok" || is_too_deep, "{file}: {error}");
                assert!(
                    outcome.starts_with("ok") <= (is_too_deep || is_dropped),
                    "{file}: {error}"
                );
            }
        }
        *outcomes.entry(read.is_ok()).or_insert(0) += 1;
    }
    assert!(
        outcomes[&true] >= 10 && outcomes[&false] >= 40,
        "{outcomes:?}"
    );
}

#[test]
fn a_bomb_that_an_octree_can_hold_is_read_but_not_spelt_out() {
    // All eight pointers of each branch lead to the next: 8^16 leaves.
    let mut bytes = b"1FCB\x01\0\0\0\x0c\0\0\0".to_vec();
    for level in 1..16 {
        let next = 12 + 17 * level;
        bytes.push(0xa1);
        bytes.extend(u16::to_le_bytes(next).repeat(8));
    }
    bytes.extend([0x90, 1, 2, 3, 4, 5, 6, 7, 8]);
    let (_, decode) = READERS[1];
    let octree = read_within_limit("bomb", &bytes, decode).unwrap();
    assert_eq!(octree.len(), 1 << 48);
    let (refused, cost) = measured(|| {
        let dumped = dump::write(&octree, &mut Vec::new());
        [dumped.is_err(), bcf::encode(&octree).is_err()]
    });
    assert_eq!(refused, [true; 2]);
    assert!(cost.time < LIMIT.time && cost.memory < LIMIT.memory);
}

fn read_within_limit(file: &str, bytes: &[u8], decode: Decode) -> Result<Octree, String> {
    let (read, cost) = measured(|| decode(bytes));
    assert!(cost.time < LIMIT.time, "{file}: {cost:?}");
    assert!(cost.memory < LIMIT.memory, "{file}: {cost:?}");
    read
}
