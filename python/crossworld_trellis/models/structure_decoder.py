"""The dense decoder of stage 1: from a latent on a coarse grid to the list of active voxels.

Arrays are indexed [batch, channel, x, y, z] in the object frame (z up); the voxel (x, y, z) of a
grid of R cells has its centre at ((x, y, z) + 1/2) / R - 1/2. The torso (`middle_block`, `blocks`)
computes in the dtype that the decoder was made with; both ends and the inside of every norm are
float32. That a sample has no active voxel is for the pipeline to judge.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, silu


@dataclass(frozen=True, kw_only=True)
class StructureDecoderConfig:
    """The arguments of a `SparseStructureDecoder`."""

    out_channels: int
    latent_channels: int
    num_res_blocks: int
    """Residual blocks of each level."""
    channels: tuple[int, ...]
    """Width of each level, coarsest first; each level doubles the resolution of the one before."""
    num_res_blocks_middle: int = 2
    norm_type: str = "layer"
    use_fp16: bool = False
    use_checkpoint: bool = False

    def __post_init__(self) -> None:
        # From json comes a list.
        object.__setattr__(self, "channels", tuple(self.channels))
        if self.norm_type != "layer":
            raise ValueError(
                f"norm_type is {self.norm_type!r}, but only 'layer' is supported: no released "
                "decoder has another"
            )
        if not self.channels:
            raise ValueError("channels is empty, but a decoder has at least one level")
        for name in ("out_channels", "latent_channels"):
            if (value := getattr(self, name)) < 1:
                raise ValueError(f"{name} is {value}, but must be at least 1")
        for name in ("num_res_blocks", "num_res_blocks_middle"):
            if (value := getattr(self, name)) < 0:
                raise ValueError(f"{name} is {value}, but cannot be negative")
        if min(self.channels) < 1:
            raise ValueError(f"channels has {min(self.channels)}, but a level has at least 1")


class StructureDecoder(nn.Module):
    """Occupancy logits on a grid of 2^(levels - 1) times the latent's resolution."""

    def __init__(
        self, config: StructureDecoderConfig, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        first, last = config.channels[0], config.channels[-1]
        self.input_layer = _convolution(config.latent_channels, first, torch.float32)
        self.middle_block = nn.ModuleList(
            ResidualBlock(first, dtype=dtype) for _ in range(config.num_res_blocks_middle)
        )
        # One flat list, because the tensors of a checkpoint are numbered so.
        self.blocks = nn.ModuleList()
        for level, width in enumerate(config.channels):
            self.blocks.extend(
                ResidualBlock(width, dtype=dtype) for _ in range(config.num_res_blocks)
            )
            if level + 1 < len(config.channels):
                self.blocks.append(UpBlock(width, config.channels[level + 1], dtype=dtype))
        self.out_layer = nn.Sequential(
            ChannelNorm(last), nn.SiLU(), _convolution(last, config.out_channels, torch.float32)
        )

    def forward(self, z: Tensor) -> Tensor:
        """[B,latent channels,r,r,r] → [B,out channels,R,R,R], both float32.

        Of a float32 torso cuDNN multiplies in TF32, unless `torch.backends.cudnn.allow_tf32` is
        off: logits are off by thousandths then.
        """
        h = self.input_layer(z.float()).to(self.dtype)
        # Channels last: the norms read their channels without a copy, and half convolutions run on
        # matrix units without one.
        h = h.contiguous(memory_format=torch.channels_last_3d)
        for block in self.middle_block:
            h = block(h)
        for block in self.blocks:
            h = block(h)
        return self.out_layer(h.float()).contiguous()


class ResidualBlock(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, channels: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(channels)
        self.conv1 = _convolution(channels, channels, dtype)
        self.norm2 = ChannelNorm(channels)
        self.conv2 = _convolution(channels, channels, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,r,r,r] → [B,C,r,r,r]."""
        h = self.conv1(silu(self.norm1(x)))
        return x + self.conv2(silu(self.norm2(h)))


class UpBlock(nn.Module):
    """A convolution to eight times the channels, which then become 2x2x2 cells."""

    def __init__(self, channels: int, out_channels: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv = _convolution(channels, 8 * out_channels, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,r,r,r] → [B,C',2r,2r,2r]."""
        return _shuffle(self.conv(x))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of every cell; float32 inside, result in the dtype given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,r,r,r] → [B,C,r,r,r]."""
        rows = x.movedim(1, -1).float()
        rows = layer_norm(rows, self.weight.shape, self.weight, self.bias, 1e-5)
        return rows.to(x.dtype).movedim(-1, 1)


def active_voxels(logits: Tensor) -> Tensor:
    """The cells [N,4] int32 as (item, x, y, z) whose logit is above 0, in lexicographic order.

    Waits for the device. From logits [B,1,R,R,R].
    """
    # `argwhere` may give the columns as rows of memory; who reads coordinates wants rows.
    return torch.argwhere(logits[:, 0] > 0).to(torch.int32).contiguous()


def _convolution(channels: int, out_channels: int, dtype: torch.dtype) -> nn.Conv3d:
    return nn.Conv3d(channels, out_channels, 3, padding=1, dtype=dtype)


def _shuffle(x: Tensor) -> Tensor:
    """Eight channels become 2x2x2 cells: out[c,2x+i,2y+j,2z+k] = in[8c+4i+2j+k,x,y,z]."""
    batch, channels, *size = x.shape
    x = x.reshape(batch, channels // 8, 2, 2, 2, *size)  # [B,8C,r,r,r]→[B,C,i,j,k,r,r,r]
    x = x.permute(0, 5, 2, 6, 3, 7, 4, 1)  # [B,r,i,r,j,r,k,C]
    x = x.reshape(batch, *(2 * cells for cells in size), channels // 8)  # [B,2r,2r,2r,C]
    return x.movedim(-1, 1)  # [B,C,2r,2r,2r], channels last in memory
