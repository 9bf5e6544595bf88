//! The bar at the bottom: materials on the number keys, the one in hand, and where generations land.

use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::Material;

use crate::dig::Hands;

/// Edge of a slot in pixels.
const SLOT: f32 = 38.0;

const CHOSEN: Color = Color::WHITE;
const OTHER: Color = Color::srgba(0.0, 0.0, 0.0, 0.45);

/// A place of the bar.
#[derive(Component)]
struct Slot(usize);

/// The colour of what is in hand.
#[derive(Component)]
struct InHand;

/// The name of what is in hand, and where generations land.
#[derive(Component)]
struct Label;

pub fn plugin(app: &mut App) {
    app.add_systems(Startup, spawn_bar)
        .add_systems(Update, show_hands.after(TrellisSystems::Publish));
}

fn spawn_bar(mut commands: Commands, hands: Res<Hands>) {
    let small = TextFont {
        font_size: FontSize::Px(15.0),
        ..default()
    };
    let shade = BackgroundColor(Color::srgba(0.0, 0.0, 0.0, 0.45));
    let column = Node {
        position_type: PositionType::Absolute,
        bottom: px(12),
        width: percent(100),
        flex_direction: FlexDirection::Column,
        align_items: AlignItems::Center,
        row_gap: px(6),
        ..default()
    };
    let line = Node {
        align_items: AlignItems::Center,
        column_gap: px(8),
        padding: UiRect::axes(px(10), px(5)),
        border_radius: BorderRadius::all(px(6)),
        ..default()
    };
    let in_hand = Node {
        width: px(18),
        height: px(18),
        border_radius: BorderRadius::all(px(4)),
        ..default()
    };
    let row = Node {
        column_gap: px(4),
        ..default()
    };
    commands.spawn(column).with_children(|column| {
        column.spawn((line, shade)).with_children(|line| {
            line.spawn((InHand, in_hand, BackgroundColor::default()));
            line.spawn((Label, Text::default(), small));
        });
        column.spawn(row).with_children(|row| {
            for (place, material) in hands.bar.into_iter().enumerate() {
                row.spawn(slot(place, material));
            }
        });
    });
}

fn slot(place: usize, material: Material) -> impl Bundle {
    let node = Node {
        width: px(SLOT),
        height: px(SLOT),
        border: UiRect::all(px(3)),
        border_radius: BorderRadius::all(px(6)),
        padding: UiRect::axes(px(4), px(1)),
        ..default()
    };
    let key = TextFont {
        font_size: FontSize::Px(13.0),
        ..default()
    };
    (
        Slot(place),
        node,
        BackgroundColor(color(material)),
        BorderColor::all(OTHER),
        children![(
            Text::new(((place + 1) % 10).to_string()),
            key,
            TextColor(Color::WHITE),
            TextShadow {
                offset: Vec2::splat(1.0),
                color: Color::BLACK.with_alpha(0.7),
            },
        )],
    )
}

fn color(material: Material) -> Color {
    let [r, g, b, a] = material.rgba();
    Color::srgba_u8(r, g, b, a)
}

fn show_hands(
    hands: Res<Hands>,
    settings: Res<TrellisSettings>,
    mut slots: Query<(&Slot, &mut BorderColor)>,
    mut in_hand: Single<&mut BackgroundColor, With<InHand>>,
    mut label: Single<&mut Text, With<Label>>,
) {
    for (slot, mut border) in &mut slots {
        let is_chosen = hands.bar.get(slot.0) == Some(&hands.selected);
        border.set_if_neq(BorderColor::all(if is_chosen { CHOSEN } else { OTHER }));
    }
    in_hand.set_if_neq(BackgroundColor(color(hands.selected)));
    let name = match hands.selected.name() {
        Some(name) => name.replace('_', " "),
        None => format!("colour {}", hands.selected.0),
    };
    let lands = match settings.placement {
        Placement::Entity => "things stand on their own",
        Placement::World(_) => "things become ground",
    };
    label.set_if_neq(Text::new(format!("{name}   |   G: {lands}")));
}
