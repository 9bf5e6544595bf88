//! The order in which translucent quads of a chunk are blended: what lies behind comes first.
//!
//! The order is the same for every eye, so nothing is sorted while a game runs. An eye sees only the front of a quad,
//! so of two quads that look the same way the one farther along is the nearer one. And of two that look different
//! ways, one on the far wall of a hollow thing looks inwards, one on the near wall outwards. So quads are drawn by how
//! far outwards they lie: by the distance of their plane from the middle of all of them, along their own normal, as a
//! part of the way to the box around them. That is right for convex things and for hollow ones such as bottles, cups and
//! panes; between things that wind around each other single quads may come in the wrong order. To sort those would take
//! a new index buffer whenever the eye crosses a plane, or Bevy's order-independent transparency, which a game can have
//! for its camera.

use glam::Vec3;

use super::NEIGHBORS;
use super::quads::{Quad, Quads};

/// A quad and the direction it looks in, a place in [`NEIGHBORS`].
type Facing = (usize, Quad);

/// The quads of all directions in the order in which they are drawn.
pub(super) fn back_to_front(quads: &Quads) -> Vec<Facing> {
    let facing = quads.iter().enumerate();
    let all = facing.flat_map(|(side, quads)| quads.iter().map(move |quad| (side, *quad)));
    let frame = Frame::around(quads.iter().flatten());
    let mut keyed: Vec<(f32, Facing)> = all
        .map(|(side, quad)| (frame.outwards(side, &quad), (side, quad)))
        .collect();
    // Stable, so that the same chunk gives the same mesh.
    keyed.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    keyed.into_iter().map(|(_, facing)| facing).collect()
}

/// The box around all quads.
struct Frame {
    middle: Vec3,
    half: Vec3,
}

impl Frame {
    fn around<'a>(quads: impl Iterator<Item = &'a Quad>) -> Self {
        let (low, high) = quads.fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(low, high), quad| {
            let min = point(quad.min);
            (low.min(min), high.max(min + point(quad.size)))
        });
        Self {
            middle: (low + high) / 2.0,
            // A lone pane has no depth.
            half: ((high - low) / 2.0).max(Vec3::ONE),
        }
    }

    /// How far outwards a quad lies along its normal, from -1 to 1.
    fn outwards(&self, side: usize, quad: &Quad) -> f32 {
        let normal = NEIGHBORS
            .get(side)
            .map_or(Vec3::ZERO, |step| step.as_vec3());
        ((point(quad.min) - self.middle) / self.half).dot(normal)
    }
}

fn point(place: [u8; 3]) -> Vec3 {
    Vec3::from(place.map(f32::from))
}
