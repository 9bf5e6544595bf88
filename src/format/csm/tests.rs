//! Tests of the `.csm` format: Crossworld's own files, its grammar case by case, and everything a stranger may send.

mod random;
mod reference;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::voxel::MAX_DEPTH;

/// A file that Crossworld wrote or read.
fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/crossworld")
        .join(path)
}

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(golden(path)).unwrap()).unwrap()
}

/// Name and text of every CSM file of a folder.
fn texts(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(golden(folder)).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|extension| extension == "csm"));
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    texts
        .map(|path| (name(&path), std::fs::read(&path).unwrap()))
        .collect()
}

/// Non-empty cells sorted by x, y, z, as Crossworld's own dumps list them.
fn cells(octree: &Octree) -> Vec<([u32; 3], u8)> {
    let mut cells: Vec<_> = octree.cells().collect();
    cells.sort_unstable();
    cells
}

fn dump(octree: &Octree) -> String {
    let mut dump = format!("depth {}\n", octree.depth());
    for ([x, y, z], value) in cells(octree) {
        writeln!(dump, "{x} {y} {z} {value}").unwrap();
    }
    dump
}

fn error(text: &str) -> String {
    decode(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn every_file_of_crossworld_holds_the_voxels_that_crossworld_reads() {
    let mut read = 0;
    for folder in ["models", "csm"] {
        for (name, text) in texts(folder) {
            let expected = std::fs::read_to_string(golden(&format!("{folder}/{name}.voxels.txt")));
            assert_eq!(dump(&decode(&text).unwrap()), expected.unwrap(), "{name}");
            read += 1;
        }
    }
    assert_eq!(read, 29);
}

#[test]
fn a_model_without_equal_octants_is_written_as_crossworld_writes_it() {
    let texts = texts("models");
    let mut written = 0;
    for model in json("models/index.json").as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        if model["canonical"] == true {
            let text = &texts[name];
            assert_eq!(&encode(&decode(text).unwrap()).unwrap(), text, "{name}");
            written += 1;
        }
    }
    assert_eq!(written, 16);
}

#[test]
fn every_case_of_the_grammar_is_read_as_far_and_as_deep_as_crossworld_reads_it() {
    let cases = json("csm/grammar.json");
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let parsed = parse(text);
        let expected = case["voxels"].as_array().unwrap().iter().map(|voxel| {
            let number = |axis: usize| u32::try_from(voxel[axis].as_u64().unwrap()).unwrap();
            ([0, 1, 2].map(number), u8::try_from(number(3)).unwrap())
        });
        let mut expected: Vec<_> = expected.collect();
        expected.sort_unstable();
        assert_eq!(cells(&parsed.octree), expected, "{text}");
        assert_eq!(u64::from(parsed.octree.depth()), case["depth"], "{text}");
        assert_eq!(
            parsed.stopped.is_none(),
            case["read_to_end"],
            "{text}: {:?}",
            parsed.stopped
        );
    }
    assert_eq!(cases.as_array().unwrap().len(), 129);
}

#[test]
fn a_hostile_file_is_an_error_or_the_voxels_that_crossworld_reads() {
    let texts = texts("hostile");
    for outcome in json("hostile/outcomes.json").as_array().unwrap() {
        let Some(name) = outcome["file"].as_str().unwrap().strip_suffix(".csm") else {
            continue;
        };
        let text = &texts[name];
        let _ = decode(text);
        let Ok(text) = str::from_utf8(text) else {
            continue;
        };
        if let Some(digest) = outcome["fnv1a64_of_dump"].as_str() {
            assert_eq!(fnv1a64(&dump(&parse(text).octree)), digest, "{name}");
        }
    }
    assert_eq!(texts.len(), 10);
}

/// The digest of a dump, as in `outcomes.json`.
fn fnv1a64(text: &str) -> String {
    let step = |digest: u64, byte| (digest ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

#[test]
fn hostile_files_are_told_by_place() {
    let texts = texts("hostile");
    let error = |name: &str| decode(&texts[name]).unwrap_err().to_string();
    for (name, expected) in [
        (
            "long_path",
            "line 1, column 2: paths and arrays nest at most 64 levels",
        ),
        (
            "path_1000",
            "line 1, column 2: paths and arrays nest at most 64 levels",
        ),
        (
            "nested_arrays",
            "line 1, column 67: paths and arrays nest at most 64 levels",
        ),
        (
            "open_brackets",
            "line 1, column 67: paths and arrays nest at most 64 levels",
        ),
        (
            "many_digits",
            "line 1, column 4: 9999999999999999999999999999999999999999 is no material",
        ),
        ("not_utf8", "line 2, column 1: the file is no UTF-8 text"),
        ("png", "line 1, column 1: the file is no UTF-8 text"),
        (
            "nul",
            "line 2, column 1: '\\0' stands where '>', '|' or the end should be",
        ),
    ] {
        assert!(error(name).starts_with(expected), "{name}: {}", error(name));
    }
    assert_eq!(decode(&texts["mirrors"]).unwrap().len(), 1);
    // 20 levels as written, although all of it is one leaf.
    assert!(error("reference_bomb").contains("an octree at most 16"));
}

#[test]
fn an_error_names_line_and_character_and_what_should_be_there() {
    for (text, expected) in [
        ("", None),
        (
            "42",
            Some(
                "line 1, column 1: '4' stands where '>', '|' or the end should be: correct it, or Crossworld drops it and all behind it",
            ),
        ),
        (
            "# é\r\n  >a",
            Some(
                "line 2, column 5: the text ends where a value, '[', '<', '/' or '^' should be: correct it, or Crossworld drops it and all behind it",
            ),
        ),
        (
            ">a 1 # é\n>b é",
            Some(
                "line 2, column 4: 'é' stands where a value, '[', '<', '/' or '^' should be: correct it, or Crossworld drops it and all behind it",
            ),
        ),
        (
            "> [1 2 3 4 5 6 7 8 9]",
            Some(
                "line 1, column 20: '9' stands where ']' behind eight cubes should be: correct it, or Crossworld drops it and all behind it",
            ),
        ),
        (
            "\n\n>a 0256",
            Some("line 3, column 4: 0256 is no material: use a number from 0 to 255"),
        ),
        (
            ">a 1 |\n>b [0 <b 0 0 0 0 0 0]",
            Some(
                "line 2, column 7: '<b' names no statement of the epoch before: use a path that one begins with, or add '>b ..' there",
            ),
        ),
        (
            ">b 1 >aaaaaaaaaaaaaaaaaaaaa 1",
            Some(
                "line 1, column 7: this statement is 21 levels deep, an octree at most 16: make the model coarser",
            ),
        ),
    ] {
        let error = decode(text.as_bytes()).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), expected, "{text}");
    }
}

