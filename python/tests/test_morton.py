"""Morton codes: the documented octant order, and the same codes as on the Rust side."""

import numpy as np

from crossworld_trellis import morton


def cells(*listed: tuple[int, int, int]) -> np.ndarray:
    return np.array(listed, np.uint16)


def test_the_first_eight_codes_are_the_octants_x_plus_2y_plus_4z() -> None:
    octants = cells(*((x, y, z) for z in (0, 1) for y in (0, 1) for x in (0, 1)))
    assert morton.encode(octants).tolist() == list(range(8))


def test_octants_nest_on_every_level() -> None:
    rng = np.random.default_rng(1)
    some = rng.integers(0, 1024, (500, 3)).astype(np.uint16)
    expected = np.zeros(len(some), np.uint32)
    for level in range(10):
        x, y, z = ((some >> level) & 1).astype(np.uint32).T
        expected |= (x + 2 * y + 4 * z) << (3 * level)
    assert np.array_equal(morton.encode(some), expected)


def test_the_last_cell_of_the_largest_grid_has_the_last_code() -> None:
    assert morton.encode(cells((1023, 1023, 1023))).tolist() == [(1 << 30) - 1]


def test_decoding_undoes_encoding_and_encoding_undoes_decoding() -> None:
    codes = np.random.default_rng(2).integers(0, 1 << 30, 5000).astype(np.uint32)
    some = morton.decode(codes)
    assert some.dtype == np.uint16 and int(some.max()) < 1024
    assert np.array_equal(morton.encode(some), codes)
    assert np.array_equal(morton.decode(morton.encode(some)), some)


def test_no_cells_have_no_codes() -> None:
    assert morton.encode(np.zeros((0, 3), np.uint16)).shape == (0,)
    assert morton.decode(np.zeros(0, np.uint32)).shape == (0, 3)
