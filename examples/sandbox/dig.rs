//! Digging, placing, undoing, saving: the hands of the player.

use std::time::Duration;

use bevy::prelude::*;
use bevy_console::ConsoleOpen;
use bevy_egui::input::egui_wants_any_pointer_input;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::Material;

use crate::aim::{Aim, Aiming};
use crate::args::Args;
use crate::ground::{Ground, VOXEL};
use crate::hud::Notice;
use crate::scene::Eye;

/// Time between two voxels while a button is held.
const REPEAT: Duration = Duration::from_millis(130);

/// Farthest mouse movement, in pixels, that is still a click of the middle button and no look around.
const CLICK: f32 = 6.0;

const DIGITS: [KeyCode; 10] = [
    KeyCode::Digit1,
    KeyCode::Digit2,
    KeyCode::Digit3,
    KeyCode::Digit4,
    KeyCode::Digit5,
    KeyCode::Digit6,
    KeyCode::Digit7,
    KeyCode::Digit8,
    KeyCode::Digit9,
    KeyCode::Digit0,
];

/// What the hands place.
#[derive(Resource)]
pub struct Hands {
    /// Materials of the keys 1 to 9 and 0.
    pub bar: [Material; 10],
    /// The one that is placed; also one that was picked up and is on no key.
    pub selected: Material,
}

impl Default for Hands {
    fn default() -> Self {
        let of = |name| Material::by_name(name).unwrap_or_default();
        let bar = [
            "grass",
            "dirt",
            "stone",
            "sand",
            "planks_oak",
            "brick",
            "marble",
            "gold",
            "water",
            // A plain colour, which has no name.
            "240",
        ]
        .map(of);
        let [_, _, selected, ..] = bar;
        Self { bar, selected }
    }
}

pub fn plugin(app: &mut App) {
    app.init_resource::<Hands>()
        .add_systems(
            Update,
            (
                (dig_and_place, pick).run_if(not(egui_wants_any_pointer_input)),
                (choose, undo_and_redo, save_and_load, switch_placement).run_if(console_is_closed),
            )
                .chain()
                .after(Aiming)
                .before(TrellisSystems::Collect),
        )
        .add_observer(tell_saved)
        .add_observer(tell_loaded)
        .add_observer(tell_failed);
}

fn console_is_closed(console: Option<Res<ConsoleOpen>>) -> bool {
    !console.is_some_and(|console| console.open)
}

/// Left digs, right places against the face that is pointed at; holding goes on.
fn dig_and_place(
    buttons: Res<ButtonInput<MouseButton>>,
    time: Res<Time<Real>>,
    mut next: Local<Duration>,
    hands: Res<Hands>,
    aim: Res<Aim>,
    eye: Single<&GlobalTransform, With<Eye>>,
    mut ground: Single<(&mut VoxelWorld, &GlobalTransform), With<Ground>>,
) {
    let both = [MouseButton::Left, MouseButton::Right];
    let is_new = buttons.any_just_pressed(both);
    if !is_new && (!buttons.any_pressed(both) || time.elapsed() < *next) {
        return;
    }
    let Some(hit) = aim.hit else { return };
    *next = time.elapsed() + if is_new { 2 * REPEAT } else { REPEAT };
    let (world, place) = &mut *ground;
    // A short click may be over within a slow frame.
    let left = MouseButton::Left;
    if buttons.just_pressed(left) || buttons.pressed(left) {
        // A cell that is there can be emptied.
        let _ = world.set(hit.cell, 0);
        return;
    }
    let cell = hit.cell + hit.normal;
    let eye = place.affine().inverse().transform_point3(eye.translation()) / VOXEL;
    if hit.normal != IVec3::ZERO && cell != eye.floor().as_ivec3() {
        // Only beyond the largest world this fails; nothing is there to be seen.
        let _ = world.set(cell, hands.selected.0);
    }
}

/// The middle button takes the material that is pointed at into the hands, unless it was held to look around.
fn pick(
    buttons: Res<ButtonInput<MouseButton>>,
    motion: Res<bevy::input::mouse::AccumulatedMouseMotion>,
    mut way: Local<f32>,
    mut seen: Local<Option<u8>>,
    aim: Res<Aim>,
    mut hands: ResMut<Hands>,
) {
    if buttons.just_pressed(MouseButton::Middle) {
        *way = 0.0;
        *seen = aim.hit.map(|hit| hit.value);
    }
    *way += motion.delta.length();
    if buttons.just_released(MouseButton::Middle)
        && *way <= CLICK
        && let Some(value) = seen.take()
    {
        hands.selected = Material(value);
    }
}

/// Number keys choose a material.
fn choose(keys: Res<ButtonInput<KeyCode>>, mut hands: ResMut<Hands>) {
    let bar = hands.bar;
    for (key, material) in DIGITS.into_iter().zip(bar) {
        if keys.just_pressed(key) {
            hands.selected = material;
        }
    }
}

fn undo_and_redo(
    keys: Res<ButtonInput<KeyCode>>,
    mut world: Single<&mut VoxelWorld, With<Ground>>,
    mut notice: ResMut<Notice>,
) {
    if keys.just_pressed(KeyCode::KeyZ) && !world.undo() {
        notice.say("there is nothing to undo");
    }
    if keys.just_pressed(KeyCode::KeyY) && !world.redo() {
        notice.say("there is nothing to do again");
    }
}

fn save_and_load(
    keys: Res<ButtonInput<KeyCode>>,
    args: Res<Args>,
    world: Single<Entity, With<Ground>>,
    mut commands: Commands,
) {
    let (entity, path) = (*world, args.world.clone());
    if keys.just_pressed(KeyCode::F5) {
        commands.trigger(SaveWorld { entity, path });
    } else if keys.just_pressed(KeyCode::F9) {
        commands.trigger(LoadWorld { entity, path });
    }
}

/// G changes whether generations become entities or parts of the ground.
fn switch_placement(keys: Res<ButtonInput<KeyCode>>, mut settings: ResMut<TrellisSettings>) {
    if keys.just_pressed(KeyCode::KeyG) {
        settings.placement = match settings.placement {
            Placement::Entity => Placement::World(None),
            Placement::World(_) => Placement::Entity,
        };
    }
}

fn tell_saved(saved: On<WorldSaved>, mut notice: ResMut<Notice>) {
    notice.say(&format!("saved {}", saved.path.display()));
}

fn tell_loaded(loaded: On<WorldLoaded>, mut notice: ResMut<Notice>) {
    notice.say(&format!(
        "loaded {} (Z takes it back)",
        loaded.path.display()
    ));
}

fn tell_failed(failed: On<WorldFileFailed>, mut notice: ResMut<Notice>) {
    notice.say(&failed.message);
}
