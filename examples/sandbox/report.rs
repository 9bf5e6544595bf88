//! Tells what was made, and ends the program when it shall.

use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::world::WorldReady;
use serde::Serialize;

use crate::args::Args;
use crate::ground::Ground;

/// What was made so far, in the order of ends.
#[derive(Resource, Serialize, Default, Debug)]
pub struct Report {
    generations: Vec<Entry>,
    /// The ground, once it stands.
    ground: Option<GroundEntry>,
    /// Whether the screenshot could not be saved.
    #[serde(skip)]
    pub lacks_screenshot: bool,
}

#[derive(Serialize, Default, Debug)]
struct Entry {
    picture: String,
    backend: Option<&'static str>,
    seconds: f64,
    first_preview_seconds: Option<f64>,
    voxels: usize,
    chunks: usize,
    quads: usize,
    entities: usize,
    /// `done`, `failed` or `cancelled`.
    status: String,
    /// Why it failed.
    message: Option<String>,
}

#[derive(Serialize, Debug)]
struct GroundEntry {
    voxels: u64,
    chunks: usize,
    quads: usize,
}

/// How far the program is with what the command line asked for.
#[derive(Resource, Default, PartialEq, Eq, Debug, Clone, Copy)]
pub enum Duty {
    /// Things are being made.
    #[default]
    Making,
    /// Everything stands or has failed; a screenshot may be taken.
    Looking,
    /// Nothing is left to do.
    Done,
}

pub fn plugin(app: &mut App) {
    app.init_resource::<Report>()
        .init_resource::<Duty>()
        .add_observer(note_ground)
        .add_observer(note_finished)
        .add_observer(note_failed)
        .add_observer(note_cancelled)
        .add_systems(
            Update,
            settle
                .after(TrellisSystems::Publish)
                .run_if(resource_equals(Duty::Making)),
        )
        .add_systems(
            Last,
            finish.run_if(resource_changed::<Duty>.and_then(resource_equals(Duty::Done))),
        );
}

fn note_ground(
    ready: On<WorldReady>,
    worlds: Query<&VoxelWorld, With<Ground>>,
    mut report: ResMut<Report>,
) {
    if let Ok(world) = worlds.get(ready.entity) {
        report.ground = Some(GroundEntry {
            voxels: world.octree().len(),
            chunks: ready.chunks,
            quads: ready.quads,
        });
    }
}

fn note_finished(
    finished: On<GenerationFinished>,
    generations: Query<&Generation>,
    mut report: ResMut<Report>,
) {
    let Ok(generation) = generations.get(finished.entity) else {
        return;
    };
    let entry = Entry {
        picture: generation.picture.clone(),
        backend: Some(finished.backend),
        seconds: finished.elapsed.as_secs_f64(),
        first_preview_seconds: finished.first_preview.map(|time| time.as_secs_f64()),
        voxels: finished.voxels,
        chunks: finished.chunks,
        quads: finished.quads,
        entities: finished.entities,
        status: generation.status.word().into(),
        message: None,
    };
    println!(
        "{}: {} voxels in {} chunks, {} quads, {} entities, {:.2} s ({})",
        entry.picture,
        entry.voxels,
        entry.chunks,
        entry.quads,
        entry.entities,
        entry.seconds,
        finished.backend
    );
    report.generations.push(entry);
}

fn note_failed(
    failed: On<GenerationFailed>,
    generations: Query<&Generation>,
    mut report: ResMut<Report>,
) {
    let Ok(generation) = generations.get(failed.entity) else {
        return;
    };
    println!("{}: {}", generation.picture, failed.message);
    report.generations.push(Entry {
        picture: generation.picture.clone(),
        backend: generation.backend,
        seconds: generation.age().as_secs_f64(),
        status: generation.status.word().into(),
        message: Some(failed.message.clone()),
        ..default()
    });
}

fn note_cancelled(
    cancelled: On<GenerationCancelled>,
    generations: Query<&Generation>,
    mut report: ResMut<Report>,
) {
    let Ok(generation) = generations.get(cancelled.entity) else {
        return;
    };
    println!("{}: cancelled", generation.picture);
    report.generations.push(Entry {
        picture: generation.picture.clone(),
        backend: generation.backend,
        seconds: generation.age().as_secs_f64(),
        status: generation.status.word().into(),
        ..default()
    });
}

fn settle(generations: Query<&Generation>, report: Res<Report>, mut duty: ResMut<Duty>) {
    if report.ground.is_some()
        && !generations.is_empty()
        && generations
            .iter()
            .all(|generation| generation.status.is_end())
    {
        *duty = Duty::Looking;
    }
}

/// Writes the report and ends the program, as asked; with an error where something failed.
fn finish(args: Res<Args>, report: Res<Report>, mut exit: MessageWriter<AppExit>) {
    let all_done = report
        .generations
        .iter()
        .all(|entry| entry.status == "done");
    let mut failed = !all_done || report.lacks_screenshot;
    if let Some(path) = &args.report {
        let json = serde_json::to_string_pretty(&*report).unwrap_or_default();
        if let Err(error) = std::fs::write(path, json + "\n") {
            error!("cannot write the report: {error} ({})", path.display());
            failed = true;
        }
    }
    if args.exit_when_done {
        exit.write(if failed {
            AppExit::error()
        } else {
            AppExit::Success
        });
    }
}
