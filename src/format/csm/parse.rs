//! [`parse`]: from text to the octree that Crossworld reads from it.

use crate::voxel::{Node, Octree};

use super::epoch::Epoch;
use super::error::{CsmError, Place};
use super::mirror::{Exchange, Mirrors, axis_bit};
use super::{Cube, MAX_NESTING};

/// Most bytes of a number or path that an error repeats.
const SHOWN: usize = 40;

/// What Crossworld reads from a text.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The model: the last epoch that has a statement, as far as it could be read.
    pub octree: Octree,
    /// Why reading stopped before the end, or [`CsmError::Depth`] for a statement left out of the model.
    pub stopped: Option<CsmError>,
}

/// Reads a text as Crossworld does: up to the first thing it cannot read, and without complaint.
///
/// The octree's depth is that of the deepest branch as written, also where eight equal octants became one leaf.
/// Two limits are not Crossworld's: reading also stops at [`MAX_NESTING`] levels, and a statement deeper than
/// [`MAX_DEPTH`](crate::voxel::MAX_DEPTH) is left out of the model.
#[must_use]
pub fn parse(text: &str) -> Parsed {
    let mut reader = Reader {
        rest: text.as_bytes(),
        epoch: Epoch::default(),
        previous: Epoch::default(),
        mirrors: Mirrors::default(),
    };
    let stopped = reader.epochs().err();
    reader.end_epoch();
    let built = reader.previous.build();
    let too_deep = built.too_deep.map(|(path, depth)| CsmError::Depth {
        place: Place::of(text.as_bytes(), offset(text, path)),
        depth,
    });
    let stopped = stopped.map(|stop| stop.error(text)).or(too_deep);
    #[expect(clippy::expect_used, reason = "the epoch leaves out what is too deep")]
    let octree = Octree::from_root(built.depth, built.root).expect("the root fits its depth");
    Parsed { octree, stopped }
}

/// Where a part of a text begins in it.
fn offset(text: &str, part: &[u8]) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

/// Why and where reading stops.
struct Stop<'a> {
    /// The text from there on.
    rest: &'a [u8],
    why: Why,
}

enum Why {
    Expected(&'static str),
    Material,
    Reference,
    Nesting,
}

impl Stop<'_> {
    fn error(&self, text: &str) -> CsmError {
        let at = text.len() - self.rest.len();
        let place = Place::of(text.as_bytes(), at);
        let word = |rest: &[u8], part: fn(&u8) -> bool| {
            let word = rest.iter().copied().take_while(part);
            word.take(SHOWN).map(char::from).collect()
        };
        match self.why {
            Why::Expected(expected) => CsmError::Unexpected {
                place,
                expected,
                found: text.get(at..).and_then(|rest| rest.chars().next()),
            },
            Why::Material => CsmError::Material {
                place,
                digits: word(self.rest, u8::is_ascii_digit),
            },
            Why::Reference => CsmError::Reference {
                place,
                path: word(self.rest.get(1..).unwrap_or_default(), is_octant),
            },
            Why::Nesting => CsmError::Nesting { place },
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    epoch: Epoch<'a>,
    /// The last epoch before this that had statements, closed.
    previous: Epoch<'a>,
    mirrors: Mirrors,
}

impl<'a> Reader<'a> {
    fn epochs(&mut self) -> Result<(), Stop<'a>> {
        loop {
            self.rest = skip_space(self.rest);
            match self.rest {
                [b'>', rest @ ..] => {
                    self.rest = rest;
                    self.statement()?;
                }
                [b'|', rest @ ..] => {
                    self.rest = rest;
                    self.end_epoch();
                }
                [] => return Ok(()),
                _ => return Err(self.stop(Why::Expected("'>', '|' or the end"))),
            }
        }
    }

    /// An epoch without statements changes nothing.
    fn end_epoch(&mut self) {
        if !self.epoch.is_empty() {
            self.epoch.close();
            self.previous = std::mem::take(&mut self.epoch);
        }
    }

    fn statement(&mut self) -> Result<(), Stop<'a>> {
        let start = self.rest;
        let path = self.path();
        if path.len() > MAX_NESTING as usize {
            return Err(Stop {
                rest: start,
                why: Why::Nesting,
            });
        }
        self.rest = skip_space(self.rest);
        let cube = self.cube(0)?;
        self.epoch.assign(path, cube);
        Ok(())
    }

