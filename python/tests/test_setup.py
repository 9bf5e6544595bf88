"""Set-up, with a pip and a venv that only pretend: what is done, skipped, gone on with and told."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from crossworld_trellis import __version__
from crossworld_trellis.machine import Card, Machine
from crossworld_trellis.program import Ran, run_program
from crossworld_trellis.setup import main
from crossworld_trellis.setup.environment import Environment
from crossworld_trellis.setup.pip import explain

Output = pytest.CaptureFixture[str]

MACHINE = Machine(system="Linux", processor="x86_64", python=(3, 11, 7))
CARD = Card(vendor="nvidia", name="RTX 5090", capability=(12, 0))
WITH_CARD = Machine(
    system="Linux", processor="x86_64", python=(3, 11, 7), cards=(CARD,), nvidia_driver="580.1"
)


class World:
    """A venv and packages that exist on paper; commands change them as the real ones would."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "venv"
        self.checkout = folder / "python"
        self.checkout.mkdir()
        (self.checkout / "pyproject.toml").write_text("[project]\n")
        self.packages: dict[str, dict[str, object]] = {}
        self.cuda: str | None = None
        self.has_pip = False
        self.free = 100 << 30
        self.commands: list[list[str]] = []
        self.fails: dict[str, list[str]] = {}
        """What a command prints when it fails, by a word in it."""

    def set_up(self, *arguments: str, machine: Machine = MACHINE) -> int:
        self.commands.clear()
        return main(
            ["--venv", str(self.venv), *arguments],
            machine=machine,
            run=self.run,
            stream=self.stream,
            checkout=self.checkout,
            free=lambda _: self.free,
        )

    def did(self) -> list[str]:
        """The commands in words."""
        words = {"venv": "venv", "uninstall": "uninstall", "fetch": "fetch", "verify": "verify"}
        told: list[str] = []
        for command in self.commands:
            line = " ".join(command)
            found = [word for mark, word in words.items() if f" {mark}" in line]
            told += found or ["package" if "--editable" in line else "torch"]
        return told

    def run(self, command: Sequence[str]) -> Ran:
        if command[-1] == "import pip":
            return Ran(0 if self.has_pip else 1, "")
        return Ran(
            0,
            json.dumps(
                {"packages": self.packages, "build": {"cuda": self.cuda} if self.cuda else {}}
            ),
        )

    def stream(self, command: Sequence[str], on_line: Callable[[str], None]) -> int:
        self.commands.append(list(command))
        line = " ".join(command)
        for word, said in self.fails.items():
            if word in line:
                for one in said:
                    on_line(one)
                return 1
        if " venv" in line:
            python = Environment(self.venv).python
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()
            (self.venv / "pyvenv.cfg").touch()
            self.has_pip = True
        elif "uninstall" in line:
            del self.packages["torch"]
        elif "--editable" in line:
            self.add("crossworld-trellis", __version__)
            self.add("fastapi", "0.1")
        elif "install" in line:
            self.add("torch", "2.15.0")
            index = re.search(r"whl/cu(\d+)(\d)$", line)
            self.cuda = f"{index[1]}.{index[2]}" if index else None
        return 0

    def add(self, name: str, version: str, *, whole: bool = True) -> None:
        folder = self.venv / "site" / f"{name}.dist-info"
        folder.mkdir(parents=True, exist_ok=True)
        self.packages[name] = {"version": version, "whole": whole, "folder": str(folder)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


ALL = ["venv", "torch", "package", "verify"]


def test_the_first_run_does_everything_and_the_second_nothing(world: World, capsys: Output) -> None:
    assert world.set_up() == 0
    assert world.did() == ALL
    assert world.commands[1][-2:] == ["--index-url", "https://download.pytorch.org/whl/cpu"]
    assert world.commands[2][-1] == f"{world.checkout}[server]"
    first = capsys.readouterr().out
    assert "[2/4] torch (cpu): installed, 2.15.0" in first and "about 4 GB" in first
    assert world.set_up() == 0
    assert world.did() == []
    assert capsys.readouterr().out.count("already there") == 3


def test_the_weights_are_downloaded_only_when_asked_for(world: World) -> None:
    assert world.set_up("--weights") == 0
    assert world.did() == [*ALL[:3], "fetch", "verify"]


def test_the_models_of_the_second_generation_are_named_to_every_command(
    world: World, capsys: Output
) -> None:
    chosen = ["--model", "microsoft/TRELLIS.2-4B"]
    assert world.set_up("--weights", *chosen) == 0
    fetch, verify = world.commands[-2:]
    assert fetch[-3:] == ["fetch", *chosen] and verify[-3:] == ["verify", *chosen]
    told = capsys.readouterr().out
    assert "weights, about 14 GB" in told
    assert told.splitlines()[-1].endswith("serve --model microsoft/TRELLIS.2-4B")
    assert world.set_up(*chosen) == 0
    assert world.did() == []
    assert world.set_up() == 0
    assert world.did() == ["verify"], "other models may not fit"


def test_another_model_in_the_environment_is_verified_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.set_up() == 0 and world.set_up() == 0
    assert world.did() == []
    monkeypatch.setenv("TRELLIS_MODEL_PATH", "microsoft/TRELLIS.2-4B")
    assert world.set_up() == 0
    assert world.did() == ["verify"]


@pytest.mark.parametrize("step", ["venv", "whl/cpu", "--editable", "verify"])
def test_a_run_after_one_that_failed_goes_on_where_it_stopped(step: str, world: World) -> None:
    world.fails = {step: ["ERROR: the cat sat on the keyboard"]}
    assert world.set_up() == 1
    done = world.did()[:-1]
    world.fails = {}
    assert world.set_up() == 0
    assert done + world.did() == ALL


def test_a_package_that_was_cut_short_is_installed_anew(world: World) -> None:
    assert world.set_up() == 0
    for name, again in (("torch", ["torch", "verify"]), ("fastapi", ["package", "verify"])):
        world.add(name, "2.14.0", whole=False)
        half = Path(str(world.packages[name]["folder"])) / "METADATA"
        half.touch()
        assert world.set_up() == 0
        assert world.did()[-2:] == again
        assert not half.exists()


def test_a_folder_in_which_venv_was_cut_short_is_made_anew(world: World) -> None:
    (world.venv / "bin").mkdir(parents=True)
    assert world.set_up() == 0
    assert world.did() == ALL


def test_a_folder_with_other_things_is_never_touched(world: World, capsys: Output) -> None:
    world.venv.mkdir()
    (world.venv / "diary.txt").write_text("Dear diary")
    assert world.set_up() == 1
    assert world.did() == []
    assert "something else lies where the virtual environment should be" in capsys.readouterr().err
    assert (world.venv / "diary.txt").read_text() == "Dear diary"


def test_a_torch_that_does_not_fit_the_card_is_replaced_and_one_that_does_is_kept(
    world: World,
) -> None:
    assert world.set_up() == 0
    assert world.set_up(machine=WITH_CARD) == 0
    assert world.did() == ["uninstall", "torch", "verify"]
    assert world.commands[1][-1] == "https://download.pytorch.org/whl/cu130"
    world.cuda = "12.8"
    assert world.set_up(machine=WITH_CARD) == 0
    assert world.did() == []
    assert world.set_up("--torch", "cu130", machine=WITH_CARD) == 0
    assert world.did() == ["uninstall", "torch", "verify"]


def test_a_new_driver_or_another_version_of_a_package_is_verified_again(world: World) -> None:
    assert world.set_up("--torch", "pypi") == 0
    world.add("fastapi", "0.2")
    assert world.set_up("--torch", "pypi") == 0
    assert world.did() == ["verify"]


def test_a_changed_pyproject_or_another_extra_installs_the_package_again(world: World) -> None:
    assert world.set_up() == 0
    assert world.set_up("--rembg") == 0
    assert world.did()[0] == "package"
    assert world.commands[0][-1].endswith("[rembg,server]")
    assert world.set_up() == 0, "fewer extras than there are do no harm"
    assert world.did() == []
    (world.checkout / "pyproject.toml").write_text("[project]\nname = 'a'\n")
    assert world.set_up() == 0
    assert world.did()[0] == "package"


def test_a_spoiled_note_of_an_earlier_run_counts_as_none(world: World) -> None:
    for text in ("", "[]", '{"extras": 3}', "\xff"):
        assert world.set_up() == 0
        Environment(world.venv).stamp.write_text(text, encoding="latin-1")
        assert world.set_up() == 0
        assert world.did() == ["package", "verify"]


def test_a_dry_run_changes_nothing(world: World, capsys: Output) -> None:
    assert world.set_up("--dry-run", "--weights") == 0
    assert world.did() == [] and not world.venv.exists()
    assert capsys.readouterr().out.count("would do") == 5


def test_torch_can_be_left_alone_or_come_from_elsewhere(world: World) -> None:
    assert world.set_up("--torch", "none") == 0
    assert world.did() == ["venv", "package", "verify"]
    assert world.set_up("--torch-index", "https://mirror.example/simple") == 0
    assert world.commands[0][-1] == "https://mirror.example/simple"


def failing(world: World, capsys: Output, *arguments: str, machine: Machine = MACHINE) -> str:
    assert world.set_up(*arguments, machine=machine) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "WARNING: Retrying ... Failed to establish a new connection: [Errno 101]",
            "no network: https://download.pytorch.org/whl/cpu cannot be reached",
        ),
        ("ERROR: Could not install: [Errno 28] No space left on device", "the disk is full"),
        ("ERROR: No matching distribution found for torch>=2.4", "has nothing for this Python"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "a file may not be written"),
        ("", "installing torch failed: it said nothing"),
    ],
)
def test_an_error_of_pip_is_one_line_with_a_remedy(
    said: str, told: str, world: World, capsys: Output
) -> None:
    world.fails = {"whl/cpu": ["Collecting torch", said] if said else []}
    assert told in failing(world, capsys)


