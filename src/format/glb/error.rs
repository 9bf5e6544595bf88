//! [`GlbError`]: why a `.glb` file was refused or could not be written.

use std::error::Error;

use crate::picture::PictureError;
use crate::voxelize::VoxelizeError;

use super::primitive::{MAX_PARTS, MAX_POSITIONS, MAX_TRIANGLES};
use super::read::MAX_JSON_OBJECTS;
use super::surfaces::MAX_PIXELS;

/// Why a `.glb` file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlbError {
    /// The bytes are no binary glTF.
    #[error("this is no .glb file: it does not begin with 'glTF'; export the scene as binary glTF")]
    NotGlb,
    /// Another version of the format.
    #[error("the file is glTF of version {got}, this reader knows version 2")]
    Version {
        /// Its version.
        got: u32,
    },
    /// The data ends early.
    #[error(
        "the {part} should have {expected} bytes, but {got} are there: copy or make the file again"
    )]
    Length {
        /// Which part of the file.
        part: &'static str,
        /// Bytes it should have.
        expected: u64,
        /// Bytes that are there.
        got: u64,
    },
    /// The first part of the file is not the scene's description.
    #[error("the file does not begin with a chunk of JSON, but with one of type {got:#010x}")]
    NoJson {
        /// The chunk's type.
        got: u32,
    },
    /// The description of the scene is far longer than that of any scene.
    #[error(
        "the scene's description has more than {MAX_JSON_OBJECTS} objects or a multiple of that in values: split the scene"
    )]
    SceneTooLarge,
    /// The description of the scene cannot be read.
    #[error("the scene's description is no valid glTF: {source}")]
    Json {
        /// What the parser said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The description of the scene contradicts itself or needs an extension.
    #[error("the scene's description is no glTF that this reader knows: {place}: {problem}")]
    Invalid {
        /// Where in the description.
        place: String,
        /// What is wrong there.
        problem: String,
    },
    /// There is no scene.
    #[error("the file has no scene: nothing tells which meshes to take")]
    NoScene,
    /// A node is its own descendant or belongs to two parents.
    #[error("node {node} is reached twice: nodes must form a tree")]
    NodeTwice {
        /// The node.
        node: usize,
    },
    /// Data lies outside the file.
    #[error(
        "{what} {index} lies outside the file: export the scene as one .glb with everything in it"
    )]
    External {
        /// A buffer or an image.
        what: &'static str,
        /// Its place in the file's list.
        index: usize,
    },
    /// A list of numbers is not where it should be or not of the right kind.
    #[error("accessor {accessor} {problem}")]
    Accessor {
        /// Its place in the file's list.
        accessor: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A triangle names a vertex that its primitive does not have.
    #[error("accessor {accessor} names vertex {got}, but its primitive has {vertices}")]
    Index {
        /// The accessor of the indices.
        accessor: usize,
        /// The vertex.
        got: u32,
        /// How many there are.
        vertices: usize,
    },
    /// The image's bytes are not where they should be.
    #[error("image {image} lies beyond the end of its buffer")]
    Image {
        /// Its place in the file's list.
        image: usize,
    },
    /// A texture could not be decoded.
    #[error("image {image}: {source}")]
    Picture {
        /// Its place in the file's list.
        image: usize,
        /// What is wrong with it.
        source: PictureError,
    },
    /// All textures together are too large.
    #[error("the textures have more than {} megapixels together: scale them down", MAX_PIXELS >> 20)]
    TooManyPixels,
    /// All meshes together are too large.
    #[error(
        "the scene has more than {MAX_TRIANGLES} triangles, {MAX_POSITIONS} vertices or {MAX_PARTS} parts: simplify it"
    )]
    TooManyTriangles,
    /// The mesh cannot become voxels.
    #[error(transparent)]
    Voxelize(#[from] VoxelizeError),
    /// A model without voxels cannot be written.
    #[error("the model has no voxels: a .glb file cannot hold an empty mesh")]
    EmptyModel,
    /// The file would be larger than the format allows.
    #[error("the mesh has {got} bytes, a .glb file holds less than 4 GiB: write a smaller model")]
    TooLarge {
        /// Bytes of the mesh.
        got: u64,
    },
    /// The palette's pictures could not be encoded.
    #[error("cannot write the palette: {0}")]
    Palette(PictureError),
}
