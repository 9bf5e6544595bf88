"""`native`: what it makes equals what the program `trellis` makes, and bad input ends in an error.

`./check` builds both. By hand: `pip install ./python/native`, and TRELLIS_CLI names the program.
"""

import io
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from crossworld_trellis import native
from crossworld_trellis.errors import TrellisError
from crossworld_trellis.native import NativeError
from crossworld_trellis.voxels import SparseVoxels
from crossworld_trellis.watch import Progress

try:
    native.check()
except native.NativeMissingError as error:
    pytest.skip(str(error), allow_module_level=True)

PICTURES = Path(__file__).parents[2] / "assets" / "images"
FORMATS = ("voxels", "csm", "bcf", "vox", "glb")


def ball(resolution: int) -> SparseVoxels:
    """A solid of many colours."""
    side = np.arange(resolution) - resolution / 2 + 0.5
    x, y, z = np.meshgrid(side, side, side, indexing="ij")
    coords = np.argwhere(x**2 + (1.3 * y) ** 2 + z**2 < (0.45 * resolution) ** 2)
    colors = (coords * 255 // resolution).astype(np.uint8)
    return SparseVoxels(resolution, coords, np.insert(colors, 3, 255, axis=1))


@pytest.fixture(scope="module")
def data() -> bytes:
    return ball(48).to_bytes()


class Desk:
    """The program `trellis` at work in a folder that holds `in.voxels`."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.folder = folder

    def makes(self, output: str, *arguments: str) -> bytes:
        """The file that a command writes."""
        run = [self.program, *arguments]
        subprocess.run(run, cwd=self.folder, check=True, capture_output=True)
        return (self.folder / output).read_bytes()


@pytest.fixture
def desk(data: bytes, tmp_path: Path) -> Desk:
    program = os.environ.get("TRELLIS_CLI")
    if program is None:
        pytest.skip("TRELLIS_CLI names no program `trellis` to compare with")
    (tmp_path / "in.voxels").write_bytes(data)
    return Desk(program, tmp_path)


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, ""),
        ({"palette": "crossworld"}, "--palette crossworld"),
        ({"named": True}, "--named"),
        ({"dither": True}, "--dither"),
        (
            {"palette": "crossworld", "named": True, "dither": True},
            "--palette crossworld --named --dither",
        ),
    ],
)
@pytest.mark.parametrize("format", FORMATS)
def test_a_conversion_gives_the_bytes_of_the_program(
    desk: Desk, data: bytes, format: Any, options: dict[str, Any], flags: str
) -> None:
    output = f"out.{format}"
    expected = desk.makes(output, "convert", "in.voxels", output, *flags.split())
    assert native.convert(data, format, **options) == expected


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ({}, ""),
        ({"yaw": -120, "pitch": 89, "size": 100}, "--yaw=-120 --pitch=89 --size=100"),
        (
            {"pitch": -30.5, "transparent": True, "size": 16},
            "--pitch=-30.5 --transparent --size=16",
        ),
    ],
)
def test_a_preview_gives_the_bytes_of_the_program(
    desk: Desk, data: bytes, options: dict[str, Any], flags: str
) -> None:
    expected = desk.makes("a.png", "preview", "in.voxels", "-o", "a.png", *flags.split())
    assert native.preview(data, **options) == expected
    size = options.get("size", 512)
    assert Image.open(io.BytesIO(expected)).size == (size, size)


@pytest.mark.parametrize("resolution", [8, 40])
@pytest.mark.parametrize("picture", ["robot.png", "donut.png"])
def test_inflate_gives_the_bytes_of_the_program(desk: Desk, picture: str, resolution: int) -> None:
    path = PICTURES / picture
    flags = f"--backend inflate --resolution {resolution} -o a.voxels".split()
    expected = desk.makes("a.voxels", "generate", str(path), *flags)
    assert native.inflate(path.read_bytes(), resolution=resolution) == expected


def test_voxels_come_back_as_they_went_in(data: bytes) -> None:
    assert native.convert(data, "voxels") == data


def test_no_voxels_at_all_can_be_drawn_and_converted_but_to_a_mesh() -> None:
    nothing = SparseVoxels(16, np.zeros((0, 3), np.uint16), np.zeros((0, 4), np.uint8)).to_bytes()
    assert native.preview(nothing, size=16).startswith(b"\x89PNG")
    assert native.convert(nothing, "voxels") == nothing
    assert all(native.convert(nothing, format) for format in ("csm", "bcf", "vox"))
    with pytest.raises(NativeError, match="the model has no voxels"):
        native.convert(nothing, "glb")


def test_every_kind_of_buffer_is_taken(data: bytes) -> None:
    expected = native.convert(data, "bcf")
    spread = memoryview(bytes(byte for value in data for byte in (value, 0)))[::2]
    for buffer in (bytearray(data), memoryview(data), spread, np.frombuffer(data, np.uint8)):
        assert native.convert(buffer, "bcf") == expected  # pyright: ignore[reportArgumentType]


def test_what_is_no_bytes_is_a_type_error(data: bytes) -> None:
    call: Any = native.convert
    for other in ("text", 7, None, [1, 2]):
        with pytest.raises(TypeError):
            call(other, "vox")
    with pytest.raises(TypeError):
        call(data, "vox", "crossworld")
    with pytest.raises(TypeError):
        native.preview(data, size=64.5)  # pyright: ignore[reportArgumentType]


def test_bytes_that_are_no_voxels_are_refused_on_one_line(data: bytes) -> None:
    cuts = [data[:length] for length in (0, 7, 8, 40, len(data) // 2, len(data) - 1)]
    picture = (PICTURES / "robot.png").read_bytes()
    for bad in (*cuts, data + b"\0", b"\xff" * 100, picture, native.convert(data, "vox")):
        calls: list[Callable[[bytes], bytes]] = [
            lambda it: native.convert(it, "csm"),
            native.preview,
        ]
        for call in calls:
            with pytest.raises(NativeError) as raised:
                call(bad)
            message = str(raised.value)
            assert message and "\n" not in message
            assert isinstance(raised.value, TrellisError) and isinstance(raised.value, ValueError)


@pytest.mark.parametrize("format", ["obj", "", "VOX", ".vox", "../a.vox", "vox\0", "\n" * 99])
def test_an_unknown_format_is_named_with_those_there_are(data: bytes, format: Any) -> None:
    with pytest.raises(NativeError, match=r"there is no format '.*': use one of voxels, csm,"):
        native.convert(data, format)


def test_colours_that_a_format_cannot_hold_and_unknown_palettes_are_refused(data: bytes) -> None:
    for format in ("csm", "bcf"):
        with pytest.raises(NativeError, match="do not ask for the palette 'model'"):
            native.convert(data, format, palette="model")
    rainbow: Any = "rainbow"
    with pytest.raises(NativeError, match="no palette 'rainbow': use auto, model or crossworld"):
        native.convert(data, "vox", palette=rainbow)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": 15}, "15 x 15 cannot be drawn: use 16 to 4096"),
        ({"size": 4097}, "4097 x 4097 cannot be drawn"),
        ({"size": -1}, "size -1 is out of range"),
        ({"size": 2**40}, f"size {2**40} is out of range"),
        ({"pitch": 90}, "pitch 90 is out of range: use -89 to 89 degrees"),
        ({"pitch": float("nan")}, "pitch NaN is out of range"),
        ({"yaw": float("inf")}, "yaw inf is no angle"),
        ({"yaw": 1e300}, "yaw inf is no angle"),
    ],
)
def test_a_view_out_of_range_is_named(data: bytes, options: dict[str, Any], told: str) -> None:
    with pytest.raises(NativeError) as raised:
        native.preview(data, **options)
    assert told in str(raised.value)


def png(color: tuple[int, ...], mode: str = "RGBA", side: int = 32) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (side, side), color).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (b"", "this is not a picture"),
        (b"Dear diary", "this is not a picture"),
        (png((0, 0, 0, 0)), "fully transparent"),
        (png((9, 9, 9), "RGB"), "all one colour"),
        (png((9, 9, 9), "RGB", side=5000), "the picture is too large (5000 x 5000)"),
        (png((9, 9, 9, 255))[:60], "the picture is damaged"),
    ],
    ids=["empty", "text", "transparent", "uniform", "large", "cut"],
)
def test_a_picture_without_an_object_is_refused(picture: bytes, told: str) -> None:
    with pytest.raises(NativeError) as raised:
        native.inflate(picture)
    assert told in str(raised.value)


@pytest.mark.parametrize("resolution", [-1, 0, 7, 257, 2**64])
def test_a_resolution_out_of_range_is_named(resolution: int) -> None:
    with pytest.raises(NativeError, match=f"resolution {resolution} is out of range"):
        native.inflate((PICTURES / "robot.png").read_bytes(), resolution=resolution)


def test_progress_tells_every_stage_in_order_up_to_its_last_step() -> None:
    heard: list[Progress] = []
    picture = (PICTURES / "robot.png").read_bytes()
    native.inflate(picture, resolution=16, on_progress=heard.append)
    assert list(dict.fromkeys(step.stage for step in heard)) == [
        "picture",
        "structure",
        "appearance",
    ]
    last = {step.stage: step for step in heard}
    assert all(step.step == step.steps > 0 for step in last.values())


@pytest.mark.parametrize("error", [RuntimeError("enough"), KeyboardInterrupt(), ValueError("no")])
def test_what_a_listener_raises_ends_the_work_and_arrives_as_it_is(error: BaseException) -> None:
    calls = 0

    def refuse(progress: Progress) -> None:
        nonlocal calls
        calls += 1
        if progress.stage == "structure":
            raise error

    with pytest.raises(type(error)) as raised:
        native.inflate((PICTURES / "robot.png").read_bytes(), on_progress=refuse)
    assert raised.value is error
    assert calls == 4  # three steps of the picture, the first of the structure


def test_a_listener_may_call_into_the_module_itself(data: bytes) -> None:
    made: list[bytes] = []
    native.inflate(
        (PICTURES / "robot.png").read_bytes(),
        resolution=8,
        on_progress=lambda _: made.append(native.convert(data, "voxels")),
    )
    assert set(made) == {data}


def test_other_threads_run_while_a_picture_is_drawn() -> None:
    large = ball(128).to_bytes()
    spans: list[tuple[float, float]] = []

    def draw() -> None:
        began = time.perf_counter()
        native.preview(large, size=1024)
        spans.append((began, time.perf_counter()))

    thread = threading.Thread(target=draw)
    beats: list[float] = []
    thread.start()
    while thread.is_alive():
        beats.append(time.perf_counter())
        thread.join(0.001)
    [(began, ended)] = spans
    inside = [beat for beat in beats if began < beat < ended]
    # Under a lock held throughout there would be one at most, before the call took it.
    assert len(inside) > 3
