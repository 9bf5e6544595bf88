//! Palettes for voxels whose finish varies: colour, alpha, metallic and roughness are reduced together.
//!
//! Voxels are first gathered in fine cells, then the cells are split: of all clusters the one with the largest squared
//! error is cut where its widest axis has its mean, until the palette is full. So entries go where they are needed,
//! to many colours of one finish or many finishes of one colour. After X. Wu's and S. Wan's variance-based quantisers
//! (1990 to 1991), in six dimensions.

use std::collections::HashMap;

use quantette::deps::palette::convert::FromColorUnclamped;
use quantette::deps::palette::{LinSrgb, Oklab, Srgb};

use super::{Palette, PaletteEntry};

/// What a step in finish weighs beside one in colour: from mirror to chalk, or from paint to bare metal, is as far as a
/// quarter of the way from black to white, and a change of a 13th in roughness as little seen as the least in colour.
const FINISH: f32 = 0.25;

/// The same for alpha, from clear to opaque.
const ALPHA: f32 = 0.5;

/// Number of kinds that [`kind`] tells apart.
const KINDS: usize = 8;

/// Kinds whose members may share entries: glass and metal never melt into paint of the same colour, and each kind has
/// at least one entry.
fn kind(entry: &PaletteEntry) -> usize {
    let bit = |set: bool, place: usize| usize::from(set) << place;
    bit(entry.is_translucent(), 0) | bit(entry.metallic >= 128, 1) | bit(entry.roughness < 96, 2)
}

/// A place among colours and finishes: OKLab, alpha, metallic, roughness.
type Point = [f32; 6];

/// Voxels that are nearly alike.
struct Cell {
    /// Mean of its voxels, and their number.
    mean: Point,
    weight: f32,
    /// Which cluster it belongs to.
    cluster: u8,
}

/// Some cells of the list.
struct Cluster {
    cells: Vec<u32>,
    mean: Point,
    /// Squared error along each axis, all voxels together.
    error: Point,
}

/// At most 255 entries that stand for all voxels, and the palette index of each.
pub(super) fn reduced(voxels: &[PaletteEntry]) -> (Palette, Vec<u8>) {
    let (mut cells, places, kinds) = gather(voxels);
    let mut clusters: Vec<Cluster> = Vec::from(kinds)
        .into_iter()
        .filter(|members| !members.is_empty())
        .map(|members| Cluster::new(members, &cells))
        .collect();
    while clusters.len() < Palette::MAX_ENTRIES {
        let errors = clusters
            .iter()
            .map(|cluster| cluster.error.iter().sum::<f32>());
        let worst = errors.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        let Some((place, _)) = worst.filter(|(_, error)| *error > 0.0) else {
            break;
        };
        let [low, high] = clusters.swap_remove(place).split(&cells);
        // A cluster whose cells could not be told apart is done with.
        let is_done = low.cells.is_empty() || high.cells.is_empty();
        clusters.extend(
            [low, high]
                .into_iter()
                .filter(|half| !half.cells.is_empty()),
        );
        if is_done && let Some(whole) = clusters.last_mut() {
            whole.error = [0.0; 6];
        }
    }
    for (index, cluster) in (1..=u8::MAX).zip(&clusters) {
        for &cell in &cluster.cells {
            if let Some(cell) = cells.get_mut(cell as usize) {
                cell.cluster = index;
            }
        }
    }
    let entries = clusters.iter().map(|cluster| entry(cluster.mean)).collect();
    let index_of = |place: &u32| cells.get(*place as usize).map_or(0, |cell| cell.cluster);
    let indices = places.iter().map(index_of).collect();
    (Palette::from_entries(entries).unwrap_or_default(), indices)
}

