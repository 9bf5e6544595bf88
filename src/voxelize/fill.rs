//! Making the inside of a surface solid.

use super::VoxelizeError;
use super::bricks::{Brick, Bricks};
use super::flood::{Flood, STEP};
use super::shade::Shade;
use crate::voxel::MAX_LISTED_VOXELS;

/// A cell, as the places of its brick in the list and of itself in the brick.
type Cell = (u32, u8);

/// Makes every cell solid that a flood from outside and from `seeds` does not reach. Each takes the colour of a
/// surface voxel that is nearest by steps across faces.
pub(super) fn fill(shades: &mut Bricks<Shade>, seeds: &[[u16; 3]]) -> Result<(), VoxelizeError> {
    let enclosed = enclosed(shades, seeds);
    let count = |&(_, mask): &([u16; 3], u64)| u64::from(mask.count_ones());
    let got = shades.count() + enclosed.iter().map(count).sum::<u64>();
    if got > MAX_LISTED_VOXELS {
        return Err(VoxelizeError::TooManyVoxels { got });
    }
    let mut frontier: Vec<Cell> = (0..)
        .zip(shades.list())
        .flat_map(|(place, brick)| cells_of(brick).map(move |cell| (place, cell)))
        .collect();
    // Every brick that will be filled is there before the first cell is.
    for &(position, _) in &enclosed {
        shades.brick(position);
    }
    let mut open = vec![0; shades.list().len()];
    for (position, mask) in enclosed {
        if let Some(slot) = shades.place(position).and_then(|place| open.get_mut(place)) {
            *slot = mask;
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

/// The places of a brick's cells.
fn cells_of(brick: &Brick<Shade>) -> impl Iterator<Item = u8> + use<> {
    let mask = brick.mask;
    (0..64).filter(move |cell| mask >> cell & 1 == 1)
}

/// Gives the open neighbours of some cells their colour; returns these neighbours. `open` has a bit for each cell
/// of a brick that waits for a colour.
fn grown(shades: &mut Bricks<Shade>, open: &mut [u64], frontier: &[Cell]) -> Vec<Cell> {
    let mut grown = Vec::new();
    for &(place, cell) in frontier {
        let Some(brick) = shades.list().get(place as usize) else {
            continue;
        };
        let (position, value) = (brick.position, brick.values.get(usize::from(cell)));
        let Some(&shade) = value else { continue };
        for axis in 0..3 {
            for up in [false, true] {
                let Some((place, cell)) = neighbour(shades, (place, cell), position, axis, up)
                else {
                    continue;
                };
                let bit = 1u64 << cell;
                if let Some(open) = open.get_mut(place as usize)
                    && *open & bit != 0
                    && let Some(brick) = shades.list_mut().get_mut(place as usize)
                    && let Some(value) = brick.values.get_mut(usize::from(cell))
                {
                    *open &= !bit;
                    brick.mask |= bit;
                    *value = shade;
                    grown.push((place, cell));
                }
            }
        }
    }
    grown
}

/// The cell beside another one, where there is a brick.
fn neighbour(
    shades: &Bricks<Shade>,
    (place, cell): Cell,
    position: [u16; 3],
    axis: usize,
    up: bool,
) -> Option<Cell> {
    let step = *STEP.get(axis)?;
    let within = cell / step % 4;
    match (up, within) {
        (true, 0..3) => Some((place, cell + step)),
        (false, 1..) => Some((place, cell - step)),
        (true, _) => {
            let place = beside(shades, position, axis, 1)?;
            Some((place, cell - 3 * step))
        }
        (false, _) => {
            let place = beside(shades, position, axis, -1)?;
            Some((place, cell + 3 * step))
        }
    }
}

/// The place of the brick beside another one.
fn beside(shades: &Bricks<Shade>, mut position: [u16; 3], axis: usize, step: i16) -> Option<u32> {
    let along = position.get_mut(axis)?;
    *along = along.checked_add_signed(step)?;
    u32::try_from(shades.place(position)?).ok()
}
