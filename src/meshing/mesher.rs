//! [`ChunkMesher`]: a chunk of an octree in, vertex buffers out.

use super::padded::{PaddedChunk, Translucency};
use super::quads::{Quad, QuadFinder, Quads};
use super::{ChunkMesh, MeshBuffers, NEIGHBORS};
use crate::voxel::{ChunkKey, ChunkLayer, ChunkSide, ChunkVoxels, Octree, Palette};

/// How coarsely a chunk and its neighbours are drawn: at detail d, cells of edge 2^d count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Of the chunk itself, 0 to 5.
    pub own: u8,
    /// Of the chunks at -x, +x, -y, +y, -z and +z. Faces between chunks are told by what both draw, so none is missing
    /// as long as these are true.
    pub neighbors: [u8; 6],
}

/// Meshes chunks one after another; some 100 KiB of buffers are kept between calls. Use one per thread.
#[derive(Default)]
pub struct ChunkMesher {
    chunk: ChunkVoxels,
    borders: [ChunkLayer; 6],
    padded: PaddedChunk,
    finder: QuadFinder,
    quads: Quads,
    /// The glass of the palette that was meshed last: to tell its kinds takes longer than to mesh most chunks.
    glass: Option<(Palette, Translucency)>,
}

impl ChunkMesher {
    /// A mesher with fresh buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The visible faces of a chunk as merged quads, see [the room](super) for what is visible. Indices that the
    /// palette lacks count as opaque.
    #[must_use]
    pub fn mesh(
        &mut self,
        voxels: &Octree,
        key: ChunkKey,
        detail: Detail,
        palette: &Palette,
    ) -> ChunkMesh {
        self.read(voxels, key, detail);
        let glass = match &mut self.glass {
            Some((of, glass)) if of == palette => &*glass,
            other => &other.insert((palette.clone(), Translucency::of(palette))).1,
        };
        self.padded.fill(&self.chunk, &self.borders, glass);
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
            translucent: MeshBuffers::of_glass(&of_kind(true)),
        }
    }

    fn read(&mut self, voxels: &Octree, key: ChunkKey, detail: Detail) {
        voxels.read_chunk(key, u32::from(detail.own), &mut self.chunk);
        let borders = self.borders.iter_mut().zip(NEIGHBORS);
        for (side, ((border, step), detail)) in borders.zip(detail.neighbors).enumerate() {
            // The layer of the neighbour that touches the chunk.
            let touching = ChunkSide {
                axis: side / 2,
                upper: side % 2 == 0,
            };
            voxels.read_side(ChunkKey(key.0 + step), touching, u32::from(detail), border);
        }
    }
}
