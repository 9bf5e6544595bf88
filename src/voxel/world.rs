//! [`VoxelWorld`]: voxels around an origin that can be dug, placed, stamped and undone.
//!
//! An octree whose middle is the world's origin: world cell c is octree cell c + half an edge, as Crossworld's worlds
//! stand. It doubles by itself when something is put outside. Values are indices into the world's palette; with
//! [`Palette::crossworld`], the default, they are Crossworld's materials. Every change is one step that can be undone;
//! a step costs what it changed, since octrees share the rest.

use std::sync::Arc;

use glam::{IVec3, Vec3};

use super::octree::{Shifted, overlaid};
use super::{CHUNK_DEPTH, Octree, Palette, RayHit, Region};

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

/// An octree and what a world asks before it takes it over. To find that out all of the tree is walked, which takes
/// longer than a frame may where there are millions of voxels; then it is done elsewhere.
#[derive(Clone, Debug)]
pub struct SurveyedOctree {
    octree: Octree,
    chunks: u64,
    greatest: u8,
}

impl SurveyedOctree {
    /// The octree.
    #[must_use]
    pub fn octree(&self) -> &Octree {
        &self.octree
    }
}

impl From<Octree> for SurveyedOctree {
    fn from(octree: Octree) -> Self {
        Self {
            chunks: octree.chunk_key_count(),
            greatest: octree.greatest_value(),
            octree,
        }
    }
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
    pub fn of_octree(
        octree: impl Into<SurveyedOctree>,
        palette: Palette,
    ) -> Result<Self, VoxelWorldError> {
        let mut world = Self::new(palette);
        world.octree = world.taken_over(octree.into())?;
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
        self.check_value(value)?;
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
        let table = std::array::from_fn(|value| value.to_le_bytes()[0]);
        let shifted = Shifted::new(voxels, min + octree.half_edge(), octree.depth(), &table);
        let layer = shifted.node_at(octree.depth(), IVec3::ZERO);
        let laid = overlaid(octree.root(), &layer);
        octree.set_node(octree.depth(), IVec3::ZERO, laid);
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
    /// A big one is surveyed elsewhere, see [`SurveyedOctree`].
    ///
    /// # Errors
    /// As [`VoxelWorld::of_octree`]; the world is unchanged then.
    pub fn replace(&mut self, voxels: impl Into<SurveyedOctree>) -> Result<(), VoxelWorldError> {
        let octree = self.taken_over(voxels.into())?;
        self.step(octree);
        Ok(())
    }

    /// An octree of somebody else as one that this world can have.
    fn taken_over(&self, voxels: SurveyedOctree) -> Result<Octree, VoxelWorldError> {
        let SurveyedOctree {
            octree,
            chunks,
            greatest,
        } = voxels;
        if octree.depth() > Self::MAX_DEPTH {
            let cell = IVec3::splat(octree.half_edge() - 1);
            return Err(VoxelWorldError::Outside { cell });
        }
        if chunks > Self::MAX_CHUNKS {
            return Err(VoxelWorldError::TooManyChunks { got: chunks });
        }
        self.check_value(greatest)?;
        Ok(with_room(octree))
    }

    /// Whether the palette has a value.
    pub(super) fn check_value(&self, value: u8) -> Result<(), VoxelWorldError> {
        match self.palette.entries().len() {
            entries if usize::from(value) > entries => {
                Err(VoxelWorldError::NoEntry { value, entries })
            }
            _ => Ok(()),
        }
    }

    /// Makes a changed octree the world's, unless nothing changed.
    pub(super) fn step(&mut self, octree: Octree) {
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
pub(super) fn make_room(
    octree: &mut Octree,
    min: IVec3,
    max: IVec3,
) -> Result<(), VoxelWorldError> {
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

#[cfg(test)]
mod tests;
