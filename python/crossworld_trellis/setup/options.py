"""The command line of set-up: what is asked for, what will be done, and how long it took."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ..doctor.families import FIRST, SECOND
from ..errors import TrellisError
from ..machine import Machine, free_disk, look
from ..program import Run, run_program
from ..torch_build import NAMES, OLDEST_PYTHON, named
from . import pip, steps
from .environment import Environment
from .error import SetupError
from .steps import Stream, Work, shown

CHECKOUT = Path(__file__).resolve().parents[2]
"""The folder `python` of the repository."""

Step = tuple[str, Callable[[Work], str]]


def main(
    arguments: Sequence[str] | None = None,
    *,
    machine: Machine | None = None,
    run: Run | None = None,
    stream: Stream | None = None,
    checkout: Path = CHECKOUT,
    free: Callable[[Path], int] = free_disk,
) -> int:
    """Sets up what the arguments ask for, and returns the process's exit code."""
    options = _parser().parse_args(arguments)
    # Probes of a large environment take long on a slow disk.
    patient: Run = lambda command: run_program(command, timeout=300)  # noqa: E731
    try:
        machine = look() if machine is None else machine
        _check(machine, checkout)
        programs = (run or patient, stream or stream_program)
        work = _work(options, machine, programs, checkout, free)
        _describe(work)
        _go(work, options)
    except TrellisError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.strerror or error} ({error.filename})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted: run it again, it goes on from there", file=sys.stderr)
        return 1
    return 0


def stream_program(command: Sequence[str], on_line: Callable[[str], None]) -> int:
    """A `Stream` that really runs the program."""
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=pip.clean_environment(),
    )
    try:
        for line in process.stdout or ():
            on_line(line.rstrip("\n"))
    except BaseException:
        process.terminate()
        raise
    finally:
        process.wait()
    return process.returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="set_up.py",
        description="Makes a virtual environment with the torch that fits this machine and this "
        "package, and checks that it works. A second run does what is left to do.",
    )
    parser.add_argument(
        "--venv", type=Path, default=Path(".venv"), metavar="DIR", help="where (.venv)"
    )
    parser.add_argument(
        "--torch", default="auto", metavar="BUILD", help=f"{', '.join(NAMES)}, or another folder"
    )
    parser.add_argument("--torch-index", metavar="URL", help="where to get torch from instead")
    parser.add_argument(
        "--rembg", action="store_true", help="also what removes backgrounds of pictures"
    )
    parser.add_argument(
        "--weights", action="store_true", help="also the models: about 4 GB, of TRELLIS.2 14 GB"
    )
    parser.add_argument(
        "--model",
        metavar="REPOSITORY",
        help=f"which models: {FIRST.official}, {SECOND.official}, or a folder (else "
        "TRELLIS_MODEL_PATH, or the first of these)",
    )
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    return parser


def _check(machine: Machine, checkout: Path) -> None:
    """Raises `SetupError` where no set-up can succeed."""
    if machine.python < OLDEST_PYTHON:
        version = ".".join(map(str, machine.python))
        raise SetupError(f"Python {version} is too old: run this with Python 3.10 or later")
    if (machine.system, machine.processor) == ("Darwin", "x86_64"):
        raise SetupError(
            "torch 2.4 and later do not exist for Macs with Intel processors: use the backend "
            "inflate, or a server on another machine"
        )
    if not (checkout / "pyproject.toml").is_file():
        raise SetupError(f"this is no checkout of the repository: clone it first ({checkout})")


def _work(
    options: argparse.Namespace,
    machine: Machine,
    programs: tuple[Run, Stream],
    checkout: Path,
    free: Callable[[Path], int],
) -> Work:
    return Work(
        machine=machine,
        environment=Environment(options.venv.expanduser().absolute()),
        checkout=checkout,
        torch=named(options.torch, index=options.torch_index, machine=machine),
        by_name=options.torch != "auto",
        extras=("rembg", "server") if options.rembg else ("server",),
        model=options.model,
        run=programs[0],
        stream=programs[1],
        free=free,
        tell=lambda line: print(line, flush=True),
    )


def _describe(work: Work) -> None:
    machine = work.machine
    python = ".".join(map(str, machine.python))
    cards = ", ".join(card.name for card in machine.cards) or "no graphics card"
    work.tell(f"machine: {machine.system} {machine.processor}, Python {python}, {cards}")
    origin = f" from {work.torch.index}" if work.torch.index else ""
    work.tell(f"torch: {work.torch.name}{origin} ({work.torch.why})")
    if work.torch.warning:
        work.tell(f"warning: {work.torch.warning}")


def _go(work: Work, options: argparse.Namespace) -> None:
    places: list[Step] = [
        (f"virtual environment {shown(work.environment.root)}", steps.make_environment),
        (f"torch ({work.torch.name})", steps.install_torch),
        (f"crossworld-trellis with {', '.join(work.extras)}", steps.install_package),
    ]
    if options.weights:
        places.append((f"weights, {steps.download_of(work)}", steps.fetch_weights))
    places.append(("verify", steps.verify))
    if options.dry_run:
        for number, (name, _) in enumerate(places, 1):
            work.tell(f"[{number}/{len(places)}] would do: {name}")
        return
    began = time.monotonic()
    for number, (name, step) in enumerate(places, 1):
        start = time.monotonic()
        work.tell(f"[{number}/{len(places)}] {name} ...")
        done = step(work)
        work.tell(f"[{number}/{len(places)}] {name}: {done}, {time.monotonic() - start:.1f} s")
    work.tell(f"ready after {time.monotonic() - began:.0f} s")
    program = f"{shown(work.environment.python)} -m crossworld_trellis"
    named = " ".join(["", *work.naming_model()])
    if not options.weights:
        work.tell(f"download the models, {steps.download_of(work)}: {program} fetch{named}")
    work.tell(f"start the server: {program} serve{named}")