/// The cells of all voxels, the cell of each voxel, and the cells of each kind.
fn gather(voxels: &[PaletteEntry]) -> (Vec<Cell>, Vec<u32>, [Vec<u32>; KINDS]) {
    // Its hash is a random one: voxels come from outside, and could be made to collide.
    let mut known: HashMap<u64, u32> = HashMap::new();
    let mut last = (u64::MAX, 0);
    // The bytes of each cell's voxels added up, and their number.
    let mut sums: Vec<([u64; 6], u64)> = Vec::new();
    let mut kinds = [const { Vec::new() }; KINDS];
    let mut places = Vec::with_capacity(voxels.len());
    for voxel in voxels {
        let key = key(voxel);
        // Neighbours in Morton order are often nearly alike, which spares the look-up.
        let mut found = || {
            *known.entry(key).or_insert_with(|| {
                let place = u32::try_from(sums.len()).unwrap_or(u32::MAX);
                if let Some(members) = kinds.get_mut(kind(voxel)) {
                    members.push(place);
                }
                sums.push(([0; 6], 0));
                place
            })
        };
        let place = if last.0 == key { last.1 } else { found() };
        last = (key, place);
        if let Some((sums, count)) = sums.get_mut(place as usize) {
            for (sum, byte) in sums.iter_mut().zip(bytes(voxel)) {
                *sum += u64::from(byte);
            }
            *count += 1;
        }
        places.push(place);
    }
    let cells = sums.into_iter().map(|(sums, count)| Cell {
        mean: point(sums.map(|sum| sum as f32 / count as f32)),
        weight: count as f32,
        cluster: 0,
    });
    (cells.collect(), places, kinds)
}

fn bytes(voxel: &PaletteEntry) -> [u8; 6] {
    let [r, g, b, alpha] = voxel.rgba;
    [r, g, b, alpha, voxel.metallic, voxel.roughness]
}

/// The cell of a voxel: the top bits of each byte, and its kind.
fn key(voxel: &PaletteEntry) -> u64 {
    let [r, g, b, alpha, metallic, roughness] = bytes(voxel).map(u64::from);
    let color = r >> 3 | g >> 3 << 5 | b >> 3 << 10;
    let finish = alpha >> 4 | metallic >> 4 << 4 | roughness >> 4 << 8;
    color | finish << 15 | (kind(voxel) as u64) << 27
}

/// The place of mean bytes.
fn point([r, g, b, alpha, metallic, roughness]: Point) -> Point {
    let color = Srgb::new(r / 255.0, g / 255.0, b / 255.0);
    let color = Oklab::from_color_unclamped(color.into_linear());
    let [metallic, roughness] = [metallic, roughness].map(|value| value / 255.0 * FINISH);
    [
        color.l,
        color.a,
        color.b,
        alpha / 255.0 * ALPHA,
        metallic,
        roughness,
    ]
}

/// The entry at a place.
fn entry([l, a, b, alpha, metallic, roughness]: Point) -> PaletteEntry {
    let color: Srgb<f32> = Srgb::from_linear(LinSrgb::from_color_unclamped(Oklab::new(l, a, b)));
    let [red, green, blue] = [color.red, color.green, color.blue].map(byte);
    PaletteEntry {
        rgba: [red, green, blue, byte(alpha / ALPHA)],
        metallic: byte(metallic / FINISH),
        roughness: byte(roughness / FINISH),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a byte's range"
)]
fn byte(part: f32) -> u8 {
    (part.clamp(0.0, 1.0) * 255.0).round() as u8
}

impl Cluster {
    fn new(members: Vec<u32>, cells: &[Cell]) -> Self {
        let (mut sum, mut squares, mut weight) = ([0.0_f64; 6], [0.0_f64; 6], 0.0);
        for cell in members
            .iter()
            .filter_map(|&place| cells.get(place as usize))
        {
            let of_cell = f64::from(cell.weight);
            weight += of_cell;
            for ((sum, square), value) in sum.iter_mut().zip(&mut squares).zip(cell.mean) {
                *sum += of_cell * f64::from(value);
                *square += of_cell * f64::from(value) * f64::from(value);
            }
        }
        let mean = sum.map(|sum| sum / f64::max(weight, 1.0));
        let mut error = [0.0; 6];
        for ((error, square), mean) in error.iter_mut().zip(squares).zip(mean) {
            *error = narrow((square - mean * mean * weight).max(0.0));
        }
        Self {
            cells: members,
            mean: mean.map(narrow),
            error,
        }
    }

