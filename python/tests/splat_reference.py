"""A slow, plain renderer of 3D Gaussians, to compare voxels with what a viewer would see.

Orthographic, from six sides. A Gaussian with covariance S = R diag(s²) Rᵀ is projected along the
view: to its mean and to S2 = J S Jᵀ in the axes of the picture, J = (right, up). (Zwicker et al.
2001, "EWA volume splatting"; exact without perspective.) At a pixel with distance d from the mean
its alpha is a = o · exp(-dᵀ S2⁻¹ d / 2). Gaussians are sorted by the depth of their means and
blended front to back: C = Σ c_i a_i T_i with T_i = Π_{j<i} (1 - a_j) (Kerbl et al. 2023, "3D
Gaussian splatting"). No low-pass filter: most Gaussians are wider than a pixel. Colours as
displayed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossworld_trellis.gaussians import Gaussians
from crossworld_trellis.voxels import SparseVoxels

Array = NDArray[np.float64]

# Beyond this many standard deviations a Gaussian is not drawn: 0.03 % of its weight is left.
_CUT = 4.0


@dataclass(frozen=True)
class View:
    """The axes of a picture, in the object's frame (z up) and in that of voxels (y up)."""

    name: str
    look: tuple[int, int, int]
    right: tuple[int, int, int]
    up: tuple[int, int, int]
    voxel_look: tuple[int, int, int]
    voxel_right: tuple[int, int, int]
    voxel_up: tuple[int, int, int]


# Written down by hand from the two frames: for the object the front is at -y and z is up, for
# voxels the front is at +z and y is up; in both, x is to the right of who looks at the front.
VIEWS = (
    View("front", (0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 0, -1), (1, 0, 0), (0, 1, 0)),
    View("back", (0, -1, 0), (-1, 0, 0), (0, 0, 1), (0, 0, 1), (-1, 0, 0), (0, 1, 0)),
    View("right", (-1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, 0, -1), (0, 1, 0)),
    View("left", (1, 0, 0), (0, -1, 0), (0, 0, 1), (1, 0, 0), (0, 0, 1), (0, 1, 0)),
    View("top", (0, 0, -1), (1, 0, 0), (0, 1, 0), (0, -1, 0), (1, 0, 0), (0, 0, -1)),
    View("bottom", (0, 0, 1), (1, 0, 0), (0, -1, 0), (0, 1, 0), (1, 0, 0), (0, 0, 1)),
)


@dataclass(frozen=True)
class Rendering:
    """A picture of [-1/2, 1/2]^2, rows from the bottom."""

    color: Array
    """[P,P,3] premultiplied with alpha."""
    alpha: Array
    """[P,P]"""
    shown: Array
    """[N] what each Gaussian added: its a_i T_i over all pixels."""


def render(gaussians: Gaussians, view: View, *, pixels: int) -> Rendering:
    """What is seen of Gaussians along a view."""
    xyz, rgb = _host(gaussians.xyz), _host(gaussians.rgb()).clip(min=0)
    opacity = _host(gaussians.opacity)[:, 0]
    axes = np.array([view.right, view.up], float)
    spread = axes @ _covariance(gaussians) @ axes.T  # [N,2,2]
    inverse = np.linalg.inv(spread)
    middle = ((xyz @ axes.T) + 0.5) * pixels - 0.5  # of pixel (column, row): its own number
    reach = _CUT * np.sqrt(spread[:, [0, 1], [0, 1]]) * pixels
    low = np.ceil(middle - reach).clip(0, pixels).astype(int)
    high = (np.floor(middle + reach) + 1).clip(0, pixels).astype(int)

    color = np.zeros((pixels, pixels, 3))
    passing = np.ones((pixels, pixels))
    shown = np.zeros(len(xyz))
    for i in np.argsort(xyz @ np.array(view.look, float), kind="stable"):
        box = slice(low[i, 1], high[i, 1]), slice(low[i, 0], high[i, 0])
        u = (np.arange(low[i, 0], high[i, 0]) - middle[i, 0])[None] / pixels
        v = (np.arange(low[i, 1], high[i, 1]) - middle[i, 1])[:, None] / pixels
        (a, b), (_, c) = inverse[i]
        alpha = opacity[i] * np.exp(-0.5 * (a * u * u + 2 * b * u * v + c * v * v))
        weight = alpha * passing[box]
        color[box] += weight[:, :, None] * rgb[i]
        passing[box] *= 1 - alpha
        shown[i] = weight.sum()
    return Rendering(color, 1 - passing, shown)


def first_voxels(voxels: SparseVoxels, view: View) -> NDArray[np.int64]:
    """[R,R] the voxel seen in each cell of a picture, rows from the bottom; -1 where none is."""
    resolution = voxels.resolution
    centre = voxels.coords - (resolution - 1) / 2
    column, row = (
        np.rint(centre @ np.array(axis) + (resolution - 1) / 2).astype(int)
        for axis in (view.voxel_right, view.voxel_up)
    )
    seen = np.full((resolution, resolution), -1)
    for i in np.argsort(-(centre @ np.array(view.voxel_look)), kind="stable"):
        seen[row[i], column[i]] = i  # from back to front: the nearest stays
    return seen


def block_mean(picture: Array, size: int) -> Array:
    """The means of blocks of pixels: [P,P,...]→[P/size,P/size,...]."""
    cells = len(picture) // size
    return picture.reshape(cells, size, cells, size, *picture.shape[2:]).mean(axis=(1, 3))


def _covariance(gaussians: Gaussians) -> Array:
    """[N,3,3]"""
    w, x, y, z = _host(gaussians.rotation).T
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    ).transpose(2, 0, 1)
    scaled = rotation * _host(gaussians.scaling)[:, None, :]
    return scaled @ scaled.transpose(0, 2, 1)


def _host(tensor: Any) -> Array:
    return tensor.detach().double().numpy()
