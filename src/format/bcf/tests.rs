use proptest::prelude::*;

use super::*;
use crate::voxel::{Node, Octree};

/// A file with a root at byte 12 and what follows.
fn file(nodes: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend([VERSION, 0, 0, 0, 12, 0, 0, 0]);
    bytes.extend(nodes);
    bytes
}

/// A shell of voxels with many materials, as models are.
fn shell(depth: u32) -> Octree {
    let edge = 1_u32 << depth;
    let middle = edge as f32 / 2.0;
    let cells = (0..edge.pow(3)).map(|i| [i % edge, i / edge % edge, i / edge / edge]);
    let cells = cells.filter_map(|cell| {
        let offset = cell.map(|c| c as f32 + 0.5 - middle);
        let radius = offset.iter().map(|c| c * c).sum::<f32>().sqrt();
        let material = 8 + (cell[0] * 7 + cell[1] * 3 + cell[2]) % 240;
        (middle - 1.4..middle)
            .contains(&radius)
            .then(|| (cell, u8::try_from(material).unwrap()))
    });
    Octree::from_cells(depth, cells).unwrap()
}

#[test]
fn a_file_beyond_two_byte_pointers_gets_four_byte_ones_and_reads_back() {
    let octree = shell(7);
    let bytes = encode(&octree).unwrap();
    assert!(bytes.len() > 1 << 16);
    assert_eq!(bytes[12], 0xa2);
    assert_eq!(decode(&bytes).unwrap(), octree);
}

#[test]
fn the_header_is_checked_piece_by_piece() {
    assert_eq!(decode(&[]), Err(BcfError::NoHeader { got: 0 }));
    let mut other = file(&[5]);
    other[0] = b'B';
    assert_eq!(decode(&other), Err(BcfError::Magic { got: *b"BFCB" }));
    let mut newer = file(&[5]);
    newer[4] = 2;
    assert_eq!(decode(&newer), Err(BcfError::Version { got: 2 }));
    let outside = BcfError::Offset {
        part: error::Origin::Header,
        offset: 12,
        bytes: 12,
    };
    assert_eq!(decode(&file(&[])), Err(outside));
}

#[test]
fn a_loop_is_refused_not_followed() {
    let mut root = vec![0xa0];
    root.extend([12; 8]);
    assert_eq!(decode(&file(&root)), Err(BcfError::Nesting { offset: 12 }));
}

#[test]
fn parts_that_are_shared_count_against_the_nesting_from_wherever_they_are_reached() {
    // Sixty branches in a chain, each of whose octants is the next one, ending in a leaf: read bottom up or top down,
    // 61 nodes lie within one another, and the tree is deeper than an octree may be.
    let mut nodes = Vec::new();
    for level in 0..60_u8 {
        nodes.push(0xa1);
        for _ in 0..8 {
            nodes.extend((12 + 17 * (u16::from(level) + 1)).to_le_bytes());
        }
    }
    nodes.push(3);
    assert_eq!(decode(&file(&nodes)), Err(BcfError::TooDeep { got: 60 }));
}

#[test]
fn a_tree_that_shares_its_parts_is_read_at_once_and_not_written_in_full() {
    let mut node = Node::octa([1, 2, 3, 4, 5, 6, 7, 8]);
    for _ in 1..16 {
        node = Node::new([0; 8].map(|_| node.clone()));
    }
    let octree = Octree::from_root(16, node).unwrap();
    assert!(matches!(encode(&octree), Err(BcfError::TooLarge { got }) if got > 1 << 40));
}

fn any_node() -> impl Strategy<Value = Node> {
    let leaf = any::<u8>().prop_map(Node::Leaf);
    leaf.prop_recursive(6, 300, 8, |inner| {
        prop::array::uniform8(inner).prop_map(Node::new)
    })
}

proptest! {
    #[test]
    fn a_written_tree_reads_back(node in any_node()) {
        let octree = Octree::from_root(node.depth(), node).unwrap();
        let bytes = encode(&octree).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), octree);
    }

    #[test]
    fn a_file_cut_anywhere_is_refused(node in any_node(), cut in any::<prop::sample::Index>()) {
        let octree = Octree::from_root(node.depth(), node).unwrap();
        let bytes = encode(&octree).unwrap();
        let cut = cut.index(bytes.len());
        prop_assert!(decode(&bytes[..cut]).is_err());
    }

    #[test]
    fn damaged_files_are_read_or_refused(node in any_node(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let octree = Octree::from_root(node.depth(), node).unwrap();
        let mut bytes = encode(&octree).unwrap();
        for (place, byte) in flips {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = decode(&bytes);
    }

    #[test]
    fn random_nodes_are_read_or_refused(nodes in prop::collection::vec(prop_oneof![0u8..0x20, 0x80u8..0xa4], 0..600)) {
        let _ = decode(&file(&nodes));
    }
}
