"""The doctor on faked machines: every trouble of the setup guide, and what it says to do."""

import http.server
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sound_machine import (
    DEVICE,
    GIB,
    MACHINE,
    found,
    sound_machine,
    with_packages,
    with_torch,
    with_variables,
)

import crossworld_trellis
from crossworld_trellis.__main__ import main
from crossworld_trellis.doctor import Surroundings, explain
from crossworld_trellis.doctor.graphics import holds_code_for
from crossworld_trellis.doctor.installation import FOR_THE_SERVER, NEEDED
from crossworld_trellis.doctor.surroundings import Answer, ask_imports, ask_server
from crossworld_trellis.machine import Card
from crossworld_trellis.torch_build import OLDEST_TORCH

Output = pytest.CaptureFixture[str]


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return sound_machine(tmp_path)


def test_a_machine_on_which_all_is_well_has_no_problem(around: Surroundings) -> None:
    assert found(around, "problem") == {}
    well = found(around, "ok")
    assert {"Python", "package", "packages", "torch", "driver", "card", "memory"} <= {*well}
    assert set(found(around, "note")) == {"models", "server"}


# The setup guide's list, each as it shows on a machine.


def test_a_torch_without_code_for_sm_120_names_the_build_to_install(around: Surroundings) -> None:
    old = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    sick = with_torch(around, version="2.6.0+cu124", cuda="12.4", architectures=old)
    card = found(sick, "problem")["card"]
    assert "NVIDIA GeForce RTX 5090 needs code for sm_120" in card.found
    assert card.remedy is not None and "set_up.py --torch cu130" in card.remedy
    older = replace(sick, machine=replace(MACHINE, nvidia_driver="575.10"))
    remedy = found(older, "problem")["card"].remedy
    assert remedy is not None and "--torch cu128" in remedy


def test_an_undefined_symbol_is_an_abi_clash_of_a_package_to_remove(around: Surroundings) -> None:
    symbol = "libc10.so: undefined symbol: _ZNK3c106SymInt22maybe_as_int_slow_pathEv"
    sick = replace(around, broken_imports=lambda _: {"transformers": symbol})
    check = found(sick, "problem")["transformers"]
    assert "pip uninstall xformers kaolin flash-attn" in (check.remedy or "")
    sick = with_torch(around, version="", trouble=f"ImportError: {symbol}")
    check = found(sick, "problem")["torch"]
    assert symbol in check.found and "ABI clash" in (check.remedy or "")


@pytest.mark.parametrize("name", ["spconv", "spconv-cu120", "xformers", "kaolin", "flash-attn"])
def test_a_package_of_the_original_is_not_needed_and_told_only_where_it_is(
    name: str, around: Surroundings
) -> None:
    assert name not in found(around, "note")
    check = found(replace(around, packages={**around.packages, name: "2.3"}), "note")[name]
    assert "not needed" in check.found and f"pip uninstall {name}" in (check.remedy or "")


@pytest.mark.parametrize(
    "variable", ["CUDA_HOME", "CUDA_PATH", "TORCH_CUDA_ARCH_LIST", "FORCE_CUDA", "IGNORE_TORCH_VER"]
)
def test_variables_for_compiling_are_not_needed(variable: str, around: Surroundings) -> None:
    assert variable not in found(around, "note")
    check = found(with_variables(around, **{variable: "/usr/local/cuda"}), "note")[variable]
    assert "nothing is compiled" in check.found and "unset" in (check.remedy or "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ATTN_BACKEND", "xformers"),
        ("SPCONV_ALGO", "native"),
        ("XFORMERS_DISABLE_FLASH_ATTN", "1"),
        ("PYTHONPATH", "external/TRELLIS"),
    ],
)
def test_variables_of_the_guide_are_not_needed(
    variable: str, value: str, around: Surroundings
) -> None:
    check = found(with_variables(around, **{variable: value}), "note")[variable]
    assert "not needed" in check.found and check.remedy == f"unset {variable}"


