"""Facts about this machine that decide which torch it needs: system, Python, graphics cards.

Needs nothing but the standard library, since it runs before anything is installed. Facts only: what
follows from them is in `torch_build`. Memory is in bytes.
"""

import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .program import Run, run_program

Vendor = Literal["nvidia", "amd", "apple"]

Version = tuple[int, ...]

_QUERY = "--query-gpu=name,driver_version,memory.total,compute_cap"
# Drivers from before 2022 do not know compute_cap.
_OLD_QUERY = "--query-gpu=name,driver_version,memory.total"
_FORMAT = "--format=csv,noheader,nounits"

_AMD_VENDOR = "0x1002"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A graphics card on which torch could run."""

    vendor: Vendor
    name: str
    capability: Version | None = None
    """NVIDIA's compute capability, (12, 0) for an RTX 5090."""
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What `look` found."""

    system: str
    """As Python calls it: Linux, Darwin, Windows."""
    processor: str
    """x86_64, arm64, aarch64, AMD64."""
    python: Version
    cards: tuple[Card, ...] = ()
    nvidia_driver: str | None = None
    """Version of NVIDIA's driver, where it answers."""
    nvidia_trouble: str | None = None
    """Why `nvidia-smi`, although it is there, tells no card."""
    rocm: str | None = None
    """Version of the ROCm that the system has; torch brings its own."""

    def cards_of(self, vendor: Vendor) -> tuple[Card, ...]:
        """The cards of a vendor."""
        return tuple(card for card in self.cards if card.vendor == vendor)


def look(
    *,
    run: Run = run_program,
    which: Callable[[str], str | None] = shutil.which,
    root: Path = Path("/"),
    system: str | None = None,
    processor: str | None = None,
) -> Machine:
    """Looks at this machine, or at what the arguments pretend it is."""
    system = platform.system() if system is None else system
    processor = platform.machine() if processor is None else processor
    cards, driver, trouble = _nvidia(run, which)
    rocm = None
    if system == "Linux":
        cards += _amd(run, which, root)
        rocm = _rocm(root)
    if system == "Darwin" and processor == "arm64":
        cards.append(Card(vendor="apple", name="Apple silicon"))
    return Machine(
        system=system,
        processor=processor,
        python=tuple(sys.version_info[:3]),
        cards=tuple(cards),
        nvidia_driver=driver,
        nvidia_trouble=trouble,
        rocm=rocm,
    )


def free_disk(path: Path) -> int:
    """Free bytes where `path` lies, or will lie."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def version_of(text: str) -> Version:
    """The numbers at the beginning of a version: (2, 15, 0) of "2.15.0+cu130"."""
    match = re.match(r"\s*v?(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def _nvidia(
    run: Run, which: Callable[[str], str | None]
) -> tuple[list[Card], str | None, str | None]:
    """Cards and driver as `nvidia-smi` tells them, else why it does not."""
    program = which("nvidia-smi")
    if program is None:
        return [], None, None
    ran = run([program, _QUERY, _FORMAT])
    if not ran.ok and "compute_cap" in ran.output:
        ran = run([program, _OLD_QUERY, _FORMAT])
    if not ran.ok:
        lines = [line.strip() for line in ran.output.splitlines() if line.strip()]
        return [], None, lines[0] if lines else f"exit code {ran.code}"
    cards: list[Card] = []
    driver = None
    for line in ran.output.splitlines():
        name, *rest = (part.strip() for part in line.split(","))
        if len(rest) < 2:
            continue
        driver = rest[0]
        capability = version_of(rest[2]) if len(rest) > 2 else ()
        megabytes = version_of(rest[1])
        cards.append(
            Card(
                vendor="nvidia",
                name=name,
                capability=capability or None,
                memory=megabytes[0] << 20 if megabytes else None,
            )
        )
    return cards, driver, None


def _amd(run: Run, which: Callable[[str], str | None], root: Path) -> list[Card]:
    """Cards as `rocminfo` tells them, else those for which the kernel has loaded amdgpu."""
    program = which("rocminfo")
    if program is not None:
        ran = run([program])
        if ran.ok:
            return [Card(vendor="amd", name=name) for name in _agents(ran.output)]
    cards: list[Card] = []
    for vendor in sorted(root.glob("sys/class/drm/card*/device/vendor")):
        if _read(vendor) == _AMD_VENDOR and (root / "dev/kfd").exists():
            memory = version_of(_read(vendor.with_name("mem_info_vram_total")))
            cards.append(
                Card(vendor="amd", name="AMD graphics card", memory=memory[0] if memory else None)
            )
    return cards


def _agents(output: str) -> list[str]:
    """Names of the GPUs among the agents that `rocminfo` lists."""
    names: list[str] = []
    name = ""
    for line in output.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "Marketing Name":
            name = value
        elif key == "Device Type" and value == "GPU":
            names.append(name or "AMD graphics card")
    return names


def _rocm(root: Path) -> str | None:
    return _read(root / "opt/rocm/.info/version") or None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
