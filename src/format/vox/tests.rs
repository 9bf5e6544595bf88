//! What the tests of this format share: golden files, a small builder of files, and looks at a model.

mod crossworld;
mod hostile;
mod round_trip;
mod scenes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::write::{push_chunk, push_dictionary, push_numbers};
use crate::voxel::{PaletteEntry, VoxelModel};

/// Files of `tests/golden/crossworld/vox`, without extension.
const GOLDEN: [&str; 5] = [
    "axes",
    "both_readers",
    "default_palette",
    "loose",
    "palette",
];

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/crossworld");
    std::fs::read(folder.join(name)).unwrap()
}

fn golden_text(name: &str) -> String {
    String::from_utf8(golden(name)).unwrap()
}

/// A cell of a model with its palette entry.
type Cells = BTreeMap<[u16; 3], PaletteEntry>;

fn cells(model: &VoxelModel) -> Cells {
    let entry = |index| *model.palette().get(index).unwrap();
    let cells = model.cells();
    cells.map(|(cell, index)| (cell, entry(index))).collect()
}

fn places(model: &VoxelModel) -> Vec<[u16; 3]> {
    cells(model).into_keys().collect()
}

/// Bytes of a file, chunk by chunk.
struct Builder(Vec<u8>);

impl Builder {
    fn new() -> Self {
        Self(Vec::new())
    }

    /// A file with a model of a canvas and voxels.
    fn with_model(canvas: [u32; 3], voxels: &[[u8; 4]]) -> Self {
        Self::new().model(canvas, voxels)
    }

    fn chunk(mut self, name: &str, content: &[u8]) -> Self {
        push_chunk(&mut self.0, name, content);
        self
    }

    fn model(self, canvas: [u32; 3], voxels: &[[u8; 4]]) -> Self {
        let count = u32::try_from(voxels.len()).unwrap();
        let content = [&count.to_le_bytes(), voxels.as_flattened()].concat();
        self.numbers("SIZE", &[], &canvas).chunk("XYZI", &content)
    }

    /// A chunk of a number, a dictionary and numbers.
    fn named(self, name: &str, id: u32, texts: &[(&str, &str)], numbers: &[u32]) -> Self {
        let mut content = id.to_le_bytes().to_vec();
        push_dictionary(&mut content, texts.iter().copied());
        push_numbers(&mut content, numbers.iter().copied());
        self.chunk(name, &content)
    }

    fn numbers(self, name: &str, texts: &[u8], numbers: &[u32]) -> Self {
        let mut content = texts.to_vec();
        push_numbers(&mut content, numbers.iter().copied());
        self.chunk(name, &content)
    }

    /// A transform of one frame on layer 0.
    fn transform(self, id: u32, child: u32, frame: &[(&str, &str)]) -> Self {
        self.transform_on(0, id, child, &[], frame)
    }

    fn transform_on(
        self,
        layer: u32,
        id: u32,
        child: u32,
        attributes: &[(&str, &str)],
        frame: &[(&str, &str)],
    ) -> Self {
        let mut content = id.to_le_bytes().to_vec();
        push_dictionary(&mut content, attributes.iter().copied());
        push_numbers(&mut content, [child, u32::MAX, layer, 1]);
        push_dictionary(&mut content, frame.iter().copied());
        self.chunk("nTRN", &content)
    }

    fn group(self, id: u32, children: &[u32]) -> Self {
        let count = u32::try_from(children.len()).unwrap();
        self.named("nGRP", id, &[], &[&[count], children].concat())
    }

    fn shape(self, id: u32, model: u32) -> Self {
        self.named("nSHP", id, &[], &[1, model, 0])
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"VOX \x96\0\0\0MAIN\0\0\0\0".to_vec();
        push_numbers(&mut bytes, [u32::try_from(self.0.len()).unwrap()]);
        [bytes.as_slice(), &self.0].concat()
    }
}

/// Bytes of a file that has everything: two models in a scene with a rotation, layers, colours and materials.
fn rich_file() -> Vec<u8> {
    let colors: Vec<u8> = (0..=255)
        .flat_map(|i: u8| [i, 255 - i, i / 2, 255])
        .collect();
    Builder::with_model([3, 2, 1], &[[0, 0, 0, 1], [2, 1, 0, 2]])
        .model([2, 2, 2], &[[1, 0, 1, 3], [0, 0, 0, 1]])
        .transform_on(u32::MAX, 0, 1, &[], &[])
        .group(1, &[2, 4])
        .transform(2, 3, &[("_t", "1 0 -2"), ("_r", "20")])
        .shape(3, 0)
        .transform_on(1, 4, 5, &[("_name", "second")], &[("_t", "0 5 0")])
        .shape(5, 1)
        .named("LAYR", 1, &[("_hidden", "0")], &[u32::MAX])
        .chunk("RGBA", &colors)
        .named("MATL", 2, &[("_type", "_glass"), ("_trans", "0.4")], &[])
        .bytes()
}
