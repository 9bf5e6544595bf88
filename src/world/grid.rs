//! [`ChunkGrid`]: what an entity shows, chunk by chunk, and what is being done about it.
//!
//! A chunk that looks different is *stale*. It is meshed from a snapshot of the newest scene, one task at a time: what
//! becomes stale meanwhile is meshed again once the result stands. So no result is older than one that stands, and
//! voxels that change in every frame are shown nonetheless.

use std::collections::VecDeque;

use bevy::asset::RenderAssetUsages;
use bevy::platform::collections::{HashMap, HashSet};
use bevy::prelude::*;
use bevy::tasks::futures::check_ready;
use bevy::tasks::{AsyncComputeTaskPool, Task};

use crate::meshing::{Detail, NEIGHBORS};
use crate::voxel::{ChunkKey, Palette, VoxelModel};

use super::detail::View;
use super::material::ModelMaterials;
use super::remesh::{Batch, MeshedChunk};
use super::scene::Scene;

/// Chunks of a grid that are being meshed or wait to be published, at most: about what a frame has room for.
const MOST_IN_WORK: usize = 256;

/// Chunks meshed by one task. Few, so that threads share a change and newer work soon has its turn.
const BATCH: usize = 4;

/// The chunks of an entity that shows voxels. Without it, what the entity shows stays as it is.
#[derive(Component, Default)]
pub(crate) struct ChunkGrid {
    pub(super) shown_model: Option<AssetId<VoxelModel>>,
    scene: Option<Scene>,
    materials: ModelMaterials,
    view: View,
    slots: HashMap<ChunkKey, Slot>,
    /// Chunks to be meshed, each once.
    stale: Vec<ChunkKey>,
    tasks: Vec<Task<Vec<MeshedChunk>>>,
    meshed: VecDeque<MeshedChunk>,
    /// Number of slots that are in work.
    in_work: usize,
    totals: Totals,
    /// What stands and must be moved or painted, the nearest last; this need not wait for new chunks.
    to_restyle: Vec<ChunkKey>,
    /// Everything must be once all new chunks stand.
    restyle_last: bool,
    /// Whether what stands comes before new chunks, for one chunk.
    is_restyles_turn: bool,
    /// Something has changed since all chunks stood.
    is_unsettled: bool,
}

/// A chunk that holds voxels, or did until now.
#[derive(Default)]
struct Slot {
    /// Entities of its opaque and its translucent part.
    parts: [Option<Entity>; 2],
    quads: [usize; 2],
    level: u8,
    is_stale: bool,
    /// In a task, or waiting to be published.
    is_in_work: bool,
}

/// What stands.
#[derive(Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) chunks: usize,
    pub(super) quads: usize,
    pub(super) parts: usize,
}

/// Work on a grid that is due.
#[expect(
    clippy::large_enum_variant,
    reason = "used up where it comes from; a box would be one more allocation per chunk"
)]
pub(super) enum Due {
    /// A chunk is to take the place of what the entities show.
    Publish(MeshedChunk, [Option<Entity>; 2]),
    /// The entities of a chunk are to be moved and painted.
    Restyle(ChunkKey, [Option<Entity>; 2]),
    /// All chunks stand; to be told once.
    Settled(Totals),
    Nothing,
}

impl ChunkGrid {
    /// Whether the materials are those of a palette.
    pub(super) fn is_painted_in(&self, palette: &Palette) -> bool {
        let scene = self.scene.as_ref();
        scene.is_some_and(|scene| *scene.palette == *palette)
    }

    /// Has other materials from now on.
    pub(super) fn paint(&mut self, materials: ModelMaterials) {
        self.materials = materials;
        // What stands keeps the old ones until then, since its meshes may be made for another palette.
        self.to_restyle.clear();
        // Also what is in work now comes in the old ones.
        self.restyle_last |= !self.slots.is_empty();
    }

    /// What stands is to be moved and painted, as many chunks a frame as the budget allows. What waits for that already
    /// comes first: where this is asked for in every frame, far chunks have their turn too.
    pub(super) fn restyle(&mut self) {
        let mut keys: Vec<ChunkKey> = self.slots.keys().copied().collect();
        let count = keys.len();
        self.view.nearest_first(&mut keys, count);
        keys.reverse();
        let waiting: HashSet<ChunkKey> = self.to_restyle.iter().copied().collect();
        keys.retain(|key| !waiting.contains(key));
        keys.append(&mut self.to_restyle);
        self.to_restyle = keys;
    }

