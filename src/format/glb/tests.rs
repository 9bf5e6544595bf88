#![expect(clippy::cast_possible_truncation, reason = "small counts and colours")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::voxel::VoxelModel;
use crate::voxelize::VoxelizeError;

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

/// A file of 8 x 8 units of floor at y = 0, described by `json` with changes.
fn floor_file(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let positions: [[f32; 3]; 4] = [[0., 0., 0.], [0., 0., 8.], [8., 0., 0.], [8., 0., 8.]];
    let mut bin: Vec<u8> = positions
        .as_flattened()
        .iter()
        .flat_map(|c| c.to_le_bytes())
        .collect();
    bin.extend([0u16, 1, 2, 2, 1, 3].iter().flat_map(|i| i.to_le_bytes()));
    bin.extend([255, 0, 0, 0].repeat(4));
    let mut json = json!({
        "asset": { "version": "2.0" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0 }],
        "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1 }] }],
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [0, 0, 0], "max": [8, 0, 8] },
            { "bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR" },
            { "bufferView": 2, "componentType": 5121, "count": 4, "type": "VEC3", "normalized": true },
        ],
        "bufferViews": [
            { "buffer": 0, "byteLength": 48 },
            { "buffer": 0, "byteOffset": 48, "byteLength": 12 },
            { "buffer": 0, "byteOffset": 60, "byteLength": 16, "byteStride": 4 },
        ],
        "buffers": [{ "byteLength": bin.len() }],
    });
    change(&mut json);
    container::join(json.to_string().into_bytes(), bin).unwrap()
}

fn floor_with(change: impl FnOnce(&mut Value)) -> Result<SparseVoxels, GlbError> {
    decode(&floor_file(change), 8, false)
}

#[test]
fn triangles_strips_and_fans_cover_the_same_floor() {
    let expected = floor_with(|_| {}).unwrap();
    assert_eq!(expected.len(), 64);
    let strip = floor_with(|json| {
        let primitive = &mut json["meshes"][0]["primitives"][0];
        primitive["mode"] = json!(5);
        primitive.as_object_mut().unwrap().remove("indices");
    });
    assert_eq!(strip.unwrap(), expected);
    let fan = floor_with(|json| {
        // Vertices 0, 1 and 2, 2: half of the floor.
        json["meshes"][0]["primitives"][0]["mode"] = json!(6);
        json["accessors"][1]["count"] = json!(4);
    });
    assert_eq!(fan.unwrap().len(), 36);
}

