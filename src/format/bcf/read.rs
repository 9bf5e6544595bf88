//! Reading `.bcf`.

use std::collections::HashMap;

use crate::voxel::{MAX_DEPTH, Node, Octree};

use super::error::Origin;
use super::{BcfError, HEADER, MAGIC, MAX_NESTING, VERSION};

/// The octree of a file. Its depth is that of the deepest branch as stored, also where eight equal octants became one
/// leaf.
///
/// # Errors
/// Any [`BcfError`] but [`BcfError::TooLarge`].
pub fn decode(bytes: &[u8]) -> Result<Octree, BcfError> {
    let no_header = BcfError::NoHeader { got: bytes.len() };
    let header: &[u8; HEADER] = bytes.first_chunk().ok_or(no_header)?;
    let &[a, b, c, d, version, _, _, _, r0, r1, r2, r3] = header;
    if [a, b, c, d] != MAGIC {
        return Err(BcfError::Magic { got: [a, b, c, d] });
    }
    if version != VERSION {
        return Err(BcfError::Version { got: version });
    }
    let root = u64::from(u32::from_le_bytes([r0, r1, r2, r3]));
    let tree = read(bytes, root)?;
    if tree.depth > MAX_DEPTH {
        return Err(BcfError::TooDeep { got: tree.depth });
    }
    // The depth has just been checked; this only joins the two.
    Octree::from_root(tree.depth, tree.node).map_err(|_| BcfError::TooDeep { got: tree.depth })
}

/// The tree whose root a header puts at a place.
fn read(bytes: &[u8], root: u64) -> Result<Tree, BcfError> {
    let mut reader = Reader {
        bytes,
        branches: HashMap::new(),
    };
    let root = reader.offset(root, Origin::Header)?;
    // The reader's own pointers end here: only what the file shares is shared from now on.
    reader.node(root, 0)
}

/// A part of a file: its node, its depth as stored, and how many nodes lie within one another in it.
#[derive(Clone)]
struct Tree {
    node: Node,
    depth: u32,
    nesting: u32,
}

struct Reader<'a> {
    bytes: &'a [u8],
    /// Branches that have been read, by their place. Leaves cost less to read again than to find here.
    branches: HashMap<usize, Tree>,
}

impl Reader<'_> {
    /// A place in the file.
    fn offset(&self, offset: u64, part: Origin) -> Result<usize, BcfError> {
        usize::try_from(offset)
            .ok()
            .filter(|&place| place < self.bytes.len())
            .ok_or(BcfError::Offset {
                part,
                offset,
                bytes: self.bytes.len(),
            })
    }

    /// The node at a place, which lies in `around` others.
    fn node(&mut self, offset: usize, around: u32) -> Result<Tree, BcfError> {
        // A loop ends here as well.
        if around >= MAX_NESTING {
            return Err(BcfError::Nesting { offset });
        }
        let leaf = |value| Tree {
            node: Node::Leaf(value),
            depth: 0,
            nesting: 1,
        };
        let [kind] = self.record(offset)?;
        Ok(match kind {
            0..=0x7f => leaf(kind),
            0x80..=0x8f => {
                let [_, value] = self.record(offset)?;
                leaf(value)
            }
            0x90..=0x9f => {
                let [_, leaves @ ..]: [u8; 9] = self.record(offset)?;
                Tree {
                    node: Node::octa(leaves),
                    depth: 1,
                    nesting: 1,
                }
            }
            0xa0 => self.branch::<9, 1>(offset, around)?,
            0xa1 => self.branch::<17, 2>(offset, around)?,
            0xa2 => self.branch::<33, 4>(offset, around)?,
            0xa3 => self.branch::<65, 8>(offset, around)?,
            got => return Err(BcfError::Type { offset, got }),
        })
    }

    /// A branch with eight pointers of `P` bytes, `N` bytes in all; each is read once, however many lead to it.
    fn branch<const N: usize, const P: usize>(
        &mut self,
        offset: usize,
        around: u32,
    ) -> Result<Tree, BcfError> {
        if let Some(tree) = self.branches.get(&offset) {
            return match around + tree.nesting {
                ..=MAX_NESTING => Ok(tree.clone()),
                _ => Err(BcfError::Nesting { offset }),
            };
        }
        let record: [u8; N] = self.record(offset)?;
        let (pointers, _) = record.get(1..).unwrap_or_default().as_chunks::<P>();
        let mut children = [const { Node::EMPTY }; 8];
        let (mut depth, mut nesting) = (0, 0);
        for (child, pointer) in children.iter_mut().zip(pointers) {
            let number = pointer
                .iter()
                .rev()
                .fold(0, |number, &byte| number << 8 | u64::from(byte));
            let place = self.offset(number, Origin::Node(offset))?;
            let tree = self.node(place, around + 1)?;
            depth = depth.max(tree.depth);
            nesting = nesting.max(tree.nesting);
            *child = tree.node;
        }
        let tree = Tree {
            node: Node::new(children),
            depth: depth + 1,
            nesting: nesting + 1,
        };
        self.branches.insert(offset, tree.clone());
        Ok(tree)
    }

    /// The bytes of a node.
    fn record<const N: usize>(&self, offset: usize) -> Result<[u8; N], BcfError> {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        rest.first_chunk().copied().ok_or(BcfError::Cut {
            offset,
            expected: N,
            got: rest.len(),
        })
    }
}