#[test]
fn a_file_cut_at_any_byte_is_an_octree_or_an_error() {
    let mut texts: Vec<_> = texts("csm").into_values().collect();
    texts.push(std::fs::read(golden("models/slab.csm")).unwrap());
    for text in texts {
        for end in 0..=text.len() {
            let _ = decode(&text[..end]);
        }
    }
}

#[test]
fn the_limits_are_allowed_and_one_more_is_not() {
    let path = |letters| "a".repeat(letters);
    let array = |levels| {
        format!(
            "{}1{}",
            "[".repeat(levels),
            " 2 2 2 2 2 2 2]".repeat(levels)
        )
    };
    // What the model does not hold may nest deeper than an octree.
    for deep in [format!(">{} 1", path(64)), format!("> {}", array(64))] {
        assert_eq!(
            decode(format!("{deep} | >a 1").as_bytes()).unwrap().depth(),
            1
        );
    }
    for deep in [format!(">{} 1", path(65)), format!("> {}", array(65))] {
        assert!(error(&deep).contains("64 levels"));
    }
    for (letters, levels) in [(0, 16), (16, 0), (7, 9)] {
        let text = format!(">{} {}", path(letters), array(levels));
        assert_eq!(decode(text.as_bytes()).unwrap().depth(), MAX_DEPTH);
        assert!(error(&text.replacen('>', ">a", 1)).contains("17 levels deep"));
    }
}

#[test]
fn a_statement_too_deep_for_an_octree_is_left_out_and_the_rest_is_read() {
    let parsed = parse(&format!(">a 7 >{} 9 >c 8", "b".repeat(21)));
    assert_eq!(cells(&parsed.octree), [([0, 0, 0], 7), ([0, 1, 0], 8)]);
    assert!(matches!(
        parsed.stopped,
        Some(CsmError::Depth { depth: 21, .. })
    ));
}

#[test]
fn references_upon_references_stop_at_the_nesting_limit() {
    let text = format!("> 1 {}", "| > [< 0 0 0 0 0 0 0]".repeat(100_000));
    assert!(error(&text).contains("64 levels"));
}

#[test]
fn parts_beyond_counting_are_mirrored_at_once() {
    // Seven times as many voxels with each epoch, and no two octants alike for long.
    let mut text = String::from(">a [1 2 3 4 5 6 7 8] >b 3");
    text += &"| >a [<a <a <a /x<a ^y<a /zx<a 0 <a]".repeat(14);
    let octree = decode(format!("{text} | > /z<a").as_bytes()).unwrap();
    assert_eq!(octree.depth(), 15);
    assert_eq!(octree.len(), 8 * 7_u64.pow(14));
}

#[test]
fn a_part_is_mirrored_once_however_often_it_is_asked_for() {
    let text =
        ">a [[1 2 3 4 5 6 7 8] 0 0 0 0 0 0 0] | > [/x<a /y<a /x<a /xyx<a /y/x<a /xy<a <a /yy<a]";
    let octree = decode(text.as_bytes()).unwrap();
    let same = |a: usize, b: usize| match (octree.root().child(a), octree.root().child(b)) {
        (Node::Branch(a), Node::Branch(b)) => Arc::ptr_eq(&a, &b),
        _ => panic!("all are branches"),
    };
    assert!(same(0, 2) && same(1, 3) && same(4, 5) && same(6, 7));
    assert!(!same(0, 1) && !same(0, 4) && !same(0, 6));
}

#[test]
fn an_octree_of_too_many_statements_is_not_written() {
    let mut root = Node::octa([1, 2, 3, 4, 5, 6, 7, 8]);
    for _ in 1..MAX_DEPTH {
        root = Node::new(std::array::from_fn(|_| root.clone()));
    }
    let octree = Octree::from_root(MAX_DEPTH, root).unwrap();
    assert_eq!(encode(&octree), Err(CsmError::TooManyStatements));
}
