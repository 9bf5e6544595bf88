"""Window attention: a masked attention over all voxels as the judge."""

import pytest
import torch
from sparse_cases import features, items_of, random_grid
from torch import Tensor
from torch.nn import functional as F

from crossworld_trellis.sparse.grid import VoxelGrid
from crossworld_trellis.sparse.windows import window_attention


def heads(grid: VoxelGrid, *, seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Random q, k and v of 2 heads, 4 wide."""
    q, k, v = features(grid, 24, seed=seed).view(-1, 3, 2, 4).unbind(1)
    return q, k, v


def naive(q: Tensor, k: Tensor, v: Tensor, grid: VoxelGrid, size: int, shift: int) -> Tensor:
    window = grid.coords.clone()
    window[:, 1:] = (window[:, 1:] + shift) // size
    together = (window[:, None] == window).all(-1)
    scores = torch.einsum("nhd,mhd->hnm", q, k) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(~together, -torch.inf).softmax(-1)
    return torch.einsum("hnm,mhd->nhd", weights, v)


@pytest.mark.parametrize(("size", "shift"), [(8, 0), (8, 4), (3, 0), (3, 1), (1, 0)])
@pytest.mark.parametrize("density", [0.02, 0.3, 1.0])
def test_voxels_see_exactly_those_in_their_window(size: int, shift: int, density: float) -> None:
    grid = random_grid(9, 10, 11, items=2, density=density, shuffled=True)
    q, k, v = heads(grid)
    result = window_attention(q, k, v, grid.windows(size, shift=shift))
    assert torch.allclose(result, naive(q, k, v, grid, size, shift), atol=1e-5)


def test_items_together_give_what_they_give_alone() -> None:
    grid = random_grid(9, 9, 9, items=3, density=0.2)
    q, k, v = heads(grid)
    result = window_attention(q, k, v, grid.windows(8, shift=4))
    for item, span in zip(items_of(grid), grid.spans, strict=True):
        alone = window_attention(q[span], k[span], v[span], item.windows(8, shift=4))
        assert torch.allclose(result[span], alone, atol=1e-6)


def test_a_voxel_alone_in_its_window_sees_itself() -> None:
    grid = VoxelGrid(torch.tensor([[0, 3, 3, 3]], dtype=torch.int32))
    q, k, v = heads(grid)
    assert torch.allclose(window_attention(q, k, v, grid.windows(8, shift=4)), v)


def test_no_voxels_give_no_features() -> None:
    grid = VoxelGrid(torch.zeros(0, 4, dtype=torch.int32))
    q, k, v = heads(grid)
    assert window_attention(q, k, v, grid.windows(8, shift=0)).shape == (0, 2, 4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_its_type_and_makes_no_nan(dtype: torch.dtype) -> None:
    grid = random_grid(9, 9, 9, density=0.1)
    q, k, v = (x.to(dtype) for x in heads(grid))
    result = window_attention(100 * q, 100 * k, v, grid.windows(8, shift=4))
    assert result.dtype == dtype
    assert result.isfinite().all()


def test_a_broken_voxel_spoils_its_own_window_only() -> None:
    grid = VoxelGrid(torch.tensor([[0, 0, 0, 0], [0, 0, 0, 1], [0, 8, 0, 0]], dtype=torch.int32))
    q, k, v = heads(grid)
    v[0] = torch.nan
    spoiled = window_attention(q, k, v, grid.windows(8, shift=0)).isnan().flatten(1).any(1)
    assert spoiled.tolist() == [True, True, False]


def test_windows_of_all_lengths_need_few_classes_and_little_padding() -> None:
    grid = random_grid(32, 32, 32, density=0.03)
    windows = grid.windows(8, shift=4)
    assert sorted(windows.rows[windows.places].tolist()) == list(range(len(grid)))
    assert len(windows.classes) <= 4
    for each in windows.classes:
        longest = int(each.real.sum(-1).max())
        assert each.length == 64 or longest > each.length // 2


def test_attention_is_the_one_of_torch_when_one_window_holds_everything() -> None:
    grid = random_grid(4, 4, 4, density=0.5)
    q, k, v = heads(grid)
    whole = F.scaled_dot_product_attention(q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1))
    result = window_attention(q, k, v, grid.windows(4, shift=0))
    assert torch.allclose(result, whole.transpose(0, 1), atol=1e-6)


def test_a_window_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="size 0 and shift 0"):
        random_grid(2, 2, 2).windows(0, shift=0)
