"""Formats that `native` adds to server and `generate`, with its compiled part and without."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from fake_model import FakeModel, picture, serving
from fastapi.testclient import TestClient
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS
from httpx2 import Response

from crossworld_trellis import __version__, native
from crossworld_trellis.__main__ import main
from crossworld_trellis.pipeline import Trellis
from crossworld_trellis.server.app import create_app
from crossworld_trellis.server.model import CONVERTED, TrellisModel
from crossworld_trellis.voxels import SparseVoxels

WITHOUT = "the compiled part is not installed: pip install ./python/native"
PICTURE = TRELLIS / "preprocess_0_in.png"


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    # What an import does where the package is not installed.
    monkeypatch.setitem(sys.modules, "crossworld_trellis_native", None)


@pytest.mark.usefixtures("absent")
def test_without_the_compiled_part_every_call_tells_what_to_install() -> None:
    for call in (
        native.check,
        lambda: native.convert(b"", "vox"),
        lambda: native.preview(b""),
        lambda: native.inflate(b""),
    ):
        with pytest.raises(native.NativeMissingError, match=WITHOUT):
            call()


def test_a_compiled_part_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("crossworld_trellis_native")
    old.__version__ = "0.0.1"  # pyright: ignore[reportAttributeAccessIssue]
    monkeypatch.setitem(sys.modules, old.__name__, old)
    told = f"of version 0.0.1, this package of {__version__}: pip install"
    with pytest.raises(native.NativeMissingError, match=told):
        native.check()


@pytest.mark.usefixtures("absent")
@pytest.mark.parametrize("output_format", CONVERTED)
def test_the_server_refuses_what_it_cannot_convert_before_any_work(output_format: str) -> None:
    model = FakeModel()
    with serving(model) as client:
        files = {"image": picture()}
        answer = client.post("/generate", files=files, data={"output_format": output_format})
    assert (answer.status_code, answer.json()["field"]) == (422, "output_format")
    told = f"output_format: '{output_format}' cannot be made here, {WITHOUT}"
    assert answer.json()["detail"].startswith(told)
    assert model.orders == []


def test_the_description_of_the_server_lists_every_format_and_what_some_need() -> None:
    with serving(FakeModel()) as client:
        paths = client.get("/openapi.json").json()["paths"]
    form = paths["/generate"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    described = form["properties"]["output_format"]
    assert described["enum"] == ["glb", "ply", "npy", "voxels", *CONVERTED]
    assert described["default"] == "glb"
    assert "vox, csm and bcf where" in described["description"]


@pytest.mark.usefixtures("absent")
def test_generate_refuses_what_it_cannot_convert_before_the_model_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "a.vox")
    assert main(["generate", str(PICTURE), "-o", output, "--model", "/nowhere/at/all"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: .vox files cannot be written: {WITHOUT}")
    assert said.count("\n") == 1 and not [*tmp_path.iterdir()]


@pytest.fixture
def present() -> None:
    try:
        native.check()
    except native.NativeMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def trellis() -> Trellis:
    return Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, outputs=("voxels",))


@pytest.mark.usefixtures("present")
def test_the_server_answers_with_its_voxels_in_the_format(trellis: Trellis) -> None:
    app = create_app(lambda _: TrellisModel(trellis, name="golden"))
    types = {"vox": "application/octet-stream", "csm": "text/plain; charset=utf-8"}
    with TestClient(app, base_url="http://127.0.0.1") as client:

        def ask(output_format: str) -> Response:
            fields = {"output_format": output_format, "seed": "3", "steps": "2"}
            return client.post("/generate", files={"image": PICTURE.read_bytes()}, data=fields)

        voxels = ask("voxels").content
        for output_format in CONVERTED:
            answer = ask(output_format)
            assert answer.content == native.convert(voxels, output_format)
            media_type = types.get(output_format, "application/octet-stream")
            assert answer.headers["content-type"] == media_type
            name = f'attachment; filename="object-3.{output_format}"'
            assert answer.headers["content-disposition"] == name


@pytest.mark.usefixtures("present")
def test_generate_writes_the_same_voxels_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in ("a.voxels", "a.vox", "a.CSM", "a.bcf")]
    options = [option for path in paths for option in ("-o", str(path))]
    golden = ["--model", str(MODEL), "--image-encoder", str(IMAGE_ENCODER), "--device", "cpu"]
    assert main(["generate", str(PICTURE), *options, "--steps", "2", *golden]) == 0
    data = paths[0].read_bytes()
    for path, format in zip(paths[1:], CONVERTED, strict=True):
        assert path.read_bytes() == native.convert(data, format)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and all(
        f"{len(SparseVoxels.from_bytes(data))} voxels" in line for line in lines
    )
