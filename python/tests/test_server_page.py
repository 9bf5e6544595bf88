"""The server's page in headless Chromium, driven over its DevTools protocol.

Skipped, with the reason, where there is no Chromium. `TRELLIS_SCREENSHOT` names a file to keep the
last picture of the page in.
"""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from fake_model import FakeModel, picture
from test_server_running import running
from websockets.sync.client import ClientConnection, connect

from crossworld_trellis.voxels import SparseVoxels

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPTIONS = (
    "--headless=new --no-sandbox --remote-debugging-port=0 --window-size=960,640 --no-first-run "
    "--use-angle=swiftshader --enable-unsafe-swiftshader --disable-background-networking"
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


class Tab:
    """A page in the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv(10))).get("id") != number:
            pass
        assert "error" not in message, message
        return message["result"]

    def value(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> None:
        patience = time.monotonic() + 10
        while not self.value(expression):
            assert time.monotonic() < patience, (expression, self.value("told.textContent"))
            time.sleep(0.02)


@contextmanager
def tab(url: str, profile: Path) -> Iterator[Tab]:
    """The page at an address."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *OPTIONS.split(), f"--user-data-dir={profile}", "about:blank"]
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        port = profile / "DevToolsActivePort"
        patience = time.monotonic() + 20
        while not (port.exists() and port.read_text().count("\n")):
            assert time.monotonic() < patience, "Chromium does not start"
            time.sleep(0.05)
        tabs = httpx2.get(f"http://127.0.0.1:{port.read_text().split()[0]}/json").json()
        address = next(each["webSocketDebuggerUrl"] for each in tabs if each["type"] == "page")
        with connect(address, max_size=None) as socket:
            page = Tab(socket)
            page.call("Page.navigate", url=url)
            page.wait_for("document.readyState == 'complete' && !!window.form")
            yield page
    finally:
        browser.kill()
        browser.wait()


def mushroom() -> SparseVoxels:
    """Something to look at: a red half sphere on a pale stem."""
    x, y, z = np.indices((64, 64, 64)) - 32
    cap = (x**2 + (y * 1.4) ** 2 + z**2 < 26**2) & (y > -2)
    stem = (x**2 + z**2 < 8**2) & (y <= -2) & (y > -28)
    coords = np.argwhere(cap | stem)
    red = cap[tuple(coords.T)]
    rgba = np.where(red[:, None], (200, 40, 40, 255), (235, 220, 190, 255)).astype(np.uint8)
    dots = red & ((coords // 5).sum(axis=1) % 7 == 0)
    rgba[dots] = (250, 240, 230, 255)
    return SparseVoxels(64, coords, rgba)


def test_a_picture_becomes_voxels_on_the_page_that_one_can_turn(tmp_path: Path) -> None:
    model = FakeModel()
    voxels = mushroom()
    model.answer = voxels.to_bytes()
    file = tmp_path / "picture.png"
    file.write_bytes(picture())
    with (
        running(model) as (_, port),
        tab(f"http://127.0.0.1:{port}/", tmp_path / "browser") as page,
    ):
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        page.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])
        page.wait_for("!go.disabled")
        page.value("seed.value = 5; go.click()")
        page.wait_for(f"told.textContent == 'result: {len(voxels)} voxels'")
        assert model.started == [5]
        assert page.value("corners") > 0 and page.value("gl.getError()") == 0
        before = page.call("Page.captureScreenshot")["data"]
        for kind, x in (("mousePressed", 500), ("mouseMoved", 600), ("mouseReleased", 600)):
            page.call(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": x, "y": 400, "button": "left", "buttons": 1, "clickCount": 1},
            )
        assert page.value("turn") != 0.6
        after = page.call("Page.captureScreenshot")["data"]
        assert after != before
    if "TRELLIS_SCREENSHOT" in os.environ:
        Path(os.environ["TRELLIS_SCREENSHOT"]).write_bytes(base64.b64decode(after))


def test_a_resolution_that_the_model_has_can_be_chosen_and_a_huge_result_is_drawn_coarser(
    tmp_path: Path,
) -> None:
    model = FakeModel()
    coords = np.argwhere(np.ones((70, 70, 70), bool))
    rgba = np.full((len(coords), 4), 200, np.uint8)
    model.answer = SparseVoxels(128, coords, rgba).to_bytes()
    file = tmp_path / "picture.png"
    file.write_bytes(picture())
    with (
        running(model) as (_, port),
        tab(f"http://127.0.0.1:{port}/", tmp_path / "browser") as page,
    ):
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        page.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])
        page.wait_for("!go.disabled && resolution.options.length == 5")
        page.value("resolution.value = 128; go.click()")
        page.wait_for("told.textContent == 'result: 343000 voxels, drawn with 64 cells an axis'")
        assert model.orders[0].settings.resolution == 128
        # The shell of a cube of 35 cells: six faces, two triangles each.
        assert page.value("corners") == 6 * 35 * 35 * 6


def test_an_error_is_shown_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"no picture")
    with (
        running(FakeModel()) as (_, port),
        tab(f"http://127.0.0.1:{port}/", tmp_path / "browser") as page,
    ):
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        node = page.call("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
        page.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])
        page.wait_for("!go.disabled")
        page.value("go.click()")
        page.wait_for("told.textContent.includes('save it as PNG, JPEG or WebP')")
