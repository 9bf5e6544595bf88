"""Which torch is chosen for which machine, and how a machine is looked at."""

from pathlib import Path

import pytest

from crossworld_trellis.machine import Card, Machine, free_disk, look, version_of
from crossworld_trellis.program import Ran
from crossworld_trellis.torch_build import choose, is_build, named, serves


def nvidia(*capabilities: tuple[int, int], driver: str, system: str = "Linux") -> Machine:
    cards = tuple(
        Card(vendor="nvidia", name=f"card {major}.{minor}", capability=(major, minor))
        for major, minor in capabilities
    )
    return machine(system=system, cards=cards, nvidia_driver=driver)


def machine(system: str = "Linux", processor: str = "x86_64", **facts: object) -> Machine:
    return Machine(system=system, processor=processor, python=(3, 11, 7), **facts)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("capability", "driver", "build"),
    [
        ((12, 0), "580.65.06", "cu130"),
        ((12, 0), "572.16", "cu128"),
        ((12, 1), "590.10", "cu130"),
        ((9, 0), "580.95.05", "cu130"),
        ((8, 9), "550.54.14", "cu126"),
        ((7, 5), "580.65.06", "cu130"),
        ((7, 0), "580.65.06", "cu126"),
        ((6, 1), "535.183.01", "cu126"),
        ((5, 2), "580.65.06", "cu126"),
    ],
)
def test_a_card_gets_the_newest_build_that_holds_its_code_and_that_its_driver_bears(
    capability: tuple[int, int], driver: str, build: str
) -> None:
    for system in ("Linux", "Windows"):
        chosen = choose(nvidia(capability, driver=driver, system=system))
        assert (chosen.name, chosen.warning) == (build, None)
        assert chosen.index == f"https://download.pytorch.org/whl/{build}"


@pytest.mark.parametrize(
    ("capability", "driver", "told"),
    [
        ((12, 0), "560.35", "the driver 560.35 is too old for card 12.0 (compute capability 12.0)"),
        ((8, 6), "470.256.02", "install driver 525 or later (580 is best)"),
        ((3, 5), "470.256.02", "no build of torch holds code for card 3.5"),
    ],
)
def test_a_card_that_no_build_can_use_leaves_the_work_to_the_processor_and_says_why(
    capability: tuple[int, int], driver: str, told: str
) -> None:
    chosen = choose(nvidia(capability, driver=driver))
    assert chosen.name == "cpu"
    assert chosen.warning is not None and told in chosen.warning


def test_several_cards_get_a_build_for_all_of_them_or_else_for_the_best() -> None:
    assert choose(nvidia((8, 9), (6, 1), driver="580.1")).name == "cu126"
    assert choose(nvidia((8, 6), (12, 0), driver="575.1")).name == "cu128"
    chosen = choose(nvidia((6, 1), (12, 0), driver="580.1"))
    assert chosen.name == "cu130" and "not for card 6.1" in chosen.why


def test_machines_without_nvidia_get_their_own_build() -> None:
    amd = (Card(vendor="amd", name="Radeon"),)
    assert choose(machine(cards=amd)).name == "rocm7.2"
    assert choose(machine(cards=amd, rocm="6.4.1-83")).name == "rocm6.4"
    apple = (Card(vendor="apple", name="Apple silicon"),)
    assert choose(machine("Darwin", "arm64", cards=apple)).index is None
    # The torch of PyPI is built for CUDA on Linux only.
    assert choose(machine()).index == "https://download.pytorch.org/whl/cpu"
    assert choose(machine("Windows", "AMD64")).name == "pypi"


def test_a_driver_that_does_not_answer_is_told() -> None:
    chosen = choose(machine(nvidia_trouble="NVIDIA-SMI has failed"))
    assert chosen.name == "cpu" and "NVIDIA-SMI has failed" in (chosen.warning or "")


def test_the_user_can_name_another_build_and_another_index() -> None:
    card = nvidia((12, 0), driver="580.1")
    assert named("cpu", index=None, machine=card).index == "https://download.pytorch.org/whl/cpu"
    assert named("pypi", index=None, machine=card).index is None
    assert (
        named("cu129", index=None, machine=card).index == "https://download.pytorch.org/whl/cu129"
    )
    mine = named("auto", index="https://mirror.example/cu130", machine=card)
    assert (mine.name, mine.index) == ("cu130", "https://mirror.example/cu130")
    assert named("none", index="https://mirror.example", machine=card).index is None


def test_an_installed_torch_serves_if_its_cuda_fits_card_and_driver() -> None:
    card = nvidia((12, 0), driver="580.1")
    assert serves(card, cuda="13.2", hip=None) and serves(card, cuda="12.8", hip=None)
    assert not serves(card, cuda="12.6", hip=None)
    assert not serves(card, cuda=None, hip=None)
    assert not serves(nvidia((12, 0), driver="575.1"), cuda="13.0", hip=None)
    assert not serves(nvidia((6, 1), driver="580.1"), cuda="13.0", hip=None)
    assert serves(machine(), cuda="13.0", hip=None), "a build for CUDA runs without a card"
    assert not serves(machine(cards=(Card(vendor="amd", name="a"),)), cuda="13.0", hip=None)


