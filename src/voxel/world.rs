//! [`VoxelWorld`]: voxels around an origin that can be dug, placed, stamped and undone.
//!
//! An octree whose middle is the world's origin: world cell c is octree cell c + half an edge, as Crossworld's worlds
//! stand. It doubles by itself when something is put outside. Values are indices into the world's palette; with
//! [`Palette::crossworld`], the default, they are Crossworld's materials. Every change is one step that can be undone;
//! a step costs what it changed, since octrees share the rest.

use std::sync::Arc;

use glam::{IVec3, Vec3};

use super::{CHUNK_DEPTH, ChunkKey, ChunkVoxels, Node, Octree, Palette, RayHit, Region};

/// Voxels around an origin, with a palette and the steps that led to them.
#[cfg_attr(feature = "bevy", derive(bevy::ecs::component::Component))]
#[derive(Clone, Debug)]
pub struct VoxelWorld {
    octree: Octree,
    palette: Arc<Palette>,
    done: Vec<Octree>,
    undone: Vec<Octree>,
}

/// Why a world did not take a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VoxelWorldError {
    /// Beyond the largest world.
    #[error("cell {cell} lies outside the largest world: use -{} to {}", 1 << (VoxelWorld::MAX_DEPTH - 1), (1 << (VoxelWorld::MAX_DEPTH - 1)) - 1)]
    Outside {
        /// A cell of the change.
        cell: IVec3,
    },
    /// More chunks than a game can show.
    #[error(
        "the world would have {got} chunks to be drawn: at most {} are",
        VoxelWorld::MAX_CHUNKS
    )]
    TooManyChunks {
        /// Chunks there would be.
        got: u64,
    },
    /// The palette has no such entry.
    #[error("the world's palette has no entry {value}: use 0 to {entries}")]
    NoEntry {
        /// The value.
        value: u8,
        /// Entries there are.
        entries: usize,
    },
}

impl Default for VoxelWorld {
    /// An empty world of Crossworld's materials.
    fn default() -> Self {
        Self::new(Palette::crossworld().clone())
    }
}

impl VoxelWorld {
    /// Least depth: a world's middle is a corner of chunks.
    const MIN_DEPTH: u32 = CHUNK_DEPTH + 1;

    /// Greatest depth: 16 384 cells an axis, so that the chunks of a full world's outside can still be listed.
    pub const MAX_DEPTH: u32 = 14;

    /// Most chunks of an octree that is taken over as a whole: see [`Octree::chunk_key_count`].
    pub const MAX_CHUNKS: u64 = 1 << 20;

    /// Most steps that can be undone; older ones are forgotten.
    pub const MAX_STEPS: usize = 256;

    /// An empty world with a palette of its own.
    #[must_use]
    pub fn new(palette: Palette) -> Self {
        Self {
            octree: with_room(Octree::default()),
            palette: Arc::new(palette),
            done: Vec::new(),
            undone: Vec::new(),
        }
    }

    /// A world of an octree that stands with its middle at the origin, as a saved world does.
    ///
    /// # Errors
    /// [`VoxelWorldError`], where the octree is deeper than [`VoxelWorld::MAX_DEPTH`], has more chunks than
    /// [`VoxelWorld::MAX_CHUNKS`] or values that the palette lacks.
    pub fn of_octree(octree: Octree, palette: Palette) -> Result<Self, VoxelWorldError> {
        let mut world = Self::new(palette);
        world.octree = world.taken_over(octree)?;
        Ok(world)
    }

    /// All voxels; the octree's middle is the world's origin. Cloning it makes a snapshot at no cost.
    #[must_use]
    pub fn octree(&self) -> &Octree {
        &self.octree
    }

    /// What the values mean.
    #[must_use]
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// Cells from the octree's corner to the world's origin, on each axis.
    #[must_use]
    pub fn half_edge(&self) -> i32 {
        self.octree.half_edge()
    }

    /// Value of a cell; 0 where the world is empty or ends.
    #[must_use]
    pub fn get(&self, cell: IVec3) -> u8 {
        self.inner(cell).map_or(0, |cell| self.octree.get(cell))
    }

