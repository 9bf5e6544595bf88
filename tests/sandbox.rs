//! The example `sandbox` as a player starts it: headless, and in a window on a virtual screen.
//!
//! The window test needs `Xvfb` and a Vulkan driver (Debian: `xvfb`, `mesa-vulkan-drivers`). Without `Xvfb` it is
//! skipped and says so; with `TRELLIS_WINDOW_TEST=1` it fails instead.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
#![cfg(feature = "sandbox")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crossworld_trellis::picture::Picture;

/// The example, which cargo builds beside its tests.
fn sandbox() -> Command {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let program = profile
        .join("examples")
        .join(format!("sandbox{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "build it first: cargo build --features sandbox --example sandbox"
    );
    let mut command = Command::new(program);
    command
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("TRELLIS_BACKEND")
        // A server that happens to run here shall not do the work.
        .env("TRELLIS_SERVER_URL", "http://127.0.0.1:1");
    command
}

fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/images")
        .join(name)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Number of different colours, counted to a limit.
fn colours(picture: &Picture) -> usize {
    picture
        .pixels()
        .iter()
        .collect::<std::collections::HashSet<_>>()
        .len()
}

#[test]
fn without_a_display_it_goes_headless_says_so_and_makes_the_mushroom_house() {
    let output = sandbox().output().unwrap();
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("There is no display: running headless"),
        "{said}"
    );
    assert!(
        said.contains("mushroom_house.png: ") && said.contains(" voxels in "),
        "{said}"
    );
}

#[test]
fn the_report_tells_of_every_picture_and_the_screenshot_shows_them() {
    let folder = tempfile::tempdir().unwrap();
    let [report, shot] = ["report.json", "shot.png"].map(|name| folder.path().join(name));
    let output = sandbox()
        .args(["--headless", "--resolution", "32", "--seed", "5", "--image"])
        .arg(picture("cat.png"))
        .arg("--image")
        .arg(picture("teapot.png"))
        .arg("--report")
        .arg(&report)
        .arg("--screenshot")
        .arg(&shot)
        .arg("--exit-when-done")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let generations = report["generations"].as_array().unwrap();
    assert_eq!(generations.len(), 2);
    for generation in generations {
        assert_eq!(
            (&generation["status"], &generation["backend"]),
            (&"done".into(), &"inflate".into())
        );
        assert!(generation["seconds"].as_f64().unwrap() > 0.0);
        assert!(generation["first_preview_seconds"].as_f64().unwrap() > 0.0);
        for count in ["voxels", "chunks", "quads"] {
            assert!(
                generation[count].as_u64().unwrap() > 0,
                "{count} of {generation}"
            );
        }
        assert_eq!(
            generation["entities"],
            generation["chunks"].as_u64().unwrap() + 1
        );
    }
    assert!(report["ground"]["voxels"].as_u64().unwrap() > 1_000_000);
    assert!(report["ground"]["chunks"].as_u64().unwrap() > 100);
    assert!(colours(&Picture::open(&shot).unwrap()) > 100);
}

#[test]
fn what_cannot_be_made_is_told_in_the_report_and_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let letter = folder.path().join("letter.png");
    std::fs::write(&letter, "Dear diary").unwrap();
    let output = sandbox()
        .arg("--headless")
        .arg("--image")
        .arg(&letter)
        .arg("--report")
        .arg(&report)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    let generation = &report["generations"][0];
    assert_eq!(generation["status"], "failed");
    let message = generation["message"].as_str().unwrap();
    assert!(message.contains("not a picture"), "{message}");
}

/// A virtual screen of the window's size, gone when dropped.
struct VirtualScreen {
    server: Child,
    display: String,
}

