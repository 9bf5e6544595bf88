//! Putting a model into a voxel world: to which cells, turned how, in which of the world's colours.
//!
//! A model's voxels are not resampled: one of its cells becomes one of the world's, whatever size either is shown at.
//! Positions are cells from the world's origin; turns and mirror images go about the model's origin.

use std::collections::VecDeque;

use glam::{IVec3, UVec3, Vec3};

use super::octree::{Shifted, overlaid};
use super::world::make_room;
use super::{Bounds, ColorMatch, Node, Octree, Palette, PaletteMap, Symmetry};
use super::{VoxelModel, VoxelWorld, VoxelWorldError};

/// Levels of the parts in which a model is laid over a world: cubes of 128 cells an axis.
const PART: u32 = 7;

/// A model laid over a world's voxels as they were, ready to become a step of that world.
///
/// All that takes time is done where this is made, off the main thread for a big model; the world need not be the same
/// any more when it takes it over.
#[derive(Clone, Debug)]
pub struct PreparedStamp {
    before: Octree,
    laid: Octree,
    layer: Octree,
    greatest: u8,
}

impl PreparedStamp {
    /// Lays a model over the voxels of a world, given as [`VoxelWorld::octree`] and [`VoxelWorld::palette`]: see
    /// [`VoxelWorld::stamp_model`].
    ///
    /// # Errors
    /// [`VoxelWorldError::Outside`], [`VoxelWorldError::NoEntry`] for a palette without colours.
    pub fn new(
        model: &VoxelModel,
        here: (&Octree, &Palette),
        position: Vec3,
        symmetry: Symmetry,
    ) -> Result<Self, VoxelWorldError> {
        let mut parts = Self::in_parts(model, here, (position, symmetry), &[])?;
        while parts.lay_next() {}
        Ok(parts.stamp)
    }

    /// The same part by part, those nearest to any of the `eyes` first, which are in cells from the world's origin;
    /// where there are none, those at the bottom and in front.
    ///
    /// # Errors
    /// As [`PreparedStamp::new`].
    pub(crate) fn in_parts(
        model: &VoxelModel,
        (before, palette): (&Octree, &Palette),
        (position, symmetry): (Vec3, Symmetry),
        eyes: &[Vec3],
    ) -> Result<StampParts, VoxelWorldError> {
        let mut stamp = Self {
            before: before.clone(),
            laid: before.clone(),
            layer: Octree::default(),
            greatest: 0,
        };
        let Some(bounds) = model.bounds() else {
            return Ok(StampParts::none(stamp));
        };
        if palette.entries().is_empty() {
            let (value, entries) = (1, 0);
            return Err(VoxelWorldError::NoEntry { value, entries });
        }
        let map = PaletteMap::new(model.palette(), palette, ColorMatch::default());
        let table = *map.table();
        stamp.greatest = match model.palette() == palette {
            // The model may use values that its own palette lacks.
            true => model.octree().greatest_value(),
            false => table.iter().copied().max().unwrap_or(0),
        };
        let voxels = model.octree().turned(symmetry);
        let bounds = symmetry.bounds(bounds, voxels.edge());
        let min = smallest_cell(bounds, position);
        let corners = [bounds.min, bounds.max];
        let [low, last] = corners.map(|cell| min + UVec3::from(cell.map(u32::from)).as_ivec3());
        make_room(&mut stamp.laid, low, last + 1)?;
        let (depth, half) = (stamp.laid.depth(), stamp.laid.half_edge());
        stamp.layer = Octree::empty(depth).map_err(|_| VoxelWorldError::Outside { cell: low })?;
        let height = PART.min(depth);
        Ok(StampParts {
            places: places([low + half, last + half], height, eyes, half).into(),
            height,
            voxels,
            by: min + half,
            table,
            stamp,
        })
    }

    /// A world's voxels with the stamp over them, whatever has become of them since it was made.
    ///
    /// # Errors
    /// [`VoxelWorldError::Outside`].
    pub(crate) fn over(&self, now: &Octree) -> Result<Octree, VoxelWorldError> {
        now.overlaid_since([&self.before, &self.laid, &self.layer])
            .map_err(|_| VoxelWorldError::Outside { cell: IVec3::MAX })
    }
}

