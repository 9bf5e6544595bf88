//! The scene graph of a `.vox` file: which models stand where.
//!
//! nTRN moves its child, nGRP has several, nSHP shows a model. Node 0 is the root, and the graph is a tree: that is
//! what MagicaVoxel writes, and it bounds the walk. A node that is hidden, or lies on a hidden layer, is left out
//! with all below it. Of an animation the first frame counts.

use super::VoxError;
use super::chunk::Chunk;
use super::file::File;
use super::placement::Placement;

/// Where a model stands.
pub(super) struct Placed {
    /// Which one, counted from 0; the file has it.
    pub(super) model: usize,
    pub(super) placement: Placement,
}

/// The root's id, as a list of children has it.
const ROOT: &[[u8; 4]] = &[[0; 4]];

/// A node without what the walk does not need.
enum Node<'a> {
    /// Moves its child, of which there is one.
    Transform {
        child: &'a [[u8; 4]],
        placement: Placement,
    },
    /// Ids of nodes.
    Group(&'a [[u8; 4]]),
    /// Shows a model.
    Shape(u32),
    /// Shows nothing.
    Hidden,
}

/// The models that are to be seen, in drawing order. Without a scene graph that is the first one: others are
/// variants or frames that share its place.
pub(super) fn visible(file: &mut File<'_>) -> Result<Vec<Placed>, VoxError> {
    if file.nodes.is_empty() {
        let model = 0;
        let placement = Placement::IDENTITY;
        return Ok(vec![Placed { model, placement }]);
    }
    let mut visible = Vec::new();
    let mut open = vec![(ROOT.iter(), Placement::IDENTITY)];
    while let Some((children, placement)) = open.last_mut() {
        let placement = *placement;
        let Some(&id) = children.next() else {
            open.pop();
            continue;
        };
        match node(file, u32::from_le_bytes(id))? {
            Node::Transform {
                child,
                placement: inner,
            } => open.push((child.iter(), placement.of(&inner))),
            Node::Group(children) => open.push((children.iter(), placement)),
            Node::Shape(id) => visible.push(Placed {
                model: model(file, id)?,
                placement,
            }),
            Node::Hidden => {}
        }
    }
    if visible.is_empty() {
        return Err(VoxError::NothingShown);
    }
    Ok(visible)
}

/// The node of an id, which is taken out of the file.
fn node<'a>(file: &mut File<'a>, id: u32) -> Result<Node<'a>, VoxError> {
    let chunk = file.nodes.get_mut(&id).ok_or(VoxError::NoNode { id })?;
    let chunk = chunk.take().ok_or(VoxError::NodeTwice { id })?;
    match chunk.name {
        "nTRN" => transform(file, &chunk),
        "nGRP" => chunk.read(|content| {
            content.number()?;
            content.dictionary()?;
            Some(Node::Group(content.fours()?))
        }),
        _ => chunk.read(|content| {
            content.number()?;
            content.dictionary()?;
            let models = content.number()?;
            Some(match models {
                0 => Node::Hidden,
                _ => Node::Shape(content.number()?),
            })
        }),
    }
}

fn transform<'a>(file: &File<'a>, chunk: &Chunk<'a>) -> Result<Node<'a>, VoxError> {
    let (attributes, child, layer, frame) = chunk.read(|content| {
        content.number()?;
        let attributes = content.dictionary()?;
        let child = content.four()?;
        let _reserved = content.number()?;
        let layer = content.number()?;
        let frames = content.number()?;
        let frame = match frames {
            0 => None,
            _ => Some(content.dictionary()?),
        };
        Some((attributes, child, layer, frame))
    })?;
    if attributes.hides() || file.hidden_layers.contains(&layer) {
        return Ok(Node::Hidden);
    }
    let text = |key| frame.as_ref().and_then(|frame| frame.get(key));
    let placement = Placement::parse(text("_r"), text("_t"));
    Ok(Node::Transform {
        child,
        placement: placement.map_err(|problem| chunk.damaged(problem))?,
    })
}

/// The index of a model that a shape shows.
fn model(file: &File<'_>, id: u32) -> Result<usize, VoxError> {
    let models = file.models.len();
    usize::try_from(id)
        .ok()
        .filter(|&model| model < models)
        .ok_or(VoxError::NoShape { id, models })
}
