"""From a picture to voxels with materials: `Trellis2`, with the interface of `pipeline.Trellis`."""

import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import torch

from .. import config
from ..cascade import DEFAULT_MAX_TOKENS
from ..checkpoint.roles import STRUCTURE_DECODER
from ..checkpoint.trellis2 import Trellis2Checkpoint
from ..checkpoint.trellis2_roles import DECODERS, SHAPE_DECODER, roles_for
from ..device import choose_device, choose_dtype, memory_errors
from ..errors import Cancelled, TrellisError
from ..guidance import GuidanceSettings
from ..identity import identity_of
from ..image import CutOut, Framing, PictureError, Source
from ..kernels.choice import plain
from ..request import MAX_SAMPLES, EmptyResultError, Request, whole
from ..sampler import SettingsError, Step
from ..sparse.grid import VoxelGrid
from ..sparse.grouping import host_numbers
from ..voxelize import VoxelizeError, occupancy_preview
from ..watch import PREVIEW_EVERY, Preview, Progress, Stage, Watch
from .plan import (
    DEFAULT_RESOLUTION,
    MAX_TOKENS,
    Noise2,
    Plan2,
    Sample2,
    check_pictures,
    checked_outputs,
    checked_resolution,
    checked_type,
    resolutions_of,
    wanted_type,
)
from .stages import (
    Shelf2,
    decode,
    find_shape,
    find_structure,
    find_texture,
    guess_shape,
    look,
    solid_cells,
)

_LOG = logging.getLogger("crossworld_trellis.trellis2")


