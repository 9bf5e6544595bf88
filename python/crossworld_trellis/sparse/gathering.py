"""`Rows`: features from which a convolution gathers rows, with zeros for a missing neighbour.

Separate because gathering decides how fast sparse convolutions are, and the best way is not the
obvious one.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

# Torch's CUDA kernel for aligned rows starts a block of threads for each row, which for rows of
# fewer bytes takes longer than the copying. Rows whose stride is no multiple of 16 bytes go to
# another kernel: on an H100 three times as fast at 256 bytes, and slower only from 1 KiB on.
_NARROW_BYTES = 1024


class Rows:
    """The rows of [N,C] features; row N is zero."""

    def __init__(self, feats: Tensor) -> None:
        self._dtype = feats.dtype
        self._narrow = _is_narrow(feats)
        width = 4 // feats.element_size() if self._narrow else 0
        padded = F.pad(feats, (0, width, 0, 1))  # [N,C]→[N+1,C+width]
        if self._narrow:
            padded = padded[:, :-width].view(torch.int32)
        self._source = padded

    def take(self, table: Tensor) -> Tensor:
        """The rows that a table of any shape lists: […]→[n,C] for its n entries in order."""
        taken = self._source.index_select(0, table.flatten())
        return taken.view(self._dtype) if self._narrow else taken


def _is_narrow(feats: Tensor) -> bool:
    size = feats.element_size()
    width = feats.shape[1] * size
    # Seen as integers, features have no gradients.
    return feats.is_cuda and not feats.requires_grad and width < _NARROW_BYTES and width % 4 == 0
