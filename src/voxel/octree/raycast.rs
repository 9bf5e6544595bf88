//! Where a ray meets an octree. It crosses an empty leaf in one step, however large that is.

use glam::{IVec3, Vec3};

use super::Octree;

/// The first solid cell on a ray.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RayHit {
    /// The cell.
    pub cell: IVec3,
    /// Outward normal of the face through which the ray came; zero where the ray begins inside.
    pub normal: IVec3,
    /// Way from the origin to that face, in lengths of the direction.
    pub distance: f32,
    /// Value of the cell.
    pub value: u8,
}

impl Octree {
    /// The first solid cell on a ray, at most `reach` lengths of `direction` away. All in cells from the minimum
    /// corner. `None` as well for directions of zero and numbers that are not finite.
    #[must_use]
    pub fn raycast(&self, origin: Vec3, direction: Vec3, reach: f32) -> Option<RayHit> {
        if !origin.is_finite()
            || !direction.is_finite()
            || direction == Vec3::ZERO
            || reach.is_nan()
        {
            return None;
        }
        let edge = i32::try_from(self.edge()).ok()?;
        let inverse = direction.recip();
        let (mut distance, mut normal) = entry(origin, direction, inverse, edge as f32)?;
        let mut cell = (origin + direction * distance)
            .floor()
            .as_ivec3()
            .clamp(IVec3::ZERO, IVec3::splat(edge - 1));
        let step = direction.signum().as_ivec3();
        loop {
            if distance > reach {
                return None;
            }
            let leaf = self.leaf_at(cell.as_uvec3().to_array());
            if leaf.value != 0 {
                let value = leaf.value;
                return Some(RayHit {
                    cell,
                    normal,
                    distance,
                    value,
                });
            }
            let min = glam::UVec3::from(leaf.min).as_ivec3();
            let last = min + (i32::try_from(leaf.edge).ok()? - 1);
            let beyond = IVec3::select(step.cmpgt(IVec3::ZERO), last + 1, min);
            // An axis along which the ray does not move is never left.
            let exits = Vec3::select(
                direction.cmpeq(Vec3::ZERO),
                Vec3::INFINITY,
                (beyond.as_vec3() - origin) * inverse,
            );
            let axis = exits.min_position();
            let exit = exits.to_array().get(axis).copied()?;
            distance = exit.max(distance);
            // Rounding must not carry the ray out of the leaf through another face than the one it leaves by.
            let inside = (origin + direction * distance)
                .floor()
                .as_ivec3()
                .clamp(min, last);
            let forward = IVec3::AXES.get(axis).copied()?;
            let next = IVec3::select(step.cmpgt(IVec3::ZERO), last + 1, min - 1);
            cell = inside * (IVec3::ONE - forward) + next * forward;
            normal = -step * forward;
            if cell.cmplt(IVec3::ZERO).any() || cell.cmpge(IVec3::splat(edge)).any() {
                return None;
            }
        }
    }
}

/// Where a ray enters the cube `0..edge`: its distance, and the normal of the face (zero from inside).
fn entry(origin: Vec3, direction: Vec3, inverse: Vec3, edge: f32) -> Option<(f32, IVec3)> {
    let stands = direction.cmpeq(Vec3::ZERO);
    let inside = origin.cmpge(Vec3::ZERO) & origin.cmple(Vec3::splat(edge));
    if (stands & !inside).any() {
        return None;
    }
    let (low, high) = (-origin * inverse, (edge - origin) * inverse);
    let near = Vec3::select(stands, Vec3::NEG_INFINITY, low.min(high));
    let far = Vec3::select(stands, Vec3::INFINITY, low.max(high));
    let distance = near.max_element();
    if distance > far.min_element() || far.min_element() < 0.0 {
        return None;
    }
    if distance <= 0.0 {
        return Some((0.0, IVec3::ZERO));
    }
    let forward = IVec3::AXES.get(near.max_position()).copied()?;
    Some((distance, -direction.signum().as_ivec3() * forward))
}