/// A stamp that is being made.
#[derive(Clone, Debug)]
pub(crate) struct StampParts {
    /// The stamp as far as it is made.
    pub(crate) stamp: PreparedStamp,
    /// The model, turned as it comes to stand.
    voxels: Octree,
    /// From its cells to those of the world's octree.
    by: IVec3,
    table: [u8; 256],
    /// Places of parts still to be laid, counted in nodes of this height.
    places: VecDeque<IVec3>,
    height: u32,
}

impl StampParts {
    fn none(stamp: PreparedStamp) -> Self {
        Self {
            stamp,
            voxels: Octree::default(),
            by: IVec3::ZERO,
            table: [0; 256],
            places: VecDeque::new(),
            height: 0,
        }
    }

    /// Lays the next part that holds voxels; `false` where there is none left.
    pub(crate) fn lay_next(&mut self) -> bool {
        let height = self.height;
        let shifted = Shifted::new(&self.voxels, self.by, height, &self.table);
        while let Some(place) = self.places.pop_front() {
            let node = shifted.node_at(height, place);
            if !matches!(node, Node::Leaf(0)) {
                let PreparedStamp { laid, layer, .. } = &mut self.stamp;
                let part = overlaid(&laid.node_at(height, place), &node);
                laid.set_node(height, place, part);
                layer.set_node(height, place, node);
                return true;
            }
        }
        false
    }
}

/// Places of nodes of a height that hold the cells between two corners, in the order in which they are laid.
fn places([low, last]: [IVec3; 2], height: u32, eyes: &[Vec3], half: i32) -> Vec<IVec3> {
    let (first, last) = (low >> height, last >> height);
    let along = |axis: usize| first[axis]..=last[axis];
    let mut places: Vec<IVec3> = along(2)
        .flat_map(|z| along(1).map(move |y| (y, z)))
        .flat_map(|(y, z)| along(0).map(move |x| IVec3::new(x, y, z)))
        .collect();
    let rank = |place: &IVec3| {
        let min = ((*place << height) - half).as_vec3();
        let max = min + (1 << height) as f32;
        let distances = eyes.iter().map(|eye| eye.distance(eye.clamp(min, max)));
        let nearest = distances.reduce(f32::min);
        nearest.unwrap_or((place.y - place.z) as f32)
    };
    places.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    places
}

impl VoxelWorld {
    /// Puts a model into the world as one step: its origin, the centre of its bottom face, as near to `position` as
    /// whole cells allow. Colours become the nearest ones of the world's palette; empty cells leave what is there.
    ///
    /// A large model takes a while; [`PreparedStamp`] and [`VoxelWorld::apply`] are the two halves, the first of which
    /// can be done elsewhere.
    ///
    /// # Errors
    /// [`VoxelWorldError::Outside`], [`VoxelWorldError::NoEntry`] for a palette without colours; the world is
    /// unchanged then.
    pub fn stamp_model(
        &mut self,
        model: &VoxelModel,
        position: Vec3,
        symmetry: Symmetry,
    ) -> Result<(), VoxelWorldError> {
        let here = (self.octree(), self.palette());
        self.apply(&PreparedStamp::new(model, here, position, symmetry)?)
    }

    /// Puts a model that has been prepared into the world as one step. Only what has changed since then is walked, so
    /// this is quick.
    ///
    /// # Errors
    /// [`VoxelWorldError::NoEntry`] where the stamp was made for a larger palette, [`VoxelWorldError::Outside`]; the
    /// world is unchanged then.
    pub fn apply(&mut self, stamp: &PreparedStamp) -> Result<(), VoxelWorldError> {
        self.check_value(stamp.greatest)?;
        let octree = stamp.over(self.octree())?;
        self.step(octree);
        Ok(())
    }
}

/// Where the octree's own smallest cell comes to lie, so that the middle of the bottom face of its bounds is as near
/// to a position as whole cells allow.
fn smallest_cell(Bounds { min, max }: Bounds, position: Vec3) -> IVec3 {
    let min = UVec3::from(min.map(u32::from)).as_ivec3();
    let size = UVec3::from(max.map(u32::from)).as_ivec3() + 1 - min;
    let half = size.as_vec3() * Vec3::new(0.5, 0.0, 0.5);
    // Half a cell is rounded up on every axis and on both sides of the origin, so that two models asked for a whole
    // number of cells apart stand just so far apart.
    let corner = (position - half + 0.5).floor();
    // Far outside every world, yet far from overflow.
    let limit = Vec3::splat(16_777_216.0);
    corner.clamp(-limit, limit).as_ivec3() - min
}

#[cfg(test)]
mod tests;
