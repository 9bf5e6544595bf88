"""Products of eight bits: what rounding costs, and where they are refused."""

import pytest
import torch
from cuda_needed import needs_cuda
from golden_data import MODEL, cosine
from torch import Tensor
from torch.nn.functional import gelu, linear

from crossworld_trellis import config
from crossworld_trellis.kernels.choice import plain
from crossworld_trellis.kernels.float8 import MOST, multiplies, multiply, rounded
from crossworld_trellis.pipeline import Trellis
from crossworld_trellis.sampler import SettingsError


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_each_row_uses_the_whole_range() -> None:
    x = random(4, 40) * torch.tensor([[1e-4], [1.0], [300.0], [0.0]])
    eight = rounded(x)
    assert eight.values.float().abs().amax(1)[:3].tolist() == [MOST] * 3
    restored = eight.values.float() * eight.scales
    # Half a step of three bits, and of the least that a float8 tells from 0.
    assert bool(((restored - x).abs() <= x.abs() / 15 + eight.scales / 900).all())
    assert not restored[3].any()


def test_a_cpu_refuses_them() -> None:
    assert not multiplies(torch.device("cpu"))
    with pytest.raises(SettingsError, match=r"float8 needs an NVIDIA GPU .*, which cpu is not"):
        Trellis.load(MODEL, device="cpu", float8=True)


def test_the_environment_asks_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not config.float8()
    for value, asked in (("1", True), ("on", True), ("0", False), ("", False)):
        monkeypatch.setenv(config.FLOAT8_VARIABLE, value)
        assert config.float8() is asked


@needs_cuda
@pytest.mark.parametrize("after_gelu", [False, True])
def test_a_product_of_eight_bits_is_nearly_that_of_more(after_gelu: bool) -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    if not multiplies(device):
        pytest.skip("this device has no products of eight bits")
    x, weight = random(70, 128).to(device).bfloat16(), random(96, 128, seed=1).to(device)
    bias = random(96, seed=2).to(device).bfloat16()
    wanted = linear(gelu(x, approximate="tanh") if after_gelu else x, weight.bfloat16(), bias)
    made = multiply(rounded(x, after_gelu=after_gelu), rounded(weight), bias)
    assert made.dtype == torch.bfloat16
    assert 0.998 < cosine(made.float().cpu(), wanted.float().cpu()) < 1
    with plain():
        same = multiply(rounded(x, after_gelu=after_gelu), rounded(weight), bias)
    assert cosine(made.float().cpu(), same.float().cpu()) > 0.9999
