"""The model as the server sees it, and both generations of TRELLIS in that shape.

torch is imported where it is used, so that a server that still loads answers at once.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from ..errors import TrellisError
from ..image import Framing
from ..watch import Progress, Watch
from .job import Finished, Order
from .schemas import OutputFormat

if TYPE_CHECKING:
    from ..opening import Made
    from ..pipeline import Trellis
    from ..trellis2 import Trellis2

_LOG = logging.getLogger("crossworld_trellis.server")


@dataclass(frozen=True, kw_only=True)
class Description:
    """What `/health` tells about the model, and how it wants to be fed."""

    model: str
    device: str
    device_name: str
    capability: str | None
    dtype: str
    identity: str
    """Everything besides a request that decides its result."""
    pipeline_type: str | None
    """Of TRELLIS.2."""
    resolutions: tuple[int, ...]
    """Cells per axis that can be asked for."""
    framing: Framing
    """How its pictures are prepared."""
    together: int
    """Most orders that gain from being made in one batch."""


Answer = Finished | TrellisError
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

CONVERTED: tuple[Literal["vox", "csm", "bcf"], ...] = ("vox", "csm", "bcf")
"""What `native` makes of voxels."""


class TrellisModel:
    """A pipeline of either generation behind the server."""

    def __init__(
        self, pipeline: "Trellis | Trellis2", *, name: str, forecast: int | None = None
    ) -> None:
        """`forecast` is that of requests that name none."""
        self._pipeline = pipeline
        self._name = name
        self._forecast = forecast

    def describe(self) -> Description:
        """What runs and where."""
        import torch

        from ..identity import device_name
        from ..trellis2 import Trellis2

        pipeline = self._pipeline
        device, capability = pipeline.device, None
        if device.type == "cuda":
            major, minor = torch.cuda.get_device_capability(device)
            capability = f"{major}.{minor}"
        return Description(
            model=self._name,
            device=str(device),
            device_name=device_name(device),
            capability=capability,
            dtype=str(pipeline.dtype).removeprefix("torch."),
            identity=pipeline.identity + (f", forecast {self._forecast}" if self._forecast else ""),
            pipeline_type=pipeline.pipeline_type if isinstance(pipeline, Trellis2) else None,
            resolutions=pipeline.resolutions,
            framing=pipeline.framing,
            together=pipeline.together,
        )

    def generate(self, orders: Sequence[Order], watches: Sequence[Watch]) -> list[Answer]:
        """The file of each order, or why there is none: as `generate_batch` of the pipeline, and
        `ExportError` for empty ones. Raises as that does."""
        from ..request import Request
        from .asked import make

        order, framing = orders[0], self._pipeline.framing
        requests = [
            Request(
                images=[picture.framed(framing) for picture in each.pictures],
                seed=each.settings.seed,
                watch=watch,
            )
            for each, watch in zip(orders, watches, strict=True)
        ]
        settings = order.settings
        if settings.forecast is None:
            settings = settings.model_copy(update={"forecast": self._forecast})
        results = make(self._pipeline, requests, settings, order.output_format)
        return [_answer(result, order.output_format) for result in results]

    def recover(self) -> None:
        """Drops networks that only some requests need, and gives memory back to the device."""
        self._pipeline.recover()


def _answer(result: "Made | TrellisError", output_format: OutputFormat) -> Answer:
    if isinstance(result, TrellisError):
        return result
    if result.reduced is not None:
        _LOG.warning("a result differs from what was asked: %s", result.reduced)
    try:
        return Finished(file_of(result, output_format), result.reduced)
    except TrellisError as error:
        return error.with_traceback(None)


def file_of(made: "Made", output_format: OutputFormat) -> bytes:
    """The one output that an object holds, as a file. Raises `ExportError` for empty ones."""
    from .. import native
    from ..export.glb import glb_bytes
    from ..export.npy import radiance_field_bytes
    from ..export.ply import ply_bytes
    from ..pipeline import Sample

    if made.mesh is not None:
        return glb_bytes(made.mesh)
    if isinstance(made, Sample):
        if made.gaussians is not None:
            return ply_bytes(made.gaussians)
        if made.radiance_field is not None:
            return radiance_field_bytes(made.radiance_field, format="npy")
    assert made.voxels is not None
    voxels = made.voxels.to_bytes()
    return native.convert(voxels, output_format) if output_format in CONVERTED else voxels
