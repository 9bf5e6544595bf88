//! Models written and read again: by us, as Crossworld does, and by the crate `dot_vox`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::{Extent, VoxError, decode, decode_as_crossworld, encode};
use super::{cells, golden};
use crate::voxel::{Material, Node, Octree, Palette, PaletteEntry, VoxelModel};

fn model(resolution: u32, cells: &[([u32; 3], u8)], palette: &[PaletteEntry]) -> VoxelModel {
    let cells = cells.iter().copied();
    let octree = Octree::from_cells(Octree::depth_for(resolution), cells).unwrap();
    let palette = Palette::from_entries(palette.to_vec()).unwrap();
    VoxelModel::new(resolution, octree, palette).unwrap()
}

/// So many colours, no two alike, with finishes of all kinds.
fn colors(count: u8) -> Vec<PaletteEntry> {
    let entry = |i: u8| {
        let color = [i, 255 - i, i.wrapping_mul(37)];
        let alpha = if i.is_multiple_of(5) { i } else { 255 };
        PaletteEntry {
            rgba: [color[0], color[1], color[2], alpha],
            metallic: if i.is_multiple_of(3) { i } else { 0 },
            roughness: if i.is_multiple_of(2) { 204 } else { 255 - i },
        }
    };
    (0..count).map(entry).collect()
}

#[test]
fn a_grid_of_any_size_comes_back_with_its_cells_and_canvas() {
    for resolution in [1, 2, 7, 255, 256, 257, 300, 511, 512, 513, 1000, 1024] {
        let last = resolution - 1;
        let middle = last.min(256);
        let all = [([0, last, middle], 1), ([last, 0, 0], 2), ([middle; 3], 3)];
        let written = model(resolution, &all, &colors(3));
        let read = decode(&encode(&written).unwrap()).unwrap();
        assert_eq!(read.resolution(), resolution);
        assert_eq!(cells(&read), cells(&written), "{resolution}");
    }
}

#[test]
fn an_empty_grid_of_any_size_keeps_its_size() {
    for resolution in [1, 256, 257, 1024] {
        let written = model(resolution, &[], &[]);
        assert_eq!(decode(&encode(&written).unwrap()).unwrap(), written);
    }
}

#[test]
fn a_model_300_cells_wide_is_split_and_comes_back_as_one() {
    let row: Vec<_> = (0..300)
        .map(|x| ([x, x % 7, 299 - x], 1 + u8::from(x > 150)))
        .collect();
    let written = model(300, &row, &colors(2));
    let bytes = encode(&written).unwrap();
    assert!(dot_vox::load_bytes(&bytes).unwrap().models.len() > 1);
    assert_eq!(decode(&bytes).unwrap(), written);
}

/// Where `dot_vox` finds the voxels of a file that we wrote, in the file's axes, and their colours.
fn placed_by_dot_vox(bytes: &[u8]) -> BTreeMap<[i32; 3], [u8; 3]> {
    let file = dot_vox::load_bytes(bytes).unwrap();
    let mut placed = BTreeMap::new();
    let mut place = |model: &dot_vox::Model, shift: [i32; 3]| {
        for voxel in &model.voxels {
            let color = file.palette[usize::from(voxel.i)];
            let [x, y, z] = shift;
            let cell = [
                x + i32::from(voxel.x),
                y + i32::from(voxel.y),
                z + i32::from(voxel.z),
            ];
            placed.insert(cell, [color.r, color.g, color.b]);
        }
    };
    for node in &file.scenes {
        let dot_vox::SceneNode::Transform { frames, child, .. } = node else {
            continue;
        };
        let dot_vox::SceneNode::Shape { models, .. } = &file.scenes[*child as usize] else {
            continue;
        };
        let model = &file.models[models[0].model_id as usize];
        let position = frames[0].position().unwrap();
        let low = |t: i32, size: u32| t - i32::try_from(size / 2).unwrap();
        let size = model.size;
        place(
            model,
            [
                low(position.x, size.x),
                low(position.y, size.y),
                low(position.z, size.z),
            ],
        );
    }
    if file.scenes.is_empty() {
        place(&file.models[0], [0; 3]);
    }
    placed
}

#[test]
fn another_reader_finds_every_voxel_of_a_split_model_in_its_place() {
    let resolution = 301;
    let row: Vec<_> = (0..301)
        .map(|x| ([x, 300 - x, x / 2], 1 + (x % 2) as u8))
        .collect();
    let written = model(resolution, &row, &colors(2));
    let half = i32::try_from(resolution / 2).unwrap();
    let expected = cells(&written).into_iter().map(|([x, y, z], entry)| {
        let [r, g, b, _] = entry.rgba;
        let [x, y, z] = [x, y, z].map(i32::from);
        ([x - half, 300 - z - half, y], [r, g, b])
    });
    assert_eq!(
        placed_by_dot_vox(&encode(&written).unwrap()),
        expected.collect()
    );
}

