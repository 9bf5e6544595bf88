"""The server around the golden checkpoint: real files in every format."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS

from crossworld_trellis.pipeline import Trellis
from crossworld_trellis.server.app import create_app
from crossworld_trellis.server.model import TrellisModel
from crossworld_trellis.voxels import SparseVoxels
from crossworld_trellis.watch import Progress

PICTURE: Path = TRELLIS / "preprocess_0_in.png"
SEED = 3


@pytest.fixture(scope="module")
def trellis() -> Trellis:
    return Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER)


@pytest.fixture(scope="module")
def client(trellis: Trellis) -> Iterator[TestClient]:
    app = create_app(lambda _: TrellisModel(trellis, name="golden"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def ask(client: TestClient, output_format: str, **fields: str) -> bytes:
    fields = {"output_format": output_format, "seed": str(SEED), "steps": "2", **fields}
    answer = client.post("/generate", files={"image": PICTURE.read_bytes()}, data=fields)
    assert answer.status_code == 200, answer.text
    return answer.content


def test_voxels_are_those_of_the_pipeline(client: TestClient, trellis: Trellis) -> None:
    [sample] = trellis.generate(PICTURE, seed=SEED, steps=2)
    assert SparseVoxels.from_bytes(ask(client, "voxels")) == sample.voxels


def test_other_formats_begin_as_they_should(client: TestClient) -> None:
    glb = ask(client, "glb")
    assert glb[:4] == b"glTF" and struct.unpack("<I", glb[8:12])[0] == len(glb)
    assert ask(client, "ply").startswith(b"ply\nformat binary_little_endian")
    assert ask(client, "npy").startswith(b"\x93NUMPY")


def test_a_resolution_that_the_model_lacks_is_named(client: TestClient) -> None:
    answer = client.post(
        "/generate",
        files={"image": PICTURE.read_bytes()},
        data={"output_format": "voxels", "resolution": "48"},
    )
    assert answer.status_code == 422 and answer.json()["field"] == "resolution"
    assert "got 48" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"pipeline_type": "512"}, "pipeline_type"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"shape_steps": "3"}, "shape"),
        ({"texture_cfg": "1"}, "texture"),
    ],
)
def test_what_only_the_second_generation_knows_is_refused(
    client: TestClient, fields: dict[str, str], named: str
) -> None:
    answer = client.post("/generate", files={"image": PICTURE.read_bytes()}, data=fields)
    problem = answer.json()
    assert (problem["status"], problem["field"]) == (422, named)
    assert problem["detail"].endswith(
        "is for TRELLIS.2, and the first generation runs here: leave it out"
    )


def test_forecast_steps_make_another_object_and_another_identity(
    client: TestClient, trellis: Trellis
) -> None:
    asked = {"steps": "10", "forecast": "2"}
    expected = ask(client, "voxels", **asked)
    assert expected != ask(client, "voxels", steps="10")
    app = create_app(lambda _: TrellisModel(trellis, name="golden", forecast=2))
    with TestClient(app, base_url="http://127.0.0.1") as faster:
        assert ask(faster, "voxels", steps="10") == expected
        assert ask(faster, "voxels", steps="10", forecast="1") == ask(client, "voxels", steps="10")
        assert faster.get("/health").json()["identity"] == f"{trellis.identity}, forecast 2"


def test_health_tells_model_device_and_identity(client: TestClient, trellis: Trellis) -> None:
    health = client.get("/health").json()
    assert (health["model"], health["device"], health["dtype"]) == ("golden", "cpu", "float32")
    assert (health["pipeline_type"], health["resolutions"]) == (None, [*trellis.resolutions])
    assert health["identity"] == trellis.identity and "torch" in trellis.identity


def test_a_stream_shows_the_solid_cells_before_the_result(
    client: TestClient, trellis: Trellis
) -> None:
    stages: list[tuple[str, int, int]] = []
    received: dict[str, SparseVoxels] = {}
    with client.websocket_connect("ws://127.0.0.1/stream") as socket:
        structure, latents = {"steps": 3}, {"steps": 2, "cfg_strength": 1}
        asked = {"pictures": 1, "seed": SEED, "structure": structure, "latents": latents}
        socket.send_text(json.dumps(asked))
        socket.send_bytes(PICTURE.read_bytes())
        while "result" not in received:
            message = socket.receive_json()
            if message["type"] == "progress":
                stages.append((message["stage"], message["step"], message["steps"]))
            elif message["type"] in ("preview", "result"):
                received[message["type"]] = SparseVoxels.from_bytes(socket.receive_bytes())
            else:
                assert message["type"] == "queued"
    own = trellis.checkpoint.description
    told: list[Progress] = []
    [sample] = trellis.generate(
        PICTURE,
        seed=SEED,
        structure=own.structure_sampler.override(steps=3),
        latents=own.latent_sampler.override(steps=2, cfg_strength=1),
        on_progress=told.append,
    )
    assert received["result"] == sample.voxels
    assert np.array_equal(received["preview"].coords, received["result"].coords)
    stages = [each for each in stages if each[0] != "loading"]
    assert stages == [(each.stage, each.step, each.steps) for each in told]
