//! Meshes against the plain definition of a visible face, cell by cell.

#![expect(
    clippy::cast_possible_truncation,
    reason = "coordinates and places are small here"
)]

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::voxel::{
    CHUNK_EDGE, ChunkVoxels, GlassKinds, Octree, Palette, PaletteEntry, SparseVoxels,
};

/// A unit face: the voxel's cell, the direction it looks in, the voxel's palette index.
type UnitFace = ([i32; 3], [i32; 3], u8);

const NO_NEIGHBORS: [Option<&ChunkVoxels>; 6] = [None; 6];

/// Meshes a chunk that stands among others.
fn mesh_among(
    mesher: &mut ChunkMesher,
    chunk: &ChunkVoxels,
    neighbors: [Option<&ChunkVoxels>; 6],
    palette: &Palette,
) -> ChunkMesh {
    let mut voxels = Octree::empty(7).unwrap();
    let key = ChunkKey(glam::IVec3::ONE);
    let mut put = |key: glam::IVec3, chunk: &ChunkVoxels| {
        voxels.set_chunk(ChunkKey(key), chunk.into());
    };
    put(key.0, chunk);
    for (step, neighbor) in NEIGHBORS.into_iter().zip(neighbors) {
        if let Some(neighbor) = neighbor {
            put(key.0 + step, neighbor);
        }
    }
    mesher.mesh(&voxels, key, Detail::default(), palette)
}

/// Entries 1 and 2 opaque, 3 and 4 translucent kinds of their own, 5 nearly as 3; every other index is unknown.
fn palette() -> Palette {
    let entry = |red, alpha| PaletteEntry::matte([red, 0, 0, alpha]);
    Palette::from_entries(vec![
        entry(1, 255),
        entry(2, 255),
        entry(3, 90),
        entry(4, 0),
        entry(9, 96),
    ])
    .unwrap()
}

fn is_translucent(palette: &Palette, index: u8) -> bool {
    palette.get(index).is_some_and(PaletteEntry::is_translucent)
}

/// How often each unit face is visible by the definition (always once), for cells in a box.
fn naive_faces(
    cells: impl Iterator<Item = ([i32; 3], u8)>,
    index_at: impl Fn([i32; 3]) -> u8,
    palette: &Palette,
) -> HashMap<UnitFace, usize> {
    let mut faces = HashMap::new();
    let glass = GlassKinds::of(palette);
    for (cell, index) in cells.filter(|&(_, index)| index != 0) {
        for step in NEIGHBORS.map(|step| step.to_array()) {
            let behind = index_at([0, 1, 2].map(|axis| cell[axis] + step[axis]));
            let is_other_glass = glass.kind(behind) != 0 && glass.kind(behind) != glass.kind(index);
            if behind == 0 || is_other_glass {
                *faces.entry((cell, step, index)).or_default() += 1;
            }
        }
    }
    faces
}

/// How often a mesh covers each unit face; checks every quad's shape, winding, colour and indices on the way.
fn covered_faces(mesh: &ChunkMesh, palette: &Palette) -> HashMap<UnitFace, usize> {
    let mut faces = HashMap::new();
    for (buffers, translucent) in [(&mesh.opaque, false), (&mesh.translucent, true)] {
        check_lengths(buffers);
        for quad in 0..buffers.quads() {
            check_triangles(buffers, quad);
            for face in unit_faces(buffers, quad) {
                assert_eq!(is_translucent(palette, face.2), translucent, "{face:?}");
                *faces.entry(face).or_default() += 1;
            }
        }
    }
    faces
}

fn check_lengths(buffers: &MeshBuffers) {
    assert_eq!(buffers.positions.len(), 4 * buffers.quads());
    assert_eq!(buffers.normals.len(), 4 * buffers.quads());
    assert_eq!(buffers.uvs.len(), 4 * buffers.quads());
    assert_eq!(buffers.indices.len(), 6 * buffers.quads());
}

