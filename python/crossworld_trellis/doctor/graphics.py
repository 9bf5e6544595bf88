"""torch and the graphics card: whether they fit each other, and how much memory is free."""

from collections.abc import Iterator

from ..machine import Version, version_of
from ..torch_build import OLDEST_TORCH, choose
from .check import SET_UP, Check, note, ok, problem
from .families import Family
from .known import explain
from .surroundings import Device, Surroundings, Torch

GIB = 1 << 30


def check_torch(around: Surroundings, family: Family) -> Iterator[Check]:
    """torch itself, then driver, cards, and memory for a generation of the model."""
    if "torch" not in around.packages:
        wanted = choose(around.machine)
        yield problem("torch", "not installed", f"{SET_UP}; it takes the build {wanted.name}")
        return
    torch = around.torch()
    if not torch.version:
        trouble = torch.trouble or "no reason given"
        remedy = explain(trouble) or _install(around)
        yield problem("torch", f"does not import: {trouble}", remedy)
        return
    build = f"CUDA {torch.cuda}" if torch.cuda else "the processor"
    build = f"ROCm {torch.hip}" if torch.hip else build
    if version_of(torch.version)[:2] < OLDEST_TORCH:
        oldest = ".".join(map(str, OLDEST_TORCH))
        yield problem("torch", f"{torch.version} is older than {oldest}", _install(around))
    else:
        yield ok("torch", f"{torch.version}, built for {build}")
    yield from _check_driver(around, torch)
    yield from _check_cards(around, torch)
    for device in torch.devices:
        yield _memory(device, family)


def holds_code_for(architectures: tuple[str, ...], capability: Version) -> bool:
    """Whether a torch for CUDA can run on a card, as CUDA's binary compatibility has it.

    Code for sm_86 runs on cards of the same major and an equal or higher minor number; a compute_90
    is compiled for any later card.
    """
    for name in architectures:
        kind, _, digits = name.partition("_")
        digits = digits.rstrip("af")
        if not digits.isdecimal() or len(digits) < 2:
            continue
        built = (int(digits[:-1]), int(digits[-1]))
        if kind == "sm" and built[0] == capability[0] and built <= tuple(capability[:2]):
            return True
        if kind == "compute" and built <= tuple(capability[:2]):
            return True
    return False


def _check_driver(around: Surroundings, torch: Torch) -> Iterator[Check]:
    machine = around.machine
    if machine.nvidia_trouble:
        yield problem(
            "driver",
            f"NVIDIA's driver does not answer: {machine.nvidia_trouble}",
            "restart after an update of the driver; else install driver 580 or later",
        )
    elif machine.nvidia_driver and torch.cuda:
        oldest = 580 if version_of(torch.cuda) >= (13,) else 525
        if version_of(machine.nvidia_driver) < (oldest,):
            yield problem(
                "driver",
                f"{machine.nvidia_driver} is too old for CUDA {torch.cuda}",
                f"install driver {oldest} or later, or {_install(around)}",
            )
        else:
            yield ok("driver", f"NVIDIA {machine.nvidia_driver}")


def _check_cards(around: Surroundings, torch: Torch) -> Iterator[Check]:
    for device in torch.devices:
        if torch.hip or holds_code_for(torch.architectures, device.capability):
            yield ok("card", f"{device.name}, compute capability {_dotted(device.capability)}")
            continue
        name = "sm_" + "".join(map(str, device.capability))
        yield problem(
            "card",
            f"{device.name} needs code for {name}, but torch {torch.version} holds "
            f"{', '.join(torch.architectures) or 'none'}",
            _install(around),
        )
    if torch.devices:
        return
    cards = around.machine.cards
    names = ", ".join(card.name for card in cards)
    nvidia, amd = around.machine.cards_of("nvidia"), around.machine.cards_of("amd")
    if torch.mps:
        yield ok("card", names or "Metal")
    elif around.variables.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1") and nvidia:
        yield note("card", f"{names}, hidden by CUDA_VISIBLE_DEVICES", "unset it to use the card")
    elif (nvidia and not torch.cuda) or (amd and not torch.hip):
        yield problem("card", f"torch {torch.version} is not built for {names}", _install(around))
    elif nvidia or amd:
        yield problem(
            "card",
            f"torch cannot use {names}: {torch.trouble or 'it sees no device'}",
            explain(torch.trouble or "")
            or "restart after an update of the driver; on NixOS use 'nix develop .#cuda', which "
            "sets LD_LIBRARY_PATH=/run/opengl-driver/lib; in a container give it the card",
        )
    elif not around.machine.nvidia_trouble:
        yield note(
            "card",
            "no graphics card that torch can use: the processor does the work, which takes minutes",
            "the backend inflate takes milliseconds; a server on another machine seconds",
        )


def _memory(device: Device, family: Family) -> Check:
    free, total = device.free / GIB, device.total / GIB
    found = f"{free:.1f} of {total:.1f} GiB are free on {device.name}"
    if free >= family.memory:
        return ok("memory", found)
    needs = f"{family.name} takes up to {family.memory:g} GiB, with --low-vram {family.low_vram:g}"
    if free >= family.low_vram:
        return note("memory", found, f"use --low-vram, or close what else uses the card: {needs}")
    return problem(
        "memory",
        found,
        f"close what else uses the card, or use --device cpu: {needs}",
    )


def _install(around: Surroundings) -> str:
    wanted = choose(around.machine)
    remedy = f"{SET_UP.replace('set_up.py', f'set_up.py --torch {wanted.name}')}"
    return f"{wanted.warning}; else {remedy}" if wanted.warning else remedy


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
