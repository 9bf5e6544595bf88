"""From pictures to voxels, Gaussians, a radiance field or a mesh: `Trellis`.

Encode the pictures; sample which cells of a grid are solid (structure); sample a latent vector for
each of them (appearance); decode to what was asked for. What the networks look like inside is in
`models`, who takes part in a run in `batch`, files are written by `export`. Results are in the
object's frame (z up) except voxels, which are y up as everywhere outside the networks.
"""

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from . import config
from .batch import Batch, Member, NobodyLeft, Sample, conditions, grid_of, renumbered, rows_of
from .checkpoint import Checkpoint, roles_for
from .checkpoint.roles import LATENT_FLOW, STRUCTURE_FLOW
from .decoding import decode, denormalised, solid_cells
from .device import choose_device, choose_dtype, free_cached_memory, memory_errors
from .errors import TrellisError
from .forecast import Forecast
from .graphs import StepField, Work
from .identity import identity_of
from .image import CutOut, Framing, Source, preprocess, squeeze, stack
from .kernels.choice import plain
from .kernels.float8 import multiplies
from .previews import guess_appearance, guess_structure, show_solid_cells
from .request import (
    MAX_SAMPLES,
    EmptyResultError,
    Noise,
    Plan,
    Request,
    checked_outputs,
    noise_for,
    refinement_of,
    resolutions_of,
    whole,
)
from .sampler import (
    TIME_SCALE,
    ManyPictures,
    SamplerSettings,
    SettingsError,
    Step,
    check_mode,
    sample,
)
from .shelf import Shelf
from .sparse.grid import VoxelGrid
from .sparse.grouping import host_numbers
from .watch import PREVIEW_EVERY, Preview, Progress, Stage, Watch

__all__ = ["EmptyResultError", "Noise", "Request", "Sample", "Trellis"]


