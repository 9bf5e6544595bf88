//! [`ChunkMesh`] and [`MeshBuffers`]: what meshing hands to a renderer or a file writer.

use glam::Vec3;

use super::order::back_to_front;
use super::quads::{Quad, Quads};
use crate::voxel::Palette;

/// Triangles of one chunk, opaque and translucent ones apart, since a renderer blends the latter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkMesh {
    /// Faces of opaque voxels.
    pub opaque: MeshBuffers,
    /// Faces of voxels that light passes through, in the order in which they are blended.
    pub translucent: MeshBuffers,
}

impl ChunkMesh {
    /// Number of quads of both kinds.
    #[must_use]
    pub fn quads(&self) -> usize {
        self.opaque.quads() + self.translucent.quads()
    }

    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.opaque.is_empty() && self.translucent.is_empty()
    }
}

/// An indexed triangle list made of quads: four vertices and six indices each.
///
/// The first three columns are equally long. Counter-clockwise triangles are seen from the front.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeshBuffers {
    /// Corners in voxels from the chunk's minimum corner, 0 to 32 on each axis.
    pub positions: Vec<[f32; 3]>,
    /// Unit normals along one axis, the same for all corners of a quad.
    pub normals: Vec<[f32; 3]>,
    /// The middle of a texel of the palette's texture, the same for all corners of a quad.
    pub uvs: Vec<[f32; 2]>,
    /// Three places in the other columns per triangle.
    pub indices: Vec<u32>,
}

impl MeshBuffers {
    /// Number of quads.
    #[must_use]
    pub fn quads(&self) -> usize {
        self.positions.len() / 4
    }

    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

impl MeshBuffers {
    /// Vertices and indices of quads, direction by direction.
    pub(super) fn of_quads(quads: &Quads) -> Self {
        let mut rows = Rows::with_capacity(quads.iter().map(Vec::len).sum());
        for (normal, quads) in NORMALS.into_iter().zip(quads) {
            rows.extend(normal, quads.iter());
        }
        rows.into_buffers()
    }

    /// Vertices and indices of the quads that are translucent, in the order in which they are blended.
    pub(super) fn of_glass(quads: &Quads) -> Self {
        let ordered = back_to_front(quads);
        let mut rows = Rows::with_capacity(ordered.len());
        for (side, quad) in &ordered {
            let normal = NORMALS.get(*side).copied().unwrap_or(Vec3::Y);
            rows.extend(normal, std::iter::once(quad));
        }
        rows.into_buffers()
    }
}

/// The directions of [`super::NEIGHBORS`].
const NORMALS: [Vec3; 6] = [
    Vec3::NEG_X,
    Vec3::X,
    Vec3::NEG_Y,
    Vec3::Y,
    Vec3::NEG_Z,
    Vec3::Z,
];

/// Buffers in the making. Four corners at once keep the loops free of checks for room; flattening them costs nothing.
struct Rows {
    positions: Vec<[[f32; 3]; 4]>,
    normals: Vec<[[f32; 3]; 4]>,
    uvs: Vec<[[f32; 2]; 4]>,
}

impl Rows {
    fn with_capacity(quads: usize) -> Self {
        Self {
            positions: Vec::with_capacity(quads),
            normals: Vec::with_capacity(quads),
            uvs: Vec::with_capacity(quads),
        }
    }

    /// Adds quads that look the same way.
    fn extend<'a>(&mut self, normal: Vec3, quads: impl Iterator<Item = &'a Quad> + Clone) {
        let sides = sides(normal);
        self.positions
            .extend(quads.clone().map(|quad| corners(quad, sides)));
        self.normals
            .resize(self.positions.len(), [normal.to_array(); 4]);
        self.uvs
            .extend(quads.map(|quad| [Palette::uv(quad.index); 4]));
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a chunk has fewer than 200 000 faces"
    )]
    fn into_buffers(self) -> MeshBuffers {
        // Two triangles, split along the diagonal of corners 1 and 2, which lie opposite each other.
        let triangles = |a: u32| [a + 2, a, a + 1, a + 1, a + 3, a + 2];
        let count = self.positions.len();
        let indices: Vec<[u32; 6]> = (0..count).map(|quad| triangles(quad as u32 * 4)).collect();
        MeshBuffers {
            positions: self.positions.into_flattened(),
            normals: self.normals.into_flattened(),
            uvs: self.uvs.into_flattened(),
            indices: indices.into_flattened(),
        }
    }
}

/// The two axes of a face, in the order that makes its quads counter-clockwise: their cross product is the normal.
fn sides(normal: Vec3) -> [Vec3; 2] {
    let first = normal.abs();
    let (second, third) = (
        Vec3::new(first.z, first.x, first.y),
        Vec3::new(first.y, first.z, first.x),
    );
    match normal.element_sum() > 0.0 {
        true => [second, third],
        false => [third, second],
    }
}

fn corners(quad: &Quad, [wide, high]: [Vec3; 2]) -> [[f32; 3]; 4] {
    // Written out, since the compiler leaves `array::map` a call.
    let vector = |[x, y, z]: [u8; 3]| Vec3::new(f32::from(x), f32::from(y), f32::from(z));
    let (min, size) = (vector(quad.min), vector(quad.size));
    let (along, across) = (min + size * wide, min + size * high);
    let opposite = along + size * high;
    [
        min.to_array(),
        along.to_array(),
        across.to_array(),
        opposite.to_array(),
    ]
}