    /// Shows another scene.
    pub(super) fn show(&mut self, scene: Scene) {
        let before = self.scene.take();
        let detail = |key| {
            let slot = self.slots.get(&key);
            slot.map_or_else(|| self.view.level(key, None), |slot| slot.level)
        };
        let stale = before
            .as_ref()
            .and_then(|before| scene.stale_since(before, detail))
            .unwrap_or_else(|| {
                let shown = self.slots.keys().copied();
                scene.chunk_keys().into_iter().chain(shown).collect()
            });
        self.restyle_last |= before.is_some_and(|before| before.origin != scene.origin);
        self.scene = Some(scene);
        self.is_unsettled = true;
        for key in stale {
            self.mark(key);
        }
    }

    /// Is seen from elsewhere: chunks whose level changes become stale, and those beside them.
    pub(super) fn look_from(&mut self, view: View) {
        if view.is_near(&self.view) {
            return;
        }
        self.view = view;
        let mut changed = Vec::new();
        for (&key, slot) in &mut self.slots {
            let level = self.view.level(key, Some(slot.level));
            if level != slot.level {
                slot.level = level;
                changed.push(key);
            }
        }
        self.is_unsettled |= !changed.is_empty();
        for ChunkKey(key) in changed {
            let beside = NEIGHBORS.into_iter().map(|step| ChunkKey(key + step));
            for key in beside.chain([ChunkKey(key)]) {
                if self.slots.contains_key(&key) {
                    self.mark(key);
                }
            }
        }
    }

    /// The cell that stands at the entity's transform.
    pub(super) fn origin(&self) -> Vec3 {
        self.scene.as_ref().map_or(Vec3::ZERO, |scene| scene.origin)
    }

    /// The cameras, in cells from where the grid counts them.
    pub(crate) fn eyes(&self) -> &[Vec3] {
        self.view.eyes()
    }

    pub(super) fn materials(&self) -> ModelMaterials {
        self.materials.clone()
    }

    fn mark(&mut self, key: ChunkKey) {
        let level = || self.view.level(key, None);
        let slot = self.slots.entry(key).or_insert_with(|| Slot {
            level: level(),
            ..default()
        });
        if !slot.is_stale {
            slot.is_stale = true;
            self.stale.push(key);
        }
    }

    /// Gives stale chunks to tasks, the nearest first.
    pub(super) fn start_meshing(&mut self, usages: RenderAssetUsages) {
        let room = MOST_IN_WORK.saturating_sub(self.in_work);
        // To find the nearest of many is not worth the while for a few.
        if room < self.stale.len().min(MOST_IN_WORK / 4) {
            return;
        }
        let Some(scene) = self.scene.clone().filter(|_| !self.stale.is_empty()) else {
            return;
        };
        let slots = &self.slots;
        let is_busy = |key: &ChunkKey| slots.get(key).is_some_and(|slot| slot.is_in_work);
        let (busy, mut next): (Vec<_>, Vec<_>) = self.stale.drain(..).partition(is_busy);
        self.view.nearest_first(&mut next, room);
        self.stale = next.split_off(room.min(next.len()));
        self.stale.extend(busy);
        self.in_work += next.len();
        for keys in next.chunks(BATCH) {
            let chunks = keys.iter().map(|&key| (key, self.detail(key))).collect();
            let batch = Batch {
                scene: scene.clone(),
                materials: self.materials.clone(),
                usages,
                chunks,
            };
            let task = AsyncComputeTaskPool::get().spawn(async move { batch.mesh() });
            self.tasks.push(task);
        }
        for key in &next {
            if let Some(slot) = self.slots.get_mut(key) {
                slot.is_stale = false;
                slot.is_in_work = true;
            }
        }
    }

    fn detail(&self, key: ChunkKey) -> Detail {
        let level = |key: IVec3| {
            let slot = self.slots.get(&ChunkKey(key));
            slot.map_or(0, |slot| slot.level)
        };
        Detail {
            own: level(key.0),
            neighbors: NEIGHBORS.map(|step| level(key.0 + step)),
        }
    }

