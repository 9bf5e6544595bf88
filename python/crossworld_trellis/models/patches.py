"""From pixels to one vector for each patch: `PatchProjection`, as image encoders begin."""

from torch import Tensor, nn
from torch.nn.functional import linear


class PatchProjection(nn.Module):
    """A convolution whose patches do not overlap, as the matrix product that it is.

    By default cuDNN rounds what a float32 convolution multiplies to TF32, a matrix product stays
    float32; and no kernel has to be searched for.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias

    def forward(self, pixels: Tensor) -> Tensor:
        """[K,3,H,W]→[K,C,H/patch,W/patch]."""
        patch = self.weight.shape[-1]
        count, channels, height, width = pixels.shape
        rows, columns = height // patch, width // patch
        x = pixels.reshape(count, channels, rows, patch, columns, patch)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(count, rows, columns, -1)  # [K,H/p,W/p,3·p·p]
        return linear(x, self.weight.flatten(1), self.bias).movedim(-1, 1)
