//! Morton order (Z-order): the order in which an octree visits its cells.
//!
//! A code interleaves the bits of a coordinate, x lowest, then y, then z. That is Crossworld's octant order
//! (index = x + 2y + 4z) on every level, so a list sorted by code is a depth-first walk of the octree, and every
//! aligned cube of edge 2^k is one contiguous run of it.

/// Morton code of a cell. Each axis holds 10 bits (cells below 1024); higher bits are dropped.
#[must_use]
pub const fn encode(cell: [u16; 3]) -> u32 {
    let [x, y, z] = cell;
    spread(x) | (spread(y) << 1) | (spread(z) << 2)
}

/// The cell of a Morton code, the inverse of [`encode`] for cells below 1024.
#[must_use]
pub const fn decode(code: u32) -> [u16; 3] {
    [compact(code), compact(code >> 1), compact(code >> 2)]
}

/// [`encode`] for cells of up to 21 bits an axis, as deep octrees have.
#[must_use]
pub const fn encode_deep(cell: [u32; 3]) -> u64 {
    let [x, y, z] = cell;
    spread_deep(x) | (spread_deep(y) << 1) | (spread_deep(z) << 2)
}

/// The inverse of [`encode_deep`].
#[must_use]
pub const fn decode_deep(code: u64) -> [u32; 3] {
    [
        compact_deep(code),
        compact_deep(code >> 1),
        compact_deep(code >> 2),
    ]
}

/// Moves bit i of the low 10 bits to bit 3i.
const fn spread(value: u16) -> u32 {
    let mut v = value as u32 & 0x3ff;
    v = (v | (v << 16)) & 0x0300_00ff;
    v = (v | (v << 8)) & 0x0300_f00f;
    v = (v | (v << 4)) & 0x030c_30c3;
    (v | (v << 2)) & 0x0924_9249
}

/// Moves bit 3i to bit i, the inverse of [`spread`].
const fn compact(code: u32) -> u16 {
    let mut v = code & 0x0924_9249;
    v = (v | (v >> 2)) & 0x030c_30c3;
    v = (v | (v >> 4)) & 0x0300_f00f;
    v = (v | (v >> 8)) & 0x0300_00ff;
    ((v | (v >> 16)) & 0x3ff) as u16
}

/// Moves bit i of the low 21 bits to bit 3i.
const fn spread_deep(value: u32) -> u64 {
    let mut v = value as u64 & 0x1f_ffff;
    v = (v | (v << 32)) & 0x001f_0000_0000_ffff;
    v = (v | (v << 16)) & 0x001f_0000_ff00_00ff;
    v = (v | (v << 8)) & 0x100f_00f0_0f00_f00f;
    v = (v | (v << 4)) & 0x10c3_0c30_c30c_30c3;
    (v | (v << 2)) & 0x1249_2492_4924_9249
}

/// Moves bit 3i to bit i, the inverse of [`spread_deep`].
const fn compact_deep(code: u64) -> u32 {
    let mut v = code & 0x1249_2492_4924_9249;
    v = (v | (v >> 2)) & 0x10c3_0c30_c30c_30c3;
    v = (v | (v >> 4)) & 0x100f_00f0_0f00_f00f;
    v = (v | (v >> 8)) & 0x001f_0000_ff00_00ff;
    v = (v | (v >> 16)) & 0x001f_0000_0000_ffff;
    ((v | (v >> 32)) & 0x1f_ffff) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_eight_codes_are_crossworlds_octants() {
        for index in 0..8u16 {
            let octant = [index & 1, (index >> 1) & 1, (index >> 2) & 1];
            assert_eq!(encode(octant), u32::from(index));
        }
    }

    #[test]
    fn the_last_cell_of_the_largest_grid_has_the_last_code() {
        assert_eq!(encode([1023; 3]), (1 << 30) - 1);
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(x in 0u16..1024, y in 0u16..1024, z in 0u16..1024) {
            prop_assert_eq!(decode(encode([x, y, z])), [x, y, z]);
        }

        #[test]
        fn encoding_undoes_decoding(code in 0u32..1 << 30) {
            prop_assert_eq!(encode(decode(code)), code);
        }

        #[test]
        fn deep_codes_go_on_where_short_ones_end(x in 0u32..1 << 21, y in 0u32..1 << 21, z in 0u32..1 << 21) {
            let cell = [x, y, z];
            prop_assert_eq!(decode_deep(encode_deep(cell)), cell);
            let low = cell.map(|c| c & 0x3ff);
            let short = encode(low.map(|c| u16::try_from(c).unwrap()));
            prop_assert_eq!(encode_deep(low), u64::from(short));
            prop_assert_eq!(encode_deep(cell) & 0x3fff_ffff, u64::from(short));
        }

        #[test]
        fn an_aligned_cube_is_one_run(x in 0u16..32, y in 0u16..32, z in 0u16..32, inside in 0u16..1 << 15) {
            let [a, b, c] = decode(u32::from(inside));
            let code = encode([x * 32 + a, y * 32 + b, z * 32 + c]);
            prop_assert_eq!(code >> 15, encode([x, y, z]));
        }
    }
}
