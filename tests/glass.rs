//! Translucent chunk parts in an app: where Bevy sorts them, and what light does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]
#![cfg(feature = "bevy")]

mod common;

use bevy::camera::primitives::MeshAabb;
use bevy::light::NotShadowCaster;
use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::SparseVoxels;
use crossworld_trellis::world::{Chunk, Ghost, ModelReady};

use common::app::{headless_app, heard, listen, update_until};

/// Two panes of glass in chunks of their own, far from their corners, and a stone.
fn panes() -> VoxelModel {
    let pane = |x: u16, y: u16| (0..16).map(move |i| [x + i % 4, y + i / 4, 20]);
    let mut coords: Vec<[u16; 3]> = pane(25, 2).chain(pane(58, 2)).collect();
    let mut rgba = vec![[90, 200, 220, 80]; coords.len()];
    coords.push([0, 0, 0]);
    rgba.push([90, 90, 90, 251]);
    VoxelModel::from(&SparseVoxels::new(64, coords, rgba, None).unwrap())
}

fn shown(ghost: Option<Ghost>) -> (App, Entity) {
    let mut app = headless_app();
    listen::<ModelReady>(&mut app);
    let model = app
        .world_mut()
        .resource_mut::<Assets<VoxelModel>>()
        .add(panes());
    let mut entity = app.world_mut().spawn(VoxelModel3d(model));
    if let Some(ghost) = ghost {
        entity.insert(ghost);
    }
    let entity = entity.id();
    update_until(&mut app, "showing", |world| {
        !heard::<ModelReady>(world).is_empty()
    });
    app.update();
    (app, entity)
}

/// The parts that are blended: their entities, meshes and places.
fn blended(app: &mut App) -> Vec<(Entity, Mesh, GlobalTransform)> {
    let world = app.world_mut();
    let mut parts = world.query_filtered::<(
        Entity,
        &Mesh3d,
        &MeshMaterial3d<StandardMaterial>,
        &GlobalTransform,
    ), With<Chunk>>();
    let materials = world.resource::<Assets<StandardMaterial>>();
    let meshes = world.resource::<Assets<Mesh>>();
    let all = parts.iter(world).filter(|(_, _, material, _)| {
        materials.get(&material.0).unwrap().alpha_mode == AlphaMode::Blend
    });
    all.map(|(entity, mesh, _, place)| (entity, meshes.get(&mesh.0).unwrap().clone(), *place))
        .collect()
}

#[test]
fn glass_is_sorted_by_the_middle_of_its_own_voxels_in_the_world() {
    let (mut app, _) = shown(None);
    let mut middles: Vec<Vec3> = blended(&mut app)
        .iter()
        .map(|(_, mesh, place)| place.transform_point(mesh.compute_aabb().unwrap().center.into()))
        .collect();
    middles.sort_by(|a, b| a.x.total_cmp(&b.x));
    let size = VoxelSize::default().0;
    let origin = panes().origin();
    let expected = [Vec3::new(27.0, 4.0, 20.5), Vec3::new(60.0, 4.0, 20.5)];
    for (middle, expected) in middles.iter().zip(expected) {
        assert!(
            middle.abs_diff_eq((expected - origin) * size, 1e-5),
            "{middle}"
        );
    }
    assert_eq!(middles.len(), 2);
}

#[test]
fn light_passes_through_glass_and_not_through_stone_of_noisy_alpha() {
    let (mut app, _) = shown(None);
    let glass: Vec<Entity> = blended(&mut app).iter().map(|part| part.0).collect();
    let world = app.world_mut();
    let mut parts = world.query_filtered::<(Entity, Has<NotShadowCaster>), With<Chunk>>();
    assert_eq!(parts.iter(world).count(), 3);
    for (entity, lets_through) in parts.iter(world) {
        assert_eq!(lets_through, glass.contains(&entity));
    }
}

#[test]
fn a_ghost_throws_no_shadow_until_it_is_the_thing_itself() {
    let (mut app, entity) = shown(Some(Ghost::default()));
    let count = |app: &mut App| {
        let world = app.world_mut();
        let mut dark = world.query_filtered::<(), (With<Chunk>, Without<NotShadowCaster>)>();
        dark.iter(world).count()
    };
    assert_eq!(count(&mut app), 0);
    let stone = app.world_mut().resource_mut::<Assets<VoxelModel>>().add({
        let coords = vec![[3, 3, 3], [40, 3, 3]];
        VoxelModel::from(&SparseVoxels::new(64, coords, vec![[9, 9, 9, 255]; 2], None).unwrap())
    });
    let mut entity = app.world_mut().entity_mut(entity);
    entity.remove::<Ghost>();
    entity.insert(VoxelModel3d(stone));
    update_until(&mut app, "the thing's shadow", |world| {
        let mut dark = world.query_filtered::<(), (With<Chunk>, Without<NotShadowCaster>)>();
        dark.iter(world).count() == 2
    });
}

#[test]
fn what_a_game_lets_throw_no_shadow_stays_so_when_it_is_painted_anew() {
    let (mut app, _) = shown(None);
    let world = app.world_mut();
    let mut dark = world.query_filtered::<Entity, (With<Chunk>, Without<NotShadowCaster>)>();
    let stone = dark.single(world).unwrap();
    world.entity_mut(stone).insert(NotShadowCaster);
    let mut material = world
        .get_mut::<MeshMaterial3d<StandardMaterial>>(stone)
        .unwrap();
    material.set_changed();
    app.update();
    assert!(app.world().entity(stone).contains::<NotShadowCaster>());
}

/// Parts whose mesh counts as changed, which has Bevy sort them anew.
#[derive(Resource, Default)]
struct SortedAnew(Vec<Entity>);

#[test]
fn glass_that_moves_is_sorted_anew_and_what_stands_or_is_opaque_is_not() {
    let (mut app, entity) = shown(None);
    let mut glass: Vec<Entity> = blended(&mut app).iter().map(|part| part.0).collect();
    glass.sort();
    app.init_resource::<SortedAnew>().add_systems(
        Last,
        |changed: Query<Entity, (With<Chunk>, Changed<Mesh3d>)>, mut list: ResMut<SortedAnew>| {
            list.0 = changed.iter().collect();
        },
    );
    app.update();
    app.update();
    assert_eq!(app.world().resource::<SortedAnew>().0, []);
    app.world_mut()
        .get_mut::<Transform>(entity)
        .unwrap()
        .translation
        .x += 3.0;
    app.update();
    let mut anew = app.world().resource::<SortedAnew>().0.clone();
    anew.sort();
    assert_eq!(anew, glass);
}
