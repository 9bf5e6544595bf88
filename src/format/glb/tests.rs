#![expect(clippy::cast_possible_truncation, reason = "small counts and colours")]

mod reading;

use proptest::prelude::*;

use super::*;
use crate::voxel::VoxelModel;

fn decode(bytes: &[u8], resolution: u32, fill: bool) -> Result<SparseVoxels, GlbError> {
    super::decode(bytes, Some(resolution), fill)
}

#[test]
fn without_a_resolution_a_file_is_read_in_its_own_grid() {
    let voxels = painted(23, vec![[0, 0, 0], [22, 3, 9], [7, 22, 22]]);
    let bytes = encode(&model_of(&voxels)).unwrap();
    let back = super::decode(&bytes, None, false).unwrap();
    assert_eq!((back.resolution(), back.coords()), (23, voxels.coords()));
}

fn model_of(voxels: &SparseVoxels) -> VoxelModel {
    VoxelModel::from(voxels)
}

/// Voxels in up to 200 opaque colours that depend on the cell.
fn painted(resolution: u32, cells: Vec<[u16; 3]>) -> SparseVoxels {
    let byte = |c: u16| c.to_le_bytes()[0];
    let color = |&[x, y, z]: &[u16; 3]| [byte(x % 8) * 32, byte(y % 5) * 50, byte(z % 5) * 50, 255];
    let rgba = cells.iter().map(color).collect();
    let finishes = cells
        .iter()
        .map(|&[x, ..]| [byte(x % 2) * 255, 90])
        .collect();
    SparseVoxels::new(resolution, cells, rgba, Some(finishes)).unwrap()
}

fn cells_where(resolution: u16, is_solid: impl Fn([u16; 3]) -> bool) -> Vec<[u16; 3]> {
    let edge = 0..resolution;
    edge.clone()
        .flat_map(|x| edge.clone().map(move |y| (x, y)))
        .flat_map(|(x, y)| edge.clone().map(move |z| [x, y, z]))
        .filter(|&cell| is_solid(cell))
        .collect()
}

/// Encodes and decodes voxels; checks that the cells are the same, and that so is how those look that are seen.
fn round_trip(voxels: &SparseVoxels) {
    let model = model_of(voxels);
    let bytes = encode(&model).unwrap();
    gltf::Gltf::from_slice(&bytes).unwrap();
    let back = decode(&bytes, voxels.resolution(), false).unwrap();
    let (before, after) = (voxels.len(), back.len());
    assert!(
        back.coords() == voxels.coords(),
        "{before} cells became {after}"
    );
    let finishes = back.metallic_roughness().unwrap();
    for (((cell, index), rgba), finish) in model.cells().zip(back.rgba()).zip(finishes) {
        if is_hidden(voxels, cell) {
            continue;
        }
        let entry = model.palette().get(index).unwrap();
        let is_near = rgba
            .iter()
            .zip(entry.rgba)
            .all(|(&a, b)| a.abs_diff(b) <= 1);
        assert!(is_near, "{cell:?}: {rgba:?} instead of {:?}", entry.rgba);
        assert_eq!(*finish, [entry.metallic, entry.roughness]);
    }
}

/// Whether a cell has voxels on all six sides, so that no mesh shows its colour.
fn is_hidden(voxels: &SparseVoxels, [x, y, z]: [u16; 3]) -> bool {
    let is_solid = |cell| {
        let key = crate::voxel::morton::encode(cell);
        let found = voxels
            .coords()
            .binary_search_by_key(&key, |&c| crate::voxel::morton::encode(c));
        found.is_ok()
    };
    let inside = |c: u16| c > 0 && c < 1023;
    [x, y, z].into_iter().all(inside)
        && [
            [x - 1, y, z],
            [x + 1, y, z],
            [x, y - 1, z],
            [x, y + 1, z],
            [x, y, z - 1],
            [x, y, z + 1],
        ]
        .into_iter()
        .all(is_solid)
}

#[test]
fn a_single_voxel_comes_back_wherever_it_lies() {
    for resolution in [1, 2, 7, 64, 100, 1023, 1024] {
        let last = (resolution - 1) as u16;
        for cell in [[0, 0, 0], [last, 0, last / 2], [last; 3]] {
            round_trip(&painted(resolution, vec![cell]));
        }
    }
}

#[test]
fn thin_plates_come_back_in_every_direction() {
    for axis in 0..3 {
        for at in [0, 17, 49] {
            let cells = cells_where(50, |cell| cell[axis] == at && cell != [3, 17, 3]);
            round_trip(&painted(50, cells));
        }
    }
}

#[test]
fn shells_and_solids_of_several_chunks_come_back_with_what_is_hidden() {
    let distance = |cell: [u16; 3]| {
        let square = |c: u16| (f32::from(c) - 37.0).powi(2);
        cell.map(square).iter().sum::<f32>().sqrt()
    };
    let shell = cells_where(75, |cell| (35.0..36.0).contains(&distance(cell)));
    round_trip(&painted(75, shell));
    let solid = cells_where(75, |cell| distance(cell) < 30.0);
    round_trip(&painted(75, solid));
    let hollow = cells_where(75, |cell| (9.0..30.0).contains(&distance(cell)));
    round_trip(&painted(75, hollow));
}