def test_a_build_is_known_by_what_it_was_built_for() -> None:
    assert is_build("cu130", cuda="13.0", hip=None) and not is_build("cu130", cuda="13.2", hip=None)
    assert is_build("cpu", cuda=None, hip=None) and not is_build("cpu", cuda="13.0", hip=None)
    assert is_build("rocm7.2", cuda=None, hip="7.2.1") and not is_build(
        "rocm7.2", cuda=None, hip=None
    )


SMI = "/usr/bin/nvidia-smi"


def smi(name: str) -> str | None:
    return SMI if name == "nvidia-smi" else None


def test_nvidia_smi_tells_name_driver_memory_and_capability(tmp_path: Path) -> None:
    lines = (
        "NVIDIA GeForce RTX 5090, 580.65.06, 32607, 12.0\n"
        "NVIDIA GeForce GTX 1080 Ti, 580.65.06, 11264, 6.1\n"
    )
    found = look(run=lambda _: Ran(0, lines), which=smi, root=tmp_path, system="Linux")
    assert found.nvidia_driver == "580.65.06"
    assert [card.capability for card in found.cards] == [(12, 0), (6, 1)]
    assert found.cards[0].name == "NVIDIA GeForce RTX 5090"
    assert found.cards[0].memory == 32607 << 20


def test_an_nvidia_smi_that_knows_no_capability_still_tells_the_driver(tmp_path: Path) -> None:
    def run(command: object) -> Ran:
        if "compute_cap" in str(command):
            return Ran(2, 'Field "compute_cap" is not a valid field to query.')
        return Ran(0, "Tesla K80, 450.80.02, 11441\n")

    found = look(run=run, which=smi, root=tmp_path, system="Linux")
    assert (found.nvidia_driver, found.cards[0].capability) == ("450.80.02", None)
    assert "450.80.02 is too old" in (choose(found).warning or "")


@pytest.mark.parametrize(
    "ran",
    [
        Ran(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n"),
        Ran(18, "Failed to initialize NVML: Driver/library version mismatch\n"),
        Ran(None, "no answer within 20 seconds"),
        Ran(6, ""),
    ],
)
def test_an_nvidia_smi_that_fails_is_a_trouble_and_no_card(ran: Ran, tmp_path: Path) -> None:
    found = look(run=lambda _: ran, which=smi, root=tmp_path, system="Linux")
    assert found.cards == () and found.nvidia_trouble
    assert found.nvidia_trouble in (ran.output.strip() or "exit code 6")


@pytest.mark.parametrize("output", ["", "\n\n", "nonsense", "a, b\n", "a, b, [N/A], [N/A]\n"])
def test_nonsense_of_nvidia_smi_is_survived(output: str, tmp_path: Path) -> None:
    choose(look(run=lambda _: Ran(0, output), which=smi, root=tmp_path, system="Linux"))


def test_amd_cards_are_found_by_rocminfo_or_by_the_kernel(tmp_path: Path) -> None:
    agents = """Agent 1
  Marketing Name:          AMD Ryzen 9
  Device Type:             CPU
Agent 2
  Marketing Name:          Radeon RX 7900 XTX
  Device Type:             GPU
"""
    (tmp_path / "opt/rocm/.info").mkdir(parents=True)
    (tmp_path / "opt/rocm/.info/version").write_text("6.4.1-83\n")
    found = look(
        run=lambda _: Ran(0, agents),
        which=lambda name: name if name == "rocminfo" else None,
        root=tmp_path,
        system="Linux",
    )
    assert [card.name for card in found.cards] == ["Radeon RX 7900 XTX"]
    assert found.rocm == "6.4.1-83"

    device = tmp_path / "sys/class/drm/card1/device"
    device.mkdir(parents=True)
    (device / "vendor").write_text("0x1002\n")
    (device / "mem_info_vram_total").write_text("25753026560\n")

    def none(_: object) -> None:
        return None

    without = look(run=lambda _: Ran(1, ""), which=none, root=tmp_path, system="Linux")
    assert without.cards == (), "a card without the driver's /dev/kfd cannot compute"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/kfd").touch()
    found = look(run=lambda _: Ran(1, ""), which=none, root=tmp_path, system="Linux")
    assert [card.memory for card in found.cards] == [25753026560]


def test_apple_silicon_is_a_card_and_an_intel_mac_is_none() -> None:
    def cards(processor: str) -> int:
        found = look(which=lambda _: None, system="Darwin", processor=processor)
        return len(found.cards)

    assert (cards("arm64"), cards("x86_64")) == (1, 0)


def test_versions_are_numbers_as_far_as_they_go() -> None:
    assert version_of("2.15.0+cu130") == (2, 15, 0)
    assert version_of("580") == (580,) and version_of("[N/A]") == ()


def test_free_disk_is_told_also_for_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_disk(tmp_path / "a/b/c") > 0
