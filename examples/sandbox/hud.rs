//! What is written on the screen: keys, crosshair, progress; and the console.

use std::time::Duration;

use bevy::prelude::*;
use bevy::window::{CursorGrabMode, CursorOptions, PrimaryWindow};
use bevy_console::{ConsoleConfiguration, ConsoleOpen, ConsolePlugin, ConsoleSet};
use bevy_egui::{EguiContexts, EguiPrimaryContextPass, egui};
use crossworld_trellis::prelude::*;

const KEYS: &str = "\
W A S D E Q     fly (Shift: faster)
Tab             mouse looks / mouse points
left mouse      dig (hold: go on)
right mouse     place
middle mouse    pick; held: look around
1 2 3 ... 0     what to place
Z / Y           undo / do again
F5 / F9         save / load the ground
drop a file     make it where you point
P               photo of what you see: make that
G               things: on their own / ground
`               console: /trellis help, exhibit";

/// How long a notice stays.
const NOTICE: Duration = Duration::from_secs(4);

/// The newest short piece of news.
#[derive(Resource, Default)]
pub struct Notice {
    text: String,
    left: Duration,
}

impl Notice {
    /// Shows a text for a while.
    pub fn say(&mut self, text: &str) {
        self.text = text.into();
        self.left = NOTICE;
    }
}

/// Generations that are listed at most.
const LISTED: usize = 8;

/// Characters of a progress bar.
const BAR: u32 = 20;

#[derive(Component)]
struct ProgressText;

#[derive(Component)]
struct Crosshair;

pub fn plugin(app: &mut App) {
    app.add_plugins(ConsolePlugin)
        .insert_resource(ConsoleConfiguration {
            left_pos: 460.0,
            top_pos: 12.0,
            height: 260.0,
            block_keyboard: true,
            block_mouse: true,
            ..default()
        })
        .init_resource::<Notice>()
        .add_systems(Startup, spawn_hud)
        .add_systems(
            EguiPrimaryContextPass,
            keep_focus.after(ConsoleSet::ConsoleUI),
        )
        .add_systems(
            Update,
            (show_progress, show_crosshair).after(TrellisSystems::Publish),
        );
}

/// Gives the console's input line its focus back after Enter, which takes it away (`bevy_console` 0.18.0).
fn keep_focus(
    mut contexts: EguiContexts,
    console: Res<ConsoleOpen>,
    mut line: Local<Option<egui::Id>>,
) {
    let Ok(context) = contexts.ctx_mut() else {
        return;
    };
    match context.memory(|memory| memory.focused()) {
        Some(focused) => *line = Some(focused),
        None if console.open && context.input(|input| input.key_pressed(egui::Key::Enter)) => {
            if let Some(line) = *line {
                context.memory_mut(|memory| memory.request_focus(line));
            }
        }
        None => {}
    }
}

fn spawn_hud(mut commands: Commands) {
    let small = TextFont {
        font_size: FontSize::Px(15.0),
        ..default()
    };
    let shade = BackgroundColor(Color::srgba(0.0, 0.0, 0.0, 0.45));
    let corner = Node {
        position_type: PositionType::Absolute,
        left: px(12),
        padding: UiRect::all(px(8)),
        ..default()
    };
    commands.spawn((
        Text::new(KEYS),
        small.clone(),
        shade,
        Node {
            top: px(12),
            ..corner.clone()
        },
    ));
    commands.spawn((
        ProgressText,
        Text::default(),
        small,
        shade,
        Node {
            bottom: px(12),
            ..corner
        },
    ));
    commands.spawn((
        Node {
            width: percent(100),
            height: percent(100),
            align_items: AlignItems::Center,
            justify_content: JustifyContent::Center,
            ..default()
        },
        children![(
            Crosshair,
            Text::new("+"),
            TextColor(Color::WHITE.with_alpha(0.8))
        )],
    ));
}

/// Shows the crosshair while it is what points.
fn show_crosshair(
    cursor: Single<&CursorOptions, With<PrimaryWindow>>,
    mut crosshair: Single<&mut Visibility, With<Crosshair>>,
) {
    crosshair.set_if_neq(match cursor.grab_mode {
        CursorGrabMode::None => Visibility::Hidden,
        _ => Visibility::Inherited,
    });
}

/// Lists the newest generations, and the newest notice below them.
fn show_progress(
    generations: Query<&Generation>,
    time: Res<Time<Real>>,
    mut notice: ResMut<Notice>,
    mut text: Single<&mut Text, With<ProgressText>>,
) {
    notice.left = notice.left.saturating_sub(time.delta());
    let mut newest: Vec<&Generation> = generations.iter().collect();
    newest.sort_by_key(|generation| generation.number);
    let first = newest.len().saturating_sub(LISTED);
    let mut lines: Vec<String> = newest
        .iter()
        .skip(first)
        .map(|generation| line(generation))
        .collect();
    if !notice.left.is_zero() {
        lines.push(notice.text.clone());
    }
    text.set_if_neq(Text::new(lines.join("\n")));
}

fn line(generation: &Generation) -> String {
    let name = generation
        .picture
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    let bar = match &generation.status {
        GenerationStatus::Running(progress) => {
            let done = progress.fraction();
            let bar = (0..BAR).map(|part| {
                if (part as f32) < done * BAR as f32 {
                    '='
                } else {
                    ' '
                }
            });
            format!("  [{}]", bar.collect::<String>())
        }
        _ => String::new(),
    };
    format!("{}  {name}  {}{bar}", generation.number, generation.status)
}