    /// Cuts it where the axis of the largest error has its mean.
    fn split(self, cells: &[Cell]) -> [Self; 2] {
        let axes = self.error.iter().enumerate();
        let widest = axes
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map_or(0, |(axis, _)| axis);
        let along = |point: &Point| point.get(widest).copied().unwrap_or(0.0);
        let border = along(&self.mean);
        let is_low = |place: &u32| {
            let cell = cells.get(*place as usize);
            cell.is_some_and(|cell| along(&cell.mean) <= border)
        };
        let (low, high) = self.cells.into_iter().partition(is_low);
        [Self::new(low, cells), Self::new(high, cells)]
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sums need the precision, what is made of them does not"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thing whose colour and finish vary smoothly and apart from each other, with the noise that a network leaves.
    fn varied(count: u32) -> Vec<PaletteEntry> {
        let mut noise = 0x2545_f491_u32;
        let mut grain = |range: f32| {
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            ((noise >> 8) as f32 / (1 << 24) as f32 - 0.5) * range
        };
        let entry = |i: u32| {
            let (u, v) = ((i % 550) as f32 / 550.0, (i / 550) as f32 / 550.0);
            let wave = |x: f32| 0.5 + 0.5 * (6.3 * x).sin();
            let metallic = if wave(2.0 * v) > 0.6 { 0.92 } else { 0.04 };
            let bytes = [
                wave(u),
                wave(v + 0.3),
                wave(u - 0.7 * v),
                metallic,
                0.2 + 0.6 * wave(1.4 * v - u),
            ];
            let [r, g, b, metallic, roughness] = bytes.map(|value| byte(value + grain(0.06)));
            PaletteEntry {
                rgba: [r, g, b, 250 + (i % 6) as u8],
                metallic,
                roughness,
            }
            .without_noise()
        };
        (0..count).map(entry).collect()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a part of a whole")]
    fn mean_errors(voxels: &[PaletteEntry], palette: &Palette, indices: &[u8]) -> [f32; 3] {
        let mut sums = [0.0_f64; 3];
        for (voxel, &index) in voxels.iter().zip(indices) {
            let (a, b) = (
                point(bytes(voxel).map(f32::from)),
                palette.get(index).unwrap(),
            );
            let b = point(bytes(b).map(f32::from));
            let gap = |axes: std::ops::Range<usize>| {
                axes.map(|axis| (a[axis] - b[axis]).powi(2))
                    .sum::<f32>()
                    .sqrt()
            };
            for (sum, gap) in
                sums.iter_mut()
                    .zip([gap(0..3), gap(4..5) / FINISH, gap(5..6) / FINISH])
            {
                *sum += f64::from(gap);
            }
        }
        sums.map(|sum| (sum / voxels.len() as f64) as f32)
    }

    #[test]
    fn colour_and_finish_of_a_varied_thing_are_both_kept() {
        let voxels = varied(300_000);
        let (palette, indices) = reduced(&voxels);
        assert_eq!(palette.entries().len(), Palette::MAX_ENTRIES);
        let [color, metallic, roughness] = mean_errors(&voxels, &palette, &indices);
        assert!(color < 0.035, "OKLab {color}");
        assert!(
            metallic < 0.03 && roughness < 0.06,
            "{metallic} {roughness}"
        );
    }

    #[test]
    fn one_voxel_of_glass_keeps_its_alpha_among_many_that_vary() {
        let mut voxels = varied(20_000);
        voxels.push(PaletteEntry {
            rgba: [90, 180, 200, 70],
            metallic: 0,
            roughness: 10,
        });
        let (palette, indices) = reduced(&voxels);
        let entry = palette.get(*indices.last().unwrap()).unwrap();
        assert_eq!(
            (entry.rgba[3], entry.metallic, entry.roughness),
            (70, 0, 10)
        );
    }

    #[test]
    fn colours_that_differ_by_less_than_a_cell_end_in_a_palette_too() {
        // A chain of tiny steps, where means round to one of their values.
        let voxels: Vec<PaletteEntry> = (0..4_000_u32)
            .map(|i| PaletteEntry {
                rgba: [(i % 3) as u8, (i / 3 % 3) as u8, 128 + (i % 2) as u8, 255],
                metallic: (i % 5) as u8,
                roughness: 250 + (i % 6) as u8,
            })
            .collect();
        let (palette, indices) = reduced(&voxels);
        assert!((1..=255).contains(&palette.entries().len()));
        assert!(indices.iter().all(|&index| palette.get(index).is_some()));
    }

    #[test]
    fn voxels_that_are_alike_share_one_entry() {
        let voxels = vec![PaletteEntry::matte([9, 8, 7, 255]); 500];
        let (palette, indices) = reduced(&voxels);
        assert_eq!(palette.entries(), [voxels[0]]);
        assert!(indices.iter().all(|&index| index == 1));
    }
}
