//! A process killed at any moment while it saves leaves the old file or the new one.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message"
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crossworld_trellis::format::{Contents, PaletteChoice, save};
use crossworld_trellis::voxel::Octree;

/// How often a process is killed.
const KILLS: u32 = 200;

/// A world with something in every chunk, some 300 KB as a file.
fn world(material: u8) -> Contents {
    let cells = (0..40_000_u32).map(|i| {
        let code = i.wrapping_mul(2_654_435_761);
        ([code & 127, code >> 7 & 127, code >> 14 & 127], material)
    });
    Contents::Materials(Octree::from_cells(7, cells).unwrap())
}

/// Starts the program on saving one world over another.
fn convert(source: &Path, target: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_trellis"))
        .arg("convert")
        .args([source, target])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_save_leaves_the_old_world_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let sources = [150, 160].map(|material: u8| {
        let path = folder.path().join(format!("{material}.bcf"));
        save(&path, world(material), PaletteChoice::Auto).unwrap();
        path
    });
    let expected = sources.each_ref().map(|path| fs::read(path).unwrap());
    let target = folder.path().join("world.bcf");
    fs::copy(&sources[0], &target).unwrap();
    // How long a save takes here, so that kills fall before, into and after it.
    let mut replaced = 0;
    let mut longest = Duration::ZERO;
    for source in [&sources[1], &sources[0]] {
        let started = Instant::now();
        assert!(convert(source, &target).wait().unwrap().success());
        longest = longest.max(started.elapsed());
    }
    let mut random = 0x9e37_79b9_u32;
    for round in 0..KILLS {
        let before = fs::read(&target).unwrap();
        let next = usize::from(before == expected[0]);
        let mut save = convert(&sources[next], &target);
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        std::thread::sleep(longest.mul_f32((random % 1000) as f32 / 700.0));
        save.kill().unwrap();
        save.wait().unwrap();
        let after = fs::read(&target).unwrap();
        assert!(
            after == expected[next] || after == before,
            "round {round}: the file is neither the old nor the new world"
        );
        replaced += u32::from(after != before);
    }
    // Else it was always killed too early, or never early enough, to tell anything.
    assert!(
        (KILLS / 20..KILLS).contains(&replaced),
        "{replaced} of {KILLS} saves came through"
    );
}
