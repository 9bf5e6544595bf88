"""The command line, `python -m crossworld_trellis COMMAND ...`. The commands are in `commands`.

Only the one that runs is imported, so that those that need no torch start at once. Exit codes:
0, 2 for wrong usage, 1 with one line on standard error for everything else.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from . import __version__
from .errors import TrellisError

COMMANDS = {
    "generate": "make voxels, Gaussians, a radiance field or a mesh from a picture",
    "info": "tell what a .voxels file holds",
    "fetch": "download the models now instead of at the first generation",
    "serve": "answer other programs' requests for objects, over HTTP and a WebSocket",
    "make-tiny": "write a tiny checkpoint with random weights, for trying things out",
    "doctor": "find what is wrong with this installation and tell what to do",
    "verify": "run the networks on this machine and check the models on it",
    "bench": "measure the full-size networks with random weights on this machine",
}
"""Every command with what it is for."""

# Commands that need more than the package's own dependencies.
_EXTRAS = {"serve": "[server]"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (by default the process's arguments) and returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="python -m crossworld_trellis")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    try:
        for name, purpose in COMMANDS.items():
            command = commands.add_parser(name, help=purpose, description=purpose)
            if arguments[:1] == [name]:
                module = importlib.import_module(f".commands.{name.replace('-', '_')}", __package__)
                module.add_arguments(command)
                command.set_defaults(run=module.run)
        options = parser.parse_args(arguments)
        return options.run(options)
    except TrellisError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.strerror or error} ({error.filename})")
    except ModuleNotFoundError as error:
        package = f"crossworld-trellis{_EXTRAS.get(arguments[0], '')}"
        return _fail(f"the package {error.name} is missing: pip install '{package}'")
    except KeyboardInterrupt:
        return _fail("interrupted")


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
