//! The shiny and glassy models of `assets/models` through every format, and their palettes.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crossworld_trellis::format::{self, Contents, PaletteChoice, ReadOptions};
use crossworld_trellis::meshing::mesh_model;
use crossworld_trellis::voxel::{ColorMatch, GlassKinds, Material, PaletteEntry, VoxelModel};

const NAMES: [&str; 5] = [
    "chrome_ball",
    "glass_bottle",
    "gold_cup",
    "ice_crystal",
    "stained_window",
];

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("assets/models")
        .join(name)
        .with_extension("voxels")
}

fn read(path: &Path) -> VoxelModel {
    let contents = format::load(path, &ReadOptions::default()).unwrap();
    contents.to_model().unwrap()
}

/// How each cell of a model looks.
fn looks(model: &VoxelModel) -> HashMap<[u16; 3], PaletteEntry> {
    let entry = |index| *model.palette().get(index).unwrap();
    model
        .cells()
        .map(|(cell, index)| (cell, entry(index)))
        .collect()
}

/// The same model after a file of another format.
fn through(model: &VoxelModel, extension: &str) -> (VoxelModel, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model").with_extension(extension);
    format::save(&path, Contents::Model(model.clone()), PaletteChoice::Auto).unwrap();
    (read(&path), std::fs::read(&path).unwrap())
}

#[test]
fn the_models_are_of_metal_and_of_glass() {
    let count = |name, is: fn(&PaletteEntry) -> bool| {
        looks(&read(&file(name)))
            .values()
            .filter(|entry| is(entry))
            .count()
    };
    let metal: fn(&PaletteEntry) -> bool = |entry| entry.metallic > 200;
    let glass: fn(&PaletteEntry) -> bool = PaletteEntry::is_translucent;
    for (name, shiny, glassy) in [
        ("chrome_ball", true, false),
        ("glass_bottle", false, true),
        ("gold_cup", true, true),
        ("ice_crystal", false, true),
        ("stained_window", true, true),
    ] {
        assert_eq!(count(name, metal) > 100, shiny, "{name}");
        assert_eq!(count(name, glass) > 50, glassy, "{name}");
    }
}

#[test]
fn magicavoxels_format_keeps_every_finish_and_the_alpha_of_glass() {
    for name in NAMES {
        let model = read(&file(name));
        let (back, _) = through(&model, "vox");
        assert!(looks(&back) == looks(&model), "{name}");
    }
}

#[test]
fn a_mesh_keeps_all_that_is_seen_with_its_finish_and_all_that_is_opaque() {
    for name in NAMES {
        let model = read(&file(name));
        let (back, _) = through(&model, "glb");
        let (before, after) = (looks(&model), looks(&back));
        assert!(after.keys().all(|cell| before.contains_key(cell)), "{name}");
        let kinds = GlassKinds::of(model.palette());
        let kind_at = |cell: [i32; 3]| {
            let cell = cell.map(|c| u32::try_from(c).unwrap_or(u32::MAX));
            let index = model.octree().get(cell);
            (index != 0).then(|| kinds.kind(index))
        };
        let mut seen = 0;
        for (cell, index) in model.cells() {
            let at = cell.map(i32::from);
            let own = kinds.kind(index);
            let beside = [
                [-1, 0, 0],
                [1, 0, 0],
                [0, -1, 0],
                [0, 1, 0],
                [0, 0, -1],
                [0, 0, 1],
            ];
            let is_open = |step: [i32; 3]| {
                let other = kind_at([0, 1, 2].map(|axis| at[axis] + step[axis]));
                other.is_none_or(|kind| kind != 0 && kind != own)
            };
            if beside.into_iter().any(is_open) {
                let (entry, back) = (before[&cell], after[&cell]);
                let drawn = PaletteEntry {
                    rgba: entry.drawn_rgba(),
                    ..entry
                };
                assert_eq!(back, drawn, "{name} at {cell:?}");
                seen += 1;
            } else {
                // What is solid inside is told from its surface; glass shut in between other things has none.
                assert!(after.contains_key(&cell) || own != 0, "{name} at {cell:?}");
            }
        }
        assert!(seen > 1000, "{name}: {seen}");
    }
}

#[test]
fn a_mesh_file_has_a_material_for_each_kind_of_part() {
    for (name, modes) in [
        ("chrome_ball", vec!["OPAQUE"]),
        ("glass_bottle", vec!["OPAQUE", "BLEND"]),
    ] {
        let (_, bytes) = through(&read(&file(name)), "glb");
        let length = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
        let scene: serde_json::Value = serde_json::from_slice(&bytes[20..20 + length]).unwrap();
        let materials = scene["materials"].as_array().unwrap();
        let found: Vec<&str> = materials
            .iter()
            .map(|m| m["alphaMode"].as_str().unwrap())
            .collect();
        assert_eq!(found, modes, "{name}");
        for material in materials {
            let textures = &material["pbrMetallicRoughness"];
            assert!(
                textures["metallicRoughnessTexture"]["index"].is_number(),
                "{name}"
            );
            assert!(textures["baseColorTexture"]["index"].is_number(), "{name}");
        }
        let primitives = scene["meshes"][0]["primitives"].as_array().unwrap();
        assert_eq!(primitives.len(), modes.len());
    }
}

#[test]
fn crossworlds_named_materials_keep_glass_translucent_and_plain_colours_make_it_opaque() {
    let bottle = Contents::Model(read(&file("glass_bottle")));
    for named in [true, false] {
        let how = ColorMatch {
            named,
            dither: false,
        };
        let octree = bottle.to_materials(how).unwrap();
        let glassy = octree
            .cells()
            .filter(|(_, id)| Material(*id).is_translucent())
            .count();
        assert_eq!(glassy > 1000, named, "{glassy}");
    }
}

#[test]
fn ice_of_hundreds_of_tints_has_no_walls_inside() {
    let model = read(&file("ice_crystal"));
    let glass = model
        .cells()
        .filter(|&(_, index)| model.palette().get(index).unwrap().is_translucent());
    let cells: Vec<[u16; 3]> = glass.map(|(cell, _)| cell).collect();
    let tints: std::collections::HashSet<u8> = model
        .cells()
        .map(|(_, index)| index)
        .filter(|&index| model.palette().get(index).unwrap().is_translucent())
        .collect();
    assert!(tints.len() > 60, "{} tints", tints.len());
    let area: f32 = mesh_model(&model)
        .iter()
        .flat_map(|(_, mesh)| mesh.translucent.positions.as_chunks::<4>().0)
        .map(|[a, _, _, d]| {
            let side: Vec<f32> = (0..3).map(|axis| (a[axis] - d[axis]).abs()).collect();
            side[0] * side[1] + side[1] * side[2] + side[2] * side[0]
        })
        .sum();
    // Walls between all tints would be several faces a voxel.
    let per_voxel = area / cells.len() as f32;
    assert!(per_voxel < 1.2, "{per_voxel} faces a voxel");
}
