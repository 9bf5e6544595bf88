//! [`Solid`]: a placed model made ready to be drawn - which cells are full, which faces show, how hidden a spot is.

use glam::{IVec3, Vec2, Vec3};

use crate::voxel::{GlassKinds, PaletteEntry, VoxelModel};

use super::Placed;
use super::cells::CellSet;
use super::crowd::Crowd;
use super::projection::{Box3, Projection};

/// A model with the look-ups that drawing needs.
pub(super) struct Solid<'a> {
    model: &'a VoxelModel,
    /// Where the corner of the model's grid stands in the world.
    corner: Vec3,
    voxel_size: f32,
    /// The smallest box of the world around the voxels.
    pub(super) bounds: Box3,
    /// Cells that light does not pass through.
    cells: CellSet,
    glass: GlassKinds,
    surface: Vec<SurfaceVoxel>,
    /// Of opaque voxels, which are what darkens hollows.
    crowd: Crowd,
    /// Of all voxels, where there is glass.
    shape: Option<Crowd>,
}

/// A voxel with an uncovered side.
#[derive(Clone, Copy, Debug)]
struct SurfaceVoxel {
    cell: [u16; 3],
    /// One bit for each of [`SIDES`].
    open_sides: u8,
    palette_index: u8,
}

/// A face of a voxel, to the empty side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Face {
    pub(super) cell: [u16; 3],
    side: u8,
    palette_index: u8,
    /// Which solid it belongs to.
    pub(super) solid: u32,
}

/// The neighbours of a cell, across its six faces.
const SIDES: [IVec3; 6] = [
    IVec3::NEG_X,
    IVec3::X,
    IVec3::NEG_Y,
    IVec3::Y,
    IVec3::NEG_Z,
    IVec3::Z,
];

impl Face {
    /// Which way it looks.
    pub(super) fn normal(&self) -> IVec3 {
        SIDES
            .get(usize::from(self.side))
            .copied()
            .unwrap_or(IVec3::Y)
    }

    /// The two directions along it.
    fn along(&self) -> [IVec3; 2] {
        match self.side / 2 {
            0 => [IVec3::Y, IVec3::Z],
            1 => [IVec3::Z, IVec3::X],
            _ => [IVec3::X, IVec3::Y],
        }
    }

    fn at(&self) -> IVec3 {
        IVec3::from(self.cell.map(i32::from))
    }
}

impl<'a> Solid<'a> {
    /// Makes a model ready, or `None` where there is nothing to draw.
    pub(super) fn new(placed: &Placed<'a>) -> Option<Self> {
        let &Placed {
            model,
            position,
            voxel_size,
        } = placed;
        let drawable = position.is_finite() && voxel_size.is_finite() && voxel_size > 0.0;
        let bounds = model.bounds().filter(|_| drawable)?;
        let corner = position - model.origin() * voxel_size;
        let world = |cell: IVec3| corner + cell.as_vec3() * voxel_size;
        let low = IVec3::from(bounds.min.map(i32::from));
        let high = IVec3::from(bounds.max.map(i32::from)) + IVec3::ONE;
        let glass = GlassKinds::of(model.palette());
        let is_opaque = |(_, index): &([u16; 3], u8)| glass.kind(*index) == 0;
        let coords: Vec<[u16; 3]> = model
            .cells()
            .filter(is_opaque)
            .map(|(cell, _)| cell)
            .collect();
        let crowd = Crowd::new(low, high - low, &coords);
        let shape = glass.any().then(|| {
            let all: Vec<[u16; 3]> = model.cells().map(|(cell, _)| cell).collect();
            Crowd::new(low, high - low, &all)
        });
        let mut solid = Self {
            model,
            corner,
            voxel_size,
            bounds: [world(low), world(high)],
            cells: CellSet::new(low, high - low, &coords),
            glass,
            surface: Vec::new(),
            crowd,
            shape,
        };
        let voxels = model.cells().map(|(cell, palette_index)| SurfaceVoxel {
            cell,
            open_sides: solid.open_sides(cell, palette_index),
            palette_index,
        });
        solid.surface = voxels.filter(|voxel| voxel.open_sides != 0).collect();
        Some(solid)
    }

    /// Which sides of a voxel can be seen, one bit for each of [`SIDES`]: not those at opaque voxels, and of glass not
    /// those at the same glass.
    fn open_sides(&self, cell: [u16; 3], palette_index: u8) -> u8 {
        let at = IVec3::from(cell.map(i32::from));
        let mut open = self.cells.open_sides(at);
        let kind = self.glass.kind(palette_index);
        if kind != 0 {
            for (side, step) in SIDES.into_iter().enumerate() {
                let beside = (at + step).to_array().map(u32::try_from);
                if let [Ok(x), Ok(y), Ok(z)] = beside
                    && self.glass.kind(self.model.octree().get([x, y, z])) == kind
                {
                    open &= !(1 << side);
                }
            }
        }
        open
    }

