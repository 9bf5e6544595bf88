"""The colours of voxels against what a renderer shows of the same Gaussians.

Two comparisons. *By cell*: all that a cell's Gaussians add to pictures from six sides, summed up
and divided by its weight, is the colour that the renderer shows of this cell; the voxel's should
be the same. The formula knows nothing of occlusion, so the error grows where Gaussians of very
different colours hide each other. *By picture*: pixels as large as a cell against the first voxel
behind them, which also tells whether every axis points the right way.

Measured errors stand beside the tolerances; colours run from 0 to 1.
"""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from golden_data import load, model_args, model_weights
from numpy.typing import NDArray
from splat_reference import VIEWS, View, block_mean, first_voxels, render
from torch import Tensor

from crossworld_trellis.checkpoint.arguments import to_config
from crossworld_trellis.gaussians import SH_DEGREE_0, Gaussians
from crossworld_trellis.models.gaussian_decoder import GaussianDecoder, GaussianDecoderConfig
from crossworld_trellis.sparse.grid import VoxelGrid
from crossworld_trellis.voxelize import voxels_from_gaussians
from crossworld_trellis.voxels import SparseVoxels

PIXELS_PER_CELL = 8


@dataclass(frozen=True)
class Scene:
    """Cells of a grid and the Gaussians they emit."""

    coords: Tensor
    gaussians: Gaussians
    resolution: int

    def voxels(self) -> SparseVoxels:
        return voxels_from_gaussians(
            self.coords,
            self.gaussians,
            grid_resolution=self.resolution,
            resolution=self.resolution,
        )

    def voxel_colors(self) -> NDArray[np.float64]:
        """[N,3] the colours of the voxels in the order of the cells."""
        voxels = self.voxels()
        colors = dict(zip(map(tuple, voxels.coords.tolist()), voxels.rgba[:, :3], strict=True))
        last = self.resolution - 1
        return np.array([colors[x, z, last - y] for x, y, z in self.coords.tolist()]) / 255

    def rendered_colors(self) -> NDArray[np.float64]:
        """[N,3] the colours that a renderer shows of the cells, from six sides together."""
        pixels = self.resolution * PIXELS_PER_CELL
        shown = np.stack([render(self.gaussians, view, pixels=pixels).shown for view in VIEWS])
        weight = shown.sum(axis=0).reshape(len(self.coords), -1, 1)
        colors = self._base_colors()
        return ((weight * colors).sum(1) / weight.sum(1)).clip(0, 1)

    def plain_colors(self) -> NDArray[np.float64]:
        """[N,3] the colours without weights, to see that the weights matter."""
        return self._base_colors().mean(1).clip(0, 1)

    def _base_colors(self) -> NDArray[np.float64]:
        colors = self.gaussians.rgb().double().numpy().clip(min=0)
        return colors.reshape(len(self.coords), -1, 3)


def grid_cells(resolution: int) -> Tensor:
    axis = torch.arange(resolution)
    return torch.cartesian_prod(axis, axis, axis)


def scattered(
    coords: Tensor, resolution: int, *, per_cell: int, opacity: tuple[float, float], smooth: bool
) -> Scene:
    """Gaussians at random in their cells, 0.1 to 0.5 cells wide, turned anyhow.

    Their colours are random, or (`smooth`) change slowly with the place, on each axis in its way.
    """
    generator = torch.Generator().manual_seed(0)

    def uniform(low: float, high: float, width: int) -> Tensor:
        count = len(coords) * per_cell
        return low + (high - low) * torch.rand(count, width, generator=generator)

    corner = coords[:, None].expand(-1, per_cell, -1).reshape(-1, 3)
    xyz = (corner + uniform(0, 1, 3)) / resolution - 0.5
    rotation = torch.randn(len(xyz), 4, generator=generator)
    phase = torch.tensor([0.0, 1.0, 2.0])
    rgb = 0.5 + 0.45 * torch.sin(5 * xyz + phase) if smooth else uniform(0, 1, 3)
    gaussians = Gaussians(
        xyz=xyz,
        features_dc=(rgb - 0.5) / SH_DEGREE_0,
        scaling=uniform(0.1, 0.5, 3) / resolution,
        rotation=rotation / rotation.norm(dim=1, keepdim=True),
        opacity=uniform(*opacity, 1),
        per_cell=per_cell,
    )
    return Scene(coords, gaussians, resolution)


