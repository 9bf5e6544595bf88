//! Kept results among processes: made once, whole after a crash, counted and cleared. The program `trellis` keeps
//! what a stand-in server makes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "in a test a failed unwrap is the message"
)]

mod stand_in;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crossworld_trellis::format::voxels;
use crossworld_trellis::generation::ResultCache;
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;
use serde_json::Value;

use stand_in::{StandIn, gate};

/// How often a process is killed.
const KILLS: u32 = 60;

fn cells(edge: u16) -> SparseVoxels {
    let axis = || 0..edge;
    let coords = axis().flat_map(|z| axis().flat_map(move |y| axis().map(move |x| [x, y, z])));
    let coords: Vec<_> = coords.collect();
    let rgba = vec![[9, 8, 7, 255]; coords.len()];
    SparseVoxels::new(u32::from(edge), coords, rgba, None).unwrap()
}

/// A folder with a picture in it.
fn desk() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let picture = Picture::new(2, 2, vec![200; 16]).unwrap();
    picture.save_png(&folder.path().join("cat.png")).unwrap();
    folder
}

fn start(folder: &Path, server: &StandIn, line: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_trellis"))
        .args(line.split_whitespace())
        .current_dir(folder)
        .env("TRELLIS_CACHE", folder.join("kept"))
        .env("TRELLIS_SERVER_URL", &server.url)
        .env_remove("TRELLIS_BACKEND")
        .env_remove("TRELLIS_TOKEN")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end(child: Child) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().unwrap();
    let errors = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{errors}");
    String::from_utf8(stdout).unwrap()
}

fn generate(folder: &Path, server: &StandIn, rest: &str) -> Value {
    let line = format!("generate cat.png --json {rest}");
    serde_json::from_str(&end(start(folder, server, &line))).unwrap()
}

#[test]
fn what_was_made_once_is_found_and_other_requests_are_made() {
    let folder = desk();
    let folder = folder.path();
    let server = StandIn::new(&cells(4), || {});
    let other = Picture::new(2, 2, vec![100; 16]).unwrap();
    other.save_png(&folder.join("back.png")).unwrap();
    for (rest, cached, made) in [
        ("-o a.voxels", false, 1),
        ("-o b.voxels", true, 1),
        ("-o c.vox --preview c.png", true, 1),
        ("-o d.voxels --seed 1", false, 2),
        ("-o e.voxels --resolution 32", false, 3),
        ("-o f.voxels --no-cache", false, 4),
        ("-o g.voxels --also back.png", false, 5),
        ("-o h.voxels --also back.png", true, 5),
    ] {
        assert_eq!(generate(folder, &server, rest)["cached"], cached, "{rest}");
        assert_eq!(server.made(), made, "{rest}");
    }
    let [a, b] =
        ["a", "b"].map(|name| fs::read(folder.join(name).with_extension("voxels")).unwrap());
    assert_eq!(a, b);
}

#[test]
fn variants_are_numbered_and_have_a_seed_each() {
    let folder = desk();
    let server = StandIn::new(&cells(4), || {});
    let line = "generate cat.png -o out/cat.voxels --variants 3 --seed 5 --json";
    fs::create_dir(folder.path().join("out")).unwrap();
    let said = end(start(folder.path(), &server, line));
    let reports: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for (report, number) in reports.iter().zip(1..=3) {
        let name = format!("out/cat-{number}.voxels");
        assert_eq!(report["seed"], number + 4);
        assert_eq!(report["output"], name.as_str());
        assert!(folder.path().join(name).exists());
    }
    assert_eq!((reports.len(), server.made()), (3, 3));
}

#[test]
fn two_processes_that_ask_for_the_same_at_once_have_it_made_once() {
    let folder = desk();
    let folder = folder.path();
    let (gate, wait) = gate();
    let server = StandIn::new(&cells(4), wait);
    let line = |name| format!("generate cat.png --json -o {name}.voxels");
    let first = start(folder, &server, &line("first"));
    until(|| server.made() == 1);
    let second = start(folder, &server, &line("second"));
    gate.send(()).unwrap();
    let said = [first, second].map(|child| serde_json::from_str::<Value>(&end(child)).unwrap());
    assert_eq!([&said[0]["cached"], &said[1]["cached"]], [false, true]);
    assert_eq!(server.made(), 1);
}

#[test]
fn a_process_that_waits_for_one_that_is_killed_makes_it_itself() {
    let folder = desk();
    let folder = folder.path();
    let (gate, wait) = gate();
    let server = StandIn::new(&cells(4), wait);
    let mut first = start(folder, &server, "generate cat.png -o first.voxels");
    until(|| server.made() == 1);
    let second = start(folder, &server, "generate cat.png --json -o second.voxels");
    first.kill().unwrap();
    first.wait().unwrap();
    gate.send(()).unwrap();
    until(|| server.made() == 2);
    gate.send(()).unwrap();
    let said: Value = serde_json::from_str(&end(second)).unwrap();
    assert_eq!(said["cached"], false);
}

#[test]
fn a_process_killed_while_it_keeps_a_result_leaves_none_or_a_whole_one() {
    let folder = desk();
    let folder = folder.path();
    let kept = folder.join("kept");
    let result = cells(64);
    let server = StandIn::new(&result, || {});
    let line = "generate cat.png -o cat.voxels --backend server";
    let started = Instant::now();
    end(start(folder, &server, line));
    let longest = started.elapsed();
    let mut whole = 0;
    let mut random = 0x9e37_79b9_u32;
    for round in 0..KILLS {
        ResultCache::at(&kept).clear().unwrap();
        let mut child = start(folder, &server, line);
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        std::thread::sleep(longest.mul_f32((random % 1000) as f32 / 800.0));
        child.kill().unwrap();
        child.wait().unwrap();
        for entry in fs::read_dir(&kept).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "voxels")
            {
                let bytes = fs::read(&path).unwrap();
                assert_eq!(voxels::decode(&bytes).unwrap(), result, "round {round}");
                whole += 1;
            }
        }
    }
    // Else it was always killed too early, or never early enough, to tell anything.
    assert!((1..KILLS).contains(&whole), "{whole} of {KILLS} were kept");
    end(start(folder, &server, line));
    let said = generate(folder, &server, "-o cat.voxels");
    assert_eq!(said["cached"], true);
}

#[test]
fn a_cache_is_counted_and_cleared() {
    let folder = desk();
    let folder = folder.path();
    let server = StandIn::new(&cells(4), || {});
    generate(folder, &server, "-o a.voxels");
    let run = |line: &str| end(start(folder, &server, line));
    let info: Value = serde_json::from_str(&run("cache info --json")).unwrap();
    assert_eq!(
        (&info["results"], &info["removed"]),
        (&1.into(), &false.into())
    );
    assert!(run("cache info").starts_with("1 results (0.0 MiB) of at most 1024 MiB in "));
    assert!(run("cache clear").starts_with("removed 1 results"));
    let info: Value = serde_json::from_str(&run("cache info --json")).unwrap();
    assert_eq!(info["bytes"], 0);
}

#[test]
fn a_cache_that_cannot_be_written_spoils_nothing() {
    let folder = desk();
    let folder = folder.path();
    fs::write(folder.join("kept"), "a file").unwrap();
    let server = StandIn::new(&cells(4), || {});
    for _ in 0..2 {
        assert_eq!(generate(folder, &server, "-o a.voxels")["cached"], false);
    }
}

/// Waits, for ten seconds at most.
fn until(done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(
            Instant::now() < deadline,
            "it did not happen in ten seconds"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}
