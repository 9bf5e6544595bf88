//! A slow, literal interpreter of Crossworld's text format, which shares nothing with the reader but its results.
//!
//! It follows the grammar letter by letter, never simplifies a cube, and mirrors once per letter.

use std::collections::HashMap;
use std::rc::Rc;

use crate::voxel::Node;

#[derive(Clone)]
pub(super) enum Cube {
    Solid(u8),
    Branch(Rc<[Cube; 8]>),
}

/// What a text means, and whether all of it could be read.
pub(super) fn read(text: &str) -> (Cube, bool) {
    let mut interpreter = Interpreter {
        text: text.chars().collect(),
        at: 0,
        epochs: vec![HashMap::new()],
    };
    let to_the_end = interpreter.model().is_some();
    let epochs = interpreter.epochs;
    let last = epochs.iter().rfind(|epoch| !epoch.is_empty());
    let cube = last.map_or(Cube::Solid(0), |epoch| assemble(epoch, ""));
    (cube, to_the_end)
}

fn assemble(epoch: &HashMap<String, Cube>, path: &str) -> Cube {
    if let Some(cube) = epoch.get(path) {
        return cube.clone();
    }
    if !epoch.keys().any(|key| key.starts_with(path)) {
        return Cube::Solid(0);
    }
    let child = |letter| assemble(epoch, &format!("{path}{letter}"));
    Cube::Branch(Rc::new(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(child)))
}

impl Cube {
    pub(super) fn depth(&self) -> u32 {
        match self {
            Self::Solid(_) => 0,
            Self::Branch(children) => 1 + children.iter().map(Self::depth).max().unwrap(),
        }
    }

    pub(super) fn simplified(&self) -> Node {
        match self {
            Self::Solid(value) => Node::Leaf(*value),
            Self::Branch(children) => Node::new(children.each_ref().map(Self::simplified)),
        }
    }

    fn exchanged(&self, axis: char, at_all_levels: bool) -> Self {
        let Self::Branch(children) = self else {
            return self.clone();
        };
        let order = match axis.to_ascii_lowercase() {
            'x' => [4, 5, 6, 7, 0, 1, 2, 3],
            'y' => [2, 3, 0, 1, 6, 7, 4, 5],
            _ => [1, 0, 3, 2, 5, 4, 7, 6],
        };
        Self::Branch(Rc::new(order.map(|from: usize| {
            if at_all_levels {
                children[from].exchanged(axis, true)
            } else {
                children[from].clone()
            }
        })))
    }
}

/// Each method reads one symbol of the grammar; `None` is where Crossworld gives up.
struct Interpreter {
    text: Vec<char>,
    at: usize,
    epochs: Vec<HashMap<String, Cube>>,
}

impl Interpreter {
    fn next(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, allowed: &str) -> Option<char> {
        let next = self.next().filter(|&next| allowed.contains(next))?;
        self.at += 1;
        Some(next)
    }

    fn take_all(&mut self, allowed: &str) -> String {
        std::iter::from_fn(|| self.take(allowed)).collect()
    }

    fn space(&mut self) {
        loop {
            if self.take("#").is_some() {
                while self.next().is_some_and(|next| next != '\n') {
                    self.at += 1;
                }
            } else if self.take(" \t\r\n").is_none() {
                return;
            }
        }
    }

    fn model(&mut self) -> Option<()> {
        loop {
            self.space();
            if self.next().is_none() {
                return Some(());
            }
            if self.take("|").is_some() {
                self.epochs.push(HashMap::new());
                continue;
            }
            self.take(">")?;
            let path = self.take_all("abcdefgh");
            self.space();
            let cube = self.cube()?;
            self.epochs.last_mut().unwrap().insert(path, cube);
        }
    }

    fn cube(&mut self) -> Option<Cube> {
        match self.next()? {
            '[' => {
                self.at += 1;
                let mut children = Vec::new();
                for _ in 0..8 {
                    self.space();
                    children.push(self.cube()?);
                }
                self.space();
                self.take("]")?;
                Some(Cube::Branch(Rc::new(children.try_into().ok()?)))
            }
            '<' => {
                self.at += 1;
                let path = self.take_all("abcdefgh");
                let earlier = self.epochs.iter().rev().skip(1);
                let previous = earlier.into_iter().find(|epoch| !epoch.is_empty())?;
                previous.get(&path).cloned()
            }
            operator @ ('/' | '^') => {
                self.at += 1;
                let axes = self.take_all("xyzXYZ");
                self.space();
                let cube = self.cube()?;
                let exchange = |cube: Cube, axis| cube.exchanged(axis, operator == '/');
                Some(axes.chars().fold(cube, exchange))
            }
            _ => {
                let digits = self.take_all("0123456789");
                digits.parse().ok().map(Cube::Solid)
            }
        }
    }
}