/// Both triangles of a quad are counter-clockwise seen from its normal, and together they fill it.
fn check_triangles(buffers: &MeshBuffers, quad: usize) {
    let own = 4 * quad as u32..4 * quad as u32 + 4;
    let triangles: Vec<[u32; 3]> = buffers.indices[6 * quad..6 * quad + 6]
        .chunks(3)
        .map(|corners| corners.try_into().unwrap())
        .collect();
    let at = |vertex: u32| glam::Vec3::from(buffers.positions[vertex as usize]);
    let normal = glam::Vec3::from(buffers.normals[4 * quad]);
    let (min, max) = quad_box(buffers, quad);
    for [a, b, c] in &triangles {
        assert!(own.contains(a) && own.contains(b) && own.contains(c));
        let twice_the_area = (at(*b) - at(*a)).cross(at(*c) - at(*a)).dot(normal);
        let size = max - min;
        let rectangle = size.x * size.y + size.y * size.z + size.z * size.x;
        assert_eq!(
            twice_the_area, rectangle,
            "half of the quad, from the front"
        );
    }
    // The second triangle holds the corner that the first leaves out; the two lie on the diagonal's two sides.
    let left_out = own.clone().find(|v| !triangles[0].contains(v)).unwrap();
    assert!(triangles[1].contains(&left_out));
    let shared = own.filter(|v| triangles.iter().all(|t| t.contains(v)));
    let ends: Vec<glam::Vec3> = shared.map(at).collect();
    assert_eq!(ends.len(), 2);
    assert_eq!(
        ends[0] + ends[1],
        min + max,
        "the shared side is a diagonal"
    );
}

/// Smallest and largest corner of a quad; every corner lies in a corner of that box.
fn quad_box(buffers: &MeshBuffers, quad: usize) -> (glam::Vec3, glam::Vec3) {
    let corners = &buffers.positions[4 * quad..4 * quad + 4];
    let corners = corners.iter().map(|&p| glam::Vec3::from(p));
    let min = corners.clone().reduce(glam::Vec3::min).unwrap();
    let max = corners.clone().reduce(glam::Vec3::max).unwrap();
    for p in corners {
        assert!((p.cmpeq(min) | p.cmpeq(max)).all());
    }
    assert!(min.min_element() >= 0.0 && max.max_element() <= CHUNK_EDGE as f32);
    (min, max)
}

/// The unit faces that a quad covers.
fn unit_faces(buffers: &MeshBuffers, quad: usize) -> Vec<UnitFace> {
    let vertices = 4 * quad..4 * quad + 4;
    let normal = buffers.normals[4 * quad];
    let uv = buffers.uvs[4 * quad];
    assert!(
        buffers.normals[vertices.clone()]
            .iter()
            .all(|n| *n == normal)
    );
    assert!(buffers.uvs[vertices].iter().all(|other| *other == uv));
    let index = (1..=255).find(|&index| Palette::uv(index) == uv).unwrap();
    let step = normal.map(|n| n as i32);
    assert_eq!(step.map(i32::abs).iter().sum::<i32>(), 1);
    let (min, max) = quad_box(buffers, quad);
    // The voxels lie behind the face: one cell thick along the normal, before or after the plane.
    let (min, max) = (min.as_ivec3(), max.as_ivec3());
    let normal = glam::IVec3::from(step);
    let first = min - normal.max(glam::IVec3::ZERO);
    let end = max + (-normal).max(glam::IVec3::ZERO);
    let mut faces = Vec::new();
    for z in first.z..end.z {
        for y in first.y..end.y {
            faces.extend((first.x..end.x).map(|x| ([x, y, z], step, index)));
        }
    }
    assert!(!faces.is_empty(), "the quad has an area");
    faces
}

/// The index at a cell of a chunk or, one step outside, of a neighbour.
fn index_around(chunk: &ChunkVoxels, neighbors: [Option<&ChunkVoxels>; 6], cell: [i32; 3]) -> u8 {
    let key = glam::IVec3::from(cell.map(|c| c.div_euclid(CHUNK_EDGE as i32)));
    let inside = cell.map(|c| c.rem_euclid(CHUNK_EDGE as i32) as usize);
    let owner = match NEIGHBORS.iter().position(|&step| step == key) {
        Some(side) => neighbors[side],
        None => Some(chunk),
    };
    owner.map_or(0, |chunk| chunk.get(inside))
}

