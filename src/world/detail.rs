//! [`LevelOfDetail`]: far chunks are drawn in larger cells.

use bevy::prelude::*;

use crate::voxel::{CHUNK_EDGE, ChunkKey};

use super::VoxelSize;
use super::grid::ChunkGrid;

/// How coarsely far chunks of models and worlds are drawn. May be changed at any time.
#[derive(Resource, Clone, Copy, Debug, PartialEq)]
pub struct LevelOfDetail {
    /// Whether far chunks are drawn coarser at all.
    pub enabled: bool,
    /// Distance from the nearest camera, in voxels, up to which chunks are drawn in full. From there on cells are twice
    /// as large, and twice again at each doubling of the distance.
    pub full_detail: f32,
    /// The coarsest level, at most 5: cells of edge 2^level are drawn as one.
    pub max_level: u8,
}

impl Default for LevelOfDetail {
    /// A cell is about as small on screen as a pixel where it becomes larger: 64 m away for voxels of 5 cm.
    fn default() -> Self {
        Self {
            enabled: true,
            full_detail: 1280.0,
            max_level: 3,
        }
    }
}

impl LevelOfDetail {
    /// All chunks in full.
    pub(super) const OFF: Self = Self {
        enabled: false,
        full_detail: 0.0,
        max_level: 0,
    };

    /// How much farther than `full_detail` times a power of two a chunk must be to become coarser, so that a camera
    /// which stands at such a border does not switch it to and fro.
    const SLACK: f32 = 1.1;

    /// Level of a chunk whose nearest point is `distance` voxels away, and which is drawn at the level `current`.
    #[must_use]
    pub fn level(&self, distance: f32, current: Option<u8>) -> u8 {
        if !self.enabled {
            return 0;
        }
        let coarsest = self.max_level.min(5);
        let level = |first: f32| {
            let is_far = |level: &u8| distance >= first * f32::from(1_u8 << (level - 1));
            (1..=coarsest).rev().find(is_far).unwrap_or(0)
        };
        let fitting = level(self.full_detail);
        current.map_or(fitting, |current| {
            current.clamp(level(self.full_detail * Self::SLACK).min(fitting), fitting)
        })
    }
}

/// From where a grid is seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    /// The cameras, in cells of the grid.
    eyes: Vec<Vec3>,
    lod: LevelOfDetail,
}

impl Default for View {
    fn default() -> Self {
        Self {
            eyes: Vec::new(),
            lod: LevelOfDetail::OFF,
        }
    }
}

impl View {
    /// Way in cells that a camera moves before levels are chosen anew.
    const STRIDE: f32 = 8.0;

    /// Whether so little has changed that levels stay.
    pub(super) fn is_near(&self, other: &Self) -> bool {
        let mut pairs = self.eyes.iter().zip(&other.eyes);
        self.lod == other.lod
            && self.eyes.len() == other.eyes.len()
            && pairs.all(|(eye, other)| eye.distance(*other) < Self::STRIDE)
    }

    /// The cameras, in cells of the grid.
    pub(super) fn eyes(&self) -> &[Vec3] {
        &self.eyes
    }

    /// Cells between a chunk and the nearest camera, 0 where there is none.
    fn distance(&self, key: ChunkKey) -> f32 {
        let min = key.min_cell().as_vec3();
        let max = min + CHUNK_EDGE as f32;
        let distances = self
            .eyes
            .iter()
            .map(|eye| eye.distance(eye.clamp(min, max)));
        distances.reduce(f32::min).unwrap_or(0.0)
    }

    pub(super) fn level(&self, key: ChunkKey, current: Option<u8>) -> u8 {
        self.lod.level(self.distance(key), current)
    }