    fn path(&mut self) -> &'a [u8] {
        let length = self.rest.iter().take_while(|byte| is_octant(byte)).count();
        let (path, rest) = self.rest.split_at(length);
        self.rest = rest;
        path
    }

    /// A cube inside `level` arrays.
    fn cube(&mut self, level: u32) -> Result<Cube, Stop<'a>> {
        let by = self.exchanges();
        let cube = match self.rest {
            [b'0'..=b'9', ..] => self.value()?,
            [b'[', ..] => self.array(level)?,
            [b'<', ..] => self.reference()?,
            _ => return Err(self.stop(Why::Expected("a value, '[', '<', '/' or '^'"))),
        };
        Ok(Cube {
            node: self.mirrors.exchange(cube.node, by),
            depth: cube.depth,
        })
    }

    /// The mirrors and swaps before a cube.
    fn exchanges(&mut self) -> Exchange {
        let mut by = Exchange::default();
        while let [operator @ (b'/' | b'^'), rest @ ..] = self.rest {
            self.rest = rest;
            let mask = match operator {
                b'/' => &mut by.mirror,
                _ => &mut by.swap,
            };
            while let [letter, rest @ ..] = self.rest
                && let Some(bit) = axis_bit(*letter)
            {
                *mask ^= bit;
                self.rest = rest;
            }
            self.rest = skip_space(self.rest);
        }
        by
    }

    fn value(&mut self) -> Result<Cube, Stop<'a>> {
        let (value, rest) = value(self.rest).ok_or_else(|| self.stop(Why::Material))?;
        self.rest = rest;
        Ok(Cube {
            node: Node::Leaf(value),
            depth: 0,
        })
    }

    /// An array inside `level` others. Calls itself through [`Self::cube`], at most [`MAX_NESTING`] times.
    fn array(&mut self, level: u32) -> Result<Cube, Stop<'a>> {
        let too_deep = self.stop(Why::Nesting);
        if level == MAX_NESTING {
            return Err(too_deep);
        }
        self.rest = self.rest.get(1..).unwrap_or_default();
        if let Some((leaves, rest)) = leaves(self.rest) {
            self.rest = rest;
            return Ok(Cube {
                node: Node::octa(leaves),
                depth: 1,
            });
        }
        let mut children = [Node::EMPTY; 8];
        let mut depth = 1;
        for child in &mut children {
            self.rest = skip_space(self.rest);
            let cube = self.cube(level + 1)?;
            depth = depth.max(cube.depth + 1);
            *child = cube.node;
        }
        self.rest = skip_space(self.rest);
        let [b']', rest @ ..] = self.rest else {
            return Err(self.stop(Why::Expected("']' behind eight cubes")));
        };
        self.rest = rest;
        // References make an array deeper than its brackets.
        if depth > MAX_NESTING {
            return Err(too_deep);
        }
        let node = Node::new(children);
        Ok(Cube { node, depth })
    }

    fn reference(&mut self) -> Result<Cube, Stop<'a>> {
        let unknown = self.stop(Why::Reference);
        self.rest = self.rest.get(1..).unwrap_or_default();
        let path = self.path();
        self.previous.get(path).cloned().ok_or(unknown)
    }

    fn stop(&self, why: Why) -> Stop<'a> {
        Stop {
            rest: self.rest,
            why,
        }
    }
}

fn is_octant(byte: &u8) -> bool {
    matches!(byte, b'a'..=b'h')
}

/// The eight values that end an array, and the text behind it; nothing if it holds anything else.
///
/// Most of a text is such arrays.
fn leaves(mut text: &[u8]) -> Option<([u8; 8], &[u8])> {
    let mut leaves = [0; 8];
    for leaf in &mut leaves {
        (*leaf, text) = value(skip_space(text))?;
    }
    match skip_space(text) {
        [b']', rest @ ..] => Some((leaves, rest)),
        _ => None,
    }
}

/// The number from 0 to 255 that a text begins with, and the text behind it.
fn value(text: &[u8]) -> Option<(u8, &[u8])> {
    let mut rest = text;
    let mut number = 0;
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        // However many digits there are, what is too large stays so.
        number = (number * 10 + u32::from(digit - b'0')).min(1000);
        rest = behind;
    }
    let value = u8::try_from(number).ok()?;
    (rest.len() < text.len()).then_some((value, rest))
}

/// The text behind white space and comments.
fn skip_space(mut text: &[u8]) -> &[u8] {
    loop {
        match text {
            [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] => text = rest,
            [b'#', rest @ ..] => {
                let length = rest.iter().take_while(|&&byte| byte != b'\n').count();
                text = rest.get(length..).unwrap_or_default();
            }
            _ => return text,
        }
    }
}