/// All cells of a chunk with their palette indices.
fn cells_of(chunk: &ChunkVoxels) -> impl Iterator<Item = ([i32; 3], u8)> {
    let edge = CHUNK_EDGE as i32;
    (0..edge * edge * edge)
        .map(move |i| [i % edge, i / edge % edge, i / edge / edge])
        .zip(chunk.cells().iter().copied())
}

fn filled(index: u8) -> ChunkVoxels {
    let mut chunk = ChunkVoxels::default();
    for z in 0..CHUNK_EDGE {
        for y in 0..CHUNK_EDGE {
            (0..CHUNK_EDGE).for_each(|x| chunk.set([x, y, z], index));
        }
    }
    chunk
}

/// Boxes of one index over each other (0 digs), which gives runs to merge, holes and crowded borders.
fn any_chunk() -> impl Strategy<Value = ChunkVoxels> {
    let corner = || [0..CHUNK_EDGE, 0..CHUNK_EDGE, 0..CHUNK_EDGE];
    let index = prop::sample::select(vec![0, 1, 1, 2, 3, 3, 4, 5, 6, 255]);
    prop::collection::vec((corner(), corner(), index), 0..20).prop_map(|boxes| {
        let mut chunk = ChunkVoxels::default();
        for (a, b, index) in boxes {
            for z in a[2].min(b[2])..=a[2].max(b[2]) {
                for y in a[1].min(b[1])..=a[1].max(b[1]) {
                    (a[0].min(b[0])..=a[0].max(b[0])).for_each(|x| chunk.set([x, y, z], index));
                }
            }
        }
        chunk
    })
}

/// Cells without any pattern, where hardly anything merges.
fn noisy_chunk() -> impl Strategy<Value = ChunkVoxels> {
    (any::<u32>(), 1u32..6).prop_map(|(seed, rarity)| {
        let mut chunk = ChunkVoxels::default();
        let mut state = seed;
        for i in 0..CHUNK_EDGE.pow(3) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if (state >> 16).is_multiple_of(rarity) {
                let cell = [
                    i % CHUNK_EDGE,
                    i / CHUNK_EDGE % CHUNK_EDGE,
                    i / CHUNK_EDGE / CHUNK_EDGE,
                ];
                chunk.set(cell, [1, 2, 3, 4, 5, 255][(state >> 24) as usize % 6]);
            }
        }
        chunk
    })
}

#[test]
fn a_flat_plane_of_one_colour_is_one_quad_from_above() {
    for axis in 0..3 {
        let mut chunk = ChunkVoxels::default();
        for place in 0..CHUNK_EDGE * CHUNK_EDGE {
            let mut cell = [7, place % CHUNK_EDGE, place / CHUNK_EDGE];
            cell.rotate_right(axis);
            chunk.set(cell, 1);
        }
        let mesh = mesh_among(&mut ChunkMesher::new(), &chunk, NO_NEIGHBORS, &palette());
        assert_eq!(mesh.quads(), 6, "one from either side and four rims");
        let above = mesh.opaque.normals.iter().filter(|n| n[axis] == 1.0);
        assert_eq!(above.count(), 4, "corners of one quad");
    }
}

#[test]
fn a_lone_voxel_is_six_quads_of_its_colour() {
    let mut chunk = ChunkVoxels::default();
    chunk.set([31, 0, 16], 2);
    let mesh = mesh_among(&mut ChunkMesher::new(), &chunk, NO_NEIGHBORS, &palette());
    assert_eq!((mesh.opaque.quads(), mesh.translucent.quads()), (6, 0));
    assert!(mesh.opaque.uvs.iter().all(|&uv| uv == Palette::uv(2)));
}

#[test]
fn a_full_chunk_is_six_quads_alone_and_none_among_full_chunks() {
    let (chunk, other) = (filled(1), filled(2));
    let mut mesher = ChunkMesher::new();
    assert_eq!(
        mesh_among(&mut mesher, &chunk, NO_NEIGHBORS, &palette()).quads(),
        6
    );
    let enclosed = mesh_among(&mut mesher, &chunk, [Some(&other); 6], &palette());
    assert!(enclosed.is_empty());
}

