//! [`decode_as_crossworld`]: what the Crossworld engine makes of a `.vox` file, mistakes included.
//!
//! The engine reads the first model alone and nothing of the scene graph or the materials. It exchanges y and z
//! without a sign, so that models come in mirrored; it takes each colour from the palette entry before the right
//! one; and it keeps the top bits of a colour only. Nothing but comparing with the engine needs this reading.

use glam::UVec3;

use crate::voxel::{Material, Octree};

use super::VoxError;
use super::chunk::{Chunks, Content};
use super::file::{Model, default_palette, palette, size};

/// Which of the engine's two loaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The model's whole canvas, voxels where they are on it.
    Canvas,
    /// The smallest box around the voxels, moved to the corner.
    Compact,
}

/// Reads the materials that the engine would have, and the size of its box in cells (x, y, z).
///
/// The octree is as deep as the engine's: the least depth for the longest edge of the box. A voxel outside the canvas
/// is wrapped into the octree, and the first of two at one place wins, as there.
///
/// # Errors
/// [`VoxError`] where the engine finds no model or panics, and where its octree would be deeper than ours may be.
pub fn decode_as_crossworld(bytes: &[u8], extent: Extent) -> Result<(Octree, [u32; 3]), VoxError> {
    let (model, colors) = first_model(bytes)?;
    let cell = |&[x, y, z, _]: &[u8; 4]| UVec3::new(x.into(), z.into(), y.into());
    let Some((low, high)) = (model.voxels.iter().map(cell))
        .map(|cell| (cell, cell))
        .reduce(|(low, high), (cell, _)| (low.min(cell), high.max(cell)))
    else {
        return Ok((Octree::empty(0)?, [0; 3]));
    };
    let [width, depth, height] = model.canvas;
    let (corner, size) = match extent {
        Extent::Canvas => (UVec3::ZERO, UVec3::new(width, height, depth)),
        Extent::Compact => (low, high - low + 1),
    };
    let depth = engine_depth(size);
    let edge = Octree::empty(depth)?.edge();
    let cells = model.voxels.iter().map(|voxel| {
        let [.., color] = voxel;
        // Index 1 is entry 0; the engine subtracts 1 twice, but not below 0.
        let entry = color.saturating_sub(2);
        let [r, g, b, _] = *colors.get(usize::from(entry)).ok_or(VoxError::Color {
            index: *color,
            colors: colors.len(),
        })?;
        let wrapped = (cell(voxel) - corner) & (edge - 1);
        Ok((wrapped.to_array(), Material::from_top_bits([r, g, b]).0))
    });
    let cells = cells.collect::<Result<Vec<_>, VoxError>>()?;
    Ok((Octree::from_cells(depth, cells)?, size.to_array()))
}

/// The first model and the palette as the crate `dot_vox` finds them, with which the engine reads: what it cannot
/// read it passes over, and at a chunk that is cut it stops.
pub(super) fn first_model(bytes: &[u8]) -> Result<(Model<'_>, Vec<[u8; 4]>), VoxError> {
    let mut canvas = None;
    let mut model = None;
    let mut colors = None;
    for chunk in Chunks::open(bytes)?.map_while(Result::ok) {
        match chunk.name {
            "SIZE" => canvas = chunk.read(size).ok().or(canvas),
            "XYZI" if model.is_none() => {
                let voxels = chunk.read(Content::fours).ok();
                model = canvas.zip(voxels);
            }
            "RGBA" => colors = palette(chunk.content).or(colors),
            _ => {}
        }
    }
    let (canvas, voxels) = model.ok_or(VoxError::NoModel)?;
    let colors = colors.map_or_else(default_palette, <[_]>::to_vec);
    Ok((Model { canvas, voxels }, colors))
}

/// The least depth whose edge holds every size. The engine takes sizes from 2^31 on for negative ones.
fn engine_depth(size: UVec3) -> u32 {
    let longest = size.as_ivec3().max_element().max(1);
    Octree::depth_for(longest.unsigned_abs())
}