def test_an_index_that_cannot_be_reached_is_told_with_the_way_around(
    world: World, capsys: Output
) -> None:
    world.fails = {"whl/cpu": ["Temporary failure in name resolution"]}
    told = failing(world, capsys)
    assert "--torch-index URL" in told and "--torch pypi" in told


def test_a_debian_without_venv_is_told_the_package_to_install(world: World, capsys: Output) -> None:
    world.fails = {
        "venv": [
            "The virtual environment was not created successfully because ensurepip "
            "is not available.  On Debian/Ubuntu systems, you need to install the "
        ]
    }
    assert "sudo apt install python3-venv" in failing(world, capsys)
    assert "python3-venv" in explain(["No module named ensurepip"], doing="x")
    assert "no module venv" in explain(["No module named venv"], doing="x")


def test_machines_on_which_nothing_can_succeed_are_told_at_once(
    world: World, capsys: Output
) -> None:
    old = Machine(system="Linux", processor="x86_64", python=(3, 9, 2))
    assert "Python 3.9.2 is too old" in failing(world, capsys, machine=old)
    mac = Machine(system="Darwin", processor="x86_64", python=(3, 12, 0))
    assert "Intel" in failing(world, capsys, machine=mac)
    (world.checkout / "pyproject.toml").unlink()
    assert "no checkout" in failing(world, capsys)
    assert world.did() == []


