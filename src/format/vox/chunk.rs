//! Chunks: the parts of a `.vox` file, and the numbers, texts and dictionaries in them.
//!
//! Nothing here takes memory: everything is a view of the file's bytes. A dictionary lists texts under keys, as the
//! format's extension defines it.

use super::VoxError;

/// Bytes of a chunk's header: name, bytes of its content, bytes of the chunks inside it.
const HEADER: usize = 12;

/// A chunk inside MAIN.
#[derive(Clone, Copy)]
pub(super) struct Chunk<'a> {
    pub(super) name: &'a str,
    /// Where it begins in the file.
    offset: usize,
    pub(super) content: &'a [u8],
}

/// The chunks inside MAIN, in order. Those that have chunks inside themselves are passed over: no known one has.
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    next: usize,
    end: usize,
}

impl<'a> Chunks<'a> {
    /// Checks the start of a file. What follows MAIN is not looked at.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, VoxError> {
        const START: usize = 8;
        if bytes.get(..4) != Some(b"VOX ") {
            return Err(VoxError::NotVox);
        }
        let mut file = Chunks {
            bytes,
            next: START,
            end: bytes.len(),
        };
        let (main, inside) = file.step()?;
        if main.name != "MAIN" {
            return Err(VoxError::NotVox);
        }
        Ok(Self {
            bytes,
            next: inside,
            end: file.next,
        })
    }

    /// Passes over the next chunk, whose bytes must all be there, and tells where the chunks inside it begin.
    fn step(&mut self) -> Result<(Chunk<'a>, usize), VoxError> {
        let offset = self.next;
        let rest = self.bytes.get(offset..self.end).unwrap_or_default();
        let cut = |expected| VoxError::Cut {
            offset,
            expected,
            got: rest.len(),
        };
        let mut header = Content::of(rest);
        let (Some(name), Some(content), Some(inside)) =
            (header.bytes(4), header.number(), header.number())
        else {
            return Err(cut(HEADER as u64));
        };
        let expected = HEADER as u64 + u64::from(content) + u64::from(inside);
        let content = header
            .bytes(content as usize)
            .filter(|_| expected <= rest.len() as u64)
            .ok_or_else(|| cut(expected))?;
        let name = str::from_utf8(name).map_err(|_| VoxError::Damaged {
            chunk: name.escape_ascii().to_string(),
            offset,
            problem: "its name is no text",
        })?;
        let end = offset + HEADER + content.len();
        self.next = end + inside as usize;
        Ok((
            Chunk {
                name,
                offset,
                content,
            },
            end,
        ))
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, VoxError>;

    /// Ends after the first error.
    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.end {
            match self.step() {
                Ok((chunk, inside)) if inside == self.next => return Some(Ok(chunk)),
                Ok(_) => {}
                Err(error) => {
                    self.next = self.end;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl<'a> Chunk<'a> {
    /// That this chunk's content is wrong.
    pub(super) fn damaged(&self, problem: &'static str) -> VoxError {
        VoxError::Damaged {
            chunk: self.name.escape_debug().to_string(),
            offset: self.offset,
            problem,
        }
    }

    /// Reads the content; `None` from `read` means that it ends early.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut Content<'a>) -> Option<T>,
    ) -> Result<T, VoxError> {
        read(&mut Content::of(self.content)).ok_or_else(|| self.damaged("its content ends early"))
    }
}

/// The bytes of a chunk's content that are still to be read. Every method gives `None` where they end early.
pub(super) struct Content<'a>(&'a [u8]);

impl<'a> Content<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*bytes))
    }

    /// A group of four bytes, as a list of one.
    pub(super) fn four(&mut self) -> Option<&'a [[u8; 4]]> {
        Some(self.bytes(4)?.as_chunks().0)
    }

    /// A number and so many groups of four bytes.
    pub(super) fn fours(&mut self) -> Option<&'a [[u8; 4]]> {
        let count = self.number()? as usize;
        Some(self.bytes(count.checked_mul(4)?)?.as_chunks().0)
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.bytes(length as usize)
    }

    pub(super) fn dictionary(&mut self) -> Option<Dictionary<'a>> {
        let pairs = self.number()?;
        let start = self.0;
        for _ in 0..pairs {
            self.text()?;
            self.text()?;
        }
        let length = start.len() - self.0.len();
        Some(Dictionary(start.get(..length)?))
    }
}

/// Texts under keys: pairs whose bytes were checked to be there.
#[derive(Clone, Copy)]
pub(super) struct Dictionary<'a>(&'a [u8]);

impl<'a> Dictionary<'a> {
    /// The text under a key; the last where a key comes twice, and none where it is not UTF-8.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let mut pairs = Content::of(self.0);
        let pairs = std::iter::from_fn(|| Some((pairs.text()?, pairs.text()?)));
        let (_, text) = pairs.filter(|(name, _)| *name == key.as_bytes()).last()?;
        str::from_utf8(text).ok()
    }

    /// Whether a node or layer with these attributes is hidden.
    pub(super) fn hides(&self) -> bool {
        self.get("_hidden") == Some("1")
    }
}