#[test]
fn an_empty_chunk_has_no_faces_even_beside_full_ones() {
    let full = filled(1);
    let mesh = mesh_among(
        &mut ChunkMesher::new(),
        &ChunkVoxels::default(),
        [Some(&full); 6],
        &palette(),
    );
    assert_eq!(mesh, ChunkMesh::default());
}

#[test]
fn glass_has_no_walls_inside_itself_but_shows_what_lies_behind() {
    let mut chunk = ChunkVoxels::default();
    for (x, index) in [3, 3, 1].into_iter().enumerate() {
        chunk.set([x, 0, 0], index);
    }
    let mesh = mesh_among(&mut ChunkMesher::new(), &chunk, NO_NEIGHBORS, &palette());
    // Two cells of glass: four long sides and the far end. Stone: all six, one of them through the glass.
    assert_eq!((mesh.translucent.quads(), mesh.opaque.quads()), (5, 6));
}

#[test]
fn tints_of_one_glass_have_no_wall_between_them_and_other_glass_has() {
    let of = |beside| {
        let mut chunk = ChunkVoxels::default();
        chunk.set([4, 0, 0], 3);
        chunk.set([5, 0, 0], beside);
        let mesh = mesh_among(&mut ChunkMesher::new(), &chunk, NO_NEIGHBORS, &palette());
        assert_eq!(mesh.opaque.quads(), 0);
        mesh.translucent.quads()
    };
    // Five open sides each; the tints differ, so none of them merge.
    assert_eq!((of(5), of(4)), (10, 12));
}

/// Whether a ray from outside meets the quads of a mesh from the last to the first, seen from the front only.
fn is_met_from_last_to_first(buffers: &MeshBuffers, from: glam::Vec3, ray: glam::Vec3) -> bool {
    let mut distances = (0..buffers.quads()).filter_map(|quad| {
        let normal = glam::Vec3::from(buffers.normals[4 * quad]);
        let (min, max) = quad_box(buffers, quad);
        let distance = normal.dot(min - from) / normal.dot(ray);
        let at = from + ray * distance;
        let inside = at.cmpge(min - 1e-3).all() && at.cmple(max + 1e-3).all();
        (normal.dot(ray) < 0.0 && inside).then_some(distance)
    });
    let mut last = f32::INFINITY;
    distances.all(|distance| std::mem::replace(&mut last, distance) >= distance)
}

#[test]
fn quads_of_hollow_glass_come_from_back_to_front_for_every_eye() {
    // A box without lid, with walls of two cells in two kinds of glass.
    let mut chunk = ChunkVoxels::default();
    for z in 3..23 {
        for y in 5..27 {
            for x in 4..20 {
                let depth = [x - 4, 19 - x, y - 5, z - 3, 22 - z]
                    .into_iter()
                    .min()
                    .unwrap();
                if depth < 2 {
                    chunk.set([x, y, z], if depth == 0 { 3 } else { 4 });
                }
            }
        }
    }
    let mesh = mesh_among(&mut ChunkMesher::new(), &chunk, NO_NEIGHBORS, &palette());
    let middle = glam::Vec3::new(12.0, 16.0, 13.0);
    for step in 0..400 {
        let turn = glam::Vec2::from_angle(step as f32 * 2.399_963);
        let up = step as f32 / 200.0 - 1.0;
        let level = (1.0 - up * up).sqrt();
        let eye = middle + glam::Vec3::new(turn.x * level, up, turn.y * level) * 40.0;
        for aside in [
            glam::Vec3::ZERO,
            glam::Vec3::new(5.3, -6.1, 3.7),
            glam::Vec3::new(-6.2, 4.4, -7.9),
        ] {
            assert!(
                is_met_from_last_to_first(&mesh.translucent, eye, middle + aside - eye),
                "from {eye} past the middle by {aside}"
            );
        }
    }
}

