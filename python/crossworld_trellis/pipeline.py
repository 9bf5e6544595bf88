"""From pictures to voxels, Gaussians, a radiance field or a mesh: `Trellis`.

Encode the pictures; sample which cells of a grid are solid (structure); sample a latent vector for
each of them (appearance); decode to what was asked for. What the networks look like inside is in
`models`, files are written by `export`. Results are in the object's frame (z up) except voxels,
which are y up as everywhere outside the networks.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from .checkpoint import Checkpoint, roles_for
from .checkpoint.roles import (
    GAUSSIAN_DECODER,
    LATENT_FLOW,
    MESH_DECODER,
    RADIANCE_FIELD_DECODER,
    STRUCTURE_DECODER,
    STRUCTURE_FLOW,
)
from .device import choose_device, choose_dtype, exact_convolutions, memory_errors
from .errors import TrellisError
from .gaussians import Gaussians
from .image import CutOut, Source, preprocess, squeeze, stack
from .mesh import Mesh
from .models.structure_decoder import active_voxels
from .radiance_field import RadianceField
from .sampler import (
    TIME_SCALE,
    ManyPictures,
    SamplerSettings,
    SettingsError,
    Step,
    VelocityField,
    check_mode,
    sample,
)
from .shelf import Shelf
from .sparse.grid import VoxelGrid
from .sparse.grouping import host_numbers
from .surface import Cubes, extract
from .voxelize import occupancy_preview, voxels_from_cubes, voxels_from_gaussians
from .voxels import SparseVoxels
from .watch import Preview, Progress, Stage, Watch

MAX_PICTURES = 16
"""Most pictures of one object."""

MAX_SAMPLES = 64
"""Most samples of one call."""


class EmptyResultError(TrellisError):
    """The model found no solid cell in what it was shown."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Noise:
    """Where a run starts, in place of a seed: to repeat a result on another machine."""

    structure: Tensor
    """[samples,C,R,R,R] of the first stage."""
    latents: Tensor
    """[N,C] of the second, one row for each active voxel, sample after sample."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """One object; what was not asked for is `None`."""

    voxels: SparseVoxels | None
    gaussians: Gaussians | None
    radiance_field: RadianceField | None
    mesh: Mesh | None


@dataclass(frozen=True, kw_only=True)
class _Request:
    """A checked call of `generate`."""

    samples: int
    outputs: frozenset[str]
    refinement: int
    """How many times finer than the active voxels the result is: 1 or less needs Gaussians."""
    resolution: int
    structure: SamplerSettings
    latents: SamplerSettings
    mode: ManyPictures
    noise: Noise | None
    watch: Watch


class Trellis:
    """A checkpoint made ready to generate: made by `load`. One thread at a time may use it."""

    def __init__(self, shelf: Shelf, outputs: Sequence[str]) -> None:
        self._shelf = shelf
        self.outputs = tuple(outputs)
        self.resolution: int = shelf.checkpoint.config(LATENT_FLOW).resolution
        """Cells per axis of the active voxels."""

    @classmethod
    def load(
        cls,
        source: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        dtype: str = "auto",
        outputs: Sequence[str] = ("voxels",),
        low_vram: bool = False,
        image_encoder: str | os.PathLike[str] | None = None,
        revision: str | None = None,
        offline: bool = False,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> "Trellis":
        """Loads what some outputs ("voxels", "gaussians", "radiance_field", "mesh") need.

        `source` is a folder or a hub repository, by default what `TRELLIS_MODEL_PATH` says. Other
        outputs still work: their networks are loaded when they are first asked for. `low_vram`
        keeps one network on the device at a time; it changes no result.

        Raises `CheckpointError`, `SettingsError` or `DeviceMemoryError`.
        """
        roles = roles_for(_checked_outputs(outputs))
        where = choose_device(device)
        torso = choose_dtype(dtype, where)
        watch = Watch(on_progress=on_progress)
        watch.tell("loading", 0, len(roles) + 1)
        checkpoint = Checkpoint.open(source, revision=revision, offline=offline)
        checkpoint.fetch(outputs)
        checkpoint.encoder_folder(image_encoder)
        shelf = Shelf(
            checkpoint, device=where, dtype=torso, keep=not low_vram, encoder=image_encoder
        )
        trellis = cls(shelf, outputs)
        if not low_vram:
            shelf.encoder()
            for index, role in enumerate(roles):
                watch.tell("loading", index + 1, len(roles) + 1)
                shelf.model(role)
        watch.tell("loading", len(roles) + 1, len(roles) + 1)
        return trellis

    @property
    def device(self) -> torch.device:
        """Where the networks run."""
        return self._shelf.device

    @property
    def dtype(self) -> torch.dtype:
        """What their torsos compute in."""
        return self._shelf.dtype

    @property
    def checkpoint(self) -> Checkpoint:
        """Where the networks come from, and the samplers' settings that it recommends."""
        return self._shelf.checkpoint

    @torch.inference_mode()
    def generate(
        self,
        images: Source | Sequence[Source],
        *,
        seed: int = 0,
        samples: int = 1,
        formats: Sequence[str] | None = None,
        resolution: int | None = None,
        steps: int | None = None,
        cfg: float | None = None,
        structure: SamplerSettings | None = None,
        latents: SamplerSettings | None = None,
        mode: ManyPictures = "stochastic",
        noise: Noise | None = None,
        preprocessed: bool = False,
        cut_out: CutOut | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        should_cancel: Callable[[], bool] | None = None,
    ) -> list[Sample]:
        """Makes `samples` objects of one picture, or of several pictures of one object.

        `formats` are outputs as in `load`, by default those given there. `resolution` is that of
        voxels: the model's own (64), half of it, or 2 or 4 times it, which takes the mesh decoder.
        `steps` and `cfg` hold for both stages; `structure` and `latents` replace a stage's settings
        as a whole, by default the checkpoint's. `preprocessed` pictures are only resized.
        `on_preview` gets the solid cells of each sample once they are known.

        Raises `PictureError`, `SettingsError`, `EmptyResultError`, `DeviceMemoryError`,
        `CheckpointError` where a network is loaded late, and `Cancelled`.
        """
        description = self.checkpoint.description
        outputs = self.outputs if formats is None else formats
        resolution = self.resolution if resolution is None else resolution
        request = _Request(
            samples=_whole("samples", samples, 1, MAX_SAMPLES),
            outputs=frozenset(_checked_outputs(outputs)),
            refinement=self._refinement(resolution),
            resolution=resolution,
            structure=_settings(structure, description.structure_sampler, steps, cfg),
            latents=_settings(latents, description.latent_sampler, steps, cfg),
            mode=check_mode(mode),
            noise=noise,
            watch=Watch(
                on_progress=on_progress, on_preview=on_preview, should_cancel=should_cancel
            ),
        )
        random = torch.Generator().manual_seed(_whole("seed", seed, 0, 2**64 - 1))
        pictures = _as_list(images)
        with self._stage(request, "picture", "looking at the picture"):
            condition = self._encode(pictures, preprocessed=preprocessed, cut_out=cut_out)
        with self._stage(request, "structure", "finding the solid cells"):
            grid = self._structure(request, condition, random)
        for index, span in enumerate(grid.spans):
            if on_preview is not None:
                cells = occupancy_preview(grid.positions[span], resolution=self.resolution)
                on_preview(Preview(index, cells))
        with self._stage(request, "appearance", "finding what each cell looks like"):
            slat = self._latents(request, condition, grid, random)
        with self._stage(request, "decoding", "decoding"):
            result = self._decode(request, slat, grid)
        request.watch.tell("decoding", 1, 1)
        return result

    @contextmanager
    def _stage(self, request: _Request, stage: Stage, doing: str) -> Generator[None]:
        """Announces a stage, names it where memory runs out, and tidies up after it."""
        steps = {"structure": request.structure.steps, "appearance": request.latents.steps}
        request.watch.tell(stage, 0, steps.get(stage, 1))
        try:
            with memory_errors(self.device, doing):
                yield
        finally:
            self._shelf.tidy()

    def _encode(
        self, pictures: Sequence[Source], *, preprocessed: bool, cut_out: CutOut | None
    ) -> Tensor:
        """Pictures → [K,1,L,C] float32: K pictures that all samples share."""
        squares = [
            squeeze(picture) if preprocessed else preprocess(picture, cut_out=cut_out)
            for picture in pictures
        ]
        pixels = torch.tensor(stack(squares), device=self.device)
        return self._shelf.encoder().encode(pixels)[:, None]

    def _structure(
        self, request: _Request, condition: Tensor, random: torch.Generator
    ) -> VoxelGrid:
        """The active voxels of all samples."""
        flow = self._shelf.model(STRUCTURE_FLOW)
        shape = flow.noise_shape(request.samples)
        given = request.noise.structure if request.noise is not None else None
        noise = _noise(given, shape, random, "structure").to(self.device)
        field = flow.field(condition, self._times(request.structure))
        state = self._sample(field, noise, request.structure, request, condition, "structure")
        del flow, field
        decoder = self._shelf.model(STRUCTURE_DECODER)
        with exact_convolutions(self.dtype):
            logits = decoder(state)
        coords = active_voxels(logits)
        counts = host_numbers(torch.bincount(coords[:, 0], minlength=request.samples))
        if 0 in counts:
            raise EmptyResultError(
                f"sample {counts.index(0) + 1} of {len(counts)} has no solid cell: try another "
                "seed, more steps, or a picture that shows the object larger"
            )
        return VoxelGrid(coords, items=counts)

    def _latents(
        self, request: _Request, condition: Tensor, grid: VoxelGrid, random: torch.Generator
    ) -> Tensor:
        """[N,C] de-normalised latents of the active voxels."""
        flow = self._shelf.model(LATENT_FLOW)
        shape = (len(grid), flow.config.in_channels)
        given = request.noise.latents if request.noise is not None else None
        noise = _noise(given, shape, random, "latents").to(self.device)
        field = flow.field(condition, self._times(request.latents), grid)
        state = self._sample(field, noise, request.latents, request, condition, "appearance")
        description = self.checkpoint.description
        mean = torch.tensor(description.latent_mean, device=self.device)
        std = torch.tensor(description.latent_std, device=self.device)
        return state * std + mean

    def _decode(self, request: _Request, slat: Tensor, grid: VoxelGrid) -> list[Sample]:
        """Every sample in every output that was asked for; networks run one after the other."""
        outputs, fine = request.outputs, request.refinement > 1
        gaussians: list[Gaussians] | None = None
        fields: list[RadianceField] | None = None
        cubes: list[Cubes] | None = None
        if "gaussians" in outputs or ("voxels" in outputs and not fine):
            gaussians = self._shelf.model(GAUSSIAN_DECODER)(slat, grid)
        if "radiance_field" in outputs:
            fields = self._shelf.model(RADIANCE_FIELD_DECODER)(slat, grid)
        if "mesh" in outputs or ("voxels" in outputs and fine):
            cubes = self._shelf.model(MESH_DECODER)(slat, grid)
        result: list[Sample] = []
        for index, span in enumerate(grid.spans):
            voxels: SparseVoxels | None = None
            if "voxels" in outputs and cubes is not None and fine:
                voxels = voxels_from_cubes(cubes[index], resolution=request.resolution)
            elif "voxels" in outputs and gaussians is not None:
                voxels = voxels_from_gaussians(
                    grid.positions[span],
                    gaussians[index],
                    grid_resolution=self.resolution,
                    resolution=request.resolution,
                )
            result.append(
                Sample(
                    voxels=voxels,
                    gaussians=gaussians[index] if gaussians and "gaussians" in outputs else None,
                    radiance_field=fields[index] if fields else None,
                    mesh=extract(cubes[index]) if cubes and "mesh" in outputs else None,
                )
            )
        return result

    def _sample(
        self,
        field: VelocityField,
        noise: Tensor,
        settings: SamplerSettings,
        request: _Request,
        condition: Tensor,
        stage: Stage,
    ) -> Tensor:
        def on_step(step: Step) -> None:
            request.watch.tell(stage, step.done, step.steps)

        return sample(
            field, noise, settings, pictures=len(condition), mode=request.mode, on_step=on_step
        )

    def _times(self, settings: SamplerSettings) -> Tensor:
        """[S] float32 times as the networks take them."""
        # Multiplied in float64 first, which not every device has.
        times = torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32)
        return times.to(self.device)

    def _refinement(self, resolution: int) -> int:
        own = self.resolution
        allowed = {own // 2: 0, own: 1, 2 * own: 2, 4 * own: 4}
        if resolution not in allowed:
            known = ", ".join(map(str, allowed))
            raise SettingsError(f"resolution must be one of {known}, got {resolution}")
        return allowed[resolution]


def _checked_outputs(outputs: Sequence[str]) -> Sequence[str]:
    if isinstance(outputs, str):
        raise SettingsError(f"outputs must be a list such as ('{outputs}',), got a text")
    if not outputs:
        raise SettingsError("no output is asked for: name at least one, such as 'voxels'")
    try:
        roles_for(outputs)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return outputs


def _settings(
    given: SamplerSettings | None, own: SamplerSettings, steps: int | None, cfg: float | None
) -> SamplerSettings:
    return (given or own).override(steps=steps, cfg_strength=cfg)


def _noise(
    given: Tensor | None, shape: tuple[int, ...], random: torch.Generator, name: str
) -> Tensor:
    """The noise that was given, or else the next numbers of the generator, on the CPU."""
    if given is None:
        return torch.randn(shape, generator=random)
    if tuple(given.shape) != shape:
        raise SettingsError(f"noise.{name} has shape {list(given.shape)}, expected {list(shape)}")
    return given.float()


def _as_list(images: Source | Sequence[Source]) -> Sequence[Source]:
    pictures = cast(list[Source], list(images) if isinstance(images, (list, tuple)) else [images])
    if not 1 <= len(pictures) <= MAX_PICTURES:
        raise SettingsError(f"give 1 to {MAX_PICTURES} pictures of one object, got {len(pictures)}")
    return pictures


def _whole(name: str, value: int, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingsError(f"{name} must be a whole number, got {value!r}")
    if not low <= value <= high:
        raise SettingsError(f"{name} must be {low} to {high}, got {value}")
    return value
