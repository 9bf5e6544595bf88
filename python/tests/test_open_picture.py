"""What pictures are opened, what they are afterwards, which are refused and in which words."""

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crossworld_trellis.errors import TrellisError
from crossworld_trellis.image import MAX_PIXELS, MAX_SIDE, PictureError, open_picture

RED, GREEN, BLUE = (200, 30, 20), (20, 180, 40), (10, 50, 220)


def file_of(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def two_colors() -> Image.Image:
    """Three pixels wide and two high: red in the upper left corner, blue elsewhere."""
    picture = Image.new("RGB", (3, 2), BLUE)
    picture.putpixel((0, 0), RED)
    return picture


def pixels(picture: Image.Image) -> Any:
    return np.asarray(picture).tolist()


def test_path_bytes_image_and_array_give_the_same_picture(tmp_path: Path) -> None:
    expected = two_colors()
    path = tmp_path / "picture.png"
    path.write_bytes(file_of(expected))
    for source in (path, str(path), path.read_bytes(), expected, np.asarray(expected)):
        picture = open_picture(source)
        assert picture.mode == "RGB"
        assert pixels(picture) == pixels(expected)


def test_what_a_file_holds_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(file_of(two_colors(), "PNG"))
    assert pixels(open_picture(path)) == pixels(two_colors())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_common_formats_open(kind: str) -> None:
    picture = open_picture(file_of(Image.new("RGB", (40, 30), RED), kind))
    assert (picture.mode, picture.size) == ("RGB", (40, 30))
    assert np.abs(np.asarray(picture).astype(int) - RED).max() <= 8


def test_opening_leaves_the_callers_picture_and_array_alone() -> None:
    image = Image.new("L", (2, 2), 7)
    array = np.full((2, 2, 3), 7, np.uint8)
    open_picture(image).putpixel((0, 0), (1, 2, 3))
    open_picture(array).putpixel((0, 0), (1, 2, 3))
    assert image.mode == "L" and set(pixels(image)[0]) == {7}
    assert (array == 7).all()


def test_the_picture_outlives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(file_of(two_colors()))
    picture = open_picture(path)
    path.unlink()
    assert pixels(picture) == pixels(two_colors())


def test_a_picture_held_askew_comes_upright() -> None:
    for orientation, upright in (
        (1, two_colors()),
        (3, two_colors().transpose(Image.Transpose.ROTATE_180)),
        (6, two_colors().transpose(Image.Transpose.ROTATE_270)),
        (8, two_colors().transpose(Image.Transpose.ROTATE_90)),
    ):
        exif = Image.Exif()
        exif[0x0112] = orientation
        once = open_picture(file_of(two_colors(), exif=exif))
        assert pixels(once) == pixels(upright)
        # Opening again must not turn again.
        assert pixels(open_picture(once)) == pixels(upright)


def test_an_orientation_that_cannot_be_read_is_ignored() -> None:
    picture = open_picture(file_of(two_colors(), exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff"))
    assert pixels(picture) == pixels(two_colors())


def test_alpha_is_kept_in_whatever_way_a_picture_has_it() -> None:
    rgba = Image.new("RGBA", (2, 1), (*RED, 255))
    rgba.putpixel((1, 0), (*GREEN, 0))
    assert pixels(open_picture(file_of(rgba))) == pixels(rgba)

    grey = Image.new("LA", (2, 1), (90, 255))
    grey.putpixel((1, 0), (90, 64))
    assert pixels(open_picture(file_of(grey))) == [[[90, 90, 90, 255], [90, 90, 90, 64]]]

    keyed = two_colors()
    opened = open_picture(file_of(keyed, transparency=RED))
    assert opened.mode == "RGBA"
    assert opened.getpixel((0, 0)) == (*RED, 0)
    assert opened.getpixel((1, 0)) == (*BLUE, 255)


def test_a_palette_becomes_colours_and_its_transparent_entry_alpha() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, *GREEN])
    palette.putpixel((1, 0), 1)
    assert pixels(open_picture(file_of(palette))) == [[list(RED), list(GREEN)]]
    for transparency in (0, b"\x00\xff"):
        opened = open_picture(file_of(palette, transparency=transparency))
        assert pixels(opened) == [[[*RED, 0], [*GREEN, 255]]]


@pytest.mark.parametrize("mode", ["RGBa", "La", "PA", "LA", "RGBA"])
def test_every_mode_with_alpha_comes_as_rgba(mode: str) -> None:
    assert open_picture(Image.new(mode, (3, 2))).mode == "RGBA"


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_every_mode_without_alpha_comes_as_rgb(mode: str) -> None:
    assert open_picture(Image.new(mode, (3, 2))).mode == "RGB"


def test_greys_of_16_bits_keep_their_upper_bits() -> None:
    levels = np.array([[0, 255, 256, 0x7FFF, 0xFFFF]], np.uint16)
    expected = [[[level] * 3 for level in (0, 0, 1, 127, 255)]]
    assert pixels(open_picture(file_of(Image.fromarray(levels)))) == expected
    assert pixels(open_picture(Image.fromarray(levels.astype(np.int32)))) == expected


def test_cmyk_of_a_jpeg_comes_in_its_colours() -> None:
    opened = open_picture(file_of(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG"))
    assert np.abs(np.asarray(opened).astype(int) - RED).max() <= 8


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in (RED, BLUE)]
    data = file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels(open_picture(data))[0][0] == list(RED)


def test_arrays_of_greys_and_of_any_memory_order_are_taken() -> None:
    grey = np.array([[1, 2], [3, 4]], np.uint8)
    assert pixels(open_picture(grey)) == np.stack([grey] * 3, axis=-1).tolist()
    turned = np.asarray(two_colors())[::-1].swapaxes(0, 1)
    assert pixels(open_picture(turned)) == turned.tolist()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "the picture of 0 bytes is of no known format: save it as PNG, JPEG or WebP"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is of no known format"),
        (bytes(100), "is of no known format"),
        ("no/such.png", "cannot be opened: .*no/such.png.*: check its path"),
        ("nul\0l.png", "cannot be opened: .*: check its path"),
        (Path(__file__), "test_open_picture.py is of no known format"),
        (Path(__file__).parent, "cannot be opened"),
        (7, "a int is no picture: give a path"),
        (None, "a NoneType is no picture"),
        (Image.new("RGB", (0, 3)), "has 0x3 pixels, but needs at least one"),
        (Image.new("F", (2, 2)), "has floating-point pixels"),
        (Image.new("I", (2, 2), -5), "has greys from -5 to -5, but 16 bits hold 0 to 65535"),
        (Image.new("I", (2, 2), 70000), "has greys from 70000 to 70000"),
        (np.zeros((4, 0, 3), np.uint8), "has 0x4 pixels, but needs at least one"),
        (np.zeros((4, 4, 3)), "is an array of float64, but must be of uint8"),
        (np.zeros((4, 4), np.uint16), "is an array of uint16, but must be of uint8"),
        (np.zeros((4, 4, 2), np.uint8), r"of shape \[4, 4, 2\], but must be \[H, W\]"),
        (np.zeros(4, np.uint8), r"of shape \[4\], but must be"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"of shape \[1, 4, 4, 3\], but must be"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_remedy(source: Any, message: str) -> None:
    with pytest.raises(PictureError, match=message) as caught:
        open_picture(source)
    assert isinstance(caught.value, TrellisError)
    assert "\n" not in str(caught.value)


def test_the_largest_pictures_open_and_larger_ones_are_refused() -> None:
    side = 1 << 12
    assert side * side == MAX_PIXELS
    assert open_picture(Image.new("L", (side, side))).size == (side, side)
    assert open_picture(Image.new("L", (MAX_SIDE, 2))).size == (MAX_SIDE, 2)
    for size in ((side, side + 1), (MAX_SIDE + 1, 2)):
        with pytest.raises(PictureError, match=f"has {size[0]}x{size[1]} pixels: at most"):
            open_picture(Image.new("L", size))


def test_a_picture_that_would_unfold_too_large_is_refused_before_it_is_decoded() -> None:
    # Pillow itself refuses the largest and warns of the middle one; none has any pixels.
    for side in (65535, 12000, 9000):
        with pytest.raises(PictureError, match=r"9000x9000 pixels: at most|far too many pixels"):
            open_picture(_empty_png(side))


def _empty_png(side: int) -> bytes:
    header = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunks = [(b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        for kind, data in chunks
    )
