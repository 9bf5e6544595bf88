"""The transformer that all three decoders of structured latents begin with: `TrunkBlocks`.

Voxels look at the voxels in their window, whose borders move by half a window from block to block
(Liu et al. 2021, "Swin"; SPEC 11). The heads behind it are in `gaussian_decoder`,
`radiance_field_decoder` and `mesh_decoder`; which voxels share a window is found in `sparse`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..kernels.norm import Scale, Update, add_norm
from ..sparse.grid import VoxelGrid
from ..sparse.windows import Windows, window_attention
from .attention import HeadNorm
from .embedding import position_embedding
from .transformer import BLOCK_EPS, FeedForward

HEAD_EPS = 1e-5
"""Of the layer norm between the trunk and an output layer."""


@dataclass(frozen=True, kw_only=True)
class TrunkConfig:
    """Arguments that the json of every decoder has."""

    resolution: int
    model_channels: int
    latent_channels: int
    num_blocks: int
    num_heads: int | None = None
    num_head_channels: int = 64
    mlp_ratio: float = 4
    attn_mode: str = "swin"
    window_size: int = 8
    pe_mode: str = "ape"
    qk_rms_norm: bool = False
    use_fp16: bool = False
    use_checkpoint: bool = False

    def __post_init__(self) -> None:
        if self.attn_mode != "swin":
            raise ValueError(f"attn_mode '{self.attn_mode}' is not known: only 'swin' is")
        if self.pe_mode != "ape":
            raise ValueError(f"pe_mode '{self.pe_mode}' is not known: only 'ape' is")
        if self.heads < 1 or self.model_channels % self.heads:
            raise ValueError(
                f"model_channels {self.model_channels} cannot be split into {self.heads} heads"
            )

    @property
    def heads(self) -> int:
        """Heads of the attention."""
        if self.num_heads is None:
            return self.model_channels // self.num_head_channels
        return self.num_heads


class WindowAttention(nn.Module):
    """Voxels look at all voxels of their window."""

    def __init__(self, channels: int, heads: int, *, norm: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * channels, dtype=dtype)
        self.to_out = nn.Linear(channels, channels, dtype=dtype)
        width = channels // heads
        self.q_rms_norm = HeadNorm(heads, width) if norm else nn.Identity()
        self.k_rms_norm = HeadNorm(heads, width) if norm else nn.Identity()

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """[N,C]→[N,C]"""
        qkv = self.to_qkv(x).unflatten(1, (3, self.heads, -1))  # [N,3C]→[N,3,H,d]
        q, k, v = qkv.unbind(1)
        return self.to_out(
            window_attention(self.q_rms_norm(q), self.k_rms_norm(k), v, windows).flatten(1)
        )


class TrunkBlock(nn.Module):
    """Window attention, then feed-forward, each behind a plain layer norm."""

    def __init__(self, config: TrunkConfig, *, dtype: torch.dtype) -> None:
        super().__init__()
        channels = config.model_channels
        self.attn = WindowAttention(channels, config.heads, norm=config.qk_rms_norm, dtype=dtype)
        self.mlp = FeedForward(channels, int(channels * config.mlp_ratio), dtype=dtype)

    def forward(self, x: Tensor, update: Update | None, windows: Windows) -> tuple[Tensor, Update]:
        """A stream [1,N,C] and what is still to be added to it, both before and after."""
        x, normed = add_norm(x, update, Scale(), eps=BLOCK_EPS)
        told = Update(self.attn(normed[0], windows)[None])
        x, normed = add_norm(x, told, Scale(), eps=BLOCK_EPS)
        return x, Update(self.mlp(normed))


class TrunkBlocks(nn.ModuleList):
    """The blocks of a decoder in order. `dtype` is that of the blocks."""

    def __init__(self, config: TrunkConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(TrunkBlock(config, dtype=dtype) for _ in range(config.num_blocks))
        self.size = config.window_size
        self.dtype = dtype

    def forward(self, x: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,C] float32, what the input layer gave, →[N,C] in the dtype of the blocks."""
        x = (x + position_embedding(grid.positions, x.shape[1])).to(self.dtype)[None]
        update: Update | None = None
        shifted = grid.windows(self.size, shift=self.size // 2)
        straight = grid.windows(self.size, shift=0)
        for index, block in enumerate(self):
            x, update = block(x, update, shifted if index % 2 else straight)
        return x[0] if update is None else update.added_to(x)[0]
