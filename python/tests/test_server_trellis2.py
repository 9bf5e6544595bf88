"""The server around the golden checkpoint of the second generation."""

import argparse
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_model import state_of
from fastapi.testclient import TestClient
from golden_trellis2 import IMAGE_ENCODER, MODEL, TRELLIS2
from httpx2 import Response
from test_server_queue import wait_for

from crossworld_trellis.checkpoint.trellis2 import Trellis2Checkpoint
from crossworld_trellis.commands import serve
from crossworld_trellis.export.glb import glb_bytes
from crossworld_trellis.sampler import SettingsError
from crossworld_trellis.server.app import create_app
from crossworld_trellis.server.model import Model, TrellisModel
from crossworld_trellis.trellis2 import Trellis2
from crossworld_trellis.voxels import SparseVoxels
from crossworld_trellis.watch import Progress

PICTURE = TRELLIS2 / "preprocess_0_in.png"
SEED = 3
STREAM = "ws://127.0.0.1/stream"


@pytest.fixture(scope="module")
def trellis() -> Trellis2:
    return Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512")


@pytest.fixture(scope="module")
def client(trellis: Trellis2) -> Iterator[TestClient]:
    app = create_app(lambda _: TrellisModel(trellis, name="golden"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def ask(client: TestClient, *, pictures: int = 1, **fields: Any) -> Response:
    fields = {"output_format": "voxels", "seed": SEED, "steps": 2, **fields}
    files = [("image", ("a.png", PICTURE.read_bytes()))] * pictures
    return client.post("/generate", files=files, data=fields)


def voxels_of(answer: Response) -> SparseVoxels:
    assert answer.status_code == 200, answer.text
    return SparseVoxels.from_bytes(answer.content)


def stream(client: TestClient, **asked: Any) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """The messages of a stream, and the last bytes after each kind of them."""
    messages: list[dict[str, Any]] = []
    received: dict[str, bytes] = {}
    with client.websocket_connect(STREAM) as socket:
        socket.send_text(json.dumps({"pictures": 1, "seed": SEED, "steps": 2, **asked}))
        socket.send_bytes(PICTURE.read_bytes())
        while not messages or messages[-1]["type"] not in ("result", "error"):
            messages.append(socket.receive_json())
            if messages[-1]["type"] in ("preview", "result"):
                received[messages[-1]["type"]] = socket.receive_bytes()
    return messages, received


def test_recovering_makes_the_pipeline_drop_what_only_some_requests_need() -> None:
    own = Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512")
    before = set(own._shelf._kept)
    own.generate(PICTURE, seed=SEED, steps=2, pipeline_type="1024")
    assert set(own._shelf._kept) > before
    TrellisModel(own, name="golden").recover()
    assert set(own._shelf._kept) == before


@pytest.mark.parametrize("resolution", [32, 512])
def test_voxels_are_those_of_the_pipeline_with_their_materials(
    client: TestClient, trellis: Trellis2, resolution: int
) -> None:
    [sample] = trellis.generate(PICTURE, seed=SEED, steps=2, resolution=resolution)
    made = voxels_of(ask(client, resolution=resolution))
    assert made == sample.voxels and made.metallic_roughness is not None


def test_a_mesh_comes_with_its_materials(client: TestClient, trellis: Trellis2) -> None:
    [sample] = trellis.generate(PICTURE, seed=SEED, steps=2, formats=("mesh",))
    assert sample.mesh is not None
    answer = ask(client, output_format="glb")
    assert answer.status_code == 200 and answer.content == glb_bytes(sample.mesh)


def test_without_a_resolution_there_are_256_cells_an_axis(client: TestClient) -> None:
    assert voxels_of(ask(client)).resolution == 256


def test_a_picture_that_comes_before_the_model_is_framed_as_that_model_wants_it(
    trellis: Trellis2,
) -> None:
    may_load = threading.Event()

    def load(_: Callable[[Progress], None]) -> Model:
        assert may_load.wait(10)
        return TrellisModel(trellis, name="golden")

    answers: list[Response] = []
    with TestClient(create_app(load), base_url="http://127.0.0.1") as client:
        asking = threading.Thread(target=lambda: answers.append(ask(client)))
        asking.start()
        try:
            wait_for(lambda: state_of(client).worker.waiting() == 1)
        finally:
            may_load.set()
        asking.join()
    [sample] = trellis.generate(PICTURE, seed=SEED, steps=2)
    assert voxels_of(answers[0]) == sample.voxels


def test_settings_of_each_stage_reach_the_pipeline(client: TestClient, trellis: Trellis2) -> None:
    fields: dict[str, Any] = {
        "structure_steps": "3",
        "shape_cfg": "2",
        "texture_steps": "4",
        "texture_cfg": "3",
    }
    own = trellis.checkpoint.description
    [sample] = trellis.generate(
        PICTURE,
        seed=SEED,
        structure=own.structure_sampler.override(steps=3, guidance_strength=5),
        shape=own.shape_sampler.override(steps=2, guidance_strength=2),
        texture=own.texture_sampler.override(steps=4, guidance_strength=3),
    )
    assert voxels_of(ask(client, cfg="5", **fields)) == sample.voxels


def test_a_stream_tells_stages_and_shows_the_solid_cells_before_the_result(
    client: TestClient, trellis: Trellis2
) -> None:
    messages, received = stream(client, resolution=64)
    stages = [
        (each["stage"], each["step"], each["steps"])
        for each in messages
        if each["type"] == "progress" and each["stage"] != "loading"
    ]
    told: list[Progress] = []
    [sample] = trellis.generate(PICTURE, seed=SEED, steps=2, resolution=64, on_progress=told.append)
    assert stages == [(each.stage, each.step, each.steps) for each in told]
    assert SparseVoxels.from_bytes(received["preview"]).resolution == 32
    assert SparseVoxels.from_bytes(received["result"]) == sample.voxels
    assert "note" not in messages[-1]


def test_a_stream_that_is_cancelled_stops_the_work(client: TestClient) -> None:
    with client.websocket_connect(STREAM) as socket:
        socket.send_text(json.dumps({"pictures": 1, "structure": {"steps": 1000}}))
        socket.send_bytes(PICTURE.read_bytes())
        while socket.receive_json().get("stage") != "structure":
            pass
        socket.send_text(json.dumps({"type": "cancel"}))
        wait_for(lambda: not state_of(client).worker.is_busy())


def test_what_a_token_limit_reduced_is_told_in_both_ways(client: TestClient) -> None:
    few = {"pipeline_type": "1536_cascade", "max_tokens": 1, "resolution": 64}
    answer = ask(client, **few)
    assert voxels_of(answer).resolution == 64
    expected = "the grid has 1024 cells an axis instead of 1536"
    assert answer.headers["trellis-note"].startswith(expected)
    messages, _ = stream(client, **few)
    assert messages[-1]["note"] == answer.headers["trellis-note"]
    assert "trellis-note" not in ask(client).headers


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"output_format": "ply"}, "output_format", "use one of glb, voxels, vox, csm, bcf"),
        ({"mode": "multidiffusion"}, "mode", "for the first generation, and TRELLIS.2 runs here"),
        ({"forecast": "2"}, "forecast", "for the first generation, and TRELLIS.2 runs here"),
        ({"latents_steps": "3"}, "latents", "for the first generation, and TRELLIS.2 runs here"),
        ({"resolution": "1024"}, "resolution", "use the type 1024 or 1024_cascade"),
        ({"resolution": "48"}, "resolution", "one of 32, 64, 128, 256, 512, 1024, got 48"),
        ({"pipeline_type": "2048"}, "pipeline_type", "'512', '1024', '1024_cascade' or '1536"),
        ({"max_tokens": "0"}, "max_tokens", "greater than or equal to 1, got '0'"),
        ({"pictures": 2}, "image", "TRELLIS.2 looks at one picture of an object, got 2"),
    ],
)
def test_what_this_generation_cannot_do_is_told_with_the_field(
    client: TestClient, fields: dict[str, Any], field: str, told: str
) -> None:
    answer = ask(client, **fields)
    problem = answer.json()
    assert (answer.status_code, problem["field"]) == (422, field)
    assert told in problem["detail"]


