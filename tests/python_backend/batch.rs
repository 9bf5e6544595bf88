//! Several prompts together, and what is known of them before: the identity of a run.

use crossworld_trellis::backend::{Backend, BackendError, Prompt, PythonError, Unwatched, Watch};
use crossworld_trellis::generation::{ResultCache, generate_or_find};
use crossworld_trellis::picture::Picture;
use crossworld_trellis::voxel::SparseVoxels;

use super::torch::{Bent, alone, backend, prompt, shared_checkpoint};
use super::{Notes, Stage};

type Ends = Vec<Result<SparseVoxels, BackendError>>;

fn together(python: &mut dyn Backend, prompts: &[Prompt], notes: &mut [Notes]) -> Ends {
    let mut watches: Vec<&mut dyn Watch> = notes.iter_mut().map(|n| n as &mut dyn Watch).collect();
    python.generate_batch(prompts, &mut watches)
}

fn three_notes() -> [Notes; 3] {
    std::array::from_fn(|_| Notes::default())
}

#[test]
fn variants_of_one_batch_have_the_cells_that_each_has_alone_and_each_is_watched() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    let prompts = [1, 2, 3].map(prompt);
    let mut notes = three_notes();
    let ends = together(&mut python, &prompts, &mut notes);
    let mut cells = Vec::new();
    for ((end, prompt), notes) in ends.into_iter().zip(&prompts).zip(&notes) {
        let made = end.unwrap();
        let lone = python.generate(prompt, &mut Unwatched).unwrap();
        assert_eq!(made.coords(), lone.coords());
        assert_eq!(notes.stages(), Stage::ALL.into_iter().collect());
        // The solid cells; those that come later are coarser.
        let mut previews = notes.previews.iter();
        assert!(previews.any(|preview| preview.coords() == made.coords()));
        cells.push(made.coords().to_vec());
    }
    assert_ne!(cells[0], cells[1]);
}

#[test]
fn one_of_three_is_cancelled_early_or_late_and_the_others_are_made() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    let prompts = [1, 2, 3].map(prompt);
    for stage in [Stage::Loading, Stage::Structure, Stage::Decoding] {
        let mut notes = three_notes();
        notes[1].stop_at = Some(stage);
        let ends = together(&mut python, &prompts, &mut notes);
        assert!(
            matches!(
                ends.as_slice(),
                [Ok(_), Err(BackendError::Cancelled(_)), Ok(_)]
            ),
            "{stage}: {ends:?}"
        );
        assert_eq!(notes[1].after_stop, 0, "{stage} went on");
    }
}

#[test]
fn a_bad_one_of_three_fails_with_its_own_cause_and_the_others_are_made() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    let empty = Picture::new(8, 8, vec![0; 4 * 64]).unwrap();
    for (bad, words) in [(vec![empty], "no object"), (Vec::new(), "no picture")] {
        let mut prompts = [1, 2, 3].map(prompt);
        prompts[2].pictures = bad;
        let ends = together(&mut python, &prompts, &mut three_notes());
        let [Ok(_), Ok(_), Err(error)] = ends.as_slice() else {
            panic!("{ends:?}");
        };
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn what_ends_python_ends_all_of_a_batch_and_the_next_one_works() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    python.generate(&prompt(1), &mut Unwatched).unwrap();
    let bent = Bent::encode("raise SystemExit(3)");
    let prompts = [1, 2, 3].map(prompt);
    for end in together(&mut python, &prompts, &mut three_notes()) {
        assert!(
            matches!(end, Err(BackendError::Python(PythonError::Exit(_)))),
            "{end:?}"
        );
    }
    drop(bent);
    let ends = together(&mut python, &prompts, &mut three_notes());
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
}

#[test]
fn a_batch_waits_for_a_model_that_loads_ahead() {
    let _alone = alone();
    let mut python = backend(shared_checkpoint());
    python.warm_up();
    let mut notes = three_notes();
    notes[0].stop_at = Some(Stage::Loading);
    let ends = together(&mut python, &[1, 2, 3].map(prompt), &mut notes);
    assert!(
        matches!(
            ends.as_slice(),
            [Err(BackendError::Cancelled(_)), Ok(_), Ok(_)]
        ),
        "{ends:?}"
    );
}

#[test]
fn the_identity_is_known_before_weights_are_loaded_and_finds_what_was_kept() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let cache = ResultCache::at(folder.path());
    let mut python = backend(shared_checkpoint());
    let made = generate_or_find(Some(&cache), &mut python, &prompt(1), &mut Unwatched).unwrap();
    assert!(!made.cached);
    assert!(python.identity().unwrap().contains("torch"));
    for is_loading in [false, true] {
        let mut later = backend(shared_checkpoint());
        if is_loading {
            later.warm_up();
        }
        assert_eq!(later.cache_identity().as_deref(), python.identity());
        let mut notes = Notes::default();
        let found = generate_or_find(Some(&cache), &mut later, &prompt(1), &mut notes).unwrap();
        assert!(found.cached && found.voxels == made.voxels);
        assert!(notes.progress.is_empty(), "{:?}", notes.progress);
    }
}
