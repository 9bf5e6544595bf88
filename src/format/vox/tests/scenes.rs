//! The correct reading: colours, axes, canvases, and models placed by a scene graph.

use serde_json::Value;

use super::super::{VoxError, decode};
use super::{Builder, GOLDEN, cells, golden, places};
use crate::voxel::PaletteEntry;

/// Rotation bytes: rows of the matrix, as the format packs them.
const TURNED_LEFT: &str = "17"; // (0 -1 0), (1 0 0), (0 0 1): x becomes y.
const MIRRORED_X: &str = "20"; // (-1 0 0), (0 1 0), (0 0 1).

#[test]
fn golden_files_have_the_colours_and_places_that_their_raw_contents_tell() {
    for name in GOLDEN {
        let raw: Value = serde_json::from_slice(&golden(&format!("vox/{name}.json"))).unwrap();
        let bytes = |value: &Value| -> Vec<u8> {
            let numbers = value.as_array().unwrap().iter();
            numbers
                .map(|n| u8::try_from(n.as_u64().unwrap()).unwrap())
                .collect()
        };
        let size = bytes(&raw["size"]);
        let model = decode(&golden(&format!("vox/{name}.vox"))).unwrap();
        assert_eq!(
            model.resolution(),
            u32::from(*size.iter().max().unwrap()),
            "{name}"
        );
        let cells = cells(&model);
        let voxels = raw["voxels_xyzi_as_in_the_file"].as_array().unwrap();
        // Index 0 is no voxel.
        let solid: Vec<_> = voxels.iter().filter(|voxel| voxel[3] != 0).collect();
        assert_eq!(cells.len(), solid.len(), "{name}");
        for voxel in solid {
            let [x, y, z, i] = bytes(voxel)[..] else {
                panic!("{name}: {voxel}")
            };
            let rgb = match &raw["palette_rgba"] {
                Value::Null => {
                    let [r, g, b, _] = dot_vox::DEFAULT_PALETTE[usize::from(i) - 1].into();
                    vec![r, g, b]
                }
                palette => bytes(&palette[usize::from(i) - 1])[..3].to_vec(),
            };
            let place = [x, z, size[1] - 1 - y].map(u16::from);
            let expected = PaletteEntry::matte([rgb[0], rgb[1], rgb[2], 255]);
            assert_eq!(cells[&place], expected, "{name} {voxel}");
        }
    }
}

#[test]
fn lettering_on_a_front_is_not_mirrored() {
    // An L as one sees it from the front: its foot points right, along x.
    let file = Builder::with_model(
        [2, 4, 3],
        &[[0, 0, 2, 1], [0, 0, 1, 1], [0, 0, 0, 1], [1, 0, 0, 1]],
    );
    let model = decode(&file.bytes()).unwrap();
    // Ours seen from +z: x to the right, y up, and the front is the largest z.
    assert_eq!(places(&model), [[0, 0, 3], [0, 1, 3], [0, 2, 3], [1, 0, 3]]);
}

#[test]
fn the_canvas_of_a_single_model_is_kept() {
    let file = Builder::with_model([5, 20, 7], &[[1, 2, 3, 1]]);
    let model = decode(&file.bytes()).unwrap();
    assert_eq!((model.resolution(), places(&model)), (20, vec![[1, 3, 17]]));
    let placed = file.transform(0, 1, &[("_t", "70 -9 4")]).shape(1, 0);
    assert_eq!(decode(&placed.bytes()).unwrap(), model);
}

#[test]
fn a_model_without_voxels_keeps_its_canvas_too() {
    let model = decode(&Builder::with_model([5, 6, 7], &[]).bytes()).unwrap();
    assert_eq!((model.resolution(), model.len()), (7, 0));
    let model = decode(&Builder::with_model([0, 0, 0], &[]).bytes()).unwrap();
    assert_eq!((model.resolution(), model.len()), (1, 0));
}

#[test]
fn models_stand_where_the_graph_puts_them() {
    // A wall of 1 x 1 x 3 and a floor of 4 x 2 x 1 whose middles are 5 apart along x and 2 along z.
    let file = Builder::with_model([1, 1, 3], &[[0, 0, 2, 1]])
        .model([4, 2, 1], &[[0, 0, 0, 2], [3, 1, 0, 2]])
        .transform(0, 1, &[])
        .group(1, &[2, 4])
        .transform(2, 3, &[("_t", "0 0 1")])
        .shape(3, 0)
        .transform(4, 5, &[("_t", "5 0 -1")])
        .shape(5, 1);
    let model = decode(&file.bytes()).unwrap();
    // x: wall 0..1, floor 3..7; y of the file: wall 0..1, floor -1..1; z: wall 0..3, floor -1..0.
    assert_eq!(model.resolution(), 7);
    assert_eq!(places(&model), [[0, 3, 0], [3, 0, 1], [6, 0, 0]]);
}

#[test]
fn a_rotation_turns_a_model_about_the_middle_of_its_canvas() {
    let file = Builder::with_model([4, 2, 1], &[[0, 0, 0, 1], [3, 1, 0, 2]]);
    let turned = file.transform(0, 1, &[("_r", TURNED_LEFT)]).shape(1, 0);
    // The right end (x = 3) now lies away (largest y of the file, smallest z of ours).
    let entries: Vec<_> = cells(&decode(&turned.bytes()).unwrap())
        .into_iter()
        .collect();
    let [(first, first_entry), (second, second_entry)] = entries[..] else {
        panic!()
    };
    assert_eq!((first, second), ([0, 0, 0], [1, 0, 3]));
    let [white, cream] = [[255, 255, 255, 255], [255, 255, 204, 255]];
    assert_eq!((first_entry.rgba, second_entry.rgba), (cream, white));
}