def test_a_full_disk_is_told_before_anything_is_downloaded(world: World, capsys: Output) -> None:
    world.free = 1 << 30
    assert "needs about 2 GiB, but only 1.0 GiB are free" in failing(world, capsys)
    assert world.did() == ["venv"]


def test_a_real_environment_tells_its_packages_and_which_were_cut_short(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    assert run_program([sys.executable, "-m", "venv", "--without-pip", str(environment.root)]).ok
    assert not environment.works(run_program), "it has no pip"
    (site,) = (
        *environment.root.glob("lib/*/site-packages"),
        *environment.root.glob("Lib/site-packages"),
    )
    for name, record in (("Whole_One", "whole.py,,\n"), ("cut", "gone.py,,\n"), ("bare", None)):
        folder = site / f"{name}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name}\nVersion: 1.2\n")
        if record:
            (folder / "RECORD").write_text(record)
    (site / "whole.py").touch()
    (site / "torch").mkdir()
    (site / "torch/__init__.py").touch()
    (site / "torch/version.py").write_text(
        "__all__ = ['cuda']\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n"
    )
    contents = environment.contents(run_program)
    assert contents.has("whole-one")
    assert {package.folder.name for package in contents.broken()} == {
        "cut-1.2.dist-info",
        "bare-1.2.dist-info",
    }
    assert (contents.cuda, contents.hip) == ("13.0", None)


def test_the_starter_runs_with_the_standard_library_alone(tmp_path: Path) -> None:
    starter = Path(__file__).parents[1] / "set_up.py"
    ran = run_program(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import runpy, sys; sys.argv[1:] = ['--help'];"
            f"sys.path.insert(0, {str(starter.parent)!r});"
            f"runpy.run_path({str(starter)!r}, run_name='__main__')",
        ]
    )
    assert ran.ok and "--torch-index" in ran.output
