#![expect(clippy::cast_possible_truncation, reason = "small pictures and grids")]

use glam::{DQuat, DVec3, IVec3, Vec3};
use proptest::prelude::*;

use super::overlap::CellTriangle;
use super::*;
use crate::picture::Picture;

/// The tests' measure of "nearly touching", in cells: above all that a triangle is moved and a cell shrunk.
const TOUCH: f64 = 6.0 / 1024.0;

fn mesh_of(positions: Vec<[f32; 3]>, triangles: Vec<[u32; 3]>) -> TriangleMesh {
    TriangleMesh {
        surface_of: vec![0; triangles.len()],
        positions,
        triangles,
        surfaces: vec![Surface::default()],
        ..TriangleMesh::default()
    }
}

/// A box of 12 triangles between two corners, turned about its middle.
fn turned_box(min: Vec3, max: Vec3, turn: DQuat) -> TriangleMesh {
    let middle = (min + max) / 2.0;
    let corner = |i: u8| {
        let pick = |bit: u8, low: f32, high: f32| if i >> bit & 1 == 0 { low } else { high };
        let corner = Vec3::new(
            pick(0, min.x, max.x),
            pick(1, min.y, max.y),
            pick(2, min.z, max.z),
        );
        (turn.as_quat() * (corner - middle) + middle).to_array()
    };
    let quads = [
        [0, 4, 6, 2],
        [1, 3, 7, 5],
        [0, 1, 5, 4],
        [2, 6, 7, 3],
        [0, 2, 3, 1],
        [4, 5, 7, 6],
    ];
    let triangles = quads
        .iter()
        .flat_map(|&[a, b, c, d]| [[a, b, c], [a, c, d]])
        .collect();
    mesh_of((0..8).map(corner).collect(), triangles)
}

fn plain_box(min: Vec3, max: Vec3) -> TriangleMesh {
    turned_box(min, max, DQuat::IDENTITY)
}

fn sphere(rings: u32) -> TriangleMesh {
    let around = 2 * rings;
    let point = |ring: u32, step: u32| {
        let (high, turn) = (
            std::f32::consts::PI * ring as f32 / rings as f32,
            std::f32::consts::TAU * (step % around) as f32 / around as f32,
        );
        [high.sin() * turn.sin(), high.cos(), high.sin() * turn.cos()]
    };
    let mut positions = Vec::new();
    let mut triangles = Vec::new();
    for ring in 0..=rings {
        for step in 0..=around {
            positions.push(point(ring, step));
            if ring < rings && step < around {
                let a = ring * (around + 1) + step;
                let b = a + around + 1;
                triangles.extend([[a, b, b + 1], [a, b + 1, a + 1]]);
            }
        }
    }
    mesh_of(positions, triangles)
}

fn inside_out(mut mesh: TriangleMesh) -> TriangleMesh {
    for [_, b, c] in &mut mesh.triangles {
        std::mem::swap(b, c);
    }
    mesh
}

/// A grid whose cells are units.
fn unit_grid(resolution: u32) -> Grid {
    Grid::of_model(resolution, 1.0, DVec3::ZERO).unwrap()
}

fn fitted(mesh: &TriangleMesh, resolution: u32, fill: Fill) -> SparseVoxels {
    voxelize(mesh, &Grid::fit(mesh, resolution).unwrap(), fill).unwrap()
}

/// Whether a walk across faces from outside the grid gets to a cell without stepping on a voxel.
fn reachable(voxels: &SparseVoxels, goal: IVec3) -> bool {
    let edge = i32::try_from(voxels.resolution()).unwrap() + 2;
    let place = |c: IVec3| ((c.z * edge + c.y) * edge + c.x) as usize;
    let mut blocked = vec![false; (edge * edge * edge) as usize];
    for cell in voxels.coords() {
        blocked[place(IVec3::from(cell.map(i32::from)) + 1)] = true;
    }
    let mut stack = vec![IVec3::ZERO];
    while let Some(cell) = stack.pop() {
        if cell.min_element() < 0
            || cell.max_element() >= edge
            || std::mem::replace(&mut blocked[place(cell)], true)
        {
            continue;
        }
        if cell == goal + 1 {
            return true;
        }
        for step in [IVec3::X, IVec3::Y, IVec3::Z] {
            stack.extend([cell + step, cell - step]);
        }
    }
    false
}

