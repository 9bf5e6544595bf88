"""The model as the server sees it, and `Trellis` in that shape.

torch is imported where it is used, so that a server that still loads answers at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ..errors import TrellisError
from ..watch import Progress, Watch
from .job import Order
from .schemas import OutputFormat, StageSettings

if TYPE_CHECKING:
    from ..pipeline import Sample, Trellis
    from ..sampler import SamplerSettings


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `/health` tells about the model."""

    model: str
    device: str
    device_name: str
    capability: str | None
    dtype: str
    identity: str
    """Everything besides a request that decides its result."""


Answer = bytes | TrellisError
"""A file, or why there is none."""


class Model(Protocol):
    """Something that makes files of pictures. Only the worker's thread uses it."""

    def describe(self) -> Description:
        """What runs and where."""
        ...

    def generate(self, orders: Sequence[Order], watches: Sequence[Watch]) -> list[Answer]:
        """The file of each order, or why there is none; the orders are alike (`Order.is_like`).

        Raises what concerns all of them.
        """
        ...

    def recover(self) -> None:
        """Frees what it can after memory ran out."""
        ...


Load = Callable[[Callable[[Progress], None]], Model]
"""Loads the model and tells how far it is."""

OUTPUTS: dict[OutputFormat, str] = {
    "glb": "mesh",
    "ply": "gaussians",
    "npy": "radiance_field",
    "voxels": "voxels",
    "vox": "voxels",
    "csm": "voxels",
    "bcf": "voxels",
}

CONVERTED: tuple[Literal["vox", "csm", "bcf"], ...] = ("vox", "csm", "bcf")
"""What `native` makes of voxels."""


class TrellisModel:
    """A `Trellis` behind the server."""

    def __init__(self, trellis: "Trellis", *, name: str) -> None:
        self._trellis = trellis
        self._name = name

    def describe(self) -> Description:
        """What runs and where."""
        import torch

        from ..identity import device_name

        device, capability = self._trellis.device, None
        if device.type == "cuda":
            major, minor = torch.cuda.get_device_capability(device)
            capability = f"{major}.{minor}"
        return Description(
            model=self._name,
            device=str(device),
            device_name=device_name(device),
            capability=capability,
            dtype=str(self._trellis.dtype).removeprefix("torch."),
            identity=self._trellis.identity,
        )

    def generate(self, orders: Sequence[Order], watches: Sequence[Watch]) -> list[Answer]:
        """The file of each order, or why there is none: as `Trellis.generate_batch`, and
        `ExportError` for empty ones. Raises as that does."""
        from ..pipeline import Request

        order, settings = orders[0], orders[0].settings
        recommended = self._trellis.checkpoint.description

        def stage(own: "SamplerSettings", given: StageSettings) -> "SamplerSettings":
            return own.override(
                steps=settings.steps if given.steps is None else given.steps,
                cfg_strength=settings.cfg if given.cfg_strength is None else given.cfg_strength,
                cfg_interval=given.cfg_interval,
                rescale_t=given.rescale_t,
            )

        results = self._trellis.generate_batch(
            [
                Request(images=order.pictures, seed=order.settings.seed, watch=watch)
                for order, watch in zip(orders, watches, strict=True)
            ],
            formats=(OUTPUTS[order.output_format],),
            resolution=settings.resolution,
            structure=stage(recommended.structure_sampler, settings.structure),
            latents=stage(recommended.latent_sampler, settings.latents),
            mode=settings.mode,
            preprocessed=True,
        )
        return [_answer(result, order.output_format) for result in results]

    def recover(self) -> None:
        """Gives cached memory back to the device."""
        from ..device import free_cached_memory

        free_cached_memory(self._trellis.device)


def _answer(result: "Sample | TrellisError", output_format: OutputFormat) -> Answer:
    if isinstance(result, TrellisError):
        return result
    try:
        return file_of(result, output_format)
    except TrellisError as error:
        return error.with_traceback(None)


def file_of(sample: "Sample", output_format: OutputFormat) -> bytes:
    """The one output that a sample holds, as a file. Raises `ExportError` for empty ones."""
    from .. import native
    from ..export.glb import glb_bytes
    from ..export.npy import radiance_field_bytes
    from ..export.ply import ply_bytes

    if sample.mesh is not None:
        return glb_bytes(sample.mesh)
    if sample.gaussians is not None:
        return ply_bytes(sample.gaussians)
    if sample.radiance_field is not None:
        return radiance_field_bytes(sample.radiance_field, format="npy")
    assert sample.voxels is not None
    voxels = sample.voxels.to_bytes()
    return native.convert(voxels, output_format) if output_format in CONVERTED else voxels
