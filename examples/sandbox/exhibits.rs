//! Shiny and glassy things beside the pictures, to walk around; `exhibit NAME` in the console puts one where the player
//! points. `assets/models/draw.py` drew them.

use std::path::Path;

use bevy::prelude::*;
use bevy_console::{AddConsoleCommand, ConsoleCommand};
use clap::Parser;
use crossworld_trellis::command::CommandSpot;
use crossworld_trellis::format::{self, ReadOptions};
use crossworld_trellis::prelude::*;

use crate::args::Args;

/// Edge of their voxels in metres.
const VOXEL: f32 = 0.034;

/// Names and files, and where each stands at the start: metres beyond the left (below 0) or right end of the row, and
/// before it.
const EXHIBITS: [(&str, &[u8], Vec2); 5] = [
    (
        "gold_cup",
        include_bytes!("../../assets/models/gold_cup.voxels"),
        Vec2::new(-0.3, 1.5),
    ),
    (
        "chrome_ball",
        include_bytes!("../../assets/models/chrome_ball.voxels"),
        Vec2::new(-2.6, 1.3),
    ),
    (
        "glass_bottle",
        include_bytes!("../../assets/models/glass_bottle.voxels"),
        Vec2::new(0.5, 0.8),
    ),
    (
        "ice_crystal",
        include_bytes!("../../assets/models/ice_crystal.voxels"),
        Vec2::new(1.5, -0.2),
    ),
    (
        "stained_window",
        include_bytes!("../../assets/models/stained_window.voxels"),
        Vec2::new(2.2, -2.2),
    ),
];

/// The models by name.
#[derive(Resource, Default)]
struct Exhibits(Vec<(&'static str, Handle<VoxelModel>)>);

pub fn plugin(app: &mut App) {
    app.init_resource::<Exhibits>()
        .add_systems(Startup, put_beside_the_row);
}

/// The command.
pub fn console(app: &mut App) {
    app.add_console_command::<Exhibit, _>(put_one);
}

fn put_beside_the_row(
    args: Res<Args>,
    settings: Res<TrellisSettings>,
    mut models: ResMut<Assets<VoxelModel>>,
    mut exhibits: ResMut<Exhibits>,
    mut commands: Commands,
) {
    let (_, row) = args.row(settings.voxel_size);
    for (name, bytes, place) in EXHIBITS {
        let contents = format::decode(
            Path::new(name).with_extension("voxels").as_path(),
            bytes,
            &ReadOptions::default(),
        );
        let model = match contents.and_then(|contents| contents.to_model()) {
            Ok(model) => models.add(model),
            Err(error) => {
                error!("{error} ({name})");
                continue;
            }
        };
        let x = place.x + row / 2.0 * place.x.signum();
        commands.spawn(exhibit(
            name,
            model.clone(),
            Transform::from_xyz(x, 0.0, place.y),
        ));
        exhibits.0.push((name, model));
    }
}

fn exhibit(name: &'static str, model: Handle<VoxelModel>, place: Transform) -> impl Bundle {
    (
        Name::new(name),
        VoxelModel3d(model),
        VoxelSize(VOXEL),
        place,
    )
}

/// Put a shiny or glassy thing where you point; without a name, tell which there are.
#[derive(Parser, ConsoleCommand)]
#[command(name = "exhibit")]
struct Exhibit {
    /// What it is called
    name: Option<String>,
}

fn put_one(
    mut line: ConsoleCommand<Exhibit>,
    exhibits: Res<Exhibits>,
    spot: Res<CommandSpot>,
    mut commands: Commands,
) {
    let Some(Ok(Exhibit { name })) = line.take() else {
        return;
    };
    let wanted = name.as_deref().unwrap_or_default();
    match exhibits.0.iter().find(|(name, _)| *name == wanted) {
        Some((name, model)) => {
            commands.spawn(exhibit(name, model.clone(), spot.0));
            line.reply(format!("{name} stands where you point"));
        }
        None => {
            let names: Vec<&str> = exhibits.0.iter().map(|(name, _)| *name).collect();
            line.reply(format!("there are {}", names.join(", ")));
        }
    }
}
