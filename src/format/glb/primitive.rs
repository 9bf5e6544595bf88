//! [`Collector`]: gathers primitives into one mesh.

use glam::{DMat4, Vec3};
use gltf::accessor::Dimensions;
use gltf::mesh::Mode;
use gltf::{Accessor, Document, Primitive, Semantic};

use super::GlbError;
use super::accessor::{floats, indices};
use super::surfaces::{Placement, Surfaces};
use crate::voxelize::TriangleMesh;

/// Most triangles of a scene; a mesh that appears twice counts twice.
pub(super) const MAX_TRIANGLES: usize = 1 << 23;

/// Most vertices of a scene, counted likewise.
pub(super) const MAX_POSITIONS: usize = 1 << 23;

/// Most primitives of a scene, counted likewise.
pub(super) const MAX_PARTS: usize = 1 << 18;

/// The mesh so far.
pub(super) struct Collector<'a> {
    bin: &'a [u8],
    mesh: TriangleMesh,
    surfaces: Surfaces<'a>,
    parts: usize,
}

impl<'a> Collector<'a> {
    pub(super) fn new(document: &'a Document, bin: &'a [u8]) -> Self {
        Self {
            bin,
            mesh: TriangleMesh::default(),
            surfaces: Surfaces::new(document, bin),
            parts: 0,
        }
    }

    /// Adds the triangles of a primitive; points and lines have none.
    pub(super) fn add(
        &mut self,
        primitive: &Primitive<'_>,
        transform: DMat4,
    ) -> Result<(), GlbError> {
        self.parts += 1;
        let mode = primitive.mode();
        let Some(positions) = primitive.get(&Semantic::Positions) else {
            return Ok(());
        };
        let vertices = positions.count();
        let corners = primitive.indices().map_or(vertices, |list| list.count());
        let room = MAX_POSITIONS - self.mesh.positions.len();
        // A strip has as many triangles as corners.
        let room_for_corners = MAX_TRIANGLES - self.mesh.triangles.len();
        if self.parts > MAX_PARTS || vertices > room || corners > room_for_corners * 3 {
            return Err(GlbError::TooManyTriangles);
        }
        if !matches!(
            mode,
            Mode::Triangles | Mode::TriangleStrip | Mode::TriangleFan
        ) {
            return Ok(());
        }
        let corners = self.corners(primitive, vertices)?;
        let (surface, placements) = self.surfaces.of(&primitive.material())?;
        let first = self.mesh.positions.len();
        self.add_positions(&positions, transform)?;
        self.add_uvs(primitive, placements, first)?;
        self.add_colors(primitive, first)?;
        self.add_triangles(&corners, mode, first, transform.determinant() < 0.0)?;
        self.mesh
            .surface_of
            .resize(self.mesh.triangles.len(), surface);
        Ok(())
    }

    /// The whole mesh.
    pub(super) fn finish(mut self) -> TriangleMesh {
        self.mesh.surfaces = self.surfaces.finish();
        self.mesh
    }

    /// Which vertices the triangles use, in order.
    fn corners(&self, primitive: &Primitive<'_>, vertices: usize) -> Result<Vec<u32>, GlbError> {
        let Some(list) = primitive.indices() else {
            return Ok((0..).take(vertices).collect());
        };
        let corners = indices(&list, self.bin)?;
        match corners.iter().find(|&&c| c as usize >= vertices) {
            Some(&got) => Err(GlbError::Index {
                accessor: list.index(),
                got,
                vertices,
            }),
            None => Ok(corners),
        }
    }

    fn add_positions(&mut self, accessor: &Accessor<'_>, transform: DMat4) -> Result<(), GlbError> {
        let positions = floats::<3>(accessor, self.bin, &[Dimensions::Vec3], 0.0)?;
        let moved = positions.into_iter().map(|p| {
            let position = Vec3::from_array(p).as_dvec3();
            transform.transform_point3(position).as_vec3().to_array()
        });
        self.mesh.positions.extend(moved);
        Ok(())
    }

    /// Fills the sets of texture coordinates that the surface uses.
    fn add_uvs(
        &mut self,
        primitive: &Primitive<'_>,
        placements: Placement,
        first: usize,
    ) -> Result<(), GlbError> {
        for (set, place) in placements.into_iter().enumerate() {
            let Some(place) = place else { continue };
            if self.mesh.uv_sets.len() <= set {
                self.mesh.uv_sets.resize(set + 1, Vec::new());
            }
            let Some(accessor) = primitive.get(&Semantic::TexCoords(place)) else {
                continue;
            };
            check_count(&accessor, self.mesh.positions.len() - first)?;
            let uvs = floats::<2>(&accessor, self.bin, &[Dimensions::Vec2], 0.0)?;
            if let Some(column) = self.mesh.uv_sets.get_mut(set) {
                column.resize(first, [0.0; 2]);
                column.extend(uvs);
            }
        }
        for column in &mut self.mesh.uv_sets {
            column.resize(self.mesh.positions.len(), [0.0; 2]);
        }
        Ok(())
    }

    fn add_colors(&mut self, primitive: &Primitive<'_>, first: usize) -> Result<(), GlbError> {
        let colors = &mut self.mesh.colors;
        if let Some(accessor) = primitive.get(&Semantic::Colors(0)) {
            check_count(&accessor, self.mesh.positions.len() - first)?;
            let shapes = [Dimensions::Vec3, Dimensions::Vec4];
            colors.resize(first, [1.0; 4]);
            colors.extend(floats::<4>(&accessor, self.bin, &shapes, 1.0)?);
        }
        if !colors.is_empty() {
            colors.resize(self.mesh.positions.len(), [1.0; 4]);
        }
        Ok(())
    }

    /// Adds triangles, turned over where the transform mirrors them.
    fn add_triangles(
        &mut self,
        corners: &[u32],
        mode: Mode,
        first: usize,
        mirrored: bool,
    ) -> Result<(), GlbError> {
        let first = u32::try_from(first).map_err(|_| GlbError::TooManyTriangles)?;
        let add = |[a, b, c]: [u32; 3]| {
            let [b, c] = if mirrored { [c, b] } else { [b, c] };
            self.mesh
                .triangles
                .push([a, b, c].map(|corner| first + corner));
        };
        let windows = corners.array_windows::<3>().copied();
        match (mode, corners) {
            (Mode::TriangleStrip, _) => windows
                .enumerate()
                .map(|(i, [a, b, c])| if i % 2 == 0 { [a, b, c] } else { [a, c, b] })
                .for_each(add),
            (Mode::TriangleFan, [middle, rim @ ..]) => rim
                .array_windows()
                .map(|&[a, b]| [a, b, *middle])
                .for_each(add),
            _ => corners.as_chunks().0.iter().copied().for_each(add),
        }
        if self.mesh.triangles.len() > MAX_TRIANGLES {
            return Err(GlbError::TooManyTriangles);
        }
        Ok(())
    }
}

/// Refuses a list that is not as long as the positions it goes with, before it is read.
fn check_count(accessor: &Accessor<'_>, positions: usize) -> Result<(), GlbError> {
    if accessor.count() == positions {
        return Ok(());
    }
    Err(GlbError::Accessor {
        accessor: accessor.index(),
        problem: "is not as long as the positions it goes with",
    })
}