class Trellis:
    """A checkpoint made ready to generate: made by `load`. One thread at a time may use it."""

    framing: Framing = "margin"
    """How prepared pictures are framed, see `image.framed`."""
    together = MAX_SAMPLES
    """Most requests that gain from being made in one batch."""

    def __init__(self, shelf: Shelf, outputs: Sequence[str], *, fast: bool = True) -> None:
        """`fast` as in `load`."""
        self._shelf = shelf
        self._fast = fast
        self.forecast_steps = 0
        """Steps of the last call that took no run of a network, because they were forecast."""
        self.outputs = tuple(outputs)
        self.resolution: int = shelf.checkpoint.config(LATENT_FLOW).resolution
        """Cells per axis of the active voxels."""
        self.resolutions = resolutions_of(self.resolution)
        """Cells per axis that voxels can have."""
        # At once: the checkpoint's files may be gone later.
        self.identity = identity_of(
            shelf.checkpoint,
            shelf.encoder_folder(),
            shelf.device,
            shelf.dtype,
            roles=roles_for(outputs),
            fast=fast,
            float8=shelf.float8,
        )
        """Everything besides a request that decides its result, see `identity`."""

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
        fast: bool | None = None,
        float8: bool | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> "Trellis":
        """Loads what some outputs ("voxels", "gaussians", "radiance_field", "mesh") need.

        `source` is a folder or a hub repository, by default what `TRELLIS_MODEL_PATH` says. Other
        outputs still work: their networks are loaded when they are first asked for. `low_vram`
        keeps one network on the device at a time; it changes no result. `fast`, by default what
        `TRELLIS_FAST` says, or else true, lets a GPU take the kernels of `kernels` and CUDA graphs
        where it can; results in half precision then differ in their last digits. `float8`, by
        default what `TRELLIS_FLOAT8` says, or else false, makes the flows' large products of
        eight-bit numbers, which is faster, takes less memory and changes the result; `dtype` must
        then be bfloat16, which "auto" is.

        Raises `CheckpointError`, `SettingsError` or `DeviceMemoryError`.
        """
        checked_outputs(outputs)
        precision_of(choose_device(device), dtype, float8)
        checkpoint = Checkpoint.open(source, revision=revision, offline=offline)
        return cls.of_checkpoint(
            checkpoint,
            device=device,
            dtype=dtype,
            outputs=outputs,
            low_vram=low_vram,
            image_encoder=image_encoder,
            fast=fast,
            float8=float8,
            on_progress=on_progress,
        )

    @classmethod
    def of_checkpoint(
        cls,
        checkpoint: Checkpoint,
        *,
        device: str = "auto",
        dtype: str = "auto",
        outputs: Sequence[str] = ("voxels",),
        low_vram: bool = False,
        image_encoder: str | os.PathLike[str] | None = None,
        fast: bool | None = None,
        float8: bool | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> "Trellis":
        """As `load`, of a checkpoint that is open already."""
        roles = roles_for(checked_outputs(outputs))
        where = choose_device(device)
        torso, eight_bits = precision_of(where, dtype, float8)
        watch = Watch(on_progress=on_progress)
        watch.tell("loading", 0, len(roles) + 1)
        checkpoint.fetch(outputs)
        checkpoint.encoder_folder(image_encoder)
        fast = config.fast() if fast is None else fast
        shelf = Shelf(
            checkpoint,
            device=where,
            dtype=torso,
            keep=not low_vram,
            encoder=image_encoder,
            fast=fast,
            float8=eight_bits,
        )
        trellis = cls(shelf, outputs, fast=fast)
        if not low_vram:
            shelf.encoder()
            for index, role in enumerate(roles):
                watch.tell("loading", index + 1, len(roles) + 1)
                shelf.model(role)
        # What was only there while networks took their final form.
        free_cached_memory(where)
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

    def recover(self) -> None:
        """Drops networks that were loaded late, for other outputs than its own: after memory ran
        out."""
        self._shelf.keep_only(roles_for(self.outputs))

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
        forecast: int | None = None,
        structure: SamplerSettings | None = None,
        latents: SamplerSettings | None = None,
        mode: ManyPictures = "stochastic",
        noise: Noise | None = None,
        preprocessed: bool = False,
        cut_out: CutOut | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        preview_every: int = PREVIEW_EVERY,
        should_cancel: Callable[[], bool] | None = None,
    ) -> list[Sample]:
        """Makes `samples` objects of one picture, or of several pictures of one object.

        `formats` are outputs as in `load`, by default those given there. `resolution` is that of
        voxels: the model's own (64), half of it, or 2 or 4 times it, which takes the mesh decoder.
        `steps`, `cfg` and `forecast` (`SamplerSettings.forecast`) hold for both stages; `structure`
        and `latents` replace a stage's settings as a whole, by default the checkpoint's.
        `preprocessed` pictures are only resized.

        `on_preview` gets the solid cells of each sample once they are known. Before, every
        `preview_every` steps, it gets those that seem to become solid; afterwards, as often, the
        object with its colours at half the model's resolution, where the Gaussian decoder is
        loaded. With `low_vram`, or 0, it gets the solid cells only. Previews change no result.

        Raises `PictureError`, `SettingsError`, `EmptyResultError`, `DeviceMemoryError`,
        `CheckpointError` where a network is loaded late, and `Cancelled`.
        """
        plan = self._plan(
            samples=whole("samples", samples, 1, MAX_SAMPLES),
            formats=formats,
            resolution=resolution,
            structure=structure,
            latents=latents,
            steps=steps,
            cfg=cfg,
            forecast=forecast,
            mode=mode,
            noise=noise,
            preprocessed=preprocessed,
        )
        watch = Watch(
            on_progress=on_progress,
            on_preview=on_preview,
            preview_every=preview_every,
            should_cancel=should_cancel,
        )
        [result] = self._run(plan, [Request(images=images, seed=seed, watch=watch)], cut_out)
        if isinstance(result, TrellisError):
            raise result
        return result

    def generate_batch(
        self,
        requests: Sequence[Request],
        *,
        formats: Sequence[str] | None = None,
        resolution: int | None = None,
        steps: int | None = None,
        cfg: float | None = None,
        forecast: int | None = None,
        structure: SamplerSettings | None = None,
        latents: SamplerSettings | None = None,
        mode: ManyPictures = "stochastic",
        preprocessed: bool = False,
        cut_out: CutOut | None = None,
    ) -> list[Sample | TrellisError]:
        """Makes an object of each request, all of them together; settings as in `generate`.

        The result of a request is what it would be alone, up to rounding, which in half precision
        decides about a few cells. The requests need equally many pictures. What ends one of them
        alone comes back in its place: `PictureError`, `EmptyResultError`, `VoxelizeError` or
        `Cancelled`. The work stops once all have ended.

        Raises `SettingsError`, `CheckpointError` and `DeviceMemoryError`, which concern all.
        """
        counts = {len(request.pictures()) for request in requests}
        if len(counts) > 1:
            raise SettingsError(
                f"the requests of a batch need equally many pictures, got {sorted(counts)}"
            )
        whole("the number of requests", len(requests), 1, MAX_SAMPLES)
        plan = self._plan(
            samples=1,
            formats=formats,
            resolution=resolution,
            structure=structure,
            latents=latents,
            steps=steps,
            cfg=cfg,
            forecast=forecast,
            mode=mode,
            noise=None,
            preprocessed=preprocessed,
        )
        results = self._run(plan, requests, cut_out)
        return [each if isinstance(each, TrellisError) else each[0] for each in results]

    def _plan(
        self,
        *,
        samples: int,
        formats: Sequence[str] | None,
        resolution: int | None,
        structure: SamplerSettings | None,
        latents: SamplerSettings | None,
        steps: int | None,
        cfg: float | None,
        forecast: int | None,
        mode: ManyPictures,
        noise: Noise | None,
        preprocessed: bool,
    ) -> Plan:
        """What was asked for, checked. Raises `SettingsError`."""
        own = self.checkpoint.description
        resolution = self.resolution if resolution is None else resolution
        structure, latents = (
            settings.override(steps=steps, cfg_strength=cfg, forecast=forecast)
            for settings in (
                structure or own.structure_sampler,
                latents or own.latent_sampler,
            )
        )
        return Plan(
            samples=samples,
            outputs=frozenset(checked_outputs(self.outputs if formats is None else formats)),
            grid=self.resolution,
            resolution=resolution,
            refinement=refinement_of(resolution, self.resolution),
            structure=structure,
            latents=latents,
            mode=check_mode(mode),
            noise=noise,
            preprocessed=preprocessed,
        )

    @torch.inference_mode()
    def _run(
        self, plan: Plan, requests: Sequence[Request], cut_out: CutOut | None
    ) -> list[list[Sample] | TrellisError]:
        """The samples of each request, or its own error. Raises what concerns all."""
        batch = Batch(requests)
        self.forecast_steps = 0
        with suppress(NobodyLeft), plain(not self._fast):
            with self._stage(plan, batch, "picture", "looking at the picture"):
                self._encode(plan, batch, cut_out)
            with self._stage(plan, batch, "structure", "finding the solid cells"):
                self._structure(plan, batch)
            show_solid_cells(plan, batch)
            with self._stage(plan, batch, "appearance", "finding what each cell looks like"):
                self._latents(plan, batch)
            with self._stage(plan, batch, "decoding", "decoding"):
                decode(self._shelf, plan, batch)
            batch.tell("decoding", 1, 1)
        return [member.result() for member in batch.members]

    @contextmanager
    def _stage(self, plan: Plan, batch: Batch, stage: Stage, doing: str) -> Generator[None]:
        """Announces a stage, names it where memory runs out, and tidies up after it."""
        steps = {"structure": plan.structure.steps, "appearance": plan.latents.steps}
        batch.tell(stage, 0, steps.get(stage, 1))
        try:
            with memory_errors(self.device, doing):
                yield
        finally:
            self._shelf.tidy()

    def _encode(self, plan: Plan, batch: Batch, cut_out: CutOut | None) -> None:
        """Pictures → what the networks see of them."""
        squares: dict[Member, list[Image.Image]] = {}
        for member in batch.living():
            with member.alone():
                squares[member] = [
                    squeeze(picture) if plan.preprocessed else preprocess(picture, cut_out=cut_out)
                    for picture in member.request.pictures()
                ]
        members = batch.living()
        encoder = self._shelf.encoder()
        seen = self._shelf.recorded("picture", Work(encoder.conditions))
        for member in members:
            pixels = encoder.pixels(torch.tensor(stack(squares[member])))
            tokens = seen(pixels, 0, pictures=slice(len(pixels)), guided=False)
            member.condition = tokens[:, None]  # [K,L,C]→[K,1,L,C]

    def _structure(self, plan: Plan, batch: Batch) -> None:
        """Finds the active voxels of all samples."""
        members, given = batch.living(), plan.noise and plan.noise.structure
        flow = self._shelf.model(STRUCTURE_FLOW)
        shape = flow.noise_shape(plan.samples)
        noise = torch.cat([noise_for(given, shape, each.random, "structure") for each in members])
        field = flow.field(conditions(members), _times(plan.structure))

        def guess(step: Step) -> None:
            guess_structure(self._shelf, plan, members, step)

        state = self._sample(plan, batch, "structure", field, noise, guess)
        del flow, field
        coords = solid_cells(self._shelf, state)
        counts = host_numbers(torch.bincount(coords[:, 0], minlength=len(state)))
        for index, member in enumerate(members):
            first, last = index * plan.samples, (index + 1) * plan.samples
            rows = slice(sum(counts[:first]), sum(counts[:last]))
            with member.alone():
                member.grid = _grid(renumbered(coords[rows], -first), counts[first:last])

    def _latents(self, plan: Plan, batch: Batch) -> None:
        """Finds the latents of the active voxels."""
        members, given = batch.living(), plan.noise and plan.noise.latents
        flow = self._shelf.model(LATENT_FLOW)
        channels = flow.config.in_channels
        noise = torch.cat(
            [noise_for(given, (len(m.grid), channels), m.random, "latents") for m in members]
        )
        field = flow.field(conditions(members), _times(plan.latents), grid_of(members))

        def guess(step: Step) -> None:
            guess_appearance(self._shelf, plan, members, step)

        state = self._sample(plan, batch, "appearance", field, noise, guess)
        latents = rows_of(members, denormalised(self._shelf, state))
        for member, own in zip(members, latents, strict=True):
            member.latents = own

    def _sample(
        self,
        plan: Plan,
        batch: Batch,
        stage: Literal["structure", "appearance"],
        field: StepField,
        noise: Tensor,
        guess: Callable[[Step], None],
    ) -> Tensor:
        def on_step(step: Step) -> None:
            batch.tell(stage, step.done, step.steps)
            guess(step)

        settings = plan.structure if stage == "structure" else plan.latents
        forecast = Forecast(self._shelf.recorded(stage, field), settings)
        state = sample(
            forecast,
            noise.to(self.device),
            settings,
            pictures=len(batch.members[0].request.pictures()),
            mode=plan.mode,
            on_step=on_step,
        )
        self.forecast_steps += forecast.saved
        return state