    /// Values of the cells at -x, +x, -y, +y, -z and +z of one.
    #[must_use]
    pub fn neighbors(&self, cell: IVec3) -> [u8; 6] {
        let sides = [
            IVec3::NEG_X,
            IVec3::X,
            IVec3::NEG_Y,
            IVec3::Y,
            IVec3::NEG_Z,
            IVec3::Z,
        ];
        sides.map(|step| self.get(cell.saturating_add(step)))
    }

    /// The first voxel on a ray, at most `reach` lengths of `direction` away; all in cells from the world's origin.
    #[must_use]
    pub fn raycast(&self, origin: Vec3, direction: Vec3, reach: f32) -> Option<RayHit> {
        let half = self.half_edge();
        let hit = self
            .octree
            .raycast(origin + half as f32, direction, reach)?;
        Some(RayHit {
            cell: hit.cell - half,
            ..hit
        })
    }

    /// Sets a cell; 0 digs it out.
    ///
    /// # Errors
    /// [`VoxelWorldError`]; the world is unchanged then.
    pub fn set(&mut self, cell: IVec3, value: u8) -> Result<(), VoxelWorldError> {
        let max = cell.saturating_add(IVec3::ONE);
        self.fill(&Region::Box { min: cell, max }, value)
    }

    /// Sets all cells of a region; 0 digs them out.
    ///
    /// # Errors
    /// [`VoxelWorldError`]; the world is unchanged then.
    pub fn fill(&mut self, region: &Region, value: u8) -> Result<(), VoxelWorldError> {
        let entries = self.palette.entries().len();
        if usize::from(value) > entries {
            return Err(VoxelWorldError::NoEntry { value, entries });
        }
        let mut octree = self.octree.clone();
        // What is dug outside is empty already.
        if value != 0 {
            let [min, max] = region.bounds();
            make_room(&mut octree, min, max)?;
        }
        let half = octree.half_edge();
        octree.fill(&region.moved(IVec3::splat(half)), value);
        self.step(octree);
        Ok(())
    }

    /// Puts the voxels of an octree of the same palette into the world, its smallest cell at `min`. Empty cells leave
    /// what is there.
    ///
    /// # Errors
    /// [`VoxelWorldError`]; the world is unchanged then.
    pub fn stamp(&mut self, voxels: &Octree, min: IVec3) -> Result<(), VoxelWorldError> {
        let Some(bounds) = voxels.bounds() else {
            return Ok(());
        };
        let [low, beyond] = [
            min.checked_add(IVec3::from(bounds.min.map(i32::from))),
            min.checked_add(IVec3::from(bounds.max.map(i32::from)) + 1),
        ];
        let (Some(low), Some(beyond)) = (low, beyond) else {
            return Err(VoxelWorldError::Outside { cell: min });
        };
        let mut octree = self.octree.clone();
        make_room(&mut octree, low, beyond)?;
        let half = octree.half_edge();
        let [first, last] = [low, beyond - 1].map(|cell| ChunkKey::of_cell(cell + half).0);
        let mut stamped = ChunkVoxels::default();
        for z in first.z..=last.z {
            for y in first.y..=last.y {
                for x in first.x..=last.x {
                    let key = ChunkKey(IVec3::new(x, y, z));
                    let corner = key.min_cell();
                    let edge = [1 << CHUNK_DEPTH; 3];
                    voxels.read(corner - half - min, edge, stamped.cells_mut());
                    overlay(&mut octree, key, &stamped);
                }
            }
        }
        self.step(octree);
        Ok(())
    }

    /// Takes back the last step; tells whether there was one.
    pub fn undo(&mut self) -> bool {
        let Some(before) = self.done.pop() else {
            return false;
        };
        self.undone
            .push(std::mem::replace(&mut self.octree, before));
        true
    }

    /// Does the last undone step again; tells whether there was one.
    pub fn redo(&mut self) -> bool {
        let Some(after) = self.undone.pop() else {
            return false;
        };
        self.done.push(std::mem::replace(&mut self.octree, after));
        true
    }

    /// Replaces all voxels, as loading does; this too can be undone. The octree stands with its middle at the origin.
    ///
    /// # Errors
    /// As [`VoxelWorld::of_octree`]; the world is unchanged then.
    pub fn replace(&mut self, octree: Octree) -> Result<(), VoxelWorldError> {
        let octree = self.taken_over(octree)?;
        self.step(octree);
        Ok(())
    }

