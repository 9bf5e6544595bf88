//! Scenes of other programs, and files that are none.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::{decode, model_of, painted};
use crate::voxelize::VoxelizeError;

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