#[test]
fn vertex_colours_and_factors_multiply() {
    let red = floor_with(|json| {
        json["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = json!(2);
        json["meshes"][0]["primitives"][0]["material"] = json!(0);
        json["materials"] = json!([{ "pbrMetallicRoughness": {
            "baseColorFactor": [0.5, 1, 1, 1], "metallicFactor": 0, "roughnessFactor": 0.4
        }}]);
    });
    let red = red.unwrap();
    assert_eq!(red.rgba()[0], [188, 0, 0, 255]);
    assert_eq!(red.metallic_roughness().unwrap()[0], [0, 102]);
}

#[test]
fn nodes_move_their_children_and_meshes_may_appear_again() {
    let voxels = floor_with(|json| {
        json["nodes"] = json!([
            { "children": [1, 2], "scale": [2, 2, 2] },
            { "mesh": 0 },
            { "mesh": 0, "translation": [0, 8, 0] },
        ]);
    });
    let voxels = voxels.unwrap();
    // Two floors, as far apart as they are wide: the upper one lies in the highest layer.
    assert_eq!(voxels.len(), 128);
    assert!(voxels.coords().iter().all(|&[_, y, _]| y == 0 || y == 7));
}

#[test]
fn a_mirrored_floor_is_still_seen_from_above() {
    let file = floor_file(|json| {
        json["nodes"][0]["scale"] = json!([-1, 1, 1]);
    });
    let mesh = read::mesh(&container::split(&file).unwrap()).unwrap();
    for [a, b, c] in mesh.triangles {
        let [a, b, c] = [a, b, c].map(|i| glam::Vec3::from(mesh.positions[i as usize]));
        assert!((b - a).cross(c - a).y > 0.0);
    }
}

#[test]
fn contradictions_are_refused_by_name() {
    let message = |change: fn(&mut Value)| floor_with(change).unwrap_err().to_string();
    for (change, expected) in [
        (
            (|json| json["accessors"][0]["count"] = json!(5)) as fn(&mut Value),
            "accessor 0 reaches beyond the end",
        ),
        (
            |json| json["accessors"][0]["count"] = json!(u64::MAX),
            "more than",
        ),
        (
            |json| json["accessors"][1]["count"] = json!(7),
            "accessor 1 reaches beyond the end",
        ),
        (
            |json| json["accessors"][0]["byteOffset"] = json!(u64::MAX),
            "accessor 0 reaches beyond the end",
        ),
        (
            |json| json["bufferViews"][0]["byteLength"] = json!(1u64 << 40),
            "accessor 0 reaches beyond the end",
        ),
        (
            |json| json["bufferViews"][0]["byteOffset"] = json!(u64::MAX),
            "accessor 0 reaches beyond the end",
        ),
        (
            |json| json["accessors"][0]["count"] = json!(3),
            "accessor 1 names vertex 3, but its primitive has 3",
        ),
        (
            |json| json["accessors"][0]["count"] = json!(0),
            "names vertex 0",
        ),
        (
            |json| json["accessors"][0]["type"] = json!("VEC2"),
            "accessor 0 has another shape",
        ),
        (
            |json| json["accessors"][1]["componentType"] = json!(5126),
            "accessor 1 holds no indices",
        ),
        (
            |json| json["meshes"][0]["primitives"][0]["attributes"]["POSITION"] = json!(99),
            "POSITION",
        ),
        (
            |json| json["meshes"][0]["primitives"][0]["material"] = json!(7),
            "material",
        ),
        (
            |json| json["buffers"][0]["uri"] = json!("floor.bin"),
            "buffer 0 lies outside the file",
        ),
        (
            |json| json["nodes"][0]["children"] = json!([0]),
            "node 0 is reached twice",
        ),
        (
            |json| json["scenes"][0]["nodes"] = json!([0, 0]),
            "node 0 is reached twice",
        ),
        (
            |json| json["extensionsRequired"] = json!(["KHR_draco_mesh_compression"]),
            "KHR_draco_mesh_compression",
        ),
        (
            |json| json["meshes"][0]["primitives"][0]["mode"] = json!(1),
            "no triangles",
        ),
        (
            |json| json["accessors"][1]["count"] = json!(2),
            "no triangles",
        ),
        (
            |json| json["nodes"][0]["scale"] = json!([0, 0, 0]),
            "no visible surface",
        ),
        (
            |json| json["nodes"][0]["scale"] = json!([1e39, 1, 1]),
            "not",
        ),
        (
            |json| {
                json.as_object_mut().unwrap().remove("scene");
                json["scenes"] = json!([]);
            },
            "no scene",
        ),
    ] {
        let message = message(change);
        assert!(
            message.contains(expected),
            "{message:?} does not say {expected:?}"
        );
    }
}

#[test]
fn a_picture_outside_the_file_or_without_a_place_is_refused() {
    for image in [
        json!({ "uri": "wood.png" }),
        json!({}),
        json!({ "bufferView": 0 }),
    ] {
        let result = floor_with(|json| {
            json["meshes"][0]["primitives"][0]["material"] = json!(0);
            json["materials"] =
                json!([{ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } }]);
            json["textures"] = json!([{ "source": 0 }]);
            json["images"] = json!([image.clone()]);
        });
        let error = result.unwrap_err();
        let is_expected = matches!(
            error,
            GlbError::External {
                what: "image",
                index: 0
            } | GlbError::Picture { image: 0, .. }
        );
        assert!(is_expected, "{error}");
    }
}

