//! Tests of the `.bcf` format; those on Crossworld's own files are in `tests/crossworld`.

mod layout;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::format::csm;
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

/// Branches of two-byte pointers behind byte `start`, each of whose octants is the next one and the last's `end`.
fn chain(start: usize, branches: usize, end: usize) -> Vec<u8> {
    let branch = |level| {
        let next = if level == branches {
            end
        } else {
            start + 17 * level
        };
        let pointer = u16::try_from(next).unwrap().to_le_bytes();
        [&[0xa1][..], &pointer.repeat(8)].concat()
    };
    (1..=branches).flat_map(branch).collect()
}

#[test]
fn nodes_lie_within_one_another_up_to_the_engines_limit() {
    let leaf = [3].as_slice();
    let octa = [0x90, 1, 2, 3, 4, 5, 6, 7, 8].as_slice();
    for (branches, last, expected) in [
        (16, leaf, Ok(16)),
        (15, octa, Ok(16)),
        (17, leaf, Err(BcfError::TooDeep { got: 17 })),
        (16, octa, Err(BcfError::TooDeep { got: 17 })),
        (63, leaf, Err(BcfError::TooDeep { got: 63 })),
        (63, octa, Err(BcfError::TooDeep { got: 64 })),
        (64, leaf, Err(BcfError::Nesting { offset: 1100 })),
    ] {
        let end = HEADER + 17 * branches;
        let nodes = [&chain(HEADER, branches, end), last].concat();
        assert_eq!(decode(&file(&nodes)).map(|octree| octree.depth()), expected);
    }
}

#[test]
fn parts_that_are_shared_count_against_the_limit_wherever_they_stand() {
    // The root, a chain of forty branches at byte 29 that ends in a leaf, and one that ends in the first.
    let shared_below = |branches| {
        let second = 29 + 17 * 40 + 1;
        let mut root = vec![0xa1];
        for place in [29, second, 29, 29, 29, 29, 29, 29] {
            root.extend(u16::try_from(place).unwrap().to_le_bytes());
        }
        let first = chain(29, 40, second - 1);
        let nodes = [root, first, vec![3], chain(second, branches, 29)].concat();
        decode(&file(&nodes))
    };
    assert_eq!(shared_below(22), Err(BcfError::TooDeep { got: 63 }));
    assert_eq!(shared_below(23), Err(BcfError::Nesting { offset: 29 }));
}

#[test]
fn parts_that_are_shared_in_the_file_are_shared_in_memory() {
    let end = HEADER + 17 * 15;
    let octa = [0x90, 1, 2, 3, 4, 5, 6, 7, 0].as_slice();
    let octree = decode(&file(&[&chain(HEADER, 15, end), octa].concat())).unwrap();
    assert_eq!(octree.len(), 7 * 8_u64.pow(15));
    let Node::Branch(children) = octree.root() else {
        panic!("all are branches");
    };
    let Node::Branch(octant) = &children[0] else {
        panic!("all are branches");
    };
    assert_eq!(Arc::strong_count(octant), 8);
}

#[test]
fn a_uniform_tree_keeps_the_depth_as_stored() {
    let nodes = [&chain(HEADER, 2, 46), [0x80, 200].as_slice()].concat();
    let expected = Octree::from_root(2, Node::Leaf(200)).unwrap();
    assert_eq!(decode(&file(&nodes)), Ok(expected));
}

#[test]
fn two_byte_pointers_are_written_up_to_the_last_file_that_they_can_address() {
    // A branch takes 17 bytes, an octa 9, a leaf 1 or, from 128, 2: 65 536 in all.
    let full = |levels| {
        let octa = Node::octa([1, 2, 3, 4, 5, 6, 7, 8]);
        (1..levels).fold(octa, |node, _| Node::new([0; 8].map(|_| node.clone())))
    };
    let [small, large] = [5, 200].map(Node::Leaf);
    let four = [0; 4].map(|_| full(2)).into_iter();
    let rest = Node::new(array(four.chain([0; 4].map(|_| small.clone()))));
    let most = array(
        [5, 4, 4, 4, 3, 1]
            .map(full)
            .into_iter()
            .chain([rest, small.clone()]),
    );
    let file_with = |last: &Node| {
        let leaves = [&large, &large, &large, &small, &small, last].map(Node::clone);
        let children = [Node::new(most.clone()), full(1)].into_iter().chain(leaves);
        let root = Node::new(array(children));
        let octree = Octree::from_root(root.depth(), root).unwrap();
        let bytes = encode(&octree).unwrap();
        assert_eq!(decode(&bytes).unwrap(), octree);
        bytes
    };
    assert_eq!(file_with(&small).len(), 1 << 16);
    assert_eq!(file_with(&small)[HEADER], 0xa1);
    assert_eq!(file_with(&large)[HEADER], 0xa2);
}

fn array(nodes: impl Iterator<Item = Node>) -> [Node; 8] {
    nodes.collect::<Vec<_>>().try_into().unwrap()
}

#[test]
fn a_file_cut_at_any_byte_is_refused() {
    let bytes = encode(&shell(4)).unwrap();
    for length in 0..bytes.len() {
        assert!(decode(&bytes[..length]).is_err(), "{length}");
    }
}

#[test]
fn a_tree_that_shares_its_parts_is_not_written_in_full() {
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

#[test]
fn a_depth_that_no_branch_reaches_is_kept_when_asked_for() {
    let half = Node::new([3, 3, 3, 3, 0, 0, 0, 200].map(Node::Leaf));
    for (depth, root) in [
        (4, Node::Leaf(200)),
        (1, Node::EMPTY),
        (6, half.clone()),
        (0, Node::Leaf(7)),
        (
            2,
            Node::new([
                half,
                Node::EMPTY,
                Node::EMPTY,
                Node::EMPTY,
                Node::Leaf(1),
                Node::EMPTY,
                Node::EMPTY,
                Node::EMPTY,
            ]),
        ),
    ] {
        let octree = Octree::from_root(depth, root).unwrap();
        let bytes = encode_with_depth(&octree).unwrap();
        assert_eq!(decode(&bytes).unwrap(), octree, "depth {depth}");
        let text = csm::encode_with_depth(&octree).unwrap();
        assert_eq!(csm::decode(&text).unwrap(), octree, "depth {depth}");
    }
}

proptest! {
    #[test]
    fn a_written_tree_reads_back(node in any_node()) {
        let octree = Octree::from_root(node.depth(), node).unwrap();
        let bytes = encode(&octree).unwrap();
        prop_assert_eq!(decode(&bytes).unwrap(), octree);
    }

    #[test]
    fn a_tree_reads_the_same_however_its_file_is_laid_out(
        node in any_node(),
        choices in prop::collection::vec(any::<u8>(), 1..200),
    ) {
        let bytes = layout::lay_out(&node, &choices);
        let octree = decode(&bytes).unwrap();
        prop_assert_eq!(octree.depth(), node.depth());
        prop_assert_eq!(octree.root(), &node);
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