    /// An octree of somebody else as one that this world can have.
    fn taken_over(&self, octree: Octree) -> Result<Octree, VoxelWorldError> {
        if octree.depth() > Self::MAX_DEPTH {
            let cell = IVec3::splat(octree.half_edge() - 1);
            return Err(VoxelWorldError::Outside { cell });
        }
        let got = octree.chunk_key_count();
        if got > Self::MAX_CHUNKS {
            return Err(VoxelWorldError::TooManyChunks { got });
        }
        let entries = self.palette.entries().len();
        match octree.greatest_value() {
            value if usize::from(value) > entries => {
                Err(VoxelWorldError::NoEntry { value, entries })
            }
            _ => Ok(with_room(octree)),
        }
    }

    /// Makes a changed octree the world's, unless nothing changed.
    fn step(&mut self, octree: Octree) {
        // Of full cubes of one value the edge matters too.
        if octree == self.octree || octree.is_empty() && self.octree.is_empty() {
            return;
        }
        self.done.push(std::mem::replace(&mut self.octree, octree));
        self.undone.clear();
        if self.done.len() > Self::MAX_STEPS {
            self.done.remove(0);
        }
    }

    /// The octree's cell of a world cell.
    fn inner(&self, cell: IVec3) -> Option<[u32; 3]> {
        let inner = cell.checked_add(IVec3::splat(self.half_edge()))?;
        (inner.min_element() >= 0).then(|| inner.as_uvec3().to_array())
    }
}

/// An octree that is large enough for a world.
fn with_room(mut octree: Octree) -> Octree {
    while octree.depth() < VoxelWorld::MIN_DEPTH && octree.grow().is_ok() {}
    octree
}

/// Doubles an octree until it holds the world cells from `min` up to, without, `max`.
fn make_room(octree: &mut Octree, min: IVec3, max: IVec3) -> Result<(), VoxelWorldError> {
    if max.cmple(min).any() {
        return Ok(());
    }
    let last = max - 1;
    let holds = |octree: &Octree, cell: IVec3| {
        let half = octree.half_edge();
        cell.cmpge(IVec3::splat(-half)).all() && cell.cmplt(IVec3::splat(half)).all()
    };
    let mut grown = octree.clone();
    while !(holds(&grown, min) && holds(&grown, last)) {
        if grown.depth() >= VoxelWorld::MAX_DEPTH || grown.grow().is_err() {
            return Err(VoxelWorldError::Outside {
                cell: if holds(&grown, min) { last } else { min },
            });
        }
    }
    *octree = grown;
    Ok(())
}