#[test]
fn glass_beside_glass_and_stone_comes_back_with_its_alpha() {
    let cells = cells_where(6, |[_, y, _]| y == 2);
    let rgba = cells
        .iter()
        .map(|&[x, _, z]| match (x + z) % 3 {
            0 => [200, 20, 20, 255],
            1 => [20, 200, 20, 100],
            _ => [20, 20, 200, 30],
        })
        .collect();
    let voxels = SparseVoxels::new(6, cells, rgba, None).unwrap();
    round_trip(&voxels);
    let file = encode(&model_of(&voxels)).unwrap();
    let document = gltf::Gltf::from_slice(&file).unwrap();
    let modes: Vec<_> = document.materials().map(|m| m.alpha_mode()).collect();
    assert_eq!(
        modes,
        [
            gltf::material::AlphaMode::Opaque,
            gltf::material::AlphaMode::Blend
        ]
    );
}

#[test]
fn filling_closes_the_hollow_of_a_shell() {
    let shell = cells_where(9, |cell| {
        cell.iter().any(|&c| c == 1 || c == 7) && cell.iter().all(|c| (1..8).contains(c))
    });
    let bytes = encode(&model_of(&painted(9, shell.clone()))).unwrap();
    assert_eq!(decode(&bytes, 9, false).unwrap().len(), shell.len());
    assert_eq!(decode(&bytes, 9, true).unwrap().len(), 7 * 7 * 7);
}

#[test]
fn at_another_resolution_a_model_is_fitted_to_the_grid() {
    let cells = cells_where(10, |[x, y, z]| {
        (2..6).contains(&x) && y < 8 && (3..5).contains(&z)
    });
    let bytes = encode(&model_of(&painted(10, cells))).unwrap();
    let bounds = decode(&bytes, 16, false).unwrap().bounds().unwrap();
    assert_eq!((bounds.min, bounds.max), ([4, 0, 6], [11, 15, 9]));
}

#[test]
fn a_file_is_in_metres_stands_on_the_ground_and_tells_its_bounds() {
    let cells = cells_where(40, |[x, y, z]| x == 20 && (5..9).contains(&y) && z > 7);
    let model = model_of(&painted(40, cells));
    let bytes = encode(&model).unwrap();
    assert_eq!(encode(&model).unwrap(), bytes);
    let document = gltf::Gltf::from_slice(&bytes).unwrap();
    let primitive = document
        .meshes()
        .next()
        .unwrap()
        .primitives()
        .next()
        .unwrap();
    let bounds = primitive.bounding_box();
    let near = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(near(bounds.min, [-0.025, 0.0, -0.8]), "{bounds:?}");
    assert!(near(bounds.max, [0.025, 0.2, 0.8]), "{bounds:?}");
    for view in document.views() {
        assert_eq!(view.offset() % 4, 0);
    }
    assert_eq!(bytes.len() % 4, 0);
    assert_eq!(document.buffers().next().unwrap().length() % 4, 0);
}

#[test]
fn many_quads_get_longer_indices() {
    let bytes = encode(&model_of(&painted(
        40,
        cells_where(40, |c| c.iter().sum::<u16>() % 2 == 0),
    )))
    .unwrap();
    let document = gltf::Gltf::from_slice(&bytes).unwrap();
    let primitive = document
        .meshes()
        .next()
        .unwrap()
        .primitives()
        .next()
        .unwrap();
    let kind = primitive.indices().unwrap().data_type();
    assert_eq!(kind, gltf::accessor::DataType::U32);
    assert!(decode(&bytes, 40, false).unwrap().len() == 32_000);
}

#[test]
fn a_model_without_voxels_cannot_be_written() {
    let error = encode(&model_of(&painted(8, vec![]))).unwrap_err();
    assert!(matches!(error, GlbError::EmptyModel), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn scattered_voxels_come_back(
        resolution in 1u16..90,
        cells in prop::collection::hash_set([0u16..90, 0u16..90, 0u16..90], 1..300),
    ) {
        let cells: Vec<_> = cells.into_iter().map(|cell| cell.map(|c| c % resolution)).collect();
        let unique: std::collections::HashSet<_> = cells.into_iter().collect();
        round_trip(&painted(resolution.into(), unique.into_iter().collect()));
    }

    #[test]
    fn dense_noise_comes_back(seed: u64, resolution in 2u16..12) {
        let mut state = seed | 1;
        let cells: Vec<[u16; 3]> = cells_where(resolution, |_| true)
            .into_iter()
            .filter(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state % 10 < 6
            })
            .collect();
        prop_assume!(!cells.is_empty());
        round_trip(&painted(resolution.into(), cells));
    }
}
