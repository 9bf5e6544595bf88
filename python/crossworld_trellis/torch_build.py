"""Which build of torch fits a machine: the one table of builds, drivers and cards.

Facts, as of torch 2.15: builds for CUDA 13 hold code for compute capability 7.5 to 12.0; those for
CUDA 12.8 up to torch 2.11 for 7.5 to 12.0 as well (pytorch/pytorch#172352), and are the oldest for
RTX 50xx; those for CUDA 12.6 up to torch 2.14 for 5.0 to 9.0 (pytorch/pytorch#190385). NVIDIA's
"Minor Version Compatibility" asks for driver 580 with CUDA 13.x and 525 with CUDA 12.x; cards of
compute capability 10 and later have none before 570. On Linux the torch of PyPI is built for CUDA.
"""

from dataclasses import dataclass

from .machine import Card, Machine, Version, version_of

PYTORCH_INDEX = "https://download.pytorch.org/whl/"
"""Where PyTorch publishes its builds, one folder for each, as its installation page says."""

OLDEST_TORCH = (2, 4)
"""As `pyproject.toml` says."""

OLDEST_PYTHON = (3, 10)


@dataclass(frozen=True, kw_only=True)
class CudaBuild:
    """A kind of torch for NVIDIA's cards."""

    name: str
    """Its folder in the index."""
    cards: tuple[Version, Version]
    """Lowest and highest compute capability."""
    driver: int
    """Oldest driver."""

    def runs_on(self, card: Card) -> bool:
        """Whether it holds code for a card."""
        low, high = self.cards
        return card.capability is not None and low <= card.capability[:2] <= high


# Best first; cu126 before cu128, since it has the later torch. All of 12.x run code for 12.0.
CUDA_BUILDS = (
    CudaBuild(name="cu130", cards=((7, 5), (12, 9)), driver=580),
    CudaBuild(name="cu126", cards=((5, 0), (9, 0)), driver=525),
    CudaBuild(name="cu128", cards=((7, 5), (12, 9)), driver=570),
)

# torch brings its own ROCm; it should be of the time of the kernel's driver.
_ROCM = "rocm7.2"
_OLD_ROCM = "rocm6.4"

NAMES = ("auto", "pypi", "cpu", "cu126", "cu128", "cu130", "rocm7.2", "none")
"""What can be asked for; other names of folders in the index work too."""


@dataclass(frozen=True, kw_only=True)
class TorchBuild:
    """A choice of torch, with its reason."""

    name: str
    """A folder of the index, `pypi` for the default one, `none` for leaving torch alone."""
    index: str | None
    """Address of the package index, where it is not pip's own."""
    why: str
    warning: str | None = None
    """What the user should change about the machine, if anything."""


def choose(machine: Machine) -> TorchBuild:
    """The build for a machine: for its best card, else for the processor."""
    nvidia = machine.cards_of("nvidia")
    if nvidia or machine.nvidia_trouble:
        return _for_nvidia(machine, nvidia)
    if machine.cards_of("amd"):
        old = machine.rocm is not None and version_of(machine.rocm)[:1] == (6,)
        name = _OLD_ROCM if old else _ROCM
        return _from_index(name, why=f"for {machine.cards_of('amd')[0].name}")
    if machine.cards_of("apple"):
        return TorchBuild(name="pypi", index=None, why="Metal is in the default build for macOS")
    return _for_processor(machine, "no graphics card that torch can use was found")


def named(name: str, *, index: str | None, machine: Machine) -> TorchBuild:
    """What the user asked for by name, from an index of the user's where one is given."""
    if name == "auto":
        chosen = choose(machine)
    elif name in ("pypi", "none"):
        chosen = TorchBuild(name=name, index=None, why="as asked")
    else:
        chosen = _from_index(name, why="as asked")
    if index is None or name == "none":
        return chosen
    return TorchBuild(name=chosen.name, index=index, why=chosen.why, warning=chosen.warning)


def serves(machine: Machine, *, cuda: str | None, hip: str | None) -> bool:
    """Whether an installed torch, built for these versions, can use the machine's best card.

    Judged by versions alone: what it really holds code for, only torch can tell (`doctor`).
    """
    if machine.cards_of("nvidia"):
        wanted = choose(machine)
        if not wanted.name.startswith("cu"):
            return True
        if cuda is None:
            return False
        best = max(machine.cards_of("nvidia"), key=lambda card: card.capability or ())
        low, high = _cards_of(version_of(cuda))
        driver = version_of(machine.nvidia_driver or "")[:1]
        oldest = (580,) if version_of(cuda) >= (13,) else (525,)
        return driver >= oldest and low <= (best.capability or ())[:2] <= high
    return hip is not None if machine.cards_of("amd") else True


def is_build(name: str, *, cuda: str | None, hip: str | None) -> bool:
    """Whether an installed torch, built for these versions, is the one of that name."""
    if name == "cpu":
        return cuda is None and hip is None
    if name.startswith("cu"):
        return cuda is not None and name == "cu" + "".join(cuda.split(".")[:2])
    if name.startswith("rocm"):
        return hip is not None and name == "rocm" + ".".join(hip.split(".")[:2])
    return True


def _cards_of(cuda: Version) -> tuple[Version, Version]:
    if cuda >= (12, 8):
        return (7, 5), (12, 9)
    return (5, 0), (9, 0)


def _for_nvidia(machine: Machine, cards: tuple[Card, ...]) -> TorchBuild:
    if not cards:
        return _for_processor(
            machine,
            "NVIDIA's driver does not answer",
            warning=f"NVIDIA's driver does not answer ({machine.nvidia_trouble}): install driver "
            "580 or later and restart, then run this again",
        )
    driver = version_of(machine.nvidia_driver or "")[:1]
    best = max(cards, key=lambda card: card.capability or ())
    # A build for every card before one for the best only.
    for group in (cards, (best,)):
        for build in CUDA_BUILDS:
            if driver >= (build.driver,) and all(build.runs_on(card) for card in group):
                return _from_index(build.name, why=_reason(machine, best, cards, group))
    candidates = [build for build in CUDA_BUILDS if build.runs_on(best)]
    told = f"{best.name} (compute capability {_dotted(best.capability)})"
    if candidates:
        oldest = min(build.driver for build in candidates)
        warning = (
            f"the driver {machine.nvidia_driver} is too old for {told}: install driver {oldest} or "
            "later (580 is best), then run this again"
        )
    elif best.capability is None:
        warning = f"the driver {machine.nvidia_driver} is too old: install 580 or later"
    else:
        warning = f"no build of torch holds code for {told}: the processor does the work"
    return _for_processor(machine, "the card cannot be used", warning=warning)


def _reason(machine: Machine, best: Card, cards: tuple[Card, ...], group: tuple[Card, ...]) -> str:
    reason = (
        f"for {best.name}, compute capability {_dotted(best.capability)}, driver "
        f"{machine.nvidia_driver}"
    )
    left = [card.name for card in cards if card not in group]
    return f"{reason}; not for {', '.join(left)}" if left else reason


def _for_processor(machine: Machine, why: str, *, warning: str | None = None) -> TorchBuild:
    if machine.system == "Linux":
        return _from_index("cpu", why=why, warning=warning)
    return TorchBuild(name="pypi", index=None, why=why, warning=warning)


def _from_index(name: str, *, why: str, warning: str | None = None) -> TorchBuild:
    return TorchBuild(name=name, index=PYTORCH_INDEX + name, why=why, warning=warning)


def _dotted(capability: Version | None) -> str:
    return "unknown" if capability is None else ".".join(map(str, capability))