def test_health_tells_the_type_what_it_reaches_and_an_identity_with_it(
    client: TestClient, trellis: Trellis2
) -> None:
    health = client.get("/health").json()
    assert health["pipeline_type"] == "512"
    assert health["resolutions"] == [32, 64, 128, 256, 512]
    assert health["identity"] == trellis.identity and "type 512" in trellis.identity


def test_serve_opens_either_generation_with_the_type_that_its_options_name() -> None:
    arguments = ["--model", str(MODEL), "--image-encoder", str(IMAGE_ENCODER)]
    arguments += ["--device", "cpu", "--low-vram", "--pipeline-type", "1024"]
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    described = serve.load_model(parser.parse_args(arguments), lambda _: None).describe()
    assert (described.pipeline_type, described.resolutions[-1]) == ("1024", 1024)
    assert (described.framing, described.together) == ("tight", 1)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--pipeline-type=2048", "unknown pipeline type '2048'"),
        ("--forecast=2", "--forecast is for the first generation of the model: leave it out"),
    ],
)
def test_serve_refuses_what_cannot_be_before_it_loads(
    option: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Trellis2Checkpoint, "fetch", never)
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    options = parser.parse_args(["--model", str(MODEL), "--device", "cpu", option])
    with pytest.raises(SettingsError, match=told):
        serve.load_model(options, lambda _: None)
