"""Files made to do harm: whatever bytes come, there is a picture within our bounds or a refusal.

Random, but the same at every run: the seed is part of a test's name.
"""

import contextlib
import gc
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crossworld_trellis.image import (
    MAX_PIXELS,
    MAX_SIDE,
    SIDE,
    PictureError,
    open_picture,
    preprocess,
)

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "PPM", "TIFF")

MAGIC = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"RIFF\x40\0\0\0WEBPVP8 ",
    b"GIF89a",
    b"BM",
    b"P6\n",
    b"II*\0",
    b"MM\0*",
    b"\0\0\0\x20ftypavif",
)


@pytest.fixture(autouse=True)
def _silence() -> Any:  # pyright: ignore[reportUnusedFunction]
    # Pillow warns about much that is odd in a file and reads on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def file_of(kind: str, seed: int = 0) -> bytes:
    """A small valid file with all the extras that its format takes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (13, 17, 4), np.uint8)
    picture = Image.fromarray(pixels)
    if kind in ("JPEG", "PPM"):
        picture = picture.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    extras: dict[str, Any] = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP", "TIFF") else {}
    picture.save(file, kind, **extras)
    return file.getvalue()


def opens_or_is_refused(data: bytes) -> bool:
    """Whether a picture came; fails when neither that nor a `PictureError` did."""
    try:
        picture = open_picture(data)
    except PictureError as error:
        assert len(str(error).splitlines()) == 1
        return False
    assert picture.mode in ("RGB", "RGBA")
    assert max(picture.size) <= MAX_SIDE and picture.width * picture.height <= MAX_PIXELS
    with contextlib.suppress(PictureError):  # no object in it
        assert preprocess(picture).size == (SIDE, SIDE)
    return True


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_cut_anywhere_is_refused_or_still_a_picture(kind: str) -> None:
    data = file_of(kind)
    assert opens_or_is_refused(data)
    opened = [end for end in range(len(data)) if opens_or_is_refused(data[:end])]
    # What can be spared lies at the very end.
    assert all(end > len(data) // 2 for end in opened)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_with_random_damage_is_refused_or_still_a_picture(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    data = file_of(kind, seed)
    for _ in range(40):
        damaged = bytearray(data)
        for _ in range(int(random.integers(1, 9))):
            # Headers are where sizes and offsets are.
            end = len(damaged) if random.random() < 0.4 else 64
            at = int(random.integers(end))
            damaged[at] = int(random.choice([0, 1, 127, 128, 255, int(random.integers(256))]))
        opens_or_is_refused(bytes(damaged))


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_after_any_magic_number_are_refused(seed: int) -> None:
    random = np.random.default_rng(seed)
    for magic in (b"", *MAGIC):
        for length in (0, 1, 30, 300):
            opens_or_is_refused(magic + random.bytes(length))


def test_two_files_in_one_and_a_file_with_a_tail_open_as_the_first() -> None:
    png, jpeg = file_of("PNG"), file_of("JPEG")
    expected = np.asarray(open_picture(png))
    for tail in (jpeg, b"\0" * 1000, png):
        assert np.array_equal(np.asarray(open_picture(png + tail)), expected)


@pytest.mark.parametrize("seed", range(20))
def test_random_arrays_are_refused_or_pictures(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = [int(size) for size in random.integers(0, 6, random.integers(0, 5))]
    dtype = random.choice(["uint8", "uint8", "float32", "bool", "int64", "U3", "O"])
    array: Any = np.zeros(shape, str(dtype))
    try:
        picture = open_picture(array)
    except PictureError:
        return
    assert array.dtype == np.uint8
    assert (picture.height, picture.width) == array.shape[:2]


@pytest.mark.parametrize("seed", range(20))
def test_random_masks_give_a_square_or_are_refused(seed: int) -> None:
    random = np.random.default_rng(seed)
    width, height = (int(size) for size in random.integers(1, 90, 2))
    pixels = random.integers(0, 256, (height, width, 4), np.uint8)
    # From a single pixel to nearly all of them.
    pixels[random.random((height, width)) > random.random() ** 4, 3] = 0
    pixels[0, 0, 3] = 0
    object_at = np.argwhere(pixels[:, :, 3] > 204)
    reach = int(np.ptp(object_at, axis=0).max()) if len(object_at) else 0
    try:
        assert preprocess(pixels).size == (SIDE, SIDE)
        refused = False
    except PictureError:
        refused = True
    assert refused == (reach < 2)


def test_files_are_closed_after_reading_and_after_refusing(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    for data in (file_of("PNG"), file_of("PNG")[:90], b"no picture"):
        path.write_bytes(data)
        with warnings.catch_warnings(record=True) as left_open:
            warnings.simplefilter("always", ResourceWarning)
            with contextlib.suppress(PictureError):
                open_picture(path)
            gc.collect()
        assert not left_open
