"""The driver that a window of the game needs. The Python side never draws, so all is a note."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from .check import Check, note, ok
from .surroundings import Surroundings

_SOFTWARE = ("lvp", "swrast", "llvmpipe", "swiftshader")


def check_vulkan(around: Surroundings) -> Iterator[Check]:
    """Looks for drivers as Vulkan's loader does: json files that name a library."""
    if around.machine.system != "Linux":
        yield ok("Vulkan", "not needed: windows are drawn by Metal or DirectX 12")
        return
    drivers = [path for folder in _places(around) for path in sorted(folder.glob("*.json"))]
    usable = [path for path in drivers if _library_is_there(path)]
    names = ", ".join(path.stem for path in usable)
    hardware = [p for p in usable if not any(word in p.stem for word in _SOFTWARE)]
    if not drivers:
        yield note(
            "Vulkan",
            "no driver: a window of the game cannot open here",
            "install the card's driver, or mesa-vulkan-drivers, which can draw without a card",
        )
    elif not usable:
        found = f"the library that {drivers[0]} names is missing"
        yield note("Vulkan", found, "install the card's driver again")
    elif not hardware:
        yield note(
            "Vulkan", f"{names}: a window is drawn by the processor", "install the card's driver"
        )
    else:
        yield ok("Vulkan", names)


def _places(around: Surroundings) -> list[Path]:
    variables = around.variables
    for name in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"):
        if variables.get(name):
            return [Path(one).parent for one in variables[name].split(os.pathsep)]
    data = (variables.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    data += ["/etc", "/usr/share", "/run/opengl-driver/share"]
    places = [around.root / one.lstrip("/") / "vulkan/icd.d" for one in dict.fromkeys(data) if one]
    return [*places, around.home / ".local/share/vulkan/icd.d"]


def _library_is_there(path: Path) -> bool:
    """Whether the library exists; a bare name is left to the system's loader."""
    try:
        told = cast(dict[str, Any], json.loads(path.read_bytes()))
        library = str(told["ICD"]["library_path"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return "/" not in library or (path.parent / library).exists()