    /// Takes finished meshes from the tasks; tells whether anything is due.
    pub(super) fn take_meshes(&mut self) -> bool {
        let meshed = &mut self.meshed;
        self.tasks.retain_mut(|task| match check_ready(task) {
            Some(chunks) => {
                meshed.extend(chunks);
                false
            }
            None => true,
        });
        !meshed.is_empty()
            || !self.to_restyle.is_empty()
            || (self.is_unsettled && self.has_caught_up())
    }

    fn has_caught_up(&self) -> bool {
        self.stale.is_empty() && self.in_work == 0
    }

    /// The next thing to be done in the world.
    pub(super) fn next_due(&mut self) -> Due {
        if self.restyle_last && self.has_caught_up() {
            self.restyle_last = false;
            self.restyle();
        }
        // In turns, so that neither starves where there is more of the other in every frame.
        self.is_restyles_turn = !self.is_restyles_turn;
        let due = if self.is_restyles_turn {
            self.next_to_restyle().or_else(|| self.next_meshed())
        } else {
            self.next_meshed().or_else(|| self.next_to_restyle())
        };
        if let Some(due) = due {
            return due;
        }
        if self.is_unsettled && self.has_caught_up() {
            self.is_unsettled = false;
            return Due::Settled(self.totals);
        }
        Due::Nothing
    }

    fn next_to_restyle(&mut self) -> Option<Due> {
        while let Some(key) = self.to_restyle.pop() {
            if let Some(slot) = self.slots.get(&key) {
                return Some(Due::Restyle(key, slot.parts));
            }
        }
        None
    }

    fn next_meshed(&mut self) -> Option<Due> {
        while let Some(chunk) = self.meshed.pop_front() {
            self.in_work = self.in_work.saturating_sub(1);
            if let Some(slot) = self.slots.get_mut(&chunk.key) {
                slot.is_in_work = false;
                self.totals.replace(slot.quads, chunk.quads);
                slot.quads = chunk.quads;
                let parts = slot.parts;
                // What holds nothing needs no slot; what is hidden may be seen at another level.
                if chunk.is_empty && !slot.is_stale {
                    self.slots.remove(&chunk.key);
                }
                return Some(Due::Publish(chunk, parts));
            }
        }
        None
    }

    /// Notes which entities show a chunk.
    pub(super) fn set_parts(&mut self, key: ChunkKey, parts: [Option<Entity>; 2]) {
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.parts = parts;
        }
    }
}

impl Totals {
    fn of(quads: [usize; 2]) -> Self {
        Self {
            chunks: usize::from(quads != [0; 2]),
            quads: quads.iter().sum(),
            parts: quads.iter().filter(|&&quads| quads > 0).count(),
        }
    }

    /// Counts a chunk's new quads in place of its old ones.
    fn replace(&mut self, before: [usize; 2], now: [usize; 2]) {
        let [before, now] = [before, now].map(Self::of);
        self.chunks = (self.chunks + now.chunks).saturating_sub(before.chunks);
        self.quads = (self.quads + now.quads).saturating_sub(before.quads);
        self.parts = (self.parts + now.parts).saturating_sub(before.parts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grid in which so many chunks in a row stand.
    fn grid(chunks: i32) -> ChunkGrid {
        let keys = (0..chunks).map(|x| ChunkKey(IVec3::new(x, 0, 0)));
        ChunkGrid {
            slots: keys.map(|key| (key, Slot::default())).collect(),
            ..default()
        }
    }

    #[test]
    fn every_chunk_is_restyled_where_that_is_asked_for_again_after_each() {
        let mut grid = grid(8);
        let mut restyled = HashSet::new();
        for _ in 0..8 {
            grid.restyle();
            let Due::Restyle(key, _) = grid.next_due() else {
                panic!("nothing to restyle");
            };
            restyled.insert(key);
            assert!(grid.to_restyle.len() < 8, "a chunk waits twice");
        }
        assert_eq!(restyled.len(), 8);
    }

    #[test]
    fn new_chunks_are_published_while_what_stands_is_restyled_again_and_again() {
        let mut grid = grid(8);
        let meshed = grid.slots.keys().map(|&key| MeshedChunk {
            key,
            meshes: [None, None],
            quads: [0; 2],
            materials: ModelMaterials::default(),
            is_empty: false,
        });
        grid.meshed = meshed.collect();
        let mut published = 0;
        for _ in 0..16 {
            grid.restyle();
            published += usize::from(matches!(grid.next_due(), Due::Publish(..)));
        }
        assert_eq!(published, 8);
    }
}