#[test]
fn positions_that_are_no_numbers_are_refused() {
    let mut file = floor_file(|_| {});
    let place = file.len() - 76 + 4;
    file[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = decode(&file, 8, false).unwrap_err();
    assert!(matches!(
        error,
        GlbError::Voxelize(VoxelizeError::NotFinite { position: 0 })
    ));
}

#[test]
fn a_long_chain_of_nodes_is_walked_without_deep_recursion() {
    let result = floor_with(|json| {
        let nodes: Vec<Value> = (1..=50_000).map(|i| json!({ "children": [i] })).collect();
        json["nodes"] = json!(nodes);
        json["nodes"]
            .as_array_mut()
            .unwrap()
            .push(json!({ "mesh": 0 }));
    });
    assert_eq!(result.unwrap().len(), 64);
}

#[test]
fn a_scene_that_repeats_itself_without_end_is_refused_early() {
    let result = floor_with(|json| {
        let primitive = json["meshes"][0]["primitives"][0].clone();
        json["meshes"][0]["primitives"] = json!(vec![primitive; 1000]);
        json["nodes"] = json!(vec![json!({ "mesh": 0 }); 1000]);
        json["scenes"][0]["nodes"] = json!((0..1000).collect::<Vec<_>>());
    });
    let error = result.unwrap_err();
    assert!(matches!(error, GlbError::TooManyTriangles), "{error}");
}

#[test]
fn a_description_of_countless_objects_is_refused_before_it_is_parsed() {
    let json = format!("[{}]", "{},".repeat(300_000)).into_bytes();
    let error = decode(&container::join(json, vec![]).unwrap(), 8, false).unwrap_err();
    assert!(matches!(error, GlbError::SceneTooLarge), "{error}");
    let deep = "[".repeat(100_000).into_bytes();
    assert!(matches!(
        decode(&container::join(deep, vec![]).unwrap(), 8, false),
        Err(GlbError::Json { .. })
    ));
}

#[test]
fn a_grid_that_does_not_hold_its_mesh_is_not_believed() {
    for origin in [
        json!([100, 0, 0]),
        json!([0, 0]),
        json!("here"),
        json!([1e300, 0, 0]),
    ] {
        let voxels = floor_with(|json| {
            json["asset"]["extras"] = json!({ "crossworld_voxels": {
                "resolution": 8, "voxel_size": 1, "origin": origin
            }});
        });
        assert_eq!(voxels.unwrap().len(), 64);
    }
}

#[test]
fn a_resolution_out_of_range_is_refused() {
    for resolution in [0, 1025, u32::MAX] {
        let error = decode(&floor_file(|_| {}), resolution, false).unwrap_err();
        assert!(
            matches!(error, GlbError::Voxelize(VoxelizeError::Voxels(_))),
            "{error}"
        );
    }
}

#[test]
fn other_bytes_are_no_glb_file() {
    for bytes in [&b""[..], b"gl", b"glTX", b"{\"asset\":{}}", &[0; 40]] {
        assert!(matches!(decode(bytes, 8, false), Err(GlbError::NotGlb)));
    }
    // The crate `gltf` overflows over such a length.
    let error = decode(b"glTF\x02\0\0\0\x03\0\0\0", 8, false).unwrap_err();
    assert!(matches!(error, GlbError::Length { .. }), "{error}");
    let error = decode(b"glTF\x01\0\0\0\x0c\0\0\0", 8, false).unwrap_err();
    assert!(matches!(error, GlbError::Version { got: 1 }), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let whole = encode(&model_of(&painted(4, vec![[1, 2, 3], [2, 2, 3]]))).unwrap();
    for length in 0..whole.len() {
        assert!(
            decode(&whole[..length], 4, false).is_err(),
            "cut to {length} bytes"
        );
    }
}

#[test]
fn a_file_cut_anywhere_with_its_lengths_made_right_never_panics() {
    let whole = encode(&model_of(&painted(4, vec![[1, 2, 3], [2, 2, 3]]))).unwrap();
    let parts = container::split(&whole).unwrap();
    for length in 0..parts.json.len() {
        let file = container::join(parts.json[..length].to_vec(), parts.bin.to_vec()).unwrap();
        let _ = decode(&file, 4, false);
    }
    for length in 0..parts.bin.len() {
        let file = container::join(parts.json.to_vec(), parts.bin[..length].to_vec()).unwrap();
        let _ = decode(&file, 4, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_damaged_file_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        digits: bool,
        fill: bool,
    ) {
        let mut file = if digits {
            floor_file(|_| {})
        } else {
            encode(&model_of(&painted(4, vec![[1, 2, 3], [2, 2, 3]]))).unwrap()
        };
        for (place, byte) in damage {
            let place = place.index(file.len());
            // Digits in place of digits leave the description readable.
            file[place] = if digits && file[place].is_ascii_digit() {
                b'0' + byte % 10
            } else {
                byte
            };
        }
        let _ = decode(&file, 4, fill);
    }
}
