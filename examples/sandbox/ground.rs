//! The ground to dig in: meadow, hills, a pond, trees; a voxel world of Crossworld's materials.

use bevy::camera::visibility::RenderLayers;
use bevy::prelude::*;
use crossworld_trellis::prelude::*;
use crossworld_trellis::voxel::{
    CHUNK_DEPTH, CHUNK_EDGE, ChunkKey, ChunkVoxels, Material, Node, Octree, Palette, Region,
};
use crossworld_trellis::world::Chunk;

use crate::args::Args;
use crate::scene::SCENERY;

/// Edge of the ground's voxels in metres.
pub const VOXEL: f32 = 0.125;

/// How deep one can dig, in cells.
const DEPTH: i32 = 30;

/// The voxel world that is the ground.
#[derive(Component)]
pub struct Ground;

/// Where the ground is flat and where it ends, in metres from the origin.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Half the edge of the flat place in the middle.
    pub flat: Vec2,
    /// Half the edge of the whole ground; a whole number of chunks.
    pub end: f32,
}

impl Plan {
    /// Room for a row of things as long as that, looked at from so far away.
    pub fn around(row: f32, away: f32) -> Self {
        let away = away.max(6.0);
        let flat = Vec2::new(away.max(row / 2.0 + 2.0), away);
        let chunk = CHUNK_EDGE as f32 * VOXEL;
        let end = ((flat.max_element() + 10.0) / chunk).ceil() * chunk;
        Self {
            flat,
            end: end.min(60.0),
        }
    }

    fn pond(&self) -> Vec2 {
        Vec2::new(-0.62, -0.62) * self.flat
    }

    /// Height in metres at a place.
    fn height(&self, place: Vec2) -> f32 {
        let Vec2 { x, y: z } = place;
        let outside = (place.abs() / self.flat).length();
        let rise = smooth((outside - 0.95) / 0.9);
        let border = smooth((self.end - place.abs().max_element()) / 4.0);
        let wave =
            1.3 + (x * 0.23 + 0.8).sin() * (z * 0.21).cos() + 0.45 * (x * 0.61 + z * 0.47).sin();
        let hills = wave.max(0.0) * rise * border;
        let pond = 1.0 - place.distance(self.pond()) / 2.6;
        let wobble = 0.12 * (x * 1.9).sin() * (z * 1.7).cos();
        hills - 1.6 * smooth(pond + wobble * 2.0)
    }
}

pub fn plugin(app: &mut App) {
    app.add_systems(Startup, spawn_ground)
        .add_systems(Update, hide_from_photos);
}

fn spawn_ground(mut commands: Commands, args: Res<Args>, settings: Res<TrellisSettings>) {
    let plan = args.plan(settings.voxel_size);
    commands.spawn((
        Ground,
        Name::new("ground"),
        terrain(&plan),
        VoxelSize(VOXEL),
    ));
}

/// Photos show things, not the ground they stand on.
fn hide_from_photos(
    mut commands: Commands,
    new: Query<(Entity, &ChildOf), Added<Chunk>>,
    grounds: Query<(), With<Ground>>,
) {
    for (chunk, parent) in &new {
        if grounds.contains(parent.parent()) {
            commands
                .entity(chunk)
                .try_insert(RenderLayers::layer(SCENERY));
        }
    }
}

/// The materials the ground is made of.
struct Materials {
    grasses: [u8; 3],
    flowers: [u8; 3],
    dirt: u8,
    stone: u8,
    bottom: u8,
    sand: u8,
    /// Under water; dark, so that the water looks deep.
    pond: u8,
    water: u8,
    trunk: u8,
    leaves: [u8; 2],
}

impl Materials {
    fn new() -> Self {
        let of = |name| Material::by_name(name).unwrap_or_default().0;
        Self {
            grasses: ["grass", "moss", "cactus"].map(of),
            flowers: ["fabric_yellow", "coral", "fabric_white"].map(of),
            dirt: of("dirt"),
            stone: of("stone"),
            bottom: of("hard_ground"),
            sand: of("sand"),
            pond: of("basalt"),
            water: of("water"),
            trunk: of("wood_spruce"),
            leaves: ["leaves_birch", "leaves_spruce"].map(of),
        }
    }

