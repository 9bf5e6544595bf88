//! Giving back big trees on a thread of their own: to free a million voxels takes longer than a frame may, and whoever
//! lets go of the last snapshot of a world may be in the middle of one.

use std::sync::{Arc, LazyLock};

use crossbeam_channel::{Sender, unbounded};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

use super::{Node, Octree};

/// Branches that are freed at once by whoever drops them, which takes a tenth of a millisecond or two: those of most
/// models of 64^3.
const MOST_AT_ONCE: usize = 4096;

/// Of the thread: the least there is, since nobody waits for it. That of the game's threads is 50.
const PRIORITY: u8 = 0;

impl Drop for Octree {
    fn drop(&mut self) {
        if owns_many(&self.root) {
            // Where there is no thread the node comes back with the error, and is freed here.
            if let Some(release) = &*RELEASE {
                let _ = release.send(std::mem::replace(&mut self.root, Node::EMPTY));
            }
        }
    }
}

/// Whether freeing a node would take long.
fn owns_many(node: &Node) -> bool {
    let mut left = MOST_AT_ONCE;
    owns_more_than(&mut left, node)
}

/// Whether a node has more branches than are left that nobody else holds. Those that are shared stay, and are not
/// looked into.
fn owns_more_than(left: &mut usize, node: &Node) -> bool {
    let Node::Branch(children) = node else {
        return false;
    };
    if Arc::strong_count(children) > 1 {
        return false;
    }
    match left.checked_sub(1) {
        None => true,
        Some(rest) => {
            *left = rest;
            children.iter().any(|child| owns_more_than(left, child))
        }
    }
}

/// The way to the thread, which starts with the first big tree; `None` where the system gives none.
static RELEASE: LazyLock<Option<Sender<Node>>> = LazyLock::new(|| {
    let (sender, nodes) = unbounded::<Node>();
    let thread = std::thread::Builder::new().name("octree-release".into());
    let serve = move || {
        let _ = ThreadPriorityValue::try_from(PRIORITY)
            .map(ThreadPriority::Crossplatform)
            .map(set_current_thread_priority);
        nodes.into_iter().for_each(drop);
    };
    thread.spawn(serve).ok().map(|_| sender)
});

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of that many cells an axis, all different from their neighbours.
    fn noise(depth: u32) -> Octree {
        let edge = 1_u32 << depth;
        let value = |cell: [u32; 3]| u8::from(cell.iter().sum::<u32>() % 2 == 0) + 1;
        let cells = (0..edge.pow(3)).map(|i| [i % edge, i / edge % edge, i / edge / edge]);
        Octree::from_cells(depth, cells.map(|cell| (cell, value(cell)))).unwrap()
    }

    #[test]
    fn only_big_trees_that_nobody_else_holds_are_handed_over() {
        let is_handed_over = |octree: &Octree| owns_many(&octree.root);
        let (small, big) = (noise(4), noise(6));
        assert!(!is_handed_over(&small) && is_handed_over(&big));
        let snapshot = big.clone();
        assert!(!is_handed_over(&big));
        let mut edited = big.clone();
        edited.set([5, 5, 5], 9);
        assert!(!is_handed_over(&edited), "it has a path of its own alone");
        drop((snapshot, edited));
        assert!(is_handed_over(&big));
    }
}
