//! Making the inside of a surface solid.

use glam::IVec3;

use super::bricks::{Bricks, EDGE, place_of};
use super::flood::{Flood, cells_of};
use super::shade::Shade;
use super::{Grid, VoxelizeError};
use crate::voxel::MAX_LISTED_VOXELS;

/// Makes every cell solid that a flood from outside and from `seeds` does not reach. Each takes the colour of a
/// surface voxel that is nearest by steps across faces.
pub(super) fn fill(
    shades: &mut Bricks<Shade>,
    grid: &Grid,
    seeds: &[[u16; 3]],
) -> Result<(), VoxelizeError> {
    let enclosed = enclosed(shades, seeds);
    let inside: u64 = enclosed
        .iter()
        .map(|(_, m)| u64::from(m.count_ones()))
        .sum();
    let got = shades.count() + inside;
    if got > MAX_LISTED_VOXELS {
        return Err(VoxelizeError::TooManyVoxels { got });
    }
    // Every cell waits with a bit of `open` until a neighbour's colour reaches it.
    let mut frontier: Vec<[u16; 3]> = shades
        .list()
        .iter()
        .flat_map(|brick| cells_of(brick.position, brick.mask))
        .collect();
    let mut open: Bricks<()> = Bricks::new(grid.resolution());
    for &(position, mask) in &enclosed {
        if let Some(brick) = open.brick(position) {
            brick.mask = mask;
        }
    }
    while !frontier.is_empty() {
        frontier = grown(shades, &mut open, &frontier);
    }
    Ok(())
}

/// Bricks and their cells that neither have a value nor can be reached.
fn enclosed(shades: &Bricks<Shade>, seeds: &[[u16; 3]]) -> Vec<([u16; 3], u64)> {
    let flood = Flood::new(shades, seeds);
    flood
        .positions()
        .map(|position| (position, flood.enclosed(position)))
        .filter(|&(_, mask)| mask != 0)
        .collect()
}

/// Gives the open neighbours of some cells their colour; returns these neighbours.
fn grown(
    shades: &mut Bricks<Shade>,
    open: &mut Bricks<()>,
    frontier: &[[u16; 3]],
) -> Vec<[u16; 3]> {
    let mut grown = Vec::new();
    for &cell in frontier {
        let Some(&mut shade) = shades.claim(cell) else {
            continue;
        };
        for step in [IVec3::X, IVec3::Y, IVec3::Z] {
            for step in [step, -step] {
                let next = (IVec3::from(cell.map(i32::from)) + step).to_array();
                let [Ok(x), Ok(y), Ok(z)] = next.map(u16::try_from) else {
                    continue;
                };
                if take(open, [x, y, z])
                    && let Some(slot) = shades.claim([x, y, z])
                {
                    *slot = shade;
                    grown.push([x, y, z]);
                }
            }
        }
    }
    grown
}

/// Takes a cell's bit away; whether it was there.
fn take(open: &mut Bricks<()>, cell: [u16; 3]) -> bool {
    let position = cell.map(|c| c / EDGE);
    if open.place(position).is_none() {
        return false;
    }
    let Some(brick) = open.brick(position) else {
        return false;
    };
    let bit = 1 << place_of(cell);
    let was_open = brick.mask & bit != 0;
    brick.mask &= !bit;
    was_open
}
