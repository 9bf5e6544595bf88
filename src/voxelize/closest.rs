//! The point of a triangle that is nearest to another point, after Ericson, Real-Time Collision Detection (2005),
//! section 5.1.5: the Voronoi regions of corners and edges are tried before the inside.

use glam::DVec3;

/// Weights of the three corners that give the nearest point; they sum to 1.
pub(super) fn closest([a, b, c]: [DVec3; 3], point: DVec3) -> DVec3 {
    let (ab, ac) = (b - a, c - a);
    let to = |corner: DVec3| {
        let offset = point - corner;
        (ab.dot(offset), ac.dot(offset))
    };
    let (a_ab, a_ac) = to(a);
    if a_ab <= 0.0 && a_ac <= 0.0 {
        return DVec3::X;
    }
    let (b_ab, b_ac) = to(b);
    if b_ab >= 0.0 && b_ac <= b_ab {
        return DVec3::Y;
    }
    let c_weight = a_ab * b_ac - b_ab * a_ac;
    if c_weight <= 0.0 && a_ab >= 0.0 && b_ab <= 0.0 {
        let along = ratio(a_ab, a_ab - b_ab);
        return DVec3::new(1.0 - along, along, 0.0);
    }
    let (c_ab, c_ac) = to(c);
    if c_ac >= 0.0 && c_ab <= c_ac {
        return DVec3::Z;
    }
    let b_weight = c_ab * a_ac - a_ab * c_ac;
    if b_weight <= 0.0 && a_ac >= 0.0 && c_ac <= 0.0 {
        let along = ratio(a_ac, a_ac - c_ac);
        return DVec3::new(1.0 - along, 0.0, along);
    }
    let a_weight = b_ab * c_ac - c_ab * b_ac;
    let (from_b, from_c) = (b_ac - b_ab, c_ab - c_ac);
    if a_weight <= 0.0 && from_b >= 0.0 && from_c >= 0.0 {
        let along = ratio(from_b, from_b + from_c);
        return DVec3::new(0.0, 1.0 - along, along);
    }
    let all = a_weight + b_weight + c_weight;
    let (v, w) = (ratio(b_weight, all), ratio(c_weight, all));
    DVec3::new(1.0 - v - w, v, w)
}

/// `part / whole`, 0 where there is no whole.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The mean of three corners' values under such weights.
pub(super) fn weighted([a, b, c]: [DVec3; 3], weights: DVec3) -> DVec3 {
    a * weights.x + b * weights.y + c * weights.z
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector() -> impl Strategy<Value = DVec3> {
        prop::array::uniform3(-4i8..=4).prop_map(|v| DVec3::from_array(v.map(f64::from)))
    }

    proptest! {
        #[test]
        fn no_point_of_the_triangle_is_nearer(a in vector(), b in vector(), c in vector(), p in vector()) {
            let corners = [a, b, c];
            let weights = closest(corners, p);
            prop_assert!(weights.min_element() >= -1e-12 && (weights.element_sum() - 1.0).abs() < 1e-12);
            let found = weighted(corners, weights).distance(p);
            // Triangles without area may be off: they hold no cell.
            prop_assume!((b - a).cross(c - a).length() > 0.0);
            for i in 0..=20 {
                for j in 0..=20 - i {
                    let (v, w) = (f64::from(i) / 20.0, f64::from(j) / 20.0);
                    let other = weighted(corners, DVec3::new(1.0 - v - w, v, w));
                    prop_assert!(found <= other.distance(p) + 1e-9);
                }
            }
        }
    }
}
