//! [`VoxError`]: why a `.vox` file was refused.

use crate::voxel::{MAX_RESOLUTION, OctreeError, VoxelModelError};

/// Why a `.vox` file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VoxError {
    /// The file does not begin as a `.vox` file does.
    #[error("this is no .vox file: it should begin with 'VOX ', a version and the chunk MAIN")]
    NotVox,
    /// A chunk reaches past the end of the file or of the chunk around it.
    #[error(
        "the chunk at byte {offset} needs {expected} bytes, but {got} are left: copy or make the file again"
    )]
    Cut {
        /// Where the chunk begins in the file.
        offset: usize,
        /// Bytes it needs, its header included.
        expected: u64,
        /// Bytes that are left.
        got: usize,
    },
    /// The content of a chunk contradicts itself.
    #[error("the chunk {chunk} at byte {offset} is damaged: {problem}")]
    Damaged {
        /// Name of the chunk.
        chunk: String,
        /// Where it begins in the file.
        offset: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file has no model.
    #[error("the file holds no model: it should have chunks SIZE and XYZI")]
    NoModel,
    /// The scene graph places no model, or layers and nodes hide all.
    #[error("the scene graph shows no model: place one, or show one that is hidden")]
    NothingShown,
    /// A voxel lies outside its model's canvas.
    #[error("model {model} has a voxel at {cell:?} outside its canvas of {canvas:?} cells")]
    Outside {
        /// Which model, counted from 0.
        model: usize,
        /// The voxel, in the file's axes.
        cell: [u8; 3],
        /// The canvas, in the file's axes.
        canvas: [u32; 3],
    },
    /// A voxel has a colour that the palette does not have.
    #[error("a voxel uses colour {index}, but the palette has {colors} only")]
    Color {
        /// Palette index, 1 for the first colour.
        index: u8,
        /// Colours there are.
        colors: usize,
    },
    /// The scene graph leads to a node that is not there.
    #[error("the scene graph leads to node {id}, which is not in the file")]
    NoNode {
        /// Id of the node.
        id: u32,
    },
    /// The scene graph is no tree.
    #[error("the scene graph reaches node {id} twice: it should be a tree")]
    NodeTwice {
        /// Id of the node.
        id: u32,
    },
    /// A shape of the scene graph shows a model that is not there.
    #[error("the scene graph shows model {id}, but the file has {models} only")]
    NoShape {
        /// Which model, counted from 0.
        id: u32,
        /// Models there are.
        models: usize,
    },
    /// The grid has too many cells along an axis.
    #[error(
        "the grid would have {cells} cells along an axis: at most {MAX_RESOLUTION} are possible, so split it or move its models together"
    )]
    TooLarge {
        /// Cells along the longest axis.
        cells: i64,
    },
    /// There are too many voxels to write, or the scene graph repeats its models too often.
    #[error(
        "{voxels} voxels are too many: at most {limit} are possible, so make the model smaller"
    )]
    TooMany {
        /// Voxels there are.
        voxels: u64,
        /// Voxels allowed here.
        limit: u64,
    },
    /// The cells make no octree.
    #[error(transparent)]
    Octree(#[from] OctreeError),
    /// The cells make no model.
    #[error(transparent)]
    Model(#[from] VoxelModelError),
}