    /// The cell `above` cells over the ground's surface (-1 is the topmost solid one), `y` over the world's origin.
    fn cell(&self, plan: &Plan, x: i32, z: i32, surface: i32, y: i32) -> u8 {
        let above = y - surface;
        let luck = scatter(x, z);
        let middle = Vec2::new(x as f32, z as f32) * VOXEL;
        let shore = 2.7 + 0.3 * (middle.x * 1.3).sin() + 0.3 * (middle.y * 1.7).cos();
        let at_pond = middle.distance(plan.pond()) < shore;
        match above {
            _ if y <= -DEPTH => self.bottom,
            0.. if y < -2 => self.water,
            0 if luck.is_multiple_of(211) && !at_pond && middle.length() > 2.5 => {
                pick(&self.flowers, luck / 211)
            }
            0.. => 0,
            -3.. if surface < -5 => self.pond,
            -3.. if at_pond => self.sand,
            -1 => {
                let patch = (middle.x * 0.9).sin() + (middle.y * 0.7 + middle.x * 0.3).cos();
                let mix = patch + (luck % 16) as f32 / 16.0;
                pick(&self.grasses, u32::from(mix > 0.9) + u32::from(mix > 1.9))
            }
            -6.. => self.dirt,
            _ => self.stone,
        }
    }
}

/// The ground of a plan; its origin is the middle of the flat place, at its surface.
pub fn terrain(plan: &Plan) -> VoxelWorld {
    let materials = Materials::new();
    let chunks = Vec3::splat(plan.end / VOXEL / CHUNK_EDGE as f32)
        .round()
        .as_ivec3()
        .x;
    let mut octree = Octree::default();
    while octree.edge() >> CHUNK_DEPTH < 2 * chunks.unsigned_abs() {
        if octree.grow().is_err() {
            break;
        }
    }
    let half = IVec3::splat(octree.half_edge());
    for z in -chunks..chunks {
        for x in -chunks..chunks {
            for y in -1..=1 {
                let corner = ChunkKey(IVec3::new(x, y, z)).min_cell();
                let chunk = column_of_chunk(plan, &materials, corner);
                octree.set_chunk(ChunkKey::of_cell(corner + half), Node::from(&chunk));
            }
        }
    }
    plant(plan, &materials, &mut octree);
    // The ground is small enough for any world.
    VoxelWorld::of_octree(octree, Palette::crossworld().clone()).unwrap_or_default()
}

fn column_of_chunk(plan: &Plan, materials: &Materials, corner: IVec3) -> ChunkVoxels {
    let mut chunk = ChunkVoxels::default();
    for (z, cell_z) in (0..CHUNK_EDGE).zip(corner.z..) {
        for (x, cell_x) in (0..CHUNK_EDGE).zip(corner.x..) {
            let surface = surface(plan, cell_x, cell_z);
            for (y, cell_y) in (0..CHUNK_EDGE).zip(corner.y..) {
                let value = materials.cell(plan, cell_x, cell_z, surface, cell_y);
                chunk.set([x, y, z], value);
            }
        }
    }
    chunk
}

/// The first cell over the ground.
fn surface(plan: &Plan, x: i32, z: i32) -> i32 {
    let middle = (Vec2::new(x as f32, z as f32) + 0.5) * VOXEL;
    Vec2::splat(plan.height(middle) / VOXEL)
        .round()
        .as_ivec2()
        .x
}

/// Trees on the hills.
fn plant(plan: &Plan, materials: &Materials, octree: &mut Octree) {
    let half = IVec3::splat(octree.half_edge());
    for tree in 0..26_u16 {
        let turn = f32::from(tree) * 2.4;
        let out = 1.25 + (f32::from(tree) * 0.618).fract() * 0.7;
        let place = Vec2::from_angle(turn) * plan.flat * out;
        if place.abs().max_element() > plan.end - 3.5 || place.distance(plan.pond()) < 4.0 {
            continue;
        }
        let root = (place / VOXEL).as_ivec2();
        let base = IVec3::new(root.x, surface(plan, root.x, root.y), root.y) + half;
        let tall = 15 + i32::from(tree) * 7 % 9;
        let trunk = Region::Box {
            min: base - IVec3::new(1, 3, 1),
            max: base + IVec3::new(1, tall, 1),
        };
        octree.fill(&trunk, materials.trunk);
        let leaves = pick(&materials.leaves, u32::from(tree));
        for (offset, radius) in [
            (Vec3::new(0.0, 2.0, 0.0), 7.5),
            (Vec3::new(4.0, -2.0, 2.0), 5.5),
            (Vec3::new(-3.5, -3.0, 3.0), 5.0),
            (Vec3::new(-1.0, -1.5, -4.5), 5.5),
        ] {
            let center = base.as_vec3() + Vec3::Y * tall as f32 + offset;
            octree.fill(&Region::Ball { center, radius }, leaves);
        }
    }
}

fn pick<const N: usize>(list: &[u8; N], number: u32) -> u8 {
    let place = usize::try_from(number).unwrap_or(0) % N.max(1);
    list.get(place).copied().unwrap_or(0)
}

/// 0 up to 0, 1 from 1 on, without a corner.
fn smooth(x: f32) -> f32 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// A number for each column that looks random.
fn scatter(x: i32, z: i32) -> u32 {
    let mixed =
        x.cast_unsigned().wrapping_mul(0x9e37_79b1) ^ z.cast_unsigned().wrapping_mul(0x85eb_ca77);
    (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d) >> 8
}