/// Thirteen separating axes, straight from the paper: whether a triangle meets a cube.
fn meets(triangle: [DVec3; 3], middle: DVec3, half: f64) -> bool {
    let [a, b, c] = triangle.map(|corner| corner - middle);
    let edges = [b - a, c - b, a - c];
    let axes = [DVec3::X, DVec3::Y, DVec3::Z];
    let products = axes.iter().flat_map(|axis| edges.map(|e| axis.cross(e)));
    let all = axes
        .into_iter()
        .chain(products)
        .chain([edges[0].cross(edges[1])]);
    all.into_iter().all(|axis| {
        let places = [a, b, c].map(|corner| corner.dot(axis));
        let reach = axis.abs().element_sum() * half;
        let low = places.into_iter().fold(f64::INFINITY, f64::min);
        let high = places.into_iter().fold(f64::NEG_INFINITY, f64::max);
        low <= reach && high >= -reach
    })
}

/// Corners in a grid of 12: anywhere, on cell corners, or near each other.
fn corners() -> impl Strategy<Value = [DVec3; 3]> {
    let anywhere = prop::array::uniform3(0.1..11.9f64).prop_map(DVec3::from_array);
    let whole = prop::array::uniform3(1u8..12).prop_map(|c| DVec3::from_array(c.map(f64::from)));
    let corner = prop_oneof![anywhere, whole];
    let near = (
        corner.clone(),
        prop::array::uniform2(prop::array::uniform3(-1.0..1.0f64)),
    )
        .prop_map(|(a, [b, c])| {
            let inside = |v: DVec3| v.clamp(DVec3::splat(0.1), DVec3::splat(11.9));
            [a, inside(a + DVec3::from(b)), inside(a + DVec3::from(c))]
        });
    prop_oneof![prop::array::uniform3(corner), near]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_triangle_claims_the_cells_that_thirteen_separating_axes_leave(corners in corners()) {
        let Some(triangle) = CellTriangle::new(corners, 12) else {
            return Ok(());
        };
        let mut claimed = std::collections::HashSet::new();
        triangle.for_each_cell(12, |cell, middle| {
            assert_eq!(DVec3::from(cell.map(f64::from)) + 0.5, middle);
            assert!(claimed.insert(cell), "a cell comes once");
        });
        for x in 0..12u16 {
            for y in 0..12u16 {
                for z in 0..12u16 {
                    let middle = DVec3::from([x, y, z].map(f64::from)) + 0.5;
                    let is = claimed.contains(&[x, y, z]);
                    prop_assert!(is || !meets(corners, middle, 0.5 - TOUCH), "{middle} is missing");
                    prop_assert!(!is || meets(corners, middle, 0.5 + TOUCH), "{middle} is too much");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_turned_box_has_no_holes(
        size in prop::array::uniform3(0.2f32..1.0),
        axis in prop::array::uniform3(-1.0f64..1.0),
        angle in prop_oneof![Just(0.0), Just(std::f64::consts::FRAC_PI_4), 0.0..3.0f64],
        resolution in 3u32..40,
        flipped: bool,
    ) {
        let axis = DVec3::from(axis).try_normalize().unwrap_or(DVec3::X);
        let mesh = turned_box(Vec3::ZERO, Vec3::from(size), DQuat::from_axis_angle(axis, angle));
        let mesh = if flipped { inside_out(mesh) } else { mesh };
        let grid = Grid::fit(&mesh, resolution).unwrap();
        let voxels = voxelize(&mesh, &grid, Fill::Shell).unwrap();
        let middle = grid.cells(DVec3::from(size.map(f64::from)) / 2.0);
        prop_assert!(!reachable(&voxels, middle.floor().as_ivec3()));
    }
}

#[test]
fn spheres_and_cubes_have_no_holes_at_any_resolution() {
    for resolution in [3, 4, 5, 8, 15, 16, 31, 32, 33, 64, 77] {
        for mesh in [
            sphere(12),
            plain_box(Vec3::ZERO, Vec3::ONE),
            inside_out(plain_box(Vec3::ZERO, Vec3::ONE)),
        ] {
            let voxels = fitted(&mesh, resolution, Fill::Shell);
            let middle = IVec3::splat(i32::try_from(resolution).unwrap() / 2);
            assert!(!reachable(&voxels, middle), "resolution {resolution}");
        }
    }
}

#[test]
fn a_box_on_cell_borders_claims_no_layer_outside() {
    for (min, max) in [
        ([2, 3, 4], [5, 9, 6]),
        ([0, 0, 0], [16, 16, 16]),
        ([7, 7, 7], [8, 8, 8]),
    ] {
        let corner = |c: [u16; 3]| Vec3::from(c.map(f32::from));
        let mesh = plain_box(corner(min), corner(max));
        let voxels = voxelize(&mesh, &unit_grid(16), Fill::Enclosed).unwrap();
        let size: u32 = min
            .iter()
            .zip(max)
            .map(|(low, high)| u32::from(high - low))
            .product();
        assert_eq!(voxels.len(), size as usize);
        let bounds = voxels.bounds().unwrap();
        assert_eq!((bounds.min, bounds.max.map(|c| c + 1)), (min, max));
    }
}

#[test]
fn a_fitted_mesh_keeps_its_proportions_stands_on_the_ground_and_is_centred() {
    let mesh = plain_box(Vec3::new(5.0, -3.0, 7.0), Vec3::new(9.0, -1.0, 8.0));
    let bounds = fitted(&mesh, 32, Fill::Shell).bounds().unwrap();
    assert_eq!((bounds.min, bounds.max), ([0, 0, 12], [31, 15, 19]));
}

#[test]
fn a_filled_sphere_has_its_volume() {
    let shell = fitted(&sphere(40), 50, Fill::Shell);
    let solid = fitted(&sphere(40), 50, Fill::Enclosed);
    let volume = std::f64::consts::PI / 6.0 * 50f64.powi(3);
    let got = solid.len() as f64;
    assert!((1.0..1.1).contains(&(got / volume)), "{got} of {volume}");
    assert!(shell.len() * 3 < solid.len());
}

#[test]
fn a_hollow_whose_walls_face_inwards_stays_hollow_unless_all_is_filled() {
    let mut mesh = plain_box(Vec3::splat(1.0), Vec3::splat(9.0));
    let hollow = inside_out(plain_box(Vec3::splat(3.0), Vec3::splat(6.0)));
    mesh.positions.extend(hollow.positions);
    mesh.triangles
        .extend(hollow.triangles.iter().map(|t| t.map(|corner| corner + 8)));
    mesh.surface_of.resize(24, 0);
    let len = |fill| voxelize(&mesh, &unit_grid(10), fill).unwrap().len();
    assert_eq!(len(Fill::Behind), 8 * 8 * 8 - 3 * 3 * 3);
    assert_eq!(len(Fill::Enclosed), 8 * 8 * 8);
    assert!(len(Fill::Shell) < len(Fill::Behind));
}

/// A square of 8 x 8 cells that lies flat, its texture's upper left corner at zero.
fn floor(surface: Surface) -> TriangleMesh {
    TriangleMesh {
        positions: vec![[0., 1., 0.], [8., 1., 0.], [0., 1., 8.], [8., 1., 8.]],
        uv_sets: vec![vec![[0., 0.], [1., 0.], [0., 1.], [1., 1.]]],
        colors: vec![],
        triangles: vec![[0, 2, 1], [1, 2, 3]],
        surface_of: vec![0, 0],
        surfaces: vec![surface],
    }
}

fn textured(picture: Picture, alpha: Alpha) -> Surface {
    Surface {
        base_texture: Some(Texture {
            picture,
            uv_set: 0,
            wrap: [Wrap::Repeat; 2],
            filter: Filter::Nearest,
        }),
        alpha,
        ..Surface::default()
    }
}

fn picture(edge: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Picture {
    let pixels: Vec<u8> = (0..edge * edge)
        .flat_map(|i| pixel(i % edge, i / edge))
        .collect();
    assert_eq!(pixels.len() as u32, edge * edge * 4);
    Picture::new(edge, edge, pixels).unwrap()
}

#[test]
fn each_voxel_takes_the_texel_at_its_middle() {
    let ramp = picture(8, |x, y| [30 * x as u8, 30 * y as u8, 7, 255]);
    let voxels = voxelize(
        &floor(textured(ramp, Alpha::Opaque)),
        &unit_grid(8),
        Fill::Shell,
    );
    let voxels = voxels.unwrap();
    assert_eq!(voxels.len(), 64);
    for (&[x, y, z], &rgba) in voxels.coords().iter().zip(voxels.rgba()) {
        assert_eq!((y, rgba), (0, [30 * x as u8, 30 * z as u8, 7, 255]));
    }
}

#[test]
fn a_texture_much_finer_than_voxels_becomes_its_mean_in_linear_light() {
    let checks = picture(256, |x, y| {
        if (x + y) % 2 == 0 {
            [255; 4]
        } else {
            [0, 0, 0, 255]
        }
    });
    let voxels = voxelize(
        &floor(textured(checks, Alpha::Opaque)),
        &unit_grid(8),
        Fill::Shell,
    );
    assert!(
        voxels
            .unwrap()
            .rgba()
            .iter()
            .all(|&c| c == [188, 188, 188, 255])
    );
}

#[test]
fn masked_surfaces_are_absent_where_alpha_is_low_and_blended_ones_keep_theirs() {
    let half = picture(8, |x, _| [10, 20, 30, if x < 4 { 0 } else { 120 }]);
    let of = |alpha| {
        voxelize(
            &floor(textured(half.clone(), alpha)),
            &unit_grid(8),
            Fill::Shell,
        )
    };
    let (masked, blended, opaque) = (
        of(Alpha::Mask(0.3)).unwrap(),
        of(Alpha::Blend).unwrap(),
        of(Alpha::Opaque).unwrap(),
    );
    assert!(masked.coords().iter().all(|cell| cell[0] >= 4));
    assert_eq!((masked.len(), masked.rgba()[0]), (32, [10, 20, 30, 255]));
    assert_eq!((blended.len(), blended.rgba()[0]), (32, [10, 20, 30, 120]));
    assert_eq!((opaque.len(), opaque.rgba()[0]), (64, [10, 20, 30, 255]));
    assert_eq!(of(Alpha::Mask(0.9)).unwrap_err(), VoxelizeError::NoSurface);
}

#[test]
fn factors_and_corner_colours_multiply_and_finishes_come_along() {
    let mut mesh = floor(Surface {
        base_color: [0.5, 1.0, 1.0, 1.0],
        metallic: 1.0,
        roughness: 0.4,
        ..Surface::default()
    });
    mesh.colors = vec![[1.0, 1.0, 0.0, 1.0]; 4];
    let voxels = voxelize(&mesh, &unit_grid(8), Fill::Shell).unwrap();
    assert_eq!(voxels.rgba()[9], [188, 255, 0, 255]);
    assert_eq!(voxels.metallic_roughness().unwrap()[9], [255, 102]);
}

#[test]
fn a_voxel_takes_the_colour_of_the_triangle_nearest_to_its_middle() {
    let mut mesh = floor(Surface {
        base_color: [1.0, 0.0, 0.0, 1.0],
        ..Surface::default()
    });
    let lower: Vec<_> = mesh
        .positions
        .iter()
        .map(|&[x, _, z]| [x, 0.4, z])
        .collect();
    mesh.positions.extend(lower);
    mesh.uv_sets.clear();
    mesh.triangles.extend([[4, 6, 5], [5, 6, 7]]);
    mesh.surface_of = vec![0, 0, 1, 1];
    mesh.surfaces.push(Surface {
        base_color: [0.0, 0.0, 1.0, 1.0],
        ..Surface::default()
    });
    let voxels = voxelize(&mesh, &unit_grid(8), Fill::Shell).unwrap();
    assert_eq!(voxels.len(), 64);
    assert!(voxels.rgba().iter().all(|&c| c == [0, 0, 255, 255]));
}

#[test]
fn meshes_that_contradict_themselves_are_refused() {
    let good = || floor(textured(picture(1, |_, _| [9; 4]), Alpha::Opaque));
    let refused = |spoil: fn(&mut TriangleMesh)| {
        let mut mesh = good();
        spoil(&mut mesh);
        Grid::fit(&mesh, 8).unwrap_err()
    };
    assert_eq!(refused(|m| m.triangles.clear()), VoxelizeError::NoTriangles);
    assert_eq!(
        refused(|m| m.triangles[1][2] = 4),
        VoxelizeError::Corner {
            triangle: 1,
            corner: 4,
            positions: 4
        }
    );
    assert_eq!(
        refused(|m| m.positions[3][1] = f32::NAN),
        VoxelizeError::NotFinite { position: 3 }
    );
    assert!(matches!(
        refused(|m| m.colors = vec![[1.0; 4]]),
        VoxelizeError::Length {
            column: "colors",
            got: 1,
            expected: 4
        }
    ));
    assert!(matches!(
        refused(|m| m.surface_of[0] = 1),
        VoxelizeError::Missing { got: 1, .. }
    ));
    assert!(matches!(
        refused(|m| m.uv_sets.clear()),
        VoxelizeError::Missing {
            got: 0,
            count: 0,
            ..
        }
    ));
    assert_eq!(
        refused(|m| m.positions.fill([2.0; 3])),
        VoxelizeError::NoSurface
    );
    for got in [0, 1025] {
        let error = Grid::fit(&good(), got).unwrap_err();
        assert!(matches!(error, VoxelizeError::Voxels(_)), "{error}");
    }
    assert_eq!(
        voxelize(&good(), &unit_grid(7), Fill::Shell).unwrap_err(),
        VoxelizeError::OutsideGrid { resolution: 7 }
    );
}

#[test]
fn triangles_without_area_alone_are_no_surface() {
    let mesh = mesh_of(
        vec![[0.0; 3], [1.0; 3], [2.0; 3]],
        vec![[0, 1, 2], [0, 0, 1]],
    );
    let grid = Grid::fit(&mesh, 8).unwrap();
    assert_eq!(
        voxelize(&mesh, &grid, Fill::Shell).unwrap_err(),
        VoxelizeError::NoSurface
    );
}

#[test]
fn a_mesh_that_fills_the_largest_grid_again_and_again_is_refused() {
    let square = floor(Surface::default());
    let mut mesh = square.clone();
    mesh.triangles = square.triangles.repeat(300);
    mesh.surface_of = vec![0; 600];
    let grid = Grid::fit(&mesh, 1024).unwrap();
    assert!(matches!(
        voxelize(&mesh, &grid, Fill::Shell),
        Err(VoxelizeError::TooMuchSurface { resolution: 1024 })
    ));
}

#[test]
fn extreme_units_do_not_matter() {
    let expected = fitted(&sphere(9), 20, Fill::Shell);
    for scale in [1e-30f32, 1e30] {
        let mut mesh = sphere(9);
        for c in mesh.positions.as_flattened_mut() {
            *c *= scale;
        }
        let len = fitted(&mesh, 20, Fill::Shell).len();
        assert!(
            len.abs_diff(expected.len()) <= 20,
            "{len}, not {}",
            expected.len()
        );
    }
}
