//! [`ChunkMesher`]: one chunk and its neighbours in, vertex buffers out.

use super::padded::{PaddedChunk, Translucency};
use super::quads::{Quad, QuadFinder, Quads};
use super::{ChunkMesh, MeshBuffers};
use crate::voxel::{ChunkVoxels, Palette};

/// Meshes chunks one after another; some 100 KiB of buffers are kept between calls. Use one per thread.
#[derive(Default)]
pub struct ChunkMesher {
    padded: PaddedChunk,
    finder: QuadFinder,
    quads: Quads,
}

impl ChunkMesher {
    /// A mesher with fresh buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The visible faces of a chunk as merged quads, see [the room](super) for what is visible.
    ///
    /// `neighbors` are the chunks at -x, +x, -y, +y, -z and +z, `None` for empty space; their indices are of the
    /// same `palette`. Indices that the palette lacks count as opaque.
    #[must_use]
    pub fn mesh(
        &mut self,
        chunk: &ChunkVoxels,
        neighbors: [Option<&ChunkVoxels>; 6],
        palette: &Palette,
    ) -> ChunkMesh {
        let glass = Translucency::of(palette);
        self.padded.fill(chunk, neighbors, &glass);
        self.finder.find(&self.padded, &mut self.quads);
        if !glass.any() {
            return ChunkMesh {
                opaque: MeshBuffers::of_quads(&self.quads),
                translucent: MeshBuffers::default(),
            };
        }
        let of_kind = |translucent: bool| {
            let is_meant = |quad: &&Quad| glass.contains(quad.index) == translucent;
            let quads = self.quads.each_ref();
            quads.map(|face| face.iter().filter(is_meant).copied().collect())
        };
        ChunkMesh {
            opaque: MeshBuffers::of_quads(&of_kind(false)),
            translucent: MeshBuffers::of_quads(&of_kind(true)),
        }
    }
}