def test_neither_numpy_is_a_trouble_and_the_limit_is_told_where_it_is_kept(
    around: Surroundings,
) -> None:
    one = with_packages(around, numpy="1.26.4")
    assert "numpy<2 is not needed" in found(one, "note")["numpy"].found
    both = with_packages(around, numpy="2.1.0", kaolin="0.18.0")
    assert "only kaolin asks for numpy<2" in found(both, "note")["numpy"].found
    two = with_packages(around, numpy="2.1.0")
    assert "numpy" not in found(two, "note") and found(two, "problem") == {}


def test_missing_and_old_packages_are_problems_each_by_its_name(around: Surroundings) -> None:
    packages = {name: one for name, one in around.packages.items() if name != "safetensors"}
    packages["transformers"] = "4.40.1"
    problems = found(replace(around, packages=packages), "problem")
    assert problems["safetensors"].found == "not installed"
    assert problems["transformers"].found == "4.40.1 is older than 4.48"


def test_without_torch_the_build_to_install_is_named(around: Surroundings) -> None:
    packages = {name: one for name, one in around.packages.items() if name != "torch"}
    check = found(replace(around, packages=packages), "problem")["torch"]
    assert "it takes the build cu130" in (check.remedy or "")


def test_an_old_python_is_a_problem(around: Surroundings) -> None:
    old = replace(around, machine=replace(MACHINE, python=(3, 9, 18)))
    assert "3.9.18 is too old" in found(old, "problem")["Python"].found


def test_a_torch_for_processors_on_a_machine_with_a_card_is_a_problem(
    around: Surroundings,
) -> None:
    cpu = with_torch(around, version="2.15.0+cpu", cuda=None, devices=(), architectures=())
    check = found(cpu, "problem")["card"]
    assert "is not built for NVIDIA GeForce RTX 5090" in check.found
    radeon = replace(MACHINE, cards=(Card(vendor="amd", name="Radeon"),), nvidia_driver=None)
    check = found(replace(cpu, machine=radeon), "problem")["card"]
    assert "--torch rocm7.2" in (check.remedy or "")


def test_a_driver_that_is_old_or_silent_is_a_problem(around: Surroundings) -> None:
    old = replace(around, machine=replace(MACHINE, nvidia_driver="570.10"))
    check = found(old, "problem")["driver"]
    assert check.found == "570.10 is too old for CUDA 13.0"
    assert "580" in (check.remedy or "") and "--torch cu128" in (check.remedy or "")
    silent = replace(MACHINE, cards=(), nvidia_driver=None, nvidia_trouble="version mismatch")
    sick = replace(with_torch(around, devices=()), machine=silent)
    assert "version mismatch" in found(sick, "problem")["driver"].found


def test_a_card_that_torch_cannot_reach_is_a_problem_unless_it_was_hidden(
    around: Surroundings,
) -> None:
    sick = with_torch(around, devices=(), trouble="Found no NVIDIA driver on your system.")
    assert "/run/opengl-driver/lib" in (found(sick, "problem")["card"].remedy or "")
    hidden = with_variables(sick, CUDA_VISIBLE_DEVICES="")
    assert "card" not in found(hidden, "problem")
    assert "hidden by CUDA_VISIBLE_DEVICES" in found(hidden, "note")["card"].found


def test_a_machine_without_a_card_is_told_of_the_other_ways(around: Surroundings) -> None:
    bare = replace(MACHINE, cards=(), nvidia_driver=None)
    check = found(replace(with_torch(around, devices=()), machine=bare), "note")["card"]
    assert "inflate" in (check.remedy or "") and "server" in (check.remedy or "")


@pytest.mark.parametrize(("free", "status"), [(5.0, "ok"), (3.0, "note"), (1.0, "problem")])
def test_free_memory_is_judged_by_what_a_generation_takes(
    free: float, status: str, around: Surroundings
) -> None:
    device = replace(DEVICE, free=int(free * GIB))
    check = found(with_torch(around, devices=(device,)), status)["memory"]
    assert status == "ok" or "--low-vram" in (check.remedy or "")


def test_code_runs_on_cards_of_its_generation_and_ptx_on_later_ones() -> None:
    assert holds_code_for(("sm_86",), (8, 9)) and holds_code_for(("sm_120",), (12, 1))
    assert not holds_code_for(("sm_86",), (8, 0)) and not holds_code_for(("sm_90",), (12, 0))
    assert holds_code_for(("compute_90",), (12, 0)) and holds_code_for(("sm_90a",), (9, 0))
    assert not holds_code_for(("gfx1100", "sm_", ""), (9, 0))