#[test]
fn another_reader_finds_the_materials() {
    let metal = PaletteEntry {
        rgba: [1, 2, 3, 255],
        metallic: 255,
        roughness: 51,
    };
    let glass = PaletteEntry {
        rgba: [1, 2, 3, 51],
        metallic: 0,
        roughness: 0,
    };
    let written = model(2, &[([0; 3], 1), ([1; 3], 2)], &[metal, glass]);
    let file = dot_vox::load_bytes(&encode(&written).unwrap()).unwrap();
    let [metal, glass] = &file.materials[..] else {
        panic!("{:?}", file.materials)
    };
    assert_eq!((metal.id, metal.material_type()), (1, Some("_metal")));
    assert_eq!(
        (metal.metalness(), metal.roughness()),
        (Some(1.0), Some(0.2))
    );
    assert_eq!((glass.id, glass.material_type()), (3, Some("_glass")));
    assert_eq!(glass.transparency(), Some(0.8));
}

#[test]
fn up_to_128_colours_are_right_in_both_readings_and_255_in_the_correct_one() {
    for count in [1, 2, 127, 128, 129, 255] {
        let row: Vec<_> = (0..count).map(|x| ([u32::from(x), 0, 5], x + 1)).collect();
        let written = model(256, &row, &colors(count));
        let bytes = encode(&written).unwrap();
        assert_eq!(cells(&decode(&bytes).unwrap()), cells(&written), "{count}");
        let (octree, _) = decode_as_crossworld(&bytes, Extent::Canvas).unwrap();
        let right = written.cells().all(|([x, y, z], index)| {
            let [r, g, b, _] = written.palette().get(index).unwrap().rgba;
            // The engine mirrors: its z is the file's y.
            let material = octree.get([u32::from(x), u32::from(y), 255 - u32::from(z)]);
            material == Material::from_top_bits([r, g, b]).0
        });
        assert_eq!(right, count <= 128, "{count}");
    }
}

#[test]
fn the_golden_file_for_both_readers_is_laid_out_as_we_do() {
    let golden = golden("vox/both_readers.vox");
    let ours = encode(&decode(&golden).unwrap()).unwrap();
    let [golden, ours] = [golden, ours].map(|bytes| dot_vox::load_bytes(&bytes).unwrap());
    let color = |c: &dot_vox::Color| [c.r, c.g, c.b];
    let colors =
        |file: &dot_vox::DotVoxData| file.palette.iter().take(255).map(color).collect::<Vec<_>>();
    assert_eq!(colors(&ours), colors(&golden));
    let indices = |file: &dot_vox::DotVoxData| {
        let voxels = file.models[0].voxels.iter();
        voxels.map(|v| (v.x, v.i)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(indices(&ours), indices(&golden));
}

#[test]
fn a_file_is_written_alike_every_time() {
    let written = model(300, &[([0; 3], 1), ([299; 3], 2)], &colors(2));
    assert_eq!(encode(&written).unwrap(), encode(&written).unwrap());
}

#[test]
fn unused_and_equal_colours_take_no_place_in_the_file() {
    let palette: Vec<_> = [colors(200), colors(55)].concat();
    let written = model(4, &[([0; 3], 3), ([1; 3], 203), ([2; 3], 9)], &palette);
    let read = decode(&encode(&written).unwrap()).unwrap();
    assert_eq!(read.palette().entries(), [palette[2], palette[8]]);
    assert_eq!(cells(&read), cells(&written));
}

#[test]
fn a_model_too_full_or_without_its_colours_is_refused() {
    let full = Octree::from_root(10, Node::Leaf(1)).unwrap();
    let palette = Palette::from_entries(colors(1)).unwrap();
    let full = VoxelModel::new(1024, full, palette).unwrap();
    let error = encode(&full).unwrap_err();
    assert!(
        matches!(
            error,
            VoxError::TooMany {
                voxels: 0x4000_0000,
                ..
            }
        ),
        "{error}"
    );
    let error = encode(&model(2, &[([0; 3], 7)], &colors(3))).unwrap_err();
    assert!(
        matches!(
            error,
            VoxError::Color {
                index: 7,
                colors: 3
            }
        ),
        "{error}"
    );
}

/// A model whose palette is all used, in order, without two equal entries, as [`decode`] makes them.
fn models() -> impl Strategy<Value = VoxelModel> {
    let resolution = prop_oneof![1..40u32, Just(256), 250..530u32];
    let cell = any::<[prop::sample::Index; 3]>();
    let cells = prop::collection::vec((cell, any::<prop::sample::Index>()), 0..200);
    let entry =
        (any::<[u8; 4]>(), any::<u8>(), any::<u8>()).prop_map(|(rgba, metallic, roughness)| {
            PaletteEntry {
                rgba,
                metallic,
                roughness,
            }
        });
    let entries = prop::collection::hash_set(entry, 1..256);
    (resolution, cells, entries).prop_map(|(resolution, cells, entries)| {
        let entries: Vec<_> = entries.into_iter().take(255).collect();
        let cells: Vec<_> = cells
            .into_iter()
            .map(|(cell, color)| {
                let cell = cell.map(|c| u32::try_from(c.index(resolution as usize)).unwrap());
                (cell, u8::try_from(color.index(entries.len()) + 1).unwrap())
            })
            .collect();
        model(resolution, &cells, &entries)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_written_model_is_read_exactly(written in models()) {
        let read = decode(&encode(&written).unwrap()).unwrap();
        prop_assert_eq!(read.resolution(), written.resolution());
        prop_assert_eq!(cells(&read), cells(&written));
    }

    #[test]
    fn a_model_that_was_read_is_written_and_read_as_itself(written in models()) {
        let read = decode(&encode(&written).unwrap()).unwrap();
        prop_assert_eq!(decode(&encode(&read).unwrap()).unwrap(), read);
    }
}