#[test]
fn a_reflection_mirrors_a_model_in_place() {
    let voxels = [[0, 0, 0, 1], [1, 0, 0, 1]];
    let plain = Builder::with_model([4, 1, 1], &voxels)
        .transform(0, 1, &[])
        .shape(1, 0);
    let mirrored = Builder::with_model([4, 1, 1], &voxels)
        .transform(0, 1, &[("_r", MIRRORED_X)])
        .shape(1, 0);
    assert_eq!(
        places(&decode(&plain.bytes()).unwrap()),
        [[0, 0, 0], [1, 0, 0]]
    );
    assert_eq!(
        places(&decode(&mirrored.bytes()).unwrap()),
        [[2, 0, 0], [3, 0, 0]]
    );
}

#[test]
fn a_rotated_group_carries_its_models_along() {
    let file = Builder::with_model([2, 2, 2], &[[0, 0, 0, 1]])
        .transform(0, 1, &[("_r", TURNED_LEFT), ("_t", "100 0 0")])
        .group(1, &[2, 4])
        .transform(2, 3, &[])
        .shape(3, 0)
        .transform(4, 5, &[("_t", "6 0 0")])
        .shape(5, 0);
    let model = decode(&file.bytes()).unwrap();
    // 6 along x becomes 6 along y of the file, which is away: towards 0 in ours.
    assert_eq!(model.resolution(), 8);
    assert_eq!(places(&model), [[1, 0, 1], [1, 0, 7]]);
}

#[test]
fn what_is_hidden_is_left_out_with_all_below_it() {
    let two = |first: &[(&str, &str)], layer| {
        Builder::with_model([1, 1, 1], &[[0, 0, 0, 1]])
            .group(0, &[1, 4])
            .transform_on(0, 1, 2, first, &[])
            .group(2, &[3])
            .shape(3, 0)
            .transform_on(layer, 4, 5, &[], &[("_t", "9 0 0")])
            .shape(5, 0)
            .named("LAYR", 3, &[("_hidden", "1")], &[u32::MAX])
    };
    let len = |file: &Builder| decode(&file.bytes()).map(|model| (model.resolution(), model.len()));
    assert_eq!(len(&two(&[], 0)).unwrap(), (10, 2));
    assert_eq!(len(&two(&[("_hidden", "1")], 0)).unwrap(), (1, 1));
    assert_eq!(len(&two(&[], 3)).unwrap(), (1, 1));
    let none = len(&two(&[("_hidden", "1")], 3)).unwrap_err();
    assert!(matches!(none, VoxError::NothingShown), "{none}");
}

#[test]
fn where_models_overlap_the_later_in_drawing_order_wins() {
    let file = Builder::with_model([1, 1, 1], &[[0, 0, 0, 1]])
        .model([1, 1, 1], &[[0, 0, 0, 2]])
        .chunk("RGBA", &[1, 1, 1, 255, 2, 2, 2, 255]);
    let color = |file: Builder| cells(&decode(&file.bytes()).unwrap())[&[0; 3]].rgba[0];
    let with = |children: &[u32]| {
        Builder(file.0.clone())
            .group(0, children)
            .shape(1, 0)
            .shape(2, 1)
    };
    assert_eq!(color(with(&[1, 2])), 2);
    assert_eq!(color(with(&[2, 1])), 1);
    let twice = Builder::with_model([1, 1, 1], &[[0, 0, 0, 1], [0, 0, 0, 2]])
        .chunk("RGBA", &[1, 1, 1, 255, 2, 2, 2, 255]);
    assert_eq!(color(twice), 2);
}

#[test]
fn of_several_models_without_a_graph_the_first_is_read() {
    let file = Builder::with_model([2, 2, 2], &[[0, 0, 0, 1]]).model([9, 9, 9], &[]);
    assert_eq!(decode(&file.bytes()).unwrap().resolution(), 2);
}

#[test]
fn nodes_are_found_by_their_id_and_not_by_their_order() {
    let file = Builder::with_model([1, 1, 1], &[[0, 0, 0, 1]])
        .shape(700, 0)
        .transform(0, 700, &[]);
    assert_eq!(decode(&file.bytes()).unwrap().len(), 1);
}

#[test]
fn the_palette_has_the_used_colours_once_and_index_0_is_no_voxel() {
    let file = Builder::with_model(
        [4, 1, 1],
        &[[0, 0, 0, 4], [1, 0, 0, 0], [2, 0, 0, 2], [3, 0, 0, 3]],
    )
    .chunk("RGBA", &[[9; 4], [7; 4], [7; 4], [5; 4]].concat());
    let model = decode(&file.bytes()).unwrap();
    let expected = [7, 5].map(|c| PaletteEntry::matte([c, c, c, 255]));
    assert_eq!(model.palette().entries(), expected);
    assert_eq!(places(&model), [[0, 0, 0], [2, 0, 0], [3, 0, 0]]);
}

#[test]
fn materials_belong_to_the_colour_of_their_index() {
    let file = Builder::with_model([2, 1, 1], &[[0, 0, 0, 1], [1, 0, 0, 2]])
        .chunk("RGBA", &[9; 8])
        .named(
            "MATL",
            2,
            &[("_type", "_metal"), ("_metal", "1"), ("_rough", "0.2")],
            &[],
        );
    let cells = cells(&decode(&file.bytes()).unwrap());
    let metal = PaletteEntry {
        rgba: [9, 9, 9, 255],
        metallic: 255,
        roughness: 51,
    };
    assert_eq!(cells[&[0, 0, 0]], PaletteEntry::matte([9, 9, 9, 255]));
    assert_eq!(cells[&[1, 0, 0]], metal);
}