def answering(around: Surroundings, status: int, text: str) -> Surroundings:
    return replace(around, get=lambda url, token: Answer(status=status, text=text))


def test_a_server_is_asked_for_its_health(around: Surroundings) -> None:
    healthy = '{"status": "healthy", "device": "cuda", "device_name": "H100"}'
    well = found(answering(around, 200, healthy), "ok")["server"]
    assert well.found == "http://127.0.0.1:8001 is healthy, H100"
    foreign = found(answering(around, 200, "ok\n"), "ok", server="http://box:9/")["server"]
    assert foreign.found == "http://box:9 answers 'ok'"
    loading = answering(around, 200, '{"status": "loading", "device": null}')
    assert "server" in found(loading, "note")
    broken = answering(around, 200, '{"status": "error", "last_error": "no such folder"}')
    assert "no such folder" in found(broken, "problem")["server"].found
    assert "status 404" in found(answering(around, 404, "x"), "problem")["server"].found
    assert "TRELLIS_TOKEN" in (found(answering(around, 401, ""), "problem")["server"].remedy or "")


def test_a_server_that_was_named_must_answer_and_another_need_not(around: Surroundings) -> None:
    assert "server" in found(around, "note")
    named = with_variables(around, TRELLIS_SERVER_URL="http://box:8001")
    assert "Connection refused" in found(named, "problem")["server"].found
    assert "is no address" in found(around, "problem", server="box:8001")["server"].found


def test_a_token_is_judged_and_its_way_over_the_network_told(around: Surroundings) -> None:
    stranger = answering(around, 200, '{"status": "healthy", "device": null}')
    known = with_variables(stranger, TRELLIS_TOKEN="secret")
    assert "does not know this token" in found(known, "problem")["server"].found
    assert "token" not in found(known, "note")
    far = found(known, "note", server="http://box:8001")["token"]
    assert "ssh -L 8001" in (far.remedy or "")


