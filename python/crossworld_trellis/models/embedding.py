"""Position and timestep embeddings that the networks of TRELLIS share.

Both are sums of sines and cosines at geometrically spaced frequencies (Vaswani et al. 2017, section
3.5), but not in the same order: positions put the sines first, timesteps the cosines. Everything
here is float32 whatever the networks compute in.
"""

import math

import torch
from torch import Tensor, nn

_TIMESTEP_FEATURES = 256
_MAX_PERIOD = 10_000.0


def position_embedding(positions: Tensor, channels: int) -> Tensor:
    """Embedding of integer positions in a grid: [N,3]→[N,channels], float32.

    Each axis takes a third of the channels, x first, sines before cosines; what is left over at the
    end is zero.
    """
    count = channels // 3 // 2
    steps = torch.arange(count, dtype=torch.float32, device=positions.device)
    frequencies = 1.0 / _MAX_PERIOD ** (steps / count)
    angles = positions.to(torch.float32)[:, :, None] * frequencies  # [N,3]→[N,3,F]
    waves = torch.cat([angles.sin(), angles.cos()], dim=2)  # [N,3,2F]
    return nn.functional.pad(waves.flatten(1), (0, channels - 6 * count))


def timestep_features(times: Tensor) -> Tensor:
    """Sinusoidal features of timesteps (already times 1000): [S]→[S,256], float32."""
    half = _TIMESTEP_FEATURES // 2
    steps = torch.arange(half, dtype=torch.float32, device=times.device)
    frequencies = torch.exp(steps * (-math.log(_MAX_PERIOD) / half))
    angles = times.to(torch.float32)[:, None] * frequencies  # [S]→[S,128]
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimestepEmbedder(nn.Module):
    """Two linear layers over the features of a timestep, float32."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(_TIMESTEP_FEATURES, channels),
            nn.SiLU(),
            nn.Linear(channels, channels),
        )

    def forward(self, times: Tensor) -> Tensor:
        """[S] timesteps, already times 1000 →[S,C]."""
        return self.mlp(timestep_features(times))
