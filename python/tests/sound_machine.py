"""A machine on which the doctor finds nothing wrong, for tests that spoil one thing of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossworld_trellis import __version__
from crossworld_trellis.doctor import Check, Surroundings, examine
from crossworld_trellis.doctor.installation import FOR_THE_SERVER, NEEDED
from crossworld_trellis.doctor.surroundings import Answer, Device, Torch
from crossworld_trellis.machine import Card, Machine

GIB = 1 << 30

RTX_5090 = Card(vendor="nvidia", name="NVIDIA GeForce RTX 5090", capability=(12, 0))
MACHINE = Machine(
    system="Linux",
    processor="x86_64",
    python=(3, 11, 7),
    cards=(RTX_5090,),
    nvidia_driver="580.65.06",
)
DEVICE = Device(name=RTX_5090.name, capability=(12, 0), free=30 * GIB, total=32 * GIB)
CU130 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120")
TORCH = Torch(version="2.15.0+cu130", cuda="13.0", architectures=CU130, devices=(DEVICE,))


def no_imports_broken(names: Sequence[str]) -> Mapping[str, str]:
    return {}


def refused(url: str, token: str | None) -> Answer:
    return Answer(status=None, text="Connection refused")


def sound_machine(folder: Path) -> Surroundings:
    """A machine on which all is well."""
    drivers = folder / "usr/share/vulkan/icd.d"
    drivers.mkdir(parents=True)
    driver = {"ICD": {"library_path": "libGLX_nvidia.so.0"}}
    (drivers / "nvidia_icd.json").write_text(json.dumps(driver))
    packages = {name: "99.0" for name in (*NEEDED, *FOR_THE_SERVER, "rembg")}
    return Surroundings(
        machine=MACHINE,
        torch=lambda: TORCH,
        broken_imports=no_imports_broken,
        get=refused,
        home=folder / "home",
        root=folder,
        packages={**packages, "crossworld-trellis": __version__, "torch": "2.15.0"},
        variables={},
    )


def found(around: Surroundings, status: str, **options: Any) -> dict[str, Check]:
    """The checks with a status, by name."""
    return {one.name: one for one in examine(around, **options) if one.status == status}


def with_torch(around: Surroundings, **changes: Any) -> Surroundings:
    torch = replace(TORCH, **changes)
    return replace(around, torch=lambda: torch)


def with_packages(around: Surroundings, **versions: str) -> Surroundings:
    named = {name.replace("_", "-"): version for name, version in versions.items()}
    return replace(around, packages={**around.packages, **named})


def with_variables(around: Surroundings, **variables: str) -> Surroundings:
    return replace(around, variables={**around.variables, **variables})
