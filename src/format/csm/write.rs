//! [`encode`]: from an octree to the text that Crossworld's serializer makes of it.

use crate::voxel::{Node, Octree};

use super::error::CsmError;

/// Most statements that [`encode`] writes: just so many that [`load`](crate::format::load) takes the file again.
pub const MAX_STATEMENTS: usize = 1 << 24;

/// Bytes of an ordinary statement, such as `>abcdef [0 0 0 0 165 0 165 165]`.
const USUAL_LINE: usize = 36;

/// The text of an octree: one line for each leaf, or for eight of them, depth first.
///
/// Empty leaves are left out, so an empty octree is an empty text. The octree's depth is not written: read again, it
/// has that of its deepest branch.
///
/// # Errors
/// [`CsmError::TooManyStatements`] above [`MAX_STATEMENTS`]; it takes no memory to say so.
pub fn encode(octree: &Octree) -> Result<Vec<u8>, CsmError> {
    encode_to(octree, 0)
}

/// As [`encode`], and so that the octree's depth is read again: where no branch is that deep, the lowest corner is
/// written as branches of equal leaves.
///
/// # Errors
/// [`CsmError::TooManyStatements`].
pub fn encode_with_depth(octree: &Octree) -> Result<Vec<u8>, CsmError> {
    match octree.depth() {
        depth if octree.root().depth() < depth => encode_to(octree, depth),
        _ => encode(octree),
    }
}

/// A text whose lowest corner has at least `depth` levels.
fn encode_to(octree: &Octree, depth: u32) -> Result<Vec<u8>, CsmError> {
    let mut left = MAX_STATEMENTS - 8 * depth as usize;
    if !fits(octree.root(), &mut left) {
        return Err(CsmError::TooManyStatements);
    }
    let mut writer = Writer {
        text: Vec::with_capacity((MAX_STATEMENTS - left) * USUAL_LINE),
        path: Vec::new(),
    };
    writer.part(octree.root(), depth);
    Ok(writer.text)
}

/// Whether a part makes at most `left` statements, which it takes from them.
fn fits(node: &Node, left: &mut usize) -> bool {
    match node {
        Node::Leaf(0) => true,
        Node::Leaf(_) | Node::Octa(_) => match left.checked_sub(1) {
            Some(fewer) => {
                *left = fewer;
                true
            }
            None => false,
        },
        Node::Branch(children) => children.iter().all(|child| fits(child, left)),
    }
}

struct Writer {
    text: Vec<u8>,
    /// Letters that lead to the part being written.
    path: Vec<u8>,
}

impl Writer {
    /// A part whose lowest corner shall have at least `depth` levels. Calls itself once per level.
    fn part(&mut self, node: &Node, depth: u32) {
        match node {
            Node::Leaf(value) if depth == 1 => self.leaves([*value; 8]),
            Node::Leaf(_) | Node::Octa(_) if depth > 1 => self.branch(&node.children(), depth),
            Node::Leaf(0) => {}
            Node::Leaf(value) => {
                self.begin();
                self.value(*value);
                self.text.push(b'\n');
            }
            Node::Octa(leaves) => self.leaves(*leaves),
            Node::Branch(children) => self.branch(children, depth),
        }
    }

    fn branch(&mut self, children: &[Node; 8], depth: u32) {
        let mut depth = depth.saturating_sub(1);
        for (letter, child) in (b'a'..).zip(children) {
            self.path.push(letter);
            self.part(child, depth);
            self.path.pop();
            depth = 0;
        }
    }

    fn leaves(&mut self, leaves: [u8; 8]) {
        self.begin();
        let mut before = b'[';
        for leaf in leaves {
            self.text.push(before);
            self.value(leaf);
            before = b' ';
        }
        self.text.extend(b"]\n");
    }

    fn begin(&mut self) {
        self.text.push(b'>');
        self.text.extend(&self.path);
        self.text.push(b' ');
    }

    fn value(&mut self, value: u8) {
        if value >= 100 {
            self.text.push(b'0' + value / 100);
        }
        if value >= 10 {
            self.text.push(b'0' + value / 10 % 10);
        }
        self.text.push(b'0' + value % 10);
    }
}