def precision_of(device: torch.device, dtype: str, float8: bool | None) -> tuple[torch.dtype, bool]:
    """What torsos compute in, and whether their large products are of eight bits.

    Raises `SettingsError` where that cannot be.
    """
    if not (config.float8() if float8 is None else float8):
        return choose_dtype(dtype, device), False
    if not multiplies(device):
        raise SettingsError(
            f"float8 needs an NVIDIA GPU of the Ada or Hopper generation or later, which {device} "
            "is not, or a newer torch: go without it"
        )
    torso = choose_dtype(dtype, device, trained=torch.bfloat16)
    if torso != torch.bfloat16:
        raise SettingsError(f"float8 goes with dtype bfloat16 only, got {dtype}: use auto")
    return torso, True


def _times(settings: SamplerSettings) -> Tensor:
    """[S] float32 times as the networks take them, on the host."""
    # Multiplied in float64 first, which not every device has.
    return torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32)


def _grid(coords: Tensor, counts: Sequence[int]) -> VoxelGrid:
    """The active voxels of one request. Raises `EmptyResultError` where a sample has none."""
    if 0 in counts:
        raise EmptyResultError(
            f"sample {counts.index(0) + 1} of {len(counts)} has no solid cell: try another "
            "seed, more steps, or a picture that shows the object larger"
        )
    return VoxelGrid(coords, items=counts)