    /// Brings the `count` nearest chunks to the front, in order; where there is no camera, those at the bottom and in
    /// front.
    pub(super) fn nearest_first(&self, keys: &mut [ChunkKey], count: usize) {
        let near = |key: &ChunkKey| match self.eyes.is_empty() {
            true => i64::from(key.0.y) - i64::from(key.0.z),
            // Floats that are not negative are ordered as their bits are.
            false => i64::from(self.distance(*key).to_bits()),
        };
        if count < keys.len() {
            keys.select_nth_unstable_by_key(count, near);
        }
        let count = count.min(keys.len());
        if let Some(nearest) = keys.get_mut(..count) {
            nearest.sort_by_cached_key(near);
        }
    }
}

/// Tells the grids from where they are seen.
pub(super) fn look_around(
    lod: Res<LevelOfDetail>,
    cameras: Query<(&Camera, &GlobalTransform), With<Camera3d>>,
    mut grids: Query<(&mut ChunkGrid, &GlobalTransform, &VoxelSize)>,
) {
    let active = cameras.iter().filter(|(camera, _)| camera.is_active);
    let places: Vec<Vec3> = active.map(|(_, place)| place.translation()).collect();
    for (mut grid, place, voxel_size) in &mut grids {
        let to_grid = place.affine().inverse();
        let origin = grid.origin();
        let eyes = places
            .iter()
            .map(|&eye| to_grid.transform_point3(eye) / voxel_size.0 + origin)
            .filter(|eye| eye.is_finite())
            .collect();
        grid.look_from(View { eyes, lod: *lod });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOD: LevelOfDetail = LevelOfDetail {
        enabled: true,
        full_detail: 100.0,
        max_level: 3,
    };

    #[test]
    fn cells_double_with_the_distance_up_to_the_coarsest_level() {
        let levels = [0.0, 99.0, 100.0, 199.0, 200.0, 400.0, 1e9].map(|far| LOD.level(far, None));
        assert_eq!(levels, [0, 0, 1, 1, 2, 3, 3]);
    }

    #[test]
    fn a_camera_that_trembles_at_a_border_changes_no_level() {
        for current in [0, 1] {
            for far in [101.0, 108.0] {
                assert_eq!(LOD.level(far, Some(current)), current);
            }
        }
        assert_eq!(LOD.level(99.0, Some(1)), 0);
        assert_eq!(LOD.level(111.0, Some(0)), 1);
        assert_eq!(LOD.level(1e9, Some(0)), 3, "a far leap is made at once");
    }

    #[test]
    fn switched_off_or_without_sense_everything_is_drawn_in_full() {
        assert_eq!(LevelOfDetail::OFF.level(1e9, Some(3)), 0);
        let strange = LevelOfDetail {
            full_detail: f32::NAN,
            ..LOD
        };
        assert_eq!(strange.level(1e9, Some(3)), 0);
        let deep = LevelOfDetail {
            max_level: 200,
            ..LOD
        };
        assert_eq!(deep.level(1e9, None), 5, "a chunk is one cell at least");
    }

    #[test]
    fn the_nearest_chunks_come_first() {
        let view = View {
            eyes: vec![Vec3::new(16.0, 0.0, 0.0), Vec3::new(330.0, 0.0, 0.0)],
            lod: LOD,
        };
        let mut keys: Vec<_> = (0..12).map(|x| ChunkKey(IVec3::new(x, 0, 0))).collect();
        view.nearest_first(&mut keys, 3);
        let first: Vec<i32> = keys.iter().take(3).map(|key| key.0.x).collect();
        assert_eq!(first, [0, 10, 9]);
        assert_eq!(keys.len(), 12);
        assert_eq!(view.level(ChunkKey(IVec3::new(5, 0, 0)), None), 1);
        assert_eq!(view.level(ChunkKey(IVec3::new(1, 0, 0)), None), 0);
    }

    #[test]
    fn without_a_camera_the_bottom_and_the_front_come_first() {
        let mut keys: Vec<_> = (0..27)
            .map(|i| ChunkKey(IVec3::new(i % 3, i / 3 % 3, i / 9)))
            .collect();
        View::default().nearest_first(&mut keys, 3);
        assert!(keys.iter().take(3).all(|key| (key.0.y, key.0.z) == (0, 2)));
    }
}