class Trellis2:
    """A checkpoint made ready to generate: made by `load`. One thread at a time may use it."""

    framing: Framing = "tight"
    """How prepared pictures are framed, see `image.framed`."""
    together = 1
    """Most requests that gain from being made in one batch: thousands of latent voxels keep a
    device busy by themselves, and two objects would need twice the memory."""
    resolution = DEFAULT_RESOLUTION
    """Cells per axis of voxels where nobody asks for another."""

    def __init__(
        self,
        shelf: Shelf2,
        outputs: Sequence[str],
        pipeline_type: str,
        *,
        identity: str,
        fast: bool = True,
    ) -> None:
        """`fast` as in `load`."""
        self._shelf = shelf
        self._fast = fast
        self.outputs = tuple(outputs)
        self.pipeline_type = pipeline_type
        self.resolutions = resolutions_of(checked_type(pipeline_type))
        """Cells per axis that voxels of this type can have."""
        self.identity = identity
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
        pipeline_type: str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> "Trellis2":
        """Loads what outputs ("voxels", "occupancy", "o_voxels", "mesh") of a pipeline type need.

        As `Trellis.load`. `pipeline_type` ("512", "1024", "1024_cascade", "1536_cascade") is by
        default what `TRELLIS_PIPELINE_TYPE` says, else the checkpoint's. `dtype` is that of the
        flows, "auto" bfloat16 on a GPU; decoders compute in float16 wherever the flows do not in
        float32. `fast` lets a GPU take the kernels of `kernels` where it can.

        Raises `CheckpointError`, `SettingsError` or `DeviceMemoryError`.
        """
        checkpoint = Trellis2Checkpoint.open(source, revision=revision, offline=offline)
        return cls.of_checkpoint(
            checkpoint,
            device=device,
            dtype=dtype,
            outputs=outputs,
            low_vram=low_vram,
            image_encoder=image_encoder,
            fast=fast,
            pipeline_type=pipeline_type,
            on_progress=on_progress,
        )

    @classmethod
    def of_checkpoint(
        cls,
        checkpoint: Trellis2Checkpoint,
        *,
        device: str = "auto",
        dtype: str = "auto",
        outputs: Sequence[str] = ("voxels",),
        low_vram: bool = False,
        image_encoder: str | os.PathLike[str] | None = None,
        fast: bool | None = None,
        pipeline_type: str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> "Trellis2":
        """As `load`, of a checkpoint that is open already."""
        kind = wanted_type(checkpoint, pipeline_type)
        if config.float8():
            _LOG.warning(
                "%s does nothing here: it is for the first generation", config.FLOAT8_VARIABLE
            )
        fast = config.fast() if fast is None else fast
        roles = roles_for(kind, checked_outputs(outputs, kind))
        where = choose_device(device)
        torso = choose_dtype(dtype, where, trained=torch.bfloat16)
        decoders = torch.float32 if torso == torch.float32 else torch.float16
        watch = Watch(on_progress=on_progress)
        watch.tell("loading", 0, len(roles) + 1)
        # The encoder first: the hub may refuse it, and the others take long to download.
        encoder = checkpoint.encoder_folder(image_encoder)
        checkpoint.fetch(kind, outputs)
        # At once: the checkpoint's files may be gone later.
        identity = identity_of(
            checkpoint, encoder, where, torso, roles=roles, fast=fast, pipeline_type=kind.name
        )
        shelf = Shelf2(
            checkpoint,
            device=where,
            dtype=torso,
            keep=not low_vram,
            load_encoder=lambda: checkpoint.load_image_encoder(device=where, folder=image_encoder),
            dtypes=dict.fromkeys(DECODERS, decoders),
            fast=fast,
        )
        if not low_vram:
            shelf.encoder()
            for index, role in enumerate(roles):
                watch.tell("loading", index + 1, len(roles) + 1)
                shelf.model(role)
        watch.tell("loading", len(roles) + 1, len(roles) + 1)
        return cls(shelf, outputs, kind.name, identity=identity, fast=fast)

    @property
    def device(self) -> torch.device:
        """Where the networks run."""
        return self._shelf.device

    @property
    def dtype(self) -> torch.dtype:
        """What the blocks of the flows compute in."""
        return self._shelf.dtype

    @property
    def checkpoint(self) -> Trellis2Checkpoint:
        """Where the networks come from, and the samplers' settings that it recommends."""
        return self._shelf.checkpoint

    def recover(self) -> None:
        """Drops networks that were loaded late, for another type than its own or other outputs:
        after memory ran out."""
        self._shelf.keep_only(roles_for(checked_type(self.pipeline_type), self.outputs))

    def generate(
        self,
        images: Source | Sequence[Source],
        *,
        seed: int = 0,
        samples: int = 1,
        formats: Sequence[str] | None = None,
        resolution: int | None = None,
        pipeline_type: str | None = None,
        steps: int | None = None,
        cfg: float | None = None,
        structure: GuidanceSettings | None = None,
        shape: GuidanceSettings | None = None,
        texture: GuidanceSettings | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        noise: Noise2 | None = None,
        preprocessed: bool = False,
        cut_out: CutOut | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        on_preview: Callable[[Preview], None] | None = None,
        preview_every: int = PREVIEW_EVERY,
        should_cancel: Callable[[], bool] | None = None,
    ) -> list[Sample2]:
        """Makes `samples` objects of one picture; several pictures of an object are not known here.

        `formats` are outputs as in `load`, by default those given there. `resolution` is that of
        "voxels" and "occupancy": 32 to 1024 in powers of two, as far as the type reaches, by
        default 256. Voxels are pooled from the finest; for the occupancy the decoder stops as soon
        as it is fine enough, and no material is found. `steps` holds for all passes, `cfg`, a
        `guidance_strength`, for structure and shape; `structure`, `shape` and `texture` replace a
        pass's settings as a whole, by default the checkpoint's. A cascade to more than 1024 ends
        lower where it would have `max_tokens` latent voxels or more; `Sample2.reduced` says so.
        A `preprocessed` picture is only resized. `on_preview` gets the solid cells of each sample
        once they are known; and, where the networks stay loaded, every `preview_every` steps those
        that seem to become solid, first coarse ones, then, while the shape is found, finer ones.

        Raises `PictureError`, `SettingsError`, `EmptyResultError`, `DeviceMemoryError`,
        `VoxelizeError`, `CheckpointError` where a network is loaded late, and `Cancelled`.
        """
        watch = Watch(
            on_progress=on_progress,
            on_preview=on_preview,
            preview_every=preview_every,
            should_cancel=should_cancel,
        )
        request = Request(images=images, seed=seed, watch=watch)
        plan = self._plan(
            samples=whole("samples", samples, 1, MAX_SAMPLES),
            formats=formats,
            resolution=resolution,
            pipeline_type=pipeline_type,
            steps=steps,
            cfg=cfg,
            structure=structure,
            shape=shape,
            texture=texture,
            max_tokens=max_tokens,
            noise=noise,
            preprocessed=preprocessed,
        )
        return self._run(plan, request, cut_out)

    def generate_batch(
        self,
        requests: Sequence[Request],
        *,
        formats: Sequence[str] | None = None,
        resolution: int | None = None,
        pipeline_type: str | None = None,
        steps: int | None = None,
        cfg: float | None = None,
        structure: GuidanceSettings | None = None,
        shape: GuidanceSettings | None = None,
        texture: GuidanceSettings | None = None,
        max_tokens: int = DEFAULT_MAX_TOKENS,
        preprocessed: bool = False,
        cut_out: CutOut | None = None,
    ) -> list[Sample2 | TrellisError]:
        """Makes an object of each request, one after the other; settings as in `generate`.

        As `Trellis.generate_batch`, but see `together`: each result is exactly what it is alone,
        and hears of its progress when its turn comes. What ends one request alone comes back in its
        place: `PictureError`, `EmptyResultError`, `VoxelizeError` or `Cancelled`.

        Raises `SettingsError`, `CheckpointError` and `DeviceMemoryError`, which concern all.
        """
        whole("the number of requests", len(requests), 1, MAX_SAMPLES)
        plan = self._plan(
            samples=1,
            formats=formats,
            resolution=resolution,
            pipeline_type=pipeline_type,
            steps=steps,
            cfg=cfg,
            structure=structure,
            shape=shape,
            texture=texture,
            max_tokens=max_tokens,
            noise=None,
            preprocessed=preprocessed,
        )
        results: list[Sample2 | TrellisError] = []
        for request in requests:
            try:
                results += self._run(plan, request, cut_out)
            except (PictureError, EmptyResultError, VoxelizeError, Cancelled) as error:
                # The traceback would keep this run's tensors.
                results.append(error.with_traceback(None))
        return results

    def _plan(
        self,
        *,
        samples: int,
        formats: Sequence[str] | None,
        resolution: int | None,
        pipeline_type: str | None,
        steps: int | None,
        cfg: float | None,
        structure: GuidanceSettings | None,
        shape: GuidanceSettings | None,
        texture: GuidanceSettings | None,
        max_tokens: int,
        noise: Noise2 | None,
        preprocessed: bool,
    ) -> Plan2:
        """What was asked for, checked. Raises `SettingsError`."""
        own = self.checkpoint.description
        kind = checked_type(pipeline_type or self.pipeline_type)
        return Plan2(
            kind=kind,
            samples=samples,
            outputs=checked_outputs(self.outputs if formats is None else formats, kind),
            resolution=checked_resolution(resolution, kind),
            structure=(structure or own.structure_sampler).override(
                steps=steps, guidance_strength=cfg
            ),
            shape=(shape or own.shape_sampler).override(steps=steps, guidance_strength=cfg),
            texture=(texture or own.texture_sampler).override(steps=steps),
            max_tokens=whole("max_tokens", max_tokens, 1, MAX_TOKENS),
            noise=_checked_noise(noise, len(kind.passes)),
            preprocessed=preprocessed,
        )

    @torch.inference_mode()
    def _run(self, plan: Plan2, request: Request, cut_out: CutOut | None) -> list[Sample2]:
        """The samples of a request."""
        pictures = request.pictures()
        check_pictures(len(pictures))
        with plain(not self._fast):
            return self._make(plan, request, pictures[0], cut_out)

    def _make(
        self, plan: Plan2, request: Request, picture: Source, cut_out: CutOut | None
    ) -> list[Sample2]:
        """The samples of a request with one picture."""
        shelf, watch = self._shelf, request.watch
        random = torch.Generator().manual_seed(request.seed)
        with self._stage(watch, "picture", 1, "looking at the picture"):
            conditions = look(
                shelf, plan.kind, picture, preprocessed=plan.preprocessed, cut_out=cut_out
            )

        def on_structure_step(step: Step) -> None:
            watch.tell("structure", step.done, step.steps)
            self._guess(plan, watch, step)

        with self._stage(watch, "structure", plan.structure.steps, "finding the solid cells"):
            grid = find_structure(shelf, plan, conditions, random, on_step=on_structure_step)
        _show(watch, grid, plan.kind.structure_grid)

        steps, done = plan.appearance_steps, 0

        def on_step(_: Step) -> None:
            nonlocal done
            done += 1
            watch.tell("appearance", done, steps)

        def on_shape_step(step: Step, grid: VoxelGrid, resolution: int) -> None:
            on_step(step)
            self._guess_shape(watch, step, grid, resolution)

        with self._stage(watch, "appearance", steps, "finding shape and material"):
            shape = find_shape(shelf, plan, conditions, grid, random, on_step=on_shape_step)
            texture = None
            if plan.colored:
                texture = find_texture(shelf, plan, conditions, shape, random, on_step=on_step)
        with self._stage(watch, "decoding", 1, "decoding"):
            made = decode(shelf, plan, shape, texture)
        watch.tell("decoding", 1, 1)
        return made

    @contextmanager
    def _stage(self, watch: Watch, stage: Stage, steps: int, doing: str) -> Generator[None]:
        """Announces a stage, names it where memory runs out, and tidies up after it."""
        watch.tell(stage, 0, steps)
        try:
            with memory_errors(self.device, doing):
                yield
        finally:
            self._shelf.tidy()

    def _guess(self, plan: Plan2, watch: Watch, step: Step) -> None:
        """Shows which cells look solid in the middle of the first stage."""
        if not _is_due(watch, step) or not self._shelf.holds(STRUCTURE_DECODER):
            return
        cells = solid_cells(self._shelf, plan.kind, step.clean())
        counts = host_numbers(torch.bincount(cells[:, 0], minlength=plan.samples))
        _show(watch, VoxelGrid(cells, items=counts), plan.kind.structure_grid)

    def _guess_shape(self, watch: Watch, step: Step, grid: VoxelGrid, resolution: int) -> None:
        """Shows which finer cells look solid in the middle of the second stage."""
        if not _is_due(watch, step) or not self._shelf.holds(SHAPE_DECODER):
            return
        for index, voxels in enumerate(guess_shape(self._shelf, step.clean(), grid, resolution)):
            if len(voxels) and watch.on_preview is not None:
                watch.on_preview(Preview(index, voxels))


def _is_due(watch: Watch, step: Step) -> bool:
    """Whether a coarse preview is wanted after a step."""
    every = watch.preview_every if watch.on_preview is not None else 0
    return every > 0 and step.done % every == 0 and step.done < step.steps


def _show(watch: Watch, grid: VoxelGrid, resolution: int) -> None:
    """Hands the cells of each sample that has some to whoever listens."""
    if watch.on_preview is None:
        return
    for index, span in enumerate(grid.spans):
        if grid.items[index]:
            cells = occupancy_preview(grid.positions[span], resolution=resolution)
            watch.on_preview(Preview(index, cells))


def _checked_noise(noise: Noise2 | None, passes: int) -> Noise2 | None:
    if noise is not None and len(noise.shapes) != passes:
        raise SettingsError(
            f"noise.shapes has {len(noise.shapes)} entries, expected {passes}: one for each pass"
        )
    return noise
