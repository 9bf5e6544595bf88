//! The built-in method through the public API: what its voxels promise, on drawn pictures and on every PNG of
//! `assets/images` and of the folder that `TRELLIS_TEST_PICTURES` names.

#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests on pictures of their own; the lints' own exceptions end at test functions"
)]

mod drawings;
mod reference;
mod shape;

use std::path::{Path, PathBuf};

use crossworld_trellis::backend::{
    Backend, BackendError, Cancelled, CutOutError, Inflate, Progress, Prompt, Stage, Unwatched,
    Watch,
};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;
use proptest::prelude::*;

use drawings::{draw, drawings};
use reference::Reference;
use shape::Shape;

/// The folder of further pictures, for those that may not lie in the repository.
const MORE_PICTURES: &str = "TRELLIS_TEST_PICTURES";

fn inflate(picture: &Picture, resolution: u32) -> Result<SparseVoxels, BackendError> {
    let prompt = Prompt {
        resolution,
        ..Prompt::new(picture.clone())
    };
    Inflate.generate(&prompt, &mut Unwatched)
}

/// Everything that is promised of a picture's voxels.
fn check(name: &str, picture: &Picture, resolution: u32) {
    let voxels = inflate(picture, resolution).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bounds = voxels.bounds().unwrap();
    assert_eq!(bounds.min[1], 0, "{name}: stands on the bottom");
    let longer = bounds.size()[0].max(bounds.size()[1]);
    assert!(
        longer + 2 >= resolution,
        "{name}: fills the grid, {bounds:?}"
    );
    assert!(
        bounds.min[0].abs_diff(resolution as u16 - 1 - bounds.max[0]) <= 2,
        "{name}: centred"
    );

    let shape = Shape::of(&voxels);
    assert!(shape.is_closed(), "{name}: no hollow inside");
    assert!(shape.is_symmetric(), "{name}: as deep behind as in front");

    let reference = Reference::of(picture, resolution as usize);
    let overlap = reference.overlap(&shape);
    let difference = reference.mean_color_difference(&shape);
    println!("{name} at {resolution}: IoU {overlap:.3}, mean dE2000 {difference:.2}");
    assert!(overlap >= 0.95, "{name}: IoU {overlap}");
    assert!(difference <= 3.0, "{name}: mean dE2000 {difference}");
    for (part, solids) in reference.solids_of_parts(&shape).iter().enumerate() {
        assert_eq!(
            solids.len(),
            1,
            "{name}: part {part} of the picture is one solid"
        );
    }
}

/// PNG files of a folder, in order.
fn pictures_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut pictures: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "png"))
        .collect();
    pictures.sort();
    pictures
}

#[test]
fn drawn_objects_become_solids_that_keep_every_promise() {
    for (name, picture) in drawings() {
        for resolution in [64, 100] {
            check(name, &picture, resolution);
        }
    }
}

#[test]
fn the_pictures_of_the_repository_become_solids_that_keep_every_promise() {
    for path in pictures_in(Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/assets/images"
    ))) {
        check(
            &path.display().to_string(),
            &Picture::open(&path).unwrap(),
            64,
        );
    }
}

#[test]
fn further_pictures_become_solids_that_keep_every_promise() {
    let Some(folder) = std::env::var_os(MORE_PICTURES) else {
        println!("skipped: {MORE_PICTURES} names no folder");
        return;
    };
    let pictures = pictures_in(Path::new(&folder));
    assert!(
        !pictures.is_empty(),
        "{MORE_PICTURES} names a folder of PNG files"
    );
    for path in pictures {
        check(
            &path.display().to_string(),
            &Picture::open(&path).unwrap(),
            64,
        );
    }
}

