"""The model as the server sees it, and `Trellis` in that shape.

torch is imported where it is used, so that a server that still loads answers at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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


class Model(Protocol):
    """Something that makes files of pictures. Only the worker's thread uses it."""

    def describe(self) -> Description:
        """What runs and where."""
        ...

    def generate(self, order: Order, watch: Watch) -> bytes:
        """The file of an order. Raises `TrellisError`s."""
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
}


class TrellisModel:
    """A `Trellis` behind the server."""

    def __init__(self, trellis: "Trellis", *, name: str) -> None:
        self._trellis = trellis
        self._name = name

    def describe(self) -> Description:
        """What runs and where."""
        import torch

        device = self._trellis.device
        name, capability = device.type, None
        if device.type == "cuda":
            name = torch.cuda.get_device_name(device)
            major, minor = torch.cuda.get_device_capability(device)
            capability = f"{major}.{minor}"
        return Description(
            model=self._name,
            device=str(device),
            device_name=name,
            capability=capability,
            dtype=str(self._trellis.dtype).removeprefix("torch."),
        )

    def generate(self, order: Order, watch: Watch) -> bytes:
        """The file of an order. Raises as `Trellis.generate`, and `ExportError` for empty ones."""
        settings = order.settings
        recommended = self._trellis.checkpoint.description

        def stage(own: "SamplerSettings", given: StageSettings) -> "SamplerSettings":
            return own.override(
                steps=settings.steps if given.steps is None else given.steps,
                cfg_strength=settings.cfg if given.cfg_strength is None else given.cfg_strength,
                cfg_interval=given.cfg_interval,
                rescale_t=given.rescale_t,
            )

        [sample] = self._trellis.generate(
            order.pictures,
            seed=settings.seed,
            formats=(OUTPUTS[order.output_format],),
            resolution=settings.resolution,
            structure=stage(recommended.structure_sampler, settings.structure),
            latents=stage(recommended.latent_sampler, settings.latents),
            mode=settings.mode,
            preprocessed=True,
            on_progress=watch.on_progress,
            on_preview=watch.on_preview,
            should_cancel=watch.should_cancel,
        )
        return file_of(sample)

    def recover(self) -> None:
        """Gives cached memory back to the device."""
        from ..device import free_cached_memory

        free_cached_memory(self._trellis.device)


def file_of(sample: "Sample") -> bytes:
    """The one output that a sample holds, as a file. Raises `ExportError` for empty ones."""
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
    return sample.voxels.to_bytes()
