//! Tests of the program `trellis` as a user meets it: arguments in; files, text and exit codes out.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message"
)]

mod convert;
mod desk;
#[cfg(all(unix, feature = "server"))]
mod doctor;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;
use serde_json::Value;

use desk::{Desk, load, save, text, words};

const RED: [u8; 4] = [200, 30, 30, 255];
const CLEAR: [u8; 4] = [0; 4];

/// A PNG that claims any size, and has no pixels.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [&size[..], &[8, 6, 0, 0, 0]].concat();
    let chunks = [(b"IHDR", &header[..]), (b"IDAT", &[]), (b"IEND", &[])];
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        png.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let checked = [&kind[..], data].concat();
        png.extend(&checked);
        png.extend(crc32(&checked).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |c, _| {
            (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg())
        })
    })
}

fn block() -> SparseVoxels {
    let coords = vec![[2, 0, 3], [3, 0, 3], [3, 1, 3]];
    SparseVoxels::new(8, coords, vec![RED, RED, [1, 2, 3, 255]], None).unwrap()
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let desk = Desk::new();
    for line in [
        "--help",
        "generate --help",
        "info --help",
        "preview --help",
        "doctor --help",
    ] {
        let help = desk.done(line);
        assert!(help.contains("Usage: trellis"), "{help}");
        assert!(help.contains("Example"), "{help}");
    }
    assert!(desk.done("--version").starts_with("trellis 0."));
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_names_the_argument() {
    let desk = Desk::new();
    for (line, named) in [
        ("generate cat.png", "--output <FILE>"),
        ("generate -o cat.voxels", "<PICTURE>"),
        (
            "generate cat.png -o c.voxels --resolution abc",
            "--resolution <CELLS>",
        ),
        ("generate cat.png -o c.voxels --resolution -5", "-5"),
        ("generate cat.png -o c.voxels --seed 1.5", "--seed <NUMBER>"),
        ("preview c.voxels -o c.png --yaw north", "--yaw <DEGREES>"),
        ("conjure cat.png", "conjure"),
        ("", "Usage"),
    ] {
        let said = desk.misused(line);
        assert!(said.contains(named), "trellis {line}: {said}");
    }
}

#[test]
fn a_picture_becomes_a_file_of_voxels() {
    let desk = Desk::new();
    let said = desk
        .disc()
        .done("generate disc.png -o disc.voxels --resolution 32");
    let voxels = load(&desk.path("disc.voxels"));
    assert_eq!(voxels.resolution(), 32);
    assert!(voxels.len() > 100);
    assert!(
        said.starts_with(&format!("disc.voxels: {} voxels", voxels.len())),
        "{said}"
    );
}

#[test]
fn json_is_one_object_that_tells_what_was_made() {
    let desk = Desk::new();
    let said = desk.disc().done(
        "generate disc.png -o disc.voxels --resolution 32 --seed 7 --preview disc-3d.png --json",
    );
    let report: Value = serde_json::from_str(&said).unwrap();
    let voxels = load(&desk.path("disc.voxels"));
    assert_eq!(report["voxels"], voxels.len());
    assert_eq!(report["backend"], "inflate");
    assert_eq!(report["resolution"], 32);
    assert_eq!(report["seed"], 7);
    assert_eq!(report["output"], "disc.voxels");
    assert_eq!(report["preview"], "disc-3d.png");
    assert!(report["seconds"].as_f64().unwrap() >= 0.0);
    assert_eq!(
        Picture::open(&desk.path("disc-3d.png")).unwrap().width(),
        512
    );
}

#[test]
fn the_same_picture_and_seed_give_the_same_file() {
    let desk = Desk::new();
    desk.disc();
    desk.done("generate disc.png -o a.voxels --backend inflate --resolution 32 --seed 3");
    desk.done("generate disc.png -o b.voxels --backend auto --resolution 32 --seed 3");
    assert_eq!(
        fs::read(desk.path("a.voxels")).unwrap(),
        fs::read(desk.path("b.voxels")).unwrap()
    );
}

#[test]
fn what_is_no_picture_is_refused_by_name() {
    let desk = Desk::new();
    let png = fs::read(desk.disc().path("disc.png")).unwrap();
    desk.file("text.png", b"Dear diary, today I drew a cat.")
        .file("nothing.png", b"")
        .file("cut.png", &png[..png.len() / 2])
        .file("none.png", &png_header(0, 0))
        .file("huge.png", &png_header(20_000, 20_000));
    for (name, why) in [
        ("text.png", "not a picture"),
        ("nothing.png", "not a picture"),
        ("cut.png", "damaged"),
        ("none.png", ""),
        ("huge.png", "too large (20000 x 20000)"),
        ("nobody.png", "cannot read"),
        (".", "cannot read"),
    ] {
        let said = desk.fails(&format!("generate {name} -o out.voxels"));
        assert!(said.contains(why) && said.contains(name), "{said}");
    }
}

#[test]
fn a_picture_of_nothing_is_refused() {
    let desk = Desk::new();
    desk.picture("clear.png", 40, |_, _| CLEAR);
    let said = desk.fails("generate clear.png -o out.voxels");
    assert!(said.contains("transparent"), "{said}");
}

#[test]
fn pictures_without_an_outline_give_voxels_or_one_clear_line() {
    let desk = Desk::new();
    desk.picture("plain.png", 40, |_, _| RED)
        .picture("dot.png", 1, |_, _| RED);
    for name in ["plain", "dot"] {
        let line = format!("generate {name}.png -o {name}.voxels");
        if desk.run(&words(&line)).status.success() {
            assert!(!load(&desk.path(&format!("{name}.voxels"))).is_empty());
        } else {
            desk.fails(&line);
        }
    }
}

#[test]
fn resolutions_out_of_range_are_refused_with_the_range() {
    let desk = Desk::new();
    desk.disc();
    let line = |number| format!("generate disc.png -o out.voxels --resolution {number}");
    for number in ["7", "257"] {
        let said = desk.fails(&line(number));
        assert!(said.contains(number) && said.contains("8 to 256"), "{said}");
    }
    for number in ["0", "4000000000"] {
        let said = desk.misused(&line(number));
        assert!(said.contains(number) && said.contains("1..=1024"), "{said}");
    }
}

#[test]
fn a_model_is_refused_where_nobody_has_a_choice_or_there_is_none_of_that_name() {
    let desk = Desk::new();
    desk.disc();
    let line = "generate disc.png -o out.voxels --backend inflate --model owner/name";
    let said = desk.fails(line);
    assert!(said.contains("inflate cannot be given a model"), "{said}");
    assert!(said.contains("serve --model owner/name"), "{said}");
    if cfg!(feature = "server") {
        let said = desk.fails(&line.replace("--backend inflate", "--server http://127.0.0.1:1"));
        assert!(said.contains("server cannot be given a model"), "{said}");
        let line = line.replace("--backend inflate", "--server spawn");
        let said = desk.fails(&line.replace("owner/name", "no/such/folder"));
        assert!(said.contains("there is no such folder"), "{said}");
        let said = desk.fails(&line.replace("owner/name", "."));
        assert!(said.contains("holds no pipeline.json"), "{said}");
    }
    assert!(!desk.path("out.voxels").exists());
}

#[test]
fn an_unknown_backend_is_refused_with_the_known_ones() {
    let desk = Desk::new();
    let said = desk
        .disc()
        .fails("generate disc.png -o out.voxels --backend warp-drive");
    assert!(
        said.contains("warp-drive") && said.contains("inflate"),
        "{said}"
    );
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_the_picture_is_read() {
    let desk = Desk::new();
    desk.file("file", b"");
    fs::create_dir(desk.path("folder.voxels")).unwrap();
    for (output, why) in [
        ("out.obj", ".glb (out.obj)"),
        ("out", ".glb (out)"),
        ("missing/out.voxels", "cannot write"),
        ("file/out.voxels", "cannot write"),
        ("folder.voxels", "cannot write"),
        ("out.voxels --preview out.jpg", "name the file .png"),
        ("out.voxels --preview missing/out.png", "cannot write"),
    ] {
        // The picture does not exist; an output that is wrong is told first.
        let said = desk.fails(&format!("generate nobody.png -o {output}"));
        assert!(said.contains(why), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_refused_before_the_picture_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let folder = desk.path("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.join("probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    let said = desk.fails("generate nobody.png -o closed/out.voxels");
    assert!(
        said.contains("cannot write") && said.contains("closed/out.voxels"),
        "{said}"
    );
}

#[test]
fn info_tells_what_a_file_holds() {
    let desk = Desk::new();
    save(&desk.path("block.voxels"), &block());
    let said = desk.done("info block.voxels");
    for line in [
        "voxels      3",
        "resolution  8",
        "bounds      [2, 0, 3] to [3, 1, 3], 2 x 2 x 1 cells",
        "colors      2",
        "finish      none",
    ] {
        assert!(
            said.lines().any(|said| said == line),
            "{line} is not in\n{said}"
        );
    }
}

#[test]
fn info_as_json_is_one_object() {
    let desk = Desk::new();
    let file = desk.path("block.voxels");
    save(&file, &block());
    let report: Value = serde_json::from_str(&desk.done("info block.voxels --json")).unwrap();
    assert_eq!(report["bytes"], fs::metadata(file).unwrap().len());
    assert_eq!(report["bounds"]["size"], serde_json::json!([2, 2, 1]));
    assert_eq!(report["metallic_roughness"], false);

    let empty = SparseVoxels::new(8, vec![], vec![], None).unwrap();
    save(&desk.path("empty.voxels"), &empty);
    let report: Value = serde_json::from_str(&desk.done("info empty.voxels --json")).unwrap();
    assert_eq!(report["bounds"], Value::Null);
}

#[test]
fn a_preview_is_a_picture_of_the_asked_size() {
    let desk = Desk::new();
    save(&desk.path("block.voxels"), &block());
    let line = "preview block.voxels -o a.png --size 80 --yaw -45 --pitch 10 --transparent";
    assert_eq!(desk.done(line), "");
    let picture = Picture::open(&desk.path("a.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (80, 80));
    let [corner, middle] = [0, 40 * 80 + 40].map(|place| picture.pixels()[place]);
    assert_eq!((corner[3], middle[3]), (0, 255));
}

#[test]
fn files_that_are_no_voxels_are_refused_by_name() {
    let desk = Desk::new();
    save(&desk.path("block.voxels"), &block());
    let whole = fs::read(desk.path("block.voxels")).unwrap();
    desk.file("text.voxels", b"Dear diary, today I drew a cat.")
        .file("nothing.voxels", b"")
        .file("cut.voxels", &whole[..whole.len() - 1])
        .file("block.obj", b"");
    for name in [
        "text.voxels",
        "nothing.voxels",
        "cut.voxels",
        "block.obj",
        "nobody.voxels",
        ".",
    ] {
        for line in [format!("info {name}"), format!("preview {name} -o out.png")] {
            let said = desk.fails(&line);
            assert!(said.contains(name), "{said}");
        }
    }
}

#[test]
fn previews_of_impossible_size_or_place_are_refused() {
    let desk = Desk::new();
    save(&desk.path("block.voxels"), &block());
    for (rest, why) in [
        ("-o out.png --size 15", "15 x 15"),
        ("-o out.png --size 4097", "16 to 4096"),
        ("-o out.jpg", "name the file .png"),
        ("-o missing/out.png", "cannot write"),
    ] {
        let said = desk.fails(&format!("preview block.voxels {rest}"));
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn names_with_spaces_and_line_breaks_stay_one_line_of_error() {
    let desk = Desk::new();
    for name in ["my cat.png", "my\ncat.png"] {
        let output = desk.run(&["generate", name, "-o", "my cat.voxels"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stderr).lines().count(), 1);
    }
    let path = Path::new("my block.voxels");
    save(&desk.0.path().join(path), &block());
    assert!(
        desk.run(&[OsStr::new("info"), path.as_os_str()])
            .status
            .success()
    );
}

#[test]
fn a_result_never_overwrites_the_picture_it_is_made_from() {
    let desk = Desk::new();
    desk.disc();
    let before = fs::read(desk.path("disc.png")).unwrap();
    let said = desk.fails("generate disc.png -o disc.voxels --preview ./disc.png");
    assert!(said.contains("would overwrite the input"), "{said}");
    assert_eq!(fs::read(desk.path("disc.png")).unwrap(), before);
}

#[test]
fn views_from_nowhere_are_wrong_usage() {
    let desk = Desk::new();
    for view in ["--yaw nan", "--yaw inf", "--pitch 90", "--pitch -200"] {
        let said = desk.misused(&format!("preview block.voxels -o block.png {view}"));
        assert!(said.contains(view.split(' ').next().unwrap()), "{said}");
    }
}
