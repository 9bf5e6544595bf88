//! Writing `.bcf`.

use crate::voxel::{Node, Octree};

use super::{BcfError, HEADER, MAGIC, MAX_BYTES, VERSION};

/// Largest file whose offsets fit into two bytes.
const SMALL_FILE: u64 = 1 << 16;

/// A file of an octree of materials: depth first, octants in order, one pointer size throughout. The octree's depth is
/// not stored; reading finds that of the deepest branch.
///
/// # Errors
/// [`BcfError::TooLarge`].
pub fn encode(octree: &Octree) -> Result<Vec<u8>, BcfError> {
    encode_to(octree, 0)
}

/// As [`encode`], and so that the octree's depth is read again: where no branch is that deep, the lowest corner is
/// written as branches of equal leaves.
///
/// # Errors
/// [`BcfError::TooLarge`].
pub fn encode_with_depth(octree: &Octree) -> Result<Vec<u8>, BcfError> {
    match octree.depth() {
        depth if octree.root().depth() < depth => encode_to(octree, depth),
        _ => encode(octree),
    }
}

/// A file whose lowest corner has at least `depth` levels.
fn encode_to(octree: &Octree, depth: u32) -> Result<Vec<u8>, BcfError> {
    // A level is a node of eight pointers and as many leaves of two bytes at most.
    let size =
        |pointer| size(octree, pointer).saturating_add(u64::from(depth) * (17 + 8 * pointer));
    let small = size(2);
    let (pointer, got) = match small {
        ..=SMALL_FILE => (2, small),
        _ => (4, size(4)),
    };
    if got > MAX_BYTES {
        return Err(BcfError::TooLarge { got });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(got).unwrap_or(0));
    bytes.extend(MAGIC);
    bytes.extend([VERSION, 0, 0, 0]);
    bytes.extend(12_u32.to_le_bytes());
    write(octree.root(), depth, pointer, &mut bytes);
    Ok(bytes)
}

/// Bytes of a file with pointers of `pointer` bytes.
fn size(octree: &Octree, pointer: u64) -> u64 {
    // Leaves are counted by what holds them, since eight of them take less in one node than alone.
    #[derive(Clone, Copy)]
    enum Part {
        Leaf(u64),
        Other(u64),
    }
    let root = octree.root().fold(
        octree.depth(),
        &mut |value, _| Part::Leaf(if value < 0x80 { 1 } else { 2 }),
        &mut |parts: [Part; 8], _| {
            let is_octa = parts.iter().all(|part| matches!(part, Part::Leaf(_)));
            let inner = parts.iter().fold(0_u64, |sum, part| match part {
                Part::Leaf(bytes) | Part::Other(bytes) => sum.saturating_add(*bytes),
            });
            Part::Other(match is_octa {
                true => 9,
                false => inner.saturating_add(1 + 8 * pointer),
            })
        },
    );
    match root {
        Part::Leaf(bytes) | Part::Other(bytes) => bytes.saturating_add(HEADER as u64),
    }
}

/// Writes a node, its lowest corner at least `depth` levels deep.
fn write(node: &Node, depth: u32, pointer: usize, bytes: &mut Vec<u8>) {
    match node {
        Node::Leaf(value) if depth == 1 => {
            bytes.push(0x90);
            bytes.extend([*value; 8]);
        }
        Node::Leaf(_) | Node::Octa(_) if depth > 1 => {
            write_branch(&node.children(), depth, pointer, bytes);
        }
        Node::Leaf(value @ ..=0x7f) => bytes.push(*value),
        Node::Leaf(value) => bytes.extend([0x80, *value]),
        Node::Octa(leaves) => {
            bytes.push(0x90);
            bytes.extend(leaves);
        }
        Node::Branch(children) => write_branch(children, depth, pointer, bytes),
    }
}

fn write_branch(children: &[Node; 8], depth: u32, pointer: usize, bytes: &mut Vec<u8>) {
    bytes.push(if pointer == 2 { 0xa1 } else { 0xa2 });
    let pointers = bytes.len();
    bytes.resize(pointers + 8 * pointer, 0);
    for (octant, child) in children.iter().enumerate() {
        let offset = bytes.len().to_le_bytes();
        let place = pointers + octant * pointer;
        let slot = bytes.get_mut(place..place + pointer);
        if let (Some(slot), Some(offset)) = (slot, offset.get(..pointer)) {
            slot.copy_from_slice(offset);
        }
        let depth = if octant == 0 {
            depth.saturating_sub(1)
        } else {
            0
        };
        write(child, depth, pointer, bytes);
    }
}