def lone_cells(opacity: tuple[float, float]) -> Scene:
    """Cells that do not hide each other from any of the six sides more than by chance."""
    cells = grid_cells(16)
    lone = cells[(cells % 4 == 1).all(1)]
    return scattered(lone, 16, per_cell=16, opacity=opacity, smooth=False)


@pytest.fixture(scope="module")
def ball() -> Scene:
    """The opaque shell of a ball in slowly changing colours."""
    cells = grid_cells(16)
    distance = ((cells + 0.5) / 16 - 0.5).norm(dim=1)
    shell = cells[(distance - 0.36).abs() < 0.04]
    return scattered(shell, 16, per_cell=8, opacity=(0.6, 0.99), smooth=True)


@pytest.fixture(scope="module")
def decoded() -> Scene:
    """What the tiny Gaussian decoder makes of the golden latents."""
    golden = load("gs_decoder")
    config = to_config(GaussianDecoderConfig, model_args("slat_decoder_gs"), where="the tiny model")
    decoder = GaussianDecoder(config)
    decoder.load_state_dict(model_weights("slat_decoder_gs"))
    grid = VoxelGrid(golden["coords"])
    with torch.inference_mode():
        gaussians = decoder(golden["feats"], grid)[0]
    return Scene(grid.positions[grid.spans[0]], gaussians, config.resolution)


def test_voxels_of_the_tiny_decoder_have_the_rendered_colours(decoded: Scene) -> None:
    rendered = decoded.rendered_colors()
    error = np.abs(decoded.voxel_colors() - rendered)
    # Measured: mean 0.006, largest 0.028. Opacities 0.005 to 0.74, scales up to 4 cells.
    assert error.mean() <= 0.01
    assert error.max() <= 0.04
    # Without weights: mean 0.085.
    assert np.abs(decoded.plain_colors() - rendered).mean() >= 0.05


def test_voxels_of_faint_gaussians_have_the_rendered_colours() -> None:
    scene = lone_cells(opacity=(0.01, 0.2))
    rendered = scene.rendered_colors()
    error = np.abs(scene.voxel_colors() - rendered)
    # Measured: mean 0.007, largest 0.023; without weights 0.045.
    assert error.mean() <= 0.01
    assert error.max() <= 0.04
    assert np.abs(scene.plain_colors() - rendered).mean() >= 0.03


def test_gaussians_that_hide_each_other_move_the_colour_a_little() -> None:
    scene = lone_cells(opacity=(0.1, 0.9))
    rendered = scene.rendered_colors()
    error = np.abs(scene.voxel_colors() - rendered)
    # Measured: mean 0.024, largest 0.070; without weights 0.055. All colours are random here: in a
    # cell of an object they are alike.
    assert error.mean() <= 0.04
    assert error.max() <= 0.1


def test_voxels_of_an_opaque_ball_have_the_rendered_colours(ball: Scene) -> None:
    error = np.abs(ball.voxel_colors() - ball.rendered_colors())
    # Measured: mean 0.013, largest 0.075.
    assert error.mean() <= 0.02
    assert error.max() <= 0.1


@pytest.mark.parametrize("view", VIEWS, ids=[view.name for view in VIEWS])
def test_a_picture_of_the_voxels_is_one_of_the_gaussians(ball: Scene, view: View) -> None:
    voxels = ball.voxels()
    picture = render(ball.gaussians, view, pixels=ball.resolution * PIXELS_PER_CELL)
    alpha = block_mean(picture.alpha, PIXELS_PER_CELL)
    color = block_mean(picture.color, PIXELS_PER_CELL) / alpha.clip(min=1e-6)[:, :, None]
    seen = first_voxels(voxels, view)
    covered = alpha > 0.9
    assert ((seen < 0) & covered).sum() <= 0.03 * covered.sum(), "Gaussians without a voxel"
    assert ((seen >= 0) & (alpha < 0.3)).sum() == 0, "voxels without Gaussians"

    both = covered & (seen >= 0)
    shown = voxels.rgba[seen, :3] / 255
    # Measured: 0.020 to 0.033, most of it at the rim, where a pixel shows several cells. The
    # picture turned left to right: 0.12 to 0.22.
    assert np.abs(color - shown)[both].mean() <= 0.05
    mirrored = both & both[:, ::-1]
    assert np.abs(color[:, ::-1] - shown)[mirrored].mean() >= 0.1
