"""`python -m crossworld_trellis`: what it prints, and its exit codes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import crossworld_trellis
from crossworld_trellis.__main__ import COMMANDS, main
from crossworld_trellis.voxels import SparseVoxels


def save(path: Path, coords: list[list[int]]) -> str:
    rgba = np.tile(np.array([9, 9, 9, 255], np.uint8), (len(coords), 1))
    SparseVoxels(16, np.array(coords, np.int64).reshape(-1, 3), rgba).save(path)
    return str(path)


def test_info_tells_voxels_resolution_bounds_and_colours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", save(tmp_path / "a.voxels", [[1, 2, 3], [4, 2, 3]])]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "voxels      2",
        "resolution  16",
        "bounds      [1, 2, 3] to [4, 2, 3], 4 x 1 x 1 cells",
        "colors      1",
    ]


def test_info_of_a_file_without_voxels_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", save(tmp_path / "a.voxels", [])]) == 0
    out = capsys.readouterr().out
    assert "voxels      0" in out and "bounds      none" in out


def test_a_bad_file_ends_in_one_line_with_its_name_and_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "diary.voxels"
    text.write_text("Dear diary, today I drew a cat.")
    for path in (text, tmp_path / "missing.voxels", tmp_path):
        assert main(["info", str(path)]) == 1
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith("error: ") and printed.err.count("\n") == 1
        assert str(path) in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["info"],
        ["dance"],
        ["info", "a", "b"],
        ["generate", "a.png"],
        ["generate", "-o", "a.ply"],
        ["generate", "a.png", "-o", "a.stl"],
        ["generate", "a.png", "-o", "a.ply", "--steps", "many"],
        ["make-tiny"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2


def test_those_who_only_read_voxels_never_load_torch(tmp_path: Path) -> None:
    path = save(tmp_path / "a.voxels", [[0, 0, 0]])
    probe = (
        "import sys, crossworld_trellis.voxels; from crossworld_trellis.__main__ import main; "
        "main(['info', sys.argv[1]]); "
        "sys.exit(' '.join({'torch', 'transformers', 'huggingface_hub'} & {*sys.modules}) or 0)"
    )
    package = Path(crossworld_trellis.__file__).parents[1]
    run = [sys.executable, "-c", probe, path]
    ran = subprocess.run(run, cwd=package, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_every_command_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command, purpose in COMMANDS.items():
        with pytest.raises(SystemExit) as exit:
            main([command, "--help"])
        assert exit.value.code == 0
        assert purpose in " ".join(capsys.readouterr().out.split())


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # What an import does where the package is not installed.
    monkeypatch.setitem(sys.modules, "numpy", None)
    monkeypatch.delitem(sys.modules, "crossworld_trellis.commands.info", raising=False)
    assert main(["info", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: the package numpy is missing: pip install")


def test_the_package_runs_as_a_module_and_importing_it_loads_no_numpy(tmp_path: Path) -> None:
    package = Path(crossworld_trellis.__file__).parents[1]
    path = save(tmp_path / "a.voxels", [[0, 0, 0]])
    run = [sys.executable, "-m", "crossworld_trellis", "info", path]
    ran = subprocess.run(run, cwd=package, capture_output=True, text=True, check=True)
    assert "voxels      1" in ran.stdout
    probe = "import sys, crossworld_trellis; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", probe], cwd=package, check=True)