#[test]
fn a_picture_without_an_object_is_refused_with_one_line_that_helps() {
    let noise = draw(64, 64, |x, y| {
        let hash = (x as u32 * 7919 + y as u32 * 104_729).wrapping_mul(0x9e37_79b9);
        let [r, g, b, _] = (hash ^ (hash >> 13))
            .wrapping_mul(0x85eb_ca6b)
            .to_be_bytes();
        [r, g, b, 255]
    });
    let refused = [
        (draw(32, 32, |_, _| [9, 9, 9, 0]), CutOutError::Transparent),
        (draw(32, 32, |_, _| [90, 90, 90, 255]), CutOutError::Uniform),
        (draw(1, 1, |_, _| [90, 90, 90, 255]), CutOutError::Fills),
        (noise, CutOutError::Busy),
    ];
    for (picture, expected) in refused {
        match inflate(&picture, 64).unwrap_err() {
            BackendError::CutOut(error) => {
                assert_eq!(error, expected);
                let text = error.to_string();
                assert!(text.contains(": ") && !text.contains('\n'), "{text}");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn only_resolutions_from_8_to_256_are_made() {
    let picture = draw(32, 32, |x, y| {
        [200, 0, 0, if x > 8 && y > 8 { 255 } else { 0 }]
    });
    for got in [0, 7, 257, 4_000_000_000] {
        let error = inflate(&picture, got).unwrap_err();
        assert!(matches!(&error, BackendError::Resolution { got: g, .. } if *g == got));
        assert!(error.to_string().contains("use 8 to 256"), "{error}");
    }
    for resolution in [8, 9, 256] {
        let voxels = inflate(&picture, resolution).unwrap();
        assert_eq!(voxels.resolution(), resolution);
        assert!(u32::from(voxels.bounds().unwrap().max[0]) == resolution - 1);
    }
}

#[test]
fn a_prompt_without_a_picture_is_refused() {
    let prompt = Prompt {
        pictures: vec![],
        seed: 0,
        resolution: 64,
    };
    let error = Inflate.generate(&prompt, &mut Unwatched).unwrap_err();
    assert!(matches!(error, BackendError::NoPicture));
}

#[test]
fn the_seed_and_further_pictures_change_nothing() {
    let all = drawings();
    let mut prompt = Prompt::new(all[0].1.clone());
    let expected = Inflate.generate(&prompt, &mut Unwatched).unwrap();
    prompt.seed = 99;
    prompt.pictures.push(all[1].1.clone());
    assert_eq!(Inflate.generate(&prompt, &mut Unwatched).unwrap(), expected);
}

/// Notes what it is told and cancels at one of the calls.
#[derive(Default)]
struct Notebook {
    progress: Vec<Progress>,
    previews: Vec<SparseVoxels>,
    calls: usize,
    cancel_at: Option<usize>,
}

impl Notebook {
    fn go_on(&mut self) -> Result<(), Cancelled> {
        self.calls += 1;
        if Some(self.calls) == self.cancel_at {
            Err(Cancelled)
        } else {
            Ok(())
        }
    }
}

impl Watch for Notebook {
    fn progress(&mut self, progress: Progress) -> Result<(), Cancelled> {
        self.progress.push(progress);
        self.go_on()
    }

    fn preview(&mut self, voxels: SparseVoxels) -> Result<(), Cancelled> {
        self.previews.push(voxels);
        self.go_on()
    }
}

#[test]
fn progress_goes_forward_through_the_stages_and_previews_grow() {
    let prompt = Prompt::new(drawings()[0].1.clone());
    let mut notebook = Notebook::default();
    let voxels = Inflate.generate(&prompt, &mut notebook).unwrap();
    let order = |p: &Progress| (p.stage, p.step);
    assert!(notebook.progress.is_sorted_by(|a, b| order(a) < order(b)));
    for stage in [Stage::Picture, Stage::Structure, Stage::Appearance] {
        let last = notebook
            .progress
            .iter()
            .rfind(|p| p.stage == stage)
            .unwrap();
        assert_eq!(last.step, last.steps, "{stage} comes to its end");
    }
    let [flat, shell] = &notebook.previews[..] else {
        panic!("two previews");
    };
    assert!(flat.len() < shell.len() && shell.len() < voxels.len());
    for (cell, rgba) in shell.coords().iter().zip(shell.rgba()) {
        let place = voxels.coords().iter().position(|c| c == cell).unwrap();
        assert_eq!(voxels.rgba()[place], *rgba);
    }
}

#[test]
fn a_watcher_who_cancels_at_any_call_ends_the_work_there() {
    let mut prompt = Prompt::new(drawings()[0].1.clone());
    prompt.resolution = 16;
    let mut whole = Notebook::default();
    Inflate.generate(&prompt, &mut whole).unwrap();
    for cancel_at in 1..=whole.calls {
        let mut notebook = Notebook {
            cancel_at: Some(cancel_at),
            ..Notebook::default()
        };
        let error = Inflate.generate(&prompt, &mut notebook).unwrap_err();
        assert!(
            matches!(error, BackendError::Cancelled(_)),
            "call {cancel_at}: {error}"
        );
        assert_eq!(notebook.calls, cancel_at);
    }
}

prop_compose! {
    /// A small picture of few colours, so that flat areas, holes and specks all occur.
    fn small_picture()(width in 1u32..20, height in 1u32..20)(
        pixels in prop::collection::vec(
            prop_oneof![
                3 => Just([0, 0, 0, 0]),
                3 => Just([255, 255, 255, 255]),
                1 => Just([200, 30, 30, 255]),
                1 => any::<[u8; 4]>(),
            ],
            (width * height) as usize,
        ),
        width in Just(width),
        height in Just(height),
    ) -> Picture {
        Picture::new(width, height, pixels.concat()).unwrap()
    }
}

proptest! {
    #[test]
    fn any_picture_gives_a_standing_closed_symmetric_solid_or_a_cut_out_error(
        picture in small_picture(),
        resolution in 8u32..40,
    ) {
        match inflate(&picture, resolution) {
            Ok(voxels) => {
                prop_assert_eq!(voxels.bounds().unwrap().min[1], 0);
                let shape = Shape::of(&voxels);
                prop_assert!(shape.is_closed() && shape.is_symmetric());
            }
            Err(error) => prop_assert!(matches!(error, BackendError::CutOut(_)), "{}", error),
        }
    }
}
