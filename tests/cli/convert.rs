//! `trellis convert` and `trellis dump`.

use crossworld_trellis::format::extensions;
use crossworld_trellis::voxel::SparseVoxels;
use serde_json::Value;

use super::desk::{Desk, load, save};

/// Voxels in two of Crossworld's plain colours, which every format can hold.
fn plain() -> SparseVoxels {
    let coords = vec![[0, 0, 0], [15, 3, 1], [7, 15, 9], [8, 0, 0]];
    let rgba = [[255, 0, 0, 255], [0, 0, 255, 255]];
    let rgba = vec![rgba[0], rgba[1], rgba[1], rgba[0]];
    SparseVoxels::new(16, coords, rgba, None).unwrap()
}

#[test]
fn every_pair_of_formats_keeps_voxels_and_colours() {
    let desk = Desk::new();
    let original = plain();
    save(&desk.path("start.voxels"), &original);
    for first in extensions() {
        desk.done(&format!("convert start.voxels a.{first}"));
        for second in extensions() {
            let to = format!("b-{first}.{second}");
            desk.done(&format!("convert a.{first} {to}"));
            desk.done(&format!("convert {to} end.voxels"));
            let end = load(&desk.path("end.voxels"));
            assert_eq!(end.coords(), original.coords(), "{first} to {second}");
            assert_eq!(end.rgba(), original.rgba(), "{first} to {second}");
        }
    }
}

#[test]
fn converting_to_json_tells_what_was_written() {
    let desk = Desk::new();
    save(&desk.path("start.voxels"), &plain());
    let report: Value =
        serde_json::from_str(&desk.done("convert start.voxels a.bcf --json")).unwrap();
    assert_eq!(report["voxels"], 4);
    assert_eq!(report["resolution"], 16);
    assert_eq!(
        report["bytes"],
        std::fs::metadata(desk.path("a.bcf")).unwrap().len()
    );
}

#[test]
fn a_dump_lists_materials_and_is_the_same_for_every_format_that_holds_them() {
    let desk = Desk::new();
    save(&desk.path("start.voxels"), &plain());
    let expected = "depth 4\n0 0 0 224\n7 15 9 131\n8 0 0 224\n15 3 1 131\n";
    for extension in ["voxels", "csm", "bcf"] {
        let file = format!("a.{extension}");
        if extension != "voxels" {
            desk.done(&format!("convert start.voxels {file}"));
        } else {
            desk.done("convert start.voxels b.csm");
            save(&desk.path(&file), &plain());
        }
        assert_eq!(desk.done(&format!("dump {file}")), expected, "{file}");
    }
}

#[test]
fn a_text_that_cannot_be_read_is_refused_with_its_place() {
    let desk = Desk::new();
    desk.file("broken.csm", b">a 1\n>b 2\n>c 300\n");
    let error = desk.fails("convert broken.csm a.vox");
    assert!(
        error.contains("line 3") && error.contains("broken.csm"),
        "{error}"
    );
}

#[test]
fn own_colours_are_refused_where_only_materials_fit() {
    let desk = Desk::new();
    save(&desk.path("start.voxels"), &plain());
    let error = desk.fails("convert start.voxels a.csm --palette model");
    assert!(
        error.contains("palette 'model'") && error.contains("a.csm"),
        "{error}"
    );
    desk.misused("convert start.voxels a.csm --palette rainbow");
}

#[test]
fn a_model_too_deep_for_a_format_is_refused_and_nothing_is_written() {
    let desk = Desk::new();
    desk.file("deep.csm", b">aaaaaaaaaaaa 130\n");
    desk.done("convert deep.csm deep.bcf");
    let error = desk.fails("convert deep.csm deep.vox");
    assert!(error.contains("4096") && error.contains("1024"), "{error}");
}

#[test]
fn files_that_share_their_parts_are_told_about_without_being_unfolded() {
    let desk = Desk::new();
    let level = |text: String| format!("{text}|> [< < < < < < < <]\n");
    let bomb = (0..15).fold("> [1 130 0 0 0 0 0 0]\n".to_owned(), |text, _| level(text));
    desk.file("bomb.csm", bomb.as_bytes());
    let report: Value = serde_json::from_str(&desk.done("info bomb.csm --json")).unwrap();
    assert_eq!(report["colors"], 2);
    assert_eq!(report["voxels"], 2_u64 << 45);
    desk.fails("dump bomb.csm");
    desk.fails("convert bomb.csm a.bcf");
    desk.fails("convert bomb.csm a.voxels");
}

#[test]
fn an_option_that_would_do_nothing_is_refused() {
    let desk = Desk::new();
    save(&desk.path("start.voxels"), &plain());
    for (line, option) in [
        ("convert start.voxels a.csm --fill", "--fill"),
        ("convert start.voxels a.csm --resolution 16", "--resolution"),
        ("dump start.voxels --compact", "--compact"),
    ] {
        let said = desk.fails(line);
        assert!(said.contains(&format!("{option} is for ")), "{said}");
    }
    assert!(!desk.path("a.csm").exists());
    let said = desk.misused("dump start.voxels --palette model");
    assert!(said.contains("--palette"), "{said}");
}

#[test]
fn a_mesh_made_of_voxels_is_read_in_its_own_grid() {
    let desk = Desk::new();
    save(&desk.path("start.voxels"), &plain());
    desk.done("convert start.voxels a.glb");
    desk.done("convert a.glb b.voxels");
    assert_eq!(load(&desk.path("b.voxels")).coords(), plain().coords());
    assert!(
        desk.misused("convert a.glb b.voxels --resolution 1025")
            .contains("1..=1024")
    );
}

#[test]
fn damaged_bytes_under_every_extension_end_in_one_line() {
    let desk = Desk::new();
    for extension in extensions() {
        let file = format!("noise.{extension}");
        desk.file(&file, b"\x00\x9f\x92\x96 this is no model {[");
        let error = desk.fails(&format!("info {file}"));
        assert!(error.contains(&file), "{error}");
        desk.fails(&format!("convert {file} out.voxels"));
        desk.fails(&format!("dump {file}"));
        desk.fails(&format!("preview {file} -o out.png"));
    }
}
