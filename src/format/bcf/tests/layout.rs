//! A writer of files that the engine reads but never writes: pointers of any size, parents before or behind their
//! octants, gaps, long leaves for small values, reserved bits, leaves of their own where eight could be one node.

use super::*;

/// A file of a tree; the bytes of `choices` say, over and over, how each node is written.
pub fn lay_out(node: &Node, choices: &[u8]) -> Vec<u8> {
    let mut writer = Writer {
        bytes: file(&[]),
        choices: choices.iter().copied().cycle(),
    };
    let root = u32::try_from(writer.node(node)).unwrap();
    writer.bytes[8..12].copy_from_slice(&root.to_le_bytes());
    writer.bytes
}

struct Writer<I> {
    bytes: Vec<u8>,
    choices: I,
}

impl<I: Iterator<Item = u8>> Writer<I> {
    fn choose(&mut self) -> u8 {
        self.choices.next().unwrap()
    }

    /// Writes a node and what is below it, and tells its place.
    fn node(&mut self, node: &Node) -> usize {
        let choice = self.choose();
        let (low, is_plain) = (choice & 15, choice < 128);
        let gap = self.choose() & 3;
        self.bytes.extend((0..gap).map(|_| 0xff));
        let place = self.bytes.len();
        match node {
            Node::Leaf(value @ ..=0x7f) if is_plain => self.bytes.push(*value),
            Node::Leaf(value) => self.bytes.extend([0x80 | low, *value]),
            Node::Octa(leaves) if is_plain => {
                self.bytes.push(0x90 | low);
                self.bytes.extend(leaves);
            }
            other if low & 1 == 0 => return self.behind(other),
            other => self.before(other),
        }
        place
    }

    /// Writes the octants, then their parent with the smallest pointers that reach them, or larger ones.
    fn behind(&mut self, node: &Node) -> usize {
        let octants = node.children().map(|child| self.node(&child));
        let least = match octants.iter().max() {
            Some(..=0xff) => 0,
            Some(..=0xffff) => 1,
            _ => 2,
        };
        let power = (self.choose() & 3).max(least);
        let place = self.bytes.len();
        self.branch(power, octants);
        place
    }

    /// Writes the parent, then the octants, then the parent once more with their places.
    fn before(&mut self, node: &Node) {
        let power = 2 | self.choose() & 1;
        let place = self.bytes.len();
        self.branch(power, [0; 8]);
        let octants = node.children().map(|child| self.node(&child));
        let behind = self.bytes.split_off(place);
        self.branch(power, octants);
        self.bytes.extend(&behind[1 + (8 << power)..]);
    }

    /// A branch of pointers of 2^power bytes.
    fn branch(&mut self, power: u8, octants: [usize; 8]) {
        self.bytes.push(0xa0 | power);
        for octant in octants {
            let pointer = (octant as u64).to_le_bytes();
            self.bytes.extend(&pointer[..1 << power]);
        }
    }
}