#[test]
fn indices_that_the_palette_lacks_are_opaque() {
    let mesh = mesh_among(
        &mut ChunkMesher::new(),
        &filled(200),
        NO_NEIGHBORS,
        &Palette::default(),
    );
    assert_eq!((mesh.opaque.quads(), mesh.translucent.quads()), (6, 0));
}

#[test]
fn a_model_leaves_out_chunks_that_nobody_can_see() {
    let coords: Vec<[u16; 3]> = (0..96 * 96 * 96u32)
        .map(|i| [i % 96, i / 96 % 96, i / 96 / 96].map(|c| c as u16))
        .collect();
    let rgba = vec![[9, 9, 9, 255]; coords.len()];
    let model = VoxelModel::from(&SparseVoxels::new(96, coords, rgba, None).unwrap());
    let meshes = mesh_model(&model);
    assert_eq!(meshes.len(), 26, "the middle chunk is enclosed");
    assert_eq!(
        meshes.iter().map(|(_, mesh)| mesh.quads()).sum::<usize>(),
        6 * 9
    );
    assert!(meshes.is_sorted_by_key(|(key, _)| {
        crate::voxel::morton::encode(key.0.to_array().map(|c| c as u16))
    }));
}

#[test]
fn a_model_without_voxels_has_no_meshes() {
    let model = VoxelModel::from(&SparseVoxels::new(64, vec![], vec![], None).unwrap());
    assert!(mesh_model(&model).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_chunk_covers_every_visible_face_once_and_no_other(
        chunk in prop_oneof![any_chunk(), noisy_chunk()],
        around in prop::array::uniform6(prop::option::of(prop_oneof![any_chunk(), noisy_chunk()])),
        before in any_chunk(),
    ) {
        let palette = palette();
        let neighbors = [0, 1, 2, 3, 4, 5].map(|side: usize| around[side].as_ref());
        let expected = naive_faces(
            cells_of(&chunk),
            |cell| index_around(&chunk, neighbors, cell),
            &palette,
        );
        let mut mesher = ChunkMesher::new();
        // What a mesher did before leaves no trace.
        drop(mesh_among(&mut mesher, &before, NO_NEIGHBORS, &palette));
        let mesh = mesh_among(&mut mesher, &chunk, neighbors, &palette);
        prop_assert_eq!(covered_faces(&mesh, &palette), expected);
    }

    #[test]
    fn a_model_covers_every_visible_face_once_and_no_other(
        cells in prop::collection::hash_map([24u16..72, 24u16..72, 0u16..72], 0usize..4, 0..3000),
        block in prop::option::of(([20u16..60, 20u16..60, 20u16..60], 0usize..4)),
    ) {
        let colors = [[200, 0, 0, 250], [0, 200, 0, 255], [0, 0, 200, 90], [9, 9, 9, 20]];
        let mut by_cell: HashMap<[u16; 3], usize> = cells;
        if let Some(([x, y, z], color)) = block {
            // A solid block across chunk borders, so that there is something to hide and to merge.
            by_cell.extend((0..1000).map(|i| ([x + i % 10, y + i / 10 % 10, z + i / 100], color)));
        }
        let (coords, rgba) = by_cell.iter().map(|(cell, color)| (*cell, colors[*color])).unzip();
        let model = VoxelModel::from(&SparseVoxels::new(72, coords, rgba, None).unwrap());
        let indices: HashMap<[i32; 3], u8> = model
            .cells()
            .map(|(cell, index)| (cell.map(i32::from), index))
            .collect();
        let expected = naive_faces(
            indices.iter().map(|(cell, index)| (*cell, *index)),
            |cell| indices.get(&cell).copied().unwrap_or(0),
            model.palette(),
        );
        let mut covered = HashMap::new();
        for (key, mesh) in mesh_model(&model) {
            prop_assert!(!mesh.is_empty());
            for ((cell, step, index), times) in covered_faces(&mesh, model.palette()) {
                let cell = (glam::IVec3::from(cell) + key.min_cell()).to_array();
                *covered.entry((cell, step, index)).or_default() += times;
            }
        }
        prop_assert_eq!(covered, expected);
    }
}
