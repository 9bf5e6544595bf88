"""`POST /generate` and `/health`: what is answered, and how bad requests are refused."""

import gc
import struct
import weakref
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from fake_model import FakeModel, picture, serving
from fastapi.testclient import TestClient
from httpx2 import Response

from crossworld_trellis.checkpoint import CheckpointError
from crossworld_trellis.errors import DeviceMemoryError, TrellisError
from crossworld_trellis.voxels import SparseVoxels


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def client(model: FakeModel) -> Iterator[TestClient]:
    with serving(model) as client:
        yield client


def ask(client: TestClient, *files: bytes, **fields: str) -> Response:
    images = [("image", ("picture.png", data, "image/png")) for data in files or (picture(),)]
    return client.post("/generate", files=images, data=fields)


def refused(response: Response, status: int, field: str | None = None) -> str:
    """The detail of a problem, after everything else about it was checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["type"] == "about:blank" and body["status"] == status and body["title"]
    assert body.get("field") == field, body
    assert "\n" not in body["detail"]
    return body["detail"]


@pytest.mark.parametrize(
    ("output_format", "media_type"),
    [
        ("glb", "model/gltf-binary"),
        ("ply", "application/octet-stream"),
        ("npy", "application/octet-stream"),
        ("voxels", "application/vnd.crossworld.voxels"),
    ],
)
def test_every_format_comes_with_its_media_type_and_name(
    client: TestClient, output_format: str, media_type: str
) -> None:
    response = ask(client, output_format=output_format, seed="7")
    assert response.status_code == 200
    assert response.headers["content-type"] == media_type
    expected = f'attachment; filename="object-7.{output_format}"'
    assert response.headers["content-disposition"] == expected
    assert SparseVoxels.from_bytes(response.content).rgba[0, 0] == 7


def test_without_a_format_the_answer_is_glb(client: TestClient, model: FakeModel) -> None:
    assert ask(client).headers["content-type"] == "model/gltf-binary"
    assert model.orders[0].output_format == "glb"


def test_settings_and_prepared_pictures_reach_the_model(
    client: TestClient, model: FakeModel
) -> None:
    fields = {"steps": "5", "cfg": "2.5", "structure_steps": "6", "latents_cfg": "1"}
    assert ask(client, picture(), picture(), resolution="128", **fields).status_code == 200
    [order] = model.orders
    settings = order.settings
    assert (settings.steps, settings.cfg, settings.resolution) == (5, 2.5, 128)
    assert settings.structure.steps == 6 and settings.latents.cfg_strength == 1
    squares = [picture.framed("margin") for picture in order.pictures]
    assert [(image.size, image.mode) for image in squares] == [((518, 518), "RGB")] * 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", "-1"),
        ("seed", str(2**64)),
        ("seed", "abc"),
        ("steps", "0"),
        ("steps", "1001"),
        ("steps", "2.5"),
        ("cfg", "nan"),
        ("cfg", "101"),
        ("resolution", "0"),
        ("output_format", "obj"),
        ("structure_steps", "many"),
        ("latents_cfg", "-1"),
        ("mode", "mean"),
        ("stpes", "3"),
    ],
)
def test_a_bad_field_is_named_with_its_value(
    client: TestClient, model: FakeModel, field: str, value: str
) -> None:
    detail = refused(ask(client, **{field: value}), 422, field)
    assert field in detail and (value in detail or field == "stpes")
    assert model.orders == []


def test_a_field_that_is_given_twice_is_refused(client: TestClient) -> None:
    files = [("image", ("a.png", picture()))]
    response = client.post("/generate", files=files, data={"seed": ["1", "2"]})
    assert "twice" in refused(response, 422, "seed")


def test_a_request_without_a_picture_is_refused(client: TestClient) -> None:
    response = client.post("/generate", files=[("picture", ("a.png", picture()))])
    refused(response, 422, "picture")
    response = client.post("/generate", files={"seed": (None, "3")})
    assert "missing" in refused(response, 422, "image")
    response = client.post("/generate", files={"image": (None, "picture.png")})
    assert "curl -F image=@FILE" in refused(response, 422, "image")


def test_more_than_16_pictures_are_refused(client: TestClient) -> None:
    assert "16" in refused(ask(client, *[picture()] * 17), 400, "image")


def test_content_is_judged_by_its_bytes_and_not_by_its_name(client: TestClient) -> None:
    assert "no known format" in refused(ask(client, b"MZ this is a program"), 415, "image")
    files = [("image", ("../../etc/passwd.exe", picture(), "application/x-msdownload"))]
    assert client.post("/generate", files=files).status_code == 200


def test_the_picture_that_is_bad_is_told(client: TestClient) -> None:
    detail = refused(ask(client, picture(), picture()[:-40]), 422, "image")
    assert detail.startswith("image 2 of 2") and "damaged" in detail


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(client: TestClient) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 8000, 8000, 8, 6, 0, 0, 0)
    # The pixels are missing: whoever decodes finds the picture damaged.
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    assert "8000x8000" in refused(ask(client, bomb), 422, "image")


def test_a_body_that_is_no_form_is_refused(client: TestClient) -> None:
    response = client.post("/generate", content=picture(), headers={"content-type": "image/png"})
    assert "multipart/form-data" in refused(response, 415)
    kind = {"content-type": "multipart/form-data; boundary=x"}
    refused(client.post("/generate", content=b"--y\r\nbroken", headers=kind), 400)
    kind = {"content-type": "multipart/form-data"}
    refused(client.post("/generate", content=b"broken", headers=kind), 400)


def test_a_body_that_is_too_large_is_refused_by_its_length_and_by_its_bytes(
    model: FakeModel,
) -> None:
    with serving(model, max_body=1 << 20) as client:
        noise = np.random.default_rng(0).bytes(2 << 20)
        assert "1 MiB" in refused(ask(client, noise), 413)
        kind = {"content-type": "multipart/form-data; boundary=x"}

        def chunks() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
            for _ in range(40):
                yield noise[:65536]

        refused(client.post("/generate", content=chunks(), headers=kind), 413)
    assert model.orders == []


@pytest.mark.parametrize("error", [CheckpointError("a file is missing"), TrellisError("no native")])
def test_what_the_server_lacks_answers_503_and_when_to_try_again(
    client: TestClient, model: FakeModel, error: TrellisError
) -> None:
    model.errors.append(error)
    answer = ask(client)
    assert str(error) in refused(answer, 503)
    assert answer.headers["retry-after"] == "60"


def test_out_of_memory_answers_507_and_the_next_request_works(
    client: TestClient, model: FakeModel
) -> None:
    model.errors.append(DeviceMemoryError("cuda ran out of memory: use a lower resolution"))
    assert "lower resolution" in refused(ask(client), 507)
    assert ask(client).status_code == 200
    assert model.recovered == 1
    health = client.get("/health").json()
    assert health["status"] == "healthy" and "memory" in health["last_error"]


def test_an_error_nobody_thought_of_answers_500_without_its_text_and_the_next_request_works(
    client: TestClient, model: FakeModel
) -> None:
    model.errors.append(KeyError("secret path"))
    assert "secret" not in refused(ask(client), 500)
    assert ask(client).status_code == 200


def test_settings_that_only_the_model_can_judge_name_their_field(
    client: TestClient, model: FakeModel
) -> None:
    class BadSettings(TrellisError, ValueError):
        pass

    model.errors.append(BadSettings("resolution must be one of 32, 64, got 48"))
    refused(ask(client, resolution="48"), 422, "resolution")


def test_health_answers_while_the_model_loads(model: FakeModel) -> None:
    model.may_load.clear()
    with serving(model) as client:
        health = client.get("/health").json()
        assert health["status"] == "loading" and health["model"] is None
        model.may_load.set()
        assert ask(client).status_code == 200
        health = client.get("/health").json()
        assert health["status"] == "healthy" and health["model"] == "fake"
        assert health["queue"] == 0 and health["uptime_seconds"] >= 0


def test_a_model_that_does_not_load_is_told_by_health_and_by_every_answer(
    model: FakeModel,
) -> None:
    model.load_error = TrellisError("pipeline.json is missing")
    with serving(model) as client:
        response = ask(client)
        assert "pipeline.json is missing" in refused(response, 503)
        assert int(response.headers["retry-after"]) > 0
        health = client.get("/health").json()
        assert health["status"] == "error" and health["last_error"] == "pipeline.json is missing"


def test_an_address_that_does_not_exist_is_a_problem_too(client: TestClient) -> None:
    refused(client.get("/nothing"), 404)
    refused(client.get("/generate"), 405)


def test_the_description_lists_every_field_and_refers_to_nothing_missing(
    client: TestClient,
) -> None:
    body = client.get("/openapi.json").json()["paths"]["/generate"]["post"]["requestBody"]
    schema = body["content"]["multipart/form-data"]["schema"]
    assert {"image", "output_format", "seed", "latents_cfg"} <= schema["properties"].keys()
    assert "$ref" not in str(schema)


def test_pictures_are_forgotten_with_their_request_without_a_full_collection(
    client: TestClient, model: FakeModel
) -> None:
    ask(client)
    model.errors.append(DeviceMemoryError("too little"))
    ask(client)
    gc.collect()
    gc.disable()
    try:
        ask(client)
        kept = [weakref.ref(model.orders.pop().pictures[0])]
        model.errors.append(DeviceMemoryError("too little"))
        ask(client)
        kept.append(weakref.ref(model.orders.pop().pictures[0]))
        # The worker lets go of a job when it looks for the next one.
        ask(client)
        assert [each() for each in kept] == [None, None]
    finally:
        gc.enable()


def test_the_page_is_one_file_that_fetches_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "/stream" in answer.text
    assert "http://" not in answer.text and "https://" not in answer.text


def test_metrics_count_what_was_asked_and_how_it_ended(
    client: TestClient, model: FakeModel
) -> None:
    ask(client, output_format="ply")
    model.errors.append(DeviceMemoryError("too little"))
    ask(client, output_format="ply")
    page = client.get("/metrics").text
    assert 'trellis_requests_total{format="ply"} 2.0' in page
    assert 'trellis_generations_total{outcome="done"} 1.0' in page
    assert 'trellis_generations_total{outcome="507"} 1.0' in page
    assert "trellis_ready 1.0" in page
