"""From a picture to the encoder's square: the original's numbers and roundings, what is refused."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from golden_data import TRELLIS, tolerance
from numpy.typing import NDArray
from PIL import Image

from crossworld_trellis.image import (
    PictureError,
    preprocess,
    rembg_cut_out,
    squeeze,
    stack,
)


def difference(one: Image.Image, other: Image.Image) -> int:
    assert (one.mode, one.size) == (other.mode, other.size)
    return int(np.abs(np.asarray(one).astype(int) - np.asarray(other).astype(int)).max())


def noise(width: int, height: int, *, alpha: int = 0) -> Image.Image:
    """Random colours everywhere, of one alpha."""
    colors = np.random.default_rng(5).integers(0, 256, (height, width, 4), np.uint8)
    colors[:, :, 3] = alpha
    return Image.fromarray(colors)


def with_object(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """The picture, opaque in the box (left, upper, right, lower), its last row and column in it."""
    left, upper, right, lower = box
    array = np.array(picture)
    array[upper : lower + 1, left : right + 1, 3] = 255
    return Image.fromarray(array)


def transcribed(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """What a crop becomes, with every step of the resizing written out."""
    crop = picture.crop(box).convert("RGBa").resize((518, 518), Image.Resampling.LANCZOS)
    array = np.asarray(crop.convert("RGBA"), np.float32) / np.float32(255)
    colors = array[..., :3] * array[..., 3:4]
    return Image.fromarray((colors * 255).astype(np.uint8))


def test_the_picture_becomes_what_the_original_makes_of_it() -> None:
    expected = Image.open(TRELLIS / "preprocess_0_out.png")
    made = preprocess(TRELLIS / "preprocess_0_in.png")
    assert difference(made, expected) <= tolerance("preprocess_0_out.png")


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        # Extents, not counts, times 1.2: 10 by 6 pixels apart give a square of 12.
        ((20, 20, 30, 26), (19, 17, 31, 29)),
        # The centre 22.5 less 3 is 19.5, which goes to the even 20; one pixel on it goes down.
        ((20, 20, 25, 25), (20, 20, 26, 26)),
        ((21, 21, 26, 26), (20, 20, 26, 26)),
        # 1.2 * 7 is 8.4; half of 8.
        ((20, 20, 27, 24), (20, 18, 28, 26)),
        # An odd size loses one: 1.2 * 8 is 9.6, 9, twice 4.
        ((20, 20, 28, 28), (20, 20, 28, 28)),
        # Two pixels apart is the least.
        ((20, 20, 22, 20), (20, 19, 22, 21)),
    ],
)
def test_the_crop_is_cut_to_the_pixel(
    box: tuple[int, int, int, int], crop: tuple[int, int, int, int]
) -> None:
    picture = with_object(noise(50, 40), box)
    assert difference(preprocess(picture), transcribed(picture, crop)) == 0


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        ((0, 0, 49, 38), (-4, -10, 54, 48)),
        ((0, 0, 10, 10), (-1, -1, 11, 11)),
        ((0, 0, 5, 5), (0, 0, 6, 6)),
        ((44, 34, 49, 39), (44, 34, 50, 40)),
    ],
)
def test_what_lies_outside_the_picture_is_transparent(
    box: tuple[int, int, int, int], crop: tuple[int, int, int, int]
) -> None:
    picture = with_object(noise(50, 40, alpha=0), box)
    assert difference(preprocess(picture), transcribed(picture, crop)) == 0


def test_colours_hidden_by_transparency_do_not_reach_the_result() -> None:
    hidden = Image.new("RGBA", (60, 60), (255, 0, 255, 0))
    black = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    for picture in (hidden, black):
        picture.paste((0, 200, 0, 255), (20, 20, 41, 41))
    made = preprocess(hidden)
    assert difference(made, preprocess(black)) == 0
    assert np.asarray(made)[..., 0].max() == 0


def test_an_alpha_of_204_is_background_and_205_is_object() -> None:
    picture = with_object(noise(50, 50, alpha=204), (20, 20, 29, 29))
    assert difference(preprocess(picture), transcribed(picture, (20, 20, 30, 30))) == 0
    array = np.array(picture)
    array[0, 0, 3] = 205
    picture = Image.fromarray(array)
    assert difference(preprocess(picture), transcribed(picture, (-2, -2, 32, 32))) == 0


def test_alpha_dims_the_colours_and_the_result_is_rounded_down() -> None:
    picture = Image.new("RGBA", (40, 40), (255, 100, 3, 220))
    center = np.asarray(preprocess(picture))[259, 259].tolist()
    # Premultiplied and back costs Pillow a unit at most, so only the range is certain.
    assert center[0] == 220
    assert center[1] in (85, 86)
    assert center[2] == 2


def test_a_picture_with_transparency_is_never_given_to_the_background_removal() -> None:
    def never(picture: Image.Image) -> Image.Image:
        raise AssertionError(f"was given a picture of {picture.size}")

    picture = with_object(noise(2000, 40), (900, 10, 930, 30))
    assert difference(preprocess(picture, cut_out=never), preprocess(picture)) == 0


@pytest.mark.parametrize(
    ("size", "given"),
    [
        ((1024, 30), (1024, 30)),
        ((1500, 1000), (1024, 682)),
        ((777, 2001), (397, 1024)),
        ((1025, 1025), (1024, 1024)),
        ((300, 200), (300, 200)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_the_background_removal_is_given_rgb_of_1024_at_most(
    size: tuple[int, int], given: tuple[int, int], mode: str
) -> None:
    seen: list[tuple[str, tuple[int, int]]] = []

    def cut_out(picture: Image.Image) -> Image.Image:
        seen.append((picture.mode, picture.size))
        return with_object(noise(50, 40), (20, 20, 30, 26))

    full = (255,) * len(mode) if mode != "L" else 255
    made = preprocess(Image.new(mode, size, full), cut_out=cut_out)
    assert seen == [("RGB", given)]
    picture = with_object(noise(50, 40), (20, 20, 30, 26))
    assert difference(made, transcribed(picture, (19, 17, 31, 29))) == 0


def test_a_cut_out_that_keeps_everything_is_taken_as_it_is() -> None:
    # Only for the caller's picture does an alpha of 255 everywhere mean that nothing is known.
    made = preprocess(Image.new("RGB", (30, 30), (9, 8, 7)), cut_out=lambda p: p.convert("RGBA"))
    assert np.asarray(made)[259, 259].tolist() == [9, 8, 7]


def refuse(picture: Image.Image, message: str, **options: Any) -> None:
    with pytest.raises(PictureError, match=message) as caught:
        preprocess(picture, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_without_transparency_and_background_removal_both_remedies_are_told(mode: str) -> None:
    picture = Image.new("RGB", (9, 9), (1, 2, 3)).convert(mode)
    refuse(picture, r"transparent background.*crossworld-trellis\[rembg\]")


def test_a_picture_without_an_object_is_refused() -> None:
    refuse(Image.new("RGBA", (9, 9), (1, 2, 3, 0)), "shows no object: no pixel has an alpha above")
    refuse(Image.new("RGBA", (9, 9), (1, 2, 3, 204)), "shows no object")
    refuse(noise(9, 9, alpha=255), "shows no object", cut_out=lambda _: noise(9, 9, alpha=0))


def test_an_object_too_small_to_crop_is_refused() -> None:
    refuse(with_object(noise(9, 9), (4, 4, 4, 4)), "covers 1x1 pixels only")
    refuse(with_object(noise(9, 9), (4, 4, 5, 5)), "covers 2x2 pixels only, but needs at least 3")
    preprocess(with_object(noise(9, 9), (4, 4, 4, 6)))


def test_a_picture_too_thin_to_shrink_is_refused() -> None:
    refuse(Image.new("RGB", (8000, 2)), "8000x2 pixels: too thin", cut_out=lambda p: p)


def test_a_background_removal_without_alpha_is_refused() -> None:
    refuse(Image.new("RGB", (9, 9)), "of mode RGB, but it must be RGBA", cut_out=lambda p: p)


def test_a_long_object_lies_in_the_middle_of_its_square() -> None:
    picture = with_object(noise(3000, 3), (0, 0, 2999, 1))
    rows = np.flatnonzero(np.asarray(preprocess(picture)).any(axis=(1, 2)))
    assert 255 <= rows[0] <= rows[-1] <= 263


def test_a_missing_rembg_is_told_only_when_a_picture_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "rembg", None)
    cut_out = rembg_cut_out()
    preprocess(TRELLIS / "preprocess_0_in.png", cut_out=cut_out)
    refuse(
        Image.new("RGB", (9, 9)),
        r"the package rembg .* does not import .* transparent background, or pip install "
        r"'crossworld-trellis\[rembg\]'",
        cut_out=cut_out,
    )


def test_a_rembg_that_ends_the_program_when_imported_is_an_error_like_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rembg.py").write_text("import sys\nsys.exit(1)\n")
    monkeypatch.delitem(sys.modules, "rembg", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    refuse(Image.new("RGB", (9, 9)), "does not import", cut_out=rembg_cut_out())


def test_rembg_is_asked_with_one_session_of_the_originals_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[str] = []

    def new_session(model: str) -> str:
        opened.append(model)
        return "the session"

    def remove(picture: Image.Image, *, session: str) -> Image.Image:
        assert session == "the session"
        return with_object(noise(*picture.size), (2, 2, 6, 6))

    package = ModuleType("rembg")
    package.__dict__.update(new_session=new_session, remove=remove)
    monkeypatch.setitem(sys.modules, "rembg", package)
    cut_out = rembg_cut_out()
    assert opened == []
    for _ in range(2):
        preprocess(Image.new("RGB", (9, 9)), cut_out=cut_out)
    assert opened == ["u2net"]


def test_squeezing_keeps_the_whole_picture_whatever_its_aspect_and_drops_alpha() -> None:
    picture = noise(50, 20, alpha=3)
    expected = picture.convert("RGB").resize((518, 518), Image.Resampling.LANCZOS)
    assert difference(squeeze(picture), expected) == 0
    assert squeeze(Image.new("RGB", (1, 1), (5, 6, 7))).getpixel((500, 3)) == (5, 6, 7)


def test_prepared_pictures_stack_to_one_array() -> None:
    made = [squeeze(Image.new("RGB", (4, 4), (value, 0, 1))) for value in (7, 9)]
    array: NDArray[np.uint8] = stack(made)
    assert array.shape == (2, 518, 518, 3)
    assert array.dtype == np.uint8
    assert array[:, 100, 200].tolist() == [[7, 0, 1], [9, 0, 1]]


def test_pictures_need_neither_torch_nor_rembg_to_import() -> None:
    code = (
        "import sys, crossworld_trellis.image;"
        "sys.exit(bool({'torch', 'transformers', 'rembg'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent.parent).returncode
        == 0
    )