/// Puts the solid cells of a chunk over those that are there.
fn overlay(octree: &mut Octree, key: ChunkKey, stamped: &ChunkVoxels) {
    if stamped.cells().iter().all(|&value| value == 0) {
        return;
    }
    let mut chunk = ChunkVoxels::default();
    octree.read_chunk(key, 0, &mut chunk);
    for (cell, &value) in chunk.cells_mut().iter_mut().zip(stamped.cells()) {
        if value != 0 {
            *cell = value;
        }
    }
    octree.set_chunk(key, Node::from(&chunk));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::PaletteEntry;
    use super::*;

    fn world() -> VoxelWorld {
        let entries = vec![PaletteEntry::matte([9, 9, 9, 255]); 9];
        VoxelWorld::new(Palette::from_entries(entries).unwrap())
    }

    #[test]
    fn a_world_grows_to_hold_what_is_placed_and_keeps_what_stands() {
        let mut world = world();
        world.set(IVec3::new(-3, 0, 5), 1).unwrap();
        world.set(IVec3::new(900, -4, 0), 2).unwrap();
        assert_eq!(world.octree().edge(), 2048);
        assert_eq!(world.get(IVec3::new(-3, 0, 5)), 1);
        assert_eq!(world.get(IVec3::new(900, -4, 0)), 2);
        assert_eq!(world.octree().len(), 2);
    }

    #[test]
    fn a_world_that_cannot_hold_a_change_stays_as_it_was() {
        let mut world = world();
        world.set(IVec3::ZERO, 1).unwrap();
        let before = world.octree().clone();
        let far = IVec3::new(0, 40_000, 0);
        let error = world.set(far, 1).unwrap_err();
        assert_eq!(error, VoxelWorldError::Outside { cell: far });
        let error = world.set(IVec3::ONE, 10).unwrap_err();
        assert_eq!(
            error,
            VoxelWorldError::NoEntry {
                value: 10,
                entries: 9
            }
        );
        let everything = Region::Box {
            min: IVec3::MIN,
            max: IVec3::MAX,
        };
        assert!(world.fill(&everything, 1).is_err());
        let stamp = Octree::from_cells(3, [([4, 4, 4], 1)]).unwrap();
        for min in [i32::MIN, i32::MAX - 1, i32::MAX] {
            assert!(world.stamp(&stamp, IVec3::splat(min)).is_err());
        }
        assert_eq!(*world.octree(), before);
        world.fill(&everything, 0).unwrap();
        assert!(world.octree().is_empty(), "everywhere may be dug");
    }

    #[test]
    fn steps_are_undone_and_done_again_in_order() {
        let mut world = world();
        let cells = [IVec3::ZERO, IVec3::new(500, 0, 0), IVec3::new(0, -3, 0)];
        for (value, cell) in (1..).zip(cells) {
            world.set(cell, value).unwrap();
        }
        assert!(world.undo() && world.undo());
        assert_eq!(cells.map(|cell| world.get(cell)), [1, 0, 0]);
        assert!(world.redo());
        assert_eq!(cells.map(|cell| world.get(cell)), [1, 2, 0]);
        world.set(cells[2], 7).unwrap();
        assert!(!world.redo(), "a new step ends the old future");
        assert!(world.undo() && world.undo() && world.undo() && !world.undo());
        assert!(world.octree().is_empty());
    }

    #[test]
    fn a_change_that_changes_nothing_is_no_step() {
        let mut world = world();
        world.set(IVec3::ZERO, 0).unwrap();
        assert!(!world.undo());
    }

    #[test]
    fn the_oldest_steps_are_forgotten() {
        let mut world = world();
        for x in 0..300 {
            world.set(IVec3::new(x, 0, 0), 1).unwrap();
        }
        let steps = std::iter::from_fn(|| world.undo().then_some(())).count();
        assert_eq!(steps, VoxelWorld::MAX_STEPS);
        assert_eq!(world.octree().len(), 300 - 256);
    }

    #[test]
    fn a_ray_tells_cells_from_the_worlds_origin() {
        let mut world = world();
        world.set(IVec3::new(-1, -1, -1), 4).unwrap();
        let from = Vec3::new(-0.5, 20.0, -0.5);
        let hit = world.raycast(from, Vec3::NEG_Y, 100.0).unwrap();
        assert_eq!(
            (hit.cell, hit.normal, hit.value),
            (IVec3::NEG_ONE, IVec3::Y, 4)
        );
        assert!((hit.distance - 20.0).abs() < 1e-4);
    }

    #[test]
    fn one_changed_cell_is_one_changed_chunk_also_when_the_world_has_grown() {
        let mut world = world();
        world
            .fill(
                &Region::Box {
                    min: IVec3::splat(-20),
                    max: IVec3::splat(20),
                },
                3,
            )
            .unwrap();
        let before = world.octree().clone();
        world.set(IVec3::new(40, 0, 0), 1).unwrap();
        let shift = world.half_edge() >> CHUNK_DEPTH;
        let changed = world.octree().changed_chunks(&before);
        assert_eq!(changed, [ChunkKey(IVec3::new(1, 0, 0) + shift)]);
        let after = world.octree().clone();
        world.undo();
        world.redo();
        assert!(world.octree().changed_chunks(&after).is_empty());
    }

    #[test]
    fn of_a_filled_cube_of_chunks_only_the_outermost_have_changed() {
        let mut world = world();
        let before = world.octree().clone();
        world
            .fill(
                &Region::Box {
                    min: IVec3::ZERO,
                    max: IVec3::splat(1024),
                },
                3,
            )
            .unwrap();
        assert_eq!(
            world.octree().changed_chunks(&before).len(),
            32_768 - 30 * 30 * 30
        );
        assert_eq!(world.octree().chunk_key_count(), 32_768 - 30 * 30 * 30);
        let edge = 1 << (VoxelWorld::MAX_DEPTH - 1);
        world
            .fill(
                &Region::Box {
                    min: IVec3::splat(-edge),
                    max: IVec3::splat(edge),
                },
                3,
            )
            .unwrap();
        assert!(world.set(IVec3::splat(edge), 3).is_err());
    }

    #[test]
    fn an_octree_that_no_world_can_have_is_refused_and_the_world_stays() {
        let mut world = world();
        let deep = Octree::empty(15).unwrap();
        assert!(matches!(
            world.replace(deep),
            Err(VoxelWorldError::Outside { .. })
        ));
        // A few nodes that stand for 2^27 chunks with one voxel each.
        let mut node = Node::octa([1, 0, 0, 0, 0, 0, 0, 0]);
        for _ in 1..14 {
            node = Node::new([0; 8].map(|_| node.clone()));
        }
        let crowd = Octree::from_root(14, node).unwrap();
        assert_eq!(crowd.chunk_key_count(), 1 << 27);
        let too_many = VoxelWorldError::TooManyChunks { got: 1 << 27 };
        assert_eq!(world.replace(crowd).unwrap_err(), too_many);
        let unknown = Octree::from_cells(6, [([0; 3], 200)]).unwrap();
        let no_entry = VoxelWorldError::NoEntry {
            value: 200,
            entries: 9,
        };
        assert_eq!(world.replace(unknown).unwrap_err(), no_entry);
        assert!(world.octree().is_empty());
    }

    proptest! {
        #[test]
        fn a_stamp_lays_its_solid_cells_over_what_is_there(
            ground in prop::collection::vec(([0u32..64, 0u32..64, 0u32..64], 1u8..4), 0..200),
            stamp in prop::collection::vec(([0u32..50, 0u32..50, 0u32..50], 0u8..9), 0..200),
            min in [-60i32..60, -60i32..60, -60i32..60],
        ) {
            let mut world = world();
            world.replace(Octree::from_cells(6, ground).unwrap()).unwrap();
            let before = world.clone();
            let stamp = Octree::from_cells(6, stamp).unwrap();
            let min = IVec3::from(min);
            world.stamp(&stamp, min).unwrap();
            let mut solid = before.octree().len();
            for (cell, value) in stamp.cells() {
                let cell = glam::UVec3::from(cell).as_ivec3() + min;
                prop_assert_eq!(world.get(cell), value);
                solid += u64::from(before.get(cell) == 0);
            }
            prop_assert_eq!(world.octree().len(), solid);
            let half = before.half_edge();
            for (cell, value) in before.octree().cells() {
                let cell = glam::UVec3::from(cell).as_ivec3() - half;
                let inside = cell - min;
                let over = if inside.min_element() < 0 { 0 } else { stamp.get(inside.as_uvec3().to_array()) };
                prop_assert_eq!(world.get(cell), if over == 0 { value } else { over });
            }
        }

        #[test]
        fn changed_chunks_are_those_that_differ(
            cells in prop::collection::vec([0i32..128, 0i32..128, 0i32..128], 0..6),
            region in ([-70i32..60, -70i32..60, -70i32..60], 0i32..40),
        ) {
            let mut world = world();
            world.fill(&Region::Box { min: IVec3::splat(-64), max: IVec3::new(64, -20, 64) }, 2).unwrap();
            let before = world.octree().clone();
            for cell in cells {
                world.set(IVec3::from(cell) - 64, 1).unwrap();
            }
            let min = IVec3::from(region.0);
            world.fill(&Region::Box { min, max: min + region.1 }, 3).unwrap();
            let now = world.octree().clone();
            let mut grown = before.clone();
            while grown.depth() < now.depth() {
                grown.grow().unwrap();
            }
            let edge = now.edge() >> CHUNK_DEPTH;
            let mut expected = Vec::new();
            for code in 0..u64::from(edge).pow(3) {
                let key = ChunkKey(glam::UVec3::from(super::super::morton::decode_deep(code)).as_ivec3());
                if now.chunk_node(key) != grown.chunk_node(key) {
                    expected.push(key);
                }
            }
            prop_assert_eq!(now.changed_chunks(&before), expected);
        }
    }
}
