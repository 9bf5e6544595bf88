//! The container of a `.glb` file: a header, a chunk of JSON and a chunk of binary data (specification, section 4).

use super::GlbError;

const MAGIC: [u8; 4] = *b"glTF";
const VERSION: u32 = 2;
const JSON: u32 = u32::from_le_bytes(*b"JSON");
const BIN: u32 = u32::from_le_bytes(*b"BIN\0");
const HEADER_BYTES: u64 = 12;
const CHUNK_HEADER_BYTES: u64 = 8;

/// The chunks of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container<'a> {
    pub(super) json: &'a [u8],
    /// Empty where there is none.
    pub(super) bin: &'a [u8],
}

/// The chunks of a file; what follows the first two is ignored.
pub(super) fn split(bytes: &[u8]) -> Result<Container<'_>, GlbError> {
    let Some((&MAGIC, rest)) = bytes.split_first_chunk() else {
        return Err(GlbError::NotGlb);
    };
    let short = |got: usize| GlbError::Length {
        part: "header",
        expected: HEADER_BYTES,
        got: got as u64,
    };
    let (version, rest) = number(rest).ok_or_else(|| short(bytes.len()))?;
    if version != VERSION {
        return Err(GlbError::Version { got: version });
    }
    let (length, _) = number(rest).ok_or_else(|| short(bytes.len()))?;
    let file = usize::try_from(length)
        .ok()
        .and_then(|length| bytes.get(..length))
        .ok_or(GlbError::Length {
            part: "file",
            expected: length.into(),
            got: bytes.len() as u64,
        })?;
    let chunks = file.get(12..).ok_or_else(|| short(file.len()))?;
    let (kind, json, rest) = chunk(chunks, "chunk of JSON")?;
    if kind != JSON {
        return Err(GlbError::NoJson { got: kind });
    }
    let bin = if rest.is_empty() {
        &[]
    } else {
        match chunk(rest, "chunk of binary data")? {
            (BIN, bin, _) => bin,
            // Chunks of other kinds are to be ignored.
            _ => &[],
        }
    };
    Ok(Container { json, bin })
}

/// A file of two chunks; JSON is filled up with spaces, binary data with zeros.
pub(super) fn join(mut json: Vec<u8>, mut bin: Vec<u8>) -> Result<Vec<u8>, GlbError> {
    json.resize(json.len().next_multiple_of(4), b' ');
    bin.resize(bin.len().next_multiple_of(4), 0);
    let total = HEADER_BYTES + 2 * CHUNK_HEADER_BYTES + json.len() as u64 + bin.len() as u64;
    let (Ok(all), Ok(json_length), Ok(bin_length)) = (
        u32::try_from(total),
        u32::try_from(json.len()),
        u32::try_from(bin.len()),
    ) else {
        return Err(GlbError::TooLarge { got: total });
    };
    let mut file = Vec::with_capacity(json.len() + bin.len() + 28);
    file.extend(MAGIC);
    for number in [VERSION, all, json_length, JSON] {
        file.extend(number.to_le_bytes());
    }
    file.extend(json);
    for number in [bin_length, BIN] {
        file.extend(number.to_le_bytes());
    }
    file.extend(bin);
    Ok(file)
}

/// Type and content of a chunk, and what follows it.
fn chunk<'a>(bytes: &'a [u8], part: &'static str) -> Result<(u32, &'a [u8], &'a [u8]), GlbError> {
    let short = |expected| GlbError::Length {
        part,
        expected,
        got: bytes.len() as u64,
    };
    let (length, rest) = number(bytes).ok_or_else(|| short(CHUNK_HEADER_BYTES))?;
    let (kind, rest) = number(rest).ok_or_else(|| short(CHUNK_HEADER_BYTES))?;
    let (content, rest) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or_else(|| short(CHUNK_HEADER_BYTES + u64::from(length)))?;
    Ok((kind, content, rest))
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}
