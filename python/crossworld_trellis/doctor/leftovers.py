"""What an installation of the original left behind: not needed, seldom harmful.

Told only where something is found, since it helps nobody to hear of packages that are not there.
"""

from collections.abc import Iterator

from ..config import needless_variables
from ..machine import version_of
from .check import Check, note
from .known import COMPILED
from .surroundings import Surroundings

_BUILDING = ("CUDA_HOME", "CUDA_PATH", "TORCH_CUDA_ARCH_LIST", "FORCE_CUDA", "IGNORE_TORCH_VER")


def check_variables(around: Surroundings) -> Iterator[Check]:
    """Environment variables of the setup guide that do nothing here."""
    for line in needless_variables(around.variables):
        name, _, reason = line.partition(": ")
        yield note(name, f"set, but not needed: {reason}", f"unset {name}")
    for name in _BUILDING:
        if name in around.variables:
            found = "set, but not needed: nothing is compiled, torch brings its CUDA"
            yield note(name, found, f"unset {name}, unless other programs use it")


def check_packages(around: Surroundings) -> Iterator[Check]:
    """Packages of the setup guide that this one does not use."""
    for name, version in sorted(around.packages.items()):
        if any(name == one or name.startswith(f"{one}-cu") for one in COMPILED):
            yield note(
                name,
                f"{version} is installed, but not needed",
                f"pip uninstall {name}, if messages come from it or it clashes with torch",
            )
    numpy, kaolin = around.packages.get("numpy", ""), around.packages.get("kaolin")
    if version_of(numpy)[:1] == (1,):
        found = f"{numpy}: the limit numpy<2 is not needed, it was kaolin's"
        yield note("numpy", found, "pip install --upgrade numpy, unless another package needs it")
    elif kaolin and numpy:
        found = f"{numpy} works here; only kaolin asks for numpy<2"
        yield note("numpy", found, "pip uninstall kaolin")
