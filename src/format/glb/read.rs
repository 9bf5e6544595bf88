//! From a file's chunks to a [`TriangleMesh`]: the scene's description is checked, then its tree of nodes is walked.

use glam::{DMat4, DQuat, DVec3, Quat, Vec3};
use gltf::scene::Transform;
use gltf::{Document, Node, Semantic};

use super::GlbError;
use super::container::Container;
use super::primitive::Collector;
use crate::voxelize::TriangleMesh;

/// Most objects of a scene's description. Parsed, each takes up to some 500 bytes.
pub(super) const MAX_JSON_OBJECTS: usize = 1 << 18;

/// Most values in lists and objects of a scene's description. Parsed, each takes up to 32 bytes.
const MAX_JSON_VALUES: usize = 8 * MAX_JSON_OBJECTS;

/// All triangles of the default scene, or of the first where none is the default.
pub(super) fn mesh(container: &Container<'_>) -> Result<TriangleMesh, GlbError> {
    let document = document(container.json)?;
    let scene = document
        .default_scene()
        .or_else(|| document.scenes().next())
        .ok_or(GlbError::NoScene)?;
    let mut collector = Collector::new(&document, container.bin);
    let mut seen = vec![false; document.nodes().len()];
    // A list instead of recursion: a chain of nodes may be long.
    let mut open: Vec<(Node<'_>, DMat4)> = scene.nodes().map(|n| (n, DMat4::IDENTITY)).collect();
    while let Some((node, parent)) = open.pop() {
        match seen.get_mut(node.index()) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(GlbError::NodeTwice { node: node.index() }),
        }
        let transform = parent * matrix(node.transform());
        for primitive in node.mesh().iter().flat_map(|mesh| mesh.primitives()) {
            collector.add(&primitive, transform)?;
        }
        open.extend(node.children().map(|child| (child, transform)));
    }
    Ok(collector.finish())
}

/// The scene's description, checked as far as the crate `gltf` needs it to be.
fn document(json: &[u8]) -> Result<Document, GlbError> {
    let count = |signs: &[u8]| json.iter().filter(|byte| signs.contains(byte)).count();
    if count(b"{") > MAX_JSON_OBJECTS || count(b"[,") > MAX_JSON_VALUES {
        return Err(GlbError::SceneTooLarge);
    }
    let root = gltf::json::Root::from_slice(json).map_err(|source| GlbError::Json {
        source: source.into(),
    })?;
    check_positions(&root)?;
    Document::from_json(root).map_err(|error| match error {
        gltf::Error::Validation(errors) => {
            let (place, problem) = errors
                .into_iter()
                .next()
                .map(|(place, problem)| (place.to_string(), problem.to_string()))
                .unwrap_or_default();
            GlbError::Invalid { place, problem }
        }
        other => GlbError::Json {
            source: other.into(),
        },
    })
}

/// Refuses positions in accessors that are not there: the crate's own check would panic over them.
fn check_positions(root: &gltf::json::Root) -> Result<(), GlbError> {
    use gltf::json::validation::Checked;

    let mut primitives = root.meshes.iter().flat_map(|mesh| &mesh.primitives);
    let is_bad = |primitive: &&gltf::json::mesh::Primitive| {
        let positions = primitive
            .attributes
            .get(&Checked::Valid(Semantic::Positions));
        positions.is_some_and(|index| index.value() >= root.accessors.len())
    };
    match primitives.find(is_bad) {
        Some(_) => Err(GlbError::Invalid {
            place: "meshes".into(),
            problem: "POSITION names an accessor that is not there".into(),
        }),
        None => Ok(()),
    }
}

fn matrix(transform: Transform) -> DMat4 {
    match transform {
        Transform::Matrix { matrix } => {
            DMat4::from_cols_array_2d(&matrix.map(|column| column.map(f64::from)))
        }
        Transform::Decomposed {
            translation,
            rotation,
            scale,
        } => {
            let vector = |v: [f32; 3]| -> DVec3 { Vec3::from_array(v).as_dvec3() };
            let rotation = Quat::from_array(rotation).as_dquat();
            let rotation = if rotation.length_squared() > 0.0 {
                rotation.normalize()
            } else {
                DQuat::IDENTITY
            };
            DMat4::from_scale_rotation_translation(vector(scale), rotation, vector(translation))
        }
    }
}
