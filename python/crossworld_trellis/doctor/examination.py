"""All checks, one after the other."""

from collections.abc import Iterator

from .check import Check
from .graphics import check_torch
from .installation import check_dependencies, check_extras, check_package, check_python
from .leftovers import check_packages, check_variables
from .models import check_models, look_at
from .server import check_server
from .surroundings import Surroundings
from .vulkan import check_vulkan


def examine(
    around: Surroundings,
    *,
    model: str | None = None,
    server: str | None = None,
    checksums: bool = False,
) -> Iterator[Check]:
    """What is found, each as soon as it is known.

    `model` names a folder or repository and `server` an address in place of those that the
    environment names; `checksums` reads all weights, which takes seconds.
    """
    look = look_at(around, model=model, checksums=checksums)
    yield from check_python(around)
    yield from check_package(around)
    yield from check_dependencies(around, look.family)
    yield from check_torch(around, look.family)
    yield from check_extras(around)
    yield from check_packages(around)
    yield from check_variables(around)
    yield from check_models(look)
    yield from check_server(around, url=server)
    yield from check_vulkan(around)