impl VirtualScreen {
    /// Starts one, or tells why there is none.
    fn start() -> Result<Self, String> {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x720x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("Xvfb does not start: {error}"))?;
        let mut number = String::new();
        let answer = server
            .stdout
            .take()
            .map(|out| BufReader::new(out).read_line(&mut number));
        let screen = Self {
            server,
            display: format!(":{}", number.trim()),
        };
        match answer {
            Some(Ok(length)) if length > 0 => Ok(screen),
            _ => Err("Xvfb gives no display".into()),
        }
    }
}

impl Drop for VirtualScreen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// What the window shows when everything has ended.
fn photograph(screen: &VirtualScreen, image: &Path, shot: &Path) -> Picture {
    let output = sandbox()
        .env("DISPLAY", &screen.display)
        .arg("--image")
        .arg(image)
        .arg("--screenshot")
        .arg(shot)
        .arg("--exit-when-done")
        .output()
        .unwrap();
    Picture::open(shot).unwrap_or_else(|error| panic!("{error}\n{}", text(&output)))
}

/// The part of a region's pixels that are of a kind.
fn part_where(
    picture: &Picture,
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
    is_meant: impl Fn([u8; 4]) -> bool,
) -> f64 {
    let places = rows.flat_map(|y| columns.clone().map(move |x| y * picture.width() + x));
    let all: Vec<bool> = places
        .map(|place| is_meant(picture.pixels()[place as usize]))
        .collect();
    all.iter().filter(|&&is_meant| is_meant).count() as f64 / all.len() as f64
}

/// The part of a region's pixels in which two pictures differ clearly.
fn difference(
    one: &Picture,
    other: &Picture,
    columns: std::ops::Range<u32>,
    rows: std::ops::Range<u32>,
) -> f64 {
    let differs = |x: u32, y: u32| {
        let place = (y * one.width() + x) as usize;
        let pairs = one.pixels()[place].into_iter().zip(other.pixels()[place]);
        pairs
            .take(3)
            .map(|(a, b)| u32::from(a.abs_diff(b)))
            .sum::<u32>()
            > 60
    };
    let all: Vec<bool> = rows
        .flat_map(|y| columns.clone().map(move |x| (x, y)))
        .map(|(x, y)| differs(x, y))
        .collect();
    all.iter().filter(|&&differs| differs).count() as f64 / all.len() as f64
}

#[test]
fn the_window_shows_the_thing_where_it_stands() {
    let screen = match VirtualScreen::start() {
        Ok(screen) => screen,
        Err(reason) if std::env::var_os("TRELLIS_WINDOW_TEST").is_none() => {
            println!("skipped: {reason} (Debian: apt-get install xvfb mesa-vulkan-drivers)");
            return;
        }
        Err(reason) => panic!("{reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let empty = photograph(
        &screen,
        Path::new("no/such.png"),
        &folder.path().join("empty.png"),
    );
    let house = photograph(
        &screen,
        &picture("mushroom_house.png"),
        &folder.path().join("house.png"),
    );
    assert_eq!((house.width(), house.height()), (1280, 720));
    assert!(colours(&empty) > 500, "the ground is there");
    assert!(colours(&house) > 1000, "the house has many colours");
    // Without the sky's light metal would be black.
    let gold = part_where(&empty, 200..370, 370..560, |[r, g, b, _]| {
        r > 120 && g > 80 && b < g / 2
    });
    assert!(gold > 0.1, "the gold cup is {gold} of where it stands");
    // The meadow shows through the bottle's neck, greener than it is.
    let glass = part_where(&empty, 950..970, 400..440, |[r, g, b, _]| {
        g > r && g > b && r > 60
    });
    assert!(glass > 0.8, "the bottle is {glass} of where its neck is");
    let where_it_stands = difference(&empty, &house, 540..740, 200..500);
    assert!(
        where_it_stands > 0.5,
        "only {where_it_stands} of the middle changed"
    );
    let far_from_it = difference(&empty, &house, 1100..1270, 10..700);
    assert!(
        far_from_it < 0.02,
        "{far_from_it} of the right edge changed"
    );
}
