//! Lists of numbers in the file, every range checked before a byte is read.

use gltf::accessor::{DataType, Dimensions};
use gltf::{Accessor, buffer};

use super::GlbError;

/// The bytes of a buffer view, `None` where they are not in the file.
pub(super) fn view<'a>(
    view: &buffer::View<'_>,
    bin: &'a [u8],
) -> Result<Option<&'a [u8]>, GlbError> {
    let buffer = view.buffer();
    if buffer.index() != 0 || matches!(buffer.source(), buffer::Source::Uri(_)) {
        return Err(GlbError::External {
            what: "buffer",
            index: buffer.index(),
        });
    }
    let end = view.offset().checked_add(view.length());
    Ok(end
        .filter(|&end| end <= buffer.length())
        .and_then(|end| bin.get(view.offset()..end)))
}

/// All elements of a list, each as far as `N` numbers; missing numbers are `rest`.
pub(super) fn floats<const N: usize>(
    accessor: &Accessor<'_>,
    bin: &[u8],
    allowed: &[Dimensions],
    rest: f32,
) -> Result<Vec<[f32; N]>, GlbError> {
    if !allowed.contains(&accessor.dimensions()) {
        return Err(bad(accessor, "has another shape than its use needs"));
    }
    let kind = accessor.data_type();
    let scale = match (accessor.normalized(), kind) {
        (false, _) | (true, DataType::F32 | DataType::U32) => None,
        (true, DataType::U8) => Some(255.0),
        (true, DataType::I8) => Some(127.0),
        (true, DataType::U16) => Some(65535.0),
        (true, DataType::I16) => Some(32767.0),
    };
    let read = |element: &[u8]| {
        let mut values = [rest; N];
        for (value, bytes) in values.iter_mut().zip(element.chunks_exact(kind.size())) {
            let read = number(bytes, kind);
            // The lowest number of a signed type stands for -1 too.
            *value = match scale {
                Some(scale) => (read / scale).max(-1.0),
                None => read,
            };
        }
        values
    };
    Ok(elements(accessor, bin)?.map(read).collect())
}

/// All elements of a list of indices.
pub(super) fn indices(accessor: &Accessor<'_>, bin: &[u8]) -> Result<Vec<u32>, GlbError> {
    let kind = accessor.data_type();
    if accessor.dimensions() != Dimensions::Scalar
        || !matches!(kind, DataType::U8 | DataType::U16 | DataType::U32)
    {
        return Err(bad(accessor, "holds no indices"));
    }
    let read = |element: &[u8]| {
        let mut bytes = [0; 4];
        for (byte, &given) in bytes.iter_mut().zip(element) {
            *byte = given;
        }
        u32::from_le_bytes(bytes)
    };
    Ok(elements(accessor, bin)?.map(read).collect())
}

/// The bytes of each element.
fn elements<'a>(
    accessor: &Accessor<'_>,
    bin: &'a [u8],
) -> Result<impl Iterator<Item = &'a [u8]>, GlbError> {
    if accessor.sparse().is_some() {
        return Err(bad(accessor, "is sparse, which this reader does not know"));
    }
    let Some(place) = accessor.view() else {
        return Err(bad(accessor, "has no data"));
    };
    let beyond = || bad(accessor, "reaches beyond the end of its data");
    let bytes = view(&place, bin)?.ok_or_else(beyond)?;
    let bytes = bytes.get(accessor.offset()..).ok_or_else(beyond)?;
    let (size, count) = (accessor.size(), accessor.count());
    let stride = place.stride().unwrap_or(size);
    if count == 0 || stride < size {
        return Err(bad(accessor, "has no elements or overlapping ones"));
    }
    // The last element need not fill its stride.
    let end = (count - 1)
        .checked_mul(stride)
        .and_then(|start| start.checked_add(size));
    if end.is_none_or(|end| end > bytes.len()) {
        return Err(beyond());
    }
    Ok(bytes
        .chunks(stride)
        .take(count)
        .filter_map(move |element| element.get(..size)))
}

fn number(bytes: &[u8], kind: DataType) -> f32 {
    match (kind, bytes) {
        (DataType::I8, &[a]) => f32::from(i8::from_le_bytes([a])),
        (DataType::U8, &[a]) => f32::from(a),
        (DataType::I16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])),
        (DataType::U16, &[a, b]) => f32::from(u16::from_le_bytes([a, b])),
        (DataType::U32, &[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]) as f32,
        (DataType::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        _ => 0.0,
    }
}

fn bad(accessor: &Accessor<'_>, problem: &'static str) -> GlbError {
    GlbError::Accessor {
        accessor: accessor.index(),
        problem,
    }
}
