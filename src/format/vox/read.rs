//! [`decode`]: a `.vox` file as MagicaVoxel shows it.

use glam::I64Vec3;

use crate::voxel::{MAX_RESOLUTION, Octree, Palette, PaletteEntry, VoxelModel};

use super::VoxError;
use super::file::{File, Model};
use super::material;
use super::scene::{self, Placed};

/// Most voxels that a scene may have beyond those its file lists, by showing a model more than once.
const MAX_REPEATED: u64 = 1 << 22;

/// Reads the models of a file as one model, each where the scene graph puts it.
///
/// The grid is the smallest cube around all canvases to be seen, from their minimum corner, so the canvas of a
/// single model is kept. Hidden nodes and layers are left out; where models overlap, the later one in drawing order
/// wins; of an animation the first frame counts, and of several models without a scene graph the first. The palette
/// has the colours that are used, in the file's order, equal ones once; a colour's alpha is that of a glass
/// material, else 255. A file without a palette has MagicaVoxel's own.
///
/// # Errors
/// [`VoxError`] where the bytes are no such file or contradict themselves, where nothing is to be seen, and where
/// the grid would have more than [`MAX_RESOLUTION`] cells an axis.
pub fn decode(bytes: &[u8]) -> Result<VoxelModel, VoxError> {
    let mut file = File::parse(bytes)?;
    let visible = scene::visible(&mut file)?;
    let shown: Vec<(&Placed, &Model)> = visible
        .iter()
        .filter_map(|placed| Some((placed, file.models.get(placed.model)?)))
        .collect();
    check_count(&file, &shown)?;
    let (low, high) = bounds(&shown)?;
    let resolution = edge(low, high)?;
    let (palette, indices) = used_colors(&file, &shown)?;

    // The first of two voxels at one place wins in an octree, the last in a file.
    let cells = shown.iter().rev().flat_map(|(placed, model)| {
        let voxels = model.voxels.iter().rev();
        voxels.filter_map(|&[x, y, z, color]| {
            let index = indices.get(usize::from(color)).copied();
            let cell = placed.placement.cell([x, y, z], model.canvas);
            let (right, up, front) = (cell.x - low.x, cell.z - low.z, high.y - 1 - cell.y);
            let cell = I64Vec3::new(right, up, front).as_uvec3().to_array();
            index.filter(|&index| index != 0).map(|index| (cell, index))
        })
    });
    let octree = Octree::from_cells(Octree::depth_for(resolution), cells)?;
    Ok(VoxelModel::new(resolution, octree, palette)?)
}

/// Refuses a small file that shows large models over and over.
fn check_count(file: &File<'_>, shown: &[(&Placed, &Model<'_>)]) -> Result<(), VoxError> {
    let listed: u64 = file.models.iter().map(Model::len).sum();
    let voxels: u64 = shown.iter().map(|(_, model)| model.len()).sum();
    let limit = listed + MAX_REPEATED;
    if voxels > limit {
        return Err(VoxError::TooMany { voxels, limit });
    }
    Ok(())
}

/// The box around all canvases, in the file's axes: its minimum corner and the corner past its maximum.
fn bounds(shown: &[(&Placed, &Model<'_>)]) -> Result<(I64Vec3, I64Vec3), VoxError> {
    shown
        .iter()
        .map(|(placed, model)| placed.placement.canvas(model.canvas))
        .reduce(|(low, high), (min, max)| (low.min(min), high.max(max)))
        .ok_or(VoxError::NoModel)
}

/// Cells along the longest axis of a box; 1 for an empty one.
fn edge(low: I64Vec3, high: I64Vec3) -> Result<u32, VoxError> {
    let cells = (high - low).max_element().max(1);
    u32::try_from(cells)
        .ok()
        .filter(|&edge| edge <= MAX_RESOLUTION)
        .ok_or(VoxError::TooLarge { cells })
}

/// The colours that voxels have, and for every index of the file its index among them; 0 for one that none has.
fn used_colors(
    file: &File<'_>,
    shown: &[(&Placed, &Model<'_>)],
) -> Result<(Palette, [u8; 256]), VoxError> {
    let mut used = [false; 256];
    for &[.., color] in shown.iter().flat_map(|(_, model)| model.voxels) {
        if let Some(used) = used.get_mut(usize::from(color)) {
            *used = true;
        }
    }
    let palette = file.colors();
    let mut entries: Vec<PaletteEntry> = Vec::new();
    let mut indices = [0; 256];
    // Index 0 is no voxel.
    let slots = (0..=u8::MAX).zip(&mut indices).zip(used).skip(1);
    for ((color, slot), _) in slots.filter(|(_, used)| *used) {
        let rgba = palette.get(usize::from(color) - 1).ok_or(VoxError::Color {
            index: color,
            colors: palette.len(),
        })?;
        let entry = material::entry(*rgba, file.materials.get(&color));
        let place = entries.iter().position(|other| *other == entry);
        let place = place.unwrap_or_else(|| {
            entries.push(entry);
            entries.len() - 1
        });
        *slot = u8::try_from(place + 1).unwrap_or(u8::MAX);
    }
    Ok((Palette::from_entries(entries).unwrap_or_default(), indices))
}