    /// Boxes of the world that together hold all voxels, tighter than [`Solid::bounds`].
    pub(super) fn outline(&self) -> impl Iterator<Item = Box3> {
        let boxes = self.shape().outline().iter();
        boxes.map(|corners| corners.map(|corner| self.world(corner)))
    }

    /// Cells that have an uncovered side.
    pub(super) fn surface_cells(&self) -> impl Iterator<Item = IVec3> {
        self.surface
            .iter()
            .map(|voxel| IVec3::from(voxel.cell.map(i32::from)))
    }

    pub(super) fn voxel_size(&self) -> f32 {
        self.voxel_size
    }

    /// The world's position of a corner of a cell.
    pub(super) fn world(&self, cell: IVec3) -> Vec3 {
        self.corner + cell.as_vec3() * self.voxel_size
    }

    /// Adds all uncovered faces that show their front to a viewer: of glass, or of what is opaque.
    pub(super) fn faces_seen(
        &self,
        number: u32,
        viewer: &Projection,
        glass: bool,
        faces: &mut Vec<Face>,
    ) {
        let is_meant = |voxel: &&SurfaceVoxel| (self.glass.kind(voxel.palette_index) != 0) == glass;
        for voxel in self.surface.iter().filter(is_meant) {
            let at = IVec3::from(voxel.cell.map(i32::from));
            let middle = self.world(at) + self.voxel_size / 2.0;
            for (side, normal) in (0..).zip(SIDES) {
                let out = normal.as_vec3();
                if voxel.open_sides >> side & 1 == 1
                    && viewer.sees(middle + out * (self.voxel_size / 2.0), out)
                {
                    faces.push(Face {
                        cell: voxel.cell,
                        side,
                        palette_index: voxel.palette_index,
                        solid: number,
                    });
                }
            }
        }
    }

    /// The corners of a face in the world, in order around it.
    pub(super) fn corners(&self, face: &Face) -> [Vec3; 4] {
        let [u, v] = face.along();
        // The far faces lie one cell up their axis.
        let base = face.at() + face.normal().max(IVec3::ZERO);
        [base, base + u, base + u + v, base + v].map(|corner| self.world(corner))
    }

    /// Where a point of the world lies on a face, from 0 to 1 along both of its directions.
    pub(super) fn place_on(&self, face: &Face, point: Vec3) -> Vec2 {
        let cells = (point - self.corner) / self.voxel_size - face.at().as_vec3();
        let [u, v] = face.along().map(|axis| cells.dot(axis.as_vec3()));
        Vec2::new(u, v).clamp(Vec2::ZERO, Vec2::ONE)
    }

    /// How open each corner of a face is to the light, from 0 to 1, told by the voxels that touch it.
    ///
    /// After Mikola Lysenko, [Ambient occlusion for Minecraft-like
    /// worlds](https://0fps.net/2013/07/03/ambient-occlusion-for-minecraft-like-worlds/).
    pub(super) fn openness(&self, face: &Face) -> [f32; 4] {
        let [u, v] = face.along();
        let before = face.at() + face.normal();
        let full = |cell| self.cells.contains(cell);
        let sides = [full(before - u), full(before + u)];
        let ends = [full(before - v), full(before + v)];
        [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(i, j)| {
            let toward = |step: usize| if step == 0 { -1 } else { 1 };
            let side = sides.get(i).copied().unwrap_or_default();
            let end = ends.get(j).copied().unwrap_or_default();
            let corner = || full(before + u * toward(i) + v * toward(j));
            match (side, end) {
                (true, true) => 0.0,
                (false, false) => 1.0 - 0.34 * f32::from(corner()),
                _ => 0.66 - 0.33 * f32::from(corner()),
            }
        })
    }

    /// Part of the space around a point, some voxels off the surface, that is full; see [`Crowd`].
    pub(super) fn crowding(&self, point: Vec3, normal: Vec3) -> f32 {
        self.crowd
            .before((point - self.corner) / self.voxel_size, normal)
    }

    /// Away from where the space around a point is full: a normal of the shape that the voxels stand for, of any length.
    pub(super) fn outwards(&self, point: Vec3) -> Vec3 {
        let cell = (point - self.corner) / self.voxel_size;
        let sides = SIDES.map(|side| side.as_vec3());
        let full = sides.map(|side| side * self.shape().before(cell, side));
        -full.into_iter().sum::<Vec3>()
    }

    fn shape(&self) -> &Crowd {
        self.shape.as_ref().unwrap_or(&self.crowd)
    }

    /// Whether there is any glass.
    pub(super) fn has_glass(&self) -> bool {
        self.glass.any()
    }

    /// What a face is made of.
    pub(super) fn material(&self, face: &Face) -> PaletteEntry {
        let entry = self.model.palette().get(face.palette_index);
        entry
            .copied()
            .unwrap_or_else(|| PaletteEntry::matte([255; 4]))
    }
}