def test_a_real_server_gets_the_token_and_a_silent_port_is_no_crash() -> None:
    seen: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(200 if self.path == "/health" else 418)
            self.end_headers()
            self.wfile.write(b"\xffok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert ask_server(f"{url}/health", "secret") == Answer(status=200, text="\ufffdok")
        assert ask_server(f"{url}/", None).status == 418
        server.shutdown()
    assert seen == ["Bearer secret", None]
    for bad in (f"{url}/health", "http://[::1", "http:///", "file:///etc/passwd\n"):
        assert ask_server(bad, None).status is None


def test_an_import_that_crashes_blames_only_its_module() -> None:
    broken = ask_imports(["json", "no_such_module", "antigravity_of_old"])
    assert {*broken} == {"no_such_module", "antigravity_of_old"}


def test_a_missing_or_software_vulkan_is_a_note(around: Surroundings) -> None:
    (driver,) = around.root.rglob("nvidia_icd.json")
    assert "nvidia_icd" in found(around, "ok")["Vulkan"].found
    driver.rename(driver.with_name("lvp_icd.x86_64.json"))
    assert "drawn by the processor" in found(around, "note")["Vulkan"].found
    (gone,) = around.root.rglob("lvp_icd*")
    gone.write_text('{"ICD": {"library_path": "/nowhere/libvulkan_lvp.so"}}')
    assert "is missing" in found(around, "note")["Vulkan"].found
    gone.unlink()
    assert "mesa-vulkan-drivers" in (found(around, "note")["Vulkan"].remedy or "")


# The guide's messages, as `doctor --explain` is asked about them.

MESSAGES = [
    (
        "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current "
        "PyTorch installation.",
        "torch 2.7 or later built for CUDA 12.8 or later",
    ),
    (
        "ImportError: undefined symbol: _ZNK3c106SymInt22maybe_as_int_slow_pathEv",
        "pip uninstall xformers kaolin",
    ),
    ("ModuleNotFoundError: No module named 'spconv'", "cannot occur here"),
    (
        "Repository Not Found for url: https://huggingface.co/ckpts/"
        "slat_flow_img_dit_L_64l8p2_fp16/resolve/main/.json",
        "Do not set slat_flow_model",
    ),
    ("RuntimeError: CUDA_HOME environment variable is not set", "nothing is compiled"),
    ("bash: nvcc: command not found", "nothing is compiled"),
    (
        "ImportError: Kaolin requires PyTorch >= 1.6.0, <= 2.8.0, but found version 2.9.1+cu128",
        "it limits no version of torch",
    ),
    ("WARNING[XFORMERS]: xFormers can't load C++/CUDA extensions.", "cannot occur here"),
    (
        "A module that was compiled using NumPy 1.x cannot be run in NumPy 2.1.0",
        "it works with numpy 1.24 to 2",
    ),
    (
        "slat_flow_model is set to ckpts/ss_flow_img_dit_L_16l8_fp16, which holds a "
        "SparseStructureFlowModel",
        'restore "ckpts/slat_flow_img_dit_L_64l8p2_fp16"',
    ),
    ("torch.OutOfMemoryError: CUDA out of memory.", "--low-vram"),
    ("The NVIDIA driver on your system is too old (found version 11040).", "driver 580"),
    ("AssertionError: Torch not compiled with CUDA enabled", "set_up.py"),
    ("Repository Not Found for url: https://huggingface.co/some/body", "TRELLIS_MODEL_PATH"),
    ("ensurepip is not available", "python3-venv"),
]


@pytest.mark.parametrize(("message", "told"), MESSAGES)
def test_every_message_of_the_guide_is_explained(message: str, told: str, capsys: Output) -> None:
    assert main(["doctor", "--explain", message]) == 0
    assert told in capsys.readouterr().out


def test_a_message_that_nobody_knows_is_an_error(capsys: Output) -> None:
    assert explain("the cat sat on the keyboard") is None
    assert main(["doctor", "--explain", "the cat sat on the keyboard"]) == 1
    assert "this message is not known" in capsys.readouterr().err


# What the doctor knows by heart must be what the package says elsewhere.


def test_the_needed_packages_are_those_of_pyproject() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text()
    listed = re.search(r"^dependencies = \[(.*?)^\]", text, re.M | re.S)
    server = re.search(r"^server = \[(.*?)^\]", text, re.M | re.S)
    assert listed and server
    wanted = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', listed[1].replace("_", "-")))
    ours = {name: ".".join(map(str, oldest)) for name, (_, oldest) in NEEDED.items()}
    assert wanted == {**ours, "torch": ".".join(map(str, OLDEST_TORCH))}
    assert tuple(re.findall(r'"([\w-]+)>=', server[1])) == FOR_THE_SERVER


PACKAGE = Path(crossworld_trellis.__file__).parents[1]


@pytest.fixture(scope="module")
def bare() -> Iterator[tuple[int, dict[str, Any]]]:
    """The doctor in a Python that has no packages at all: exit code and report."""
    run = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import sys; sys.path.insert(0, sys.argv.pop(1)); "
        "from crossworld_trellis.__main__ import main; sys.exit(main())",
    ]
    closed = ["--server", "http://127.0.0.1:9"]
    ran = subprocess.run(
        [*run, str(PACKAGE), "doctor", "--json", *closed], capture_output=True, text=True
    )
    assert ran.stderr == ""
    yield ran.returncode, json.loads(ran.stdout)


def test_the_doctor_runs_where_no_package_is_installed(bare: tuple[int, dict[str, Any]]) -> None:
    code, report = bare
    assert (code, report["healthy"]) == (1, False)
    problems = [one["name"] for one in report["checks"] if one["status"] == "problem"]
    assert {"torch", "numpy", "server"} <= {*problems}


def test_the_report_has_the_shape_that_other_programs_read(
    bare: tuple[int, dict[str, Any]],
) -> None:
    _, report = bare
    assert {*report} == {"checks", "healthy"}
    for check in report["checks"]:
        assert {*check} == {"name", "status", "found", "remedy"}
        assert check["status"] in ("ok", "problem", "note")
        assert "\n" not in check["found"] + (check["remedy"] or "")
