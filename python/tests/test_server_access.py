"""Who may use the server, and which settings let it start at all."""

import pytest
from fake_model import FakeModel, picture, serving
from fastapi.testclient import TestClient
from httpx2 import Response

from crossworld_trellis import config
from crossworld_trellis.__main__ import main
from crossworld_trellis.server.settings import ServerSettings, ServerSettingsError


def post(client: TestClient, **headers: str) -> Response:
    return client.post("/generate", files={"image": ("a.png", picture())}, headers=headers)


@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Basic secret", "secret", "Bearer"]
)
def test_without_the_right_token_nothing_is_generated(authorization: str | None) -> None:
    model = FakeModel()
    with serving(model, token="secret") as client:
        headers = {} if authorization is None else {"authorization": authorization}
        answer = post(client, **headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer TOKEN" in answer.json()["detail"]
        assert client.get("/metrics", headers=headers).status_code == 401
    assert model.orders == []


def test_with_the_token_everything_works_whatever_the_server_is_called() -> None:
    with serving(FakeModel(), token="secret", host="0.0.0.0") as client:
        answer = post(client, authorization="Bearer secret", host="studio.example:8001")
        assert answer.status_code == 200


def test_strangers_learn_little_from_health() -> None:
    with serving(FakeModel(), token="secret") as client:
        assert client.get("/health").json()["model"] is None
        known = client.get("/health", headers={"authorization": "Bearer secret"}).json()
        assert known["version"] and known["uptime_seconds"] > 0


def test_pages_of_other_sites_cannot_use_a_server_without_a_token() -> None:
    with serving(FakeModel()) as client:
        assert post(client, origin="https://evil.example").status_code == 403
        assert post(client, host="evil.example").status_code == 403
        assert post(client, origin="null").status_code == 403
        assert post(client, origin="http://127.0.0.1").status_code == 200
        assert post(client, host="localhost:8001").status_code == 200
        assert post(client, host="[::1]:8001").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "studio.example", ""])
def test_other_addresses_than_this_machine_s_need_a_token(host: str) -> None:
    with pytest.raises(ServerSettingsError, match="TRELLIS_TOKEN"):
        ServerSettings(host=host)
    assert ServerSettings(host=host, token="secret").host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_s_addresses_need_none(host: str) -> None:
    assert ServerSettings(host=host).token is None


@pytest.mark.parametrize(
    "settings", [{"port": -1}, {"port": 65536}, {"waiting": 0}, {"deadline": 0}, {"token": "ö"}]
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ServerSettingsError):
        ServerSettings(**settings)  # type: ignore[arg-type]


def test_the_command_refuses_to_start_for_others_without_a_token(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TRELLIS_TOKEN", raising=False)
    monkeypatch.setenv("TRELLIS_HOST", "0.0.0.0")
    assert main(["serve"]) == 1
    assert "set TRELLIS_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("TRELLIS_PORT", "http")
    assert main(["serve", "--host", "127.0.0.1"]) == 1
    assert "got 'http'" in capsys.readouterr().err


def test_variables_of_the_guide_that_do_nothing_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ATTN_BACKEND", "SPCONV_ALGO", "XFORMERS_DISABLE_FLASH_ATTN", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    assert config.needless_variables() == []
    monkeypatch.setenv("ATTN_BACKEND", "xformers")
    monkeypatch.setenv("XFORMERS_DISABLE_FLASH_ATTN", "1")
    monkeypatch.setenv("PYTHONPATH", "external/TRELLIS:")
    assert config.needless_variables() == [
        "ATTN_BACKEND: attention is torch's own",
        "PYTHONPATH: the checkout of TRELLIS that it names is not used",
        "XFORMERS_DISABLE_FLASH_ATTN: xformers is not used",
    ]
