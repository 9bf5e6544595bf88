"""The package inside another program's process: what `src/backend/python` of the Rust side calls.

A narrow door, so that Rust knows few names: raw pixels in, the bytes of a `.voxels` file out,
progress and previews through callbacks whose answer says whether to go on. Importing this module
imports no torch, so that a missing one is told like any other error. Nothing is read from files and
no signal handler is set. One thread at a time may use a `Session`.
"""

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from . import __version__, config
from .errors import Cancelled, DeviceMemoryError, TrellisError

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from .checkpoint import Checkpoint
    from .image import CutOut
    from .pipeline import Trellis
    from .watch import Preview, Progress

INTERFACE = 1
"""Number of what stands here; the Rust side refuses another one than it was built for."""

Pixels = tuple[bytes, int, int]
"""RGBA bytes in rows from the top, width, height."""

Tell = Callable[[str, int, int], bool]
"""Takes stage, steps done and steps of a `Progress`; whether to go on."""

Show = Callable[[bytes], bool]
"""Takes a `.voxels` file with a rough version of the result; whether to go on."""

Result = TypeVar("Result")

Log = Callable[[int, str, str], object]
"""Takes level (as in `logging`), the logger's name and the message of a record."""

_LOG = logging.getLogger("crossworld_trellis.embedded")

# What CUDA and ROCm say when a process has lost its device: nothing works until it is restarted.
_LOST = ("CUDA error", "HIP error", "device-side assert")


class DeviceLostError(TrellisError):
    """The process has lost its device for good."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What runs where."""

    model: str
    """The checkpoint's identity, see `Checkpoint.identity`."""
    device: str
    """The device's name, for people."""
    identity: str
    """Everything besides a request that decides its result."""
    resolution: int
    """Cells per axis that the model makes by itself."""


def forward_log(log: Log) -> None:
    """Hands records of this package from INFO on, and of others from WARNING on, to a function.

    A function that was given earlier gets none any more.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Forward)]:
        root.removeHandler(handler)
    root.addHandler(_Forward(log))
    logging.getLogger("crossworld_trellis").setLevel(logging.INFO)


class Session:
    """A checkpoint that is loaded when it is needed and stays.

    Where the device has too little memory, the cache is freed and the work done anew with one
    network at a time on the device; from then on it stays with that.
    """

    def __init__(self, model: str | None = None) -> None:
        self._source = config.model_source() if model is None else model
        self._trellis: Trellis | None = None
        self._description: Description | None = None
        self._low_memory = False
        self._cut_out: CutOut | None = None

    def examine(self) -> Description | None:
        """What would run, where a GPU works and all files are on this machine; loads no weights.

        Raises `CheckpointError` for files that are not whole.
        """
        from .checkpoint import Checkpoint, NotDownloadedError, roles_for
        from .device import choose_device, choose_dtype

        device = choose_device("auto")
        if device.type == "cpu" or not _works(device):
            return None
        try:
            checkpoint = Checkpoint.open(self._source, offline=True)
            for role in roles_for(("voxels",)):
                checkpoint.file(role, ".safetensors")
            checkpoint.encoder_folder()
        except NotDownloadedError:
            return None
        return _describe(checkpoint, device, choose_dtype("auto", device))

    def load(self, tell: Tell) -> Description:
        """Loads the checkpoint unless that is done. Raises as `Trellis.load`, and `Cancelled`."""
        return self._sparing_memory(lambda: self._loaded(tell)[1])

    def generate(
        self,
        pictures: Sequence[Pixels],
        seed: int,
        resolution: int,
        tell: Tell,
        show: Show | None,
    ) -> tuple[bytes, Description]:
        """The `.voxels` file of the thing in the pictures, and what made it.

        Loads the checkpoint if need be. Raises as `load` and `Trellis.generate`, and
        `DeviceLostError`.
        """

        def on_preview(preview: "Preview") -> None:
            if show is not None and not show(preview.voxels.to_bytes()):
                raise Cancelled

        def attempt() -> tuple[bytes, Description]:
            trellis, description = self._loaded(tell)
            images = self._images(pictures)
            [sample] = trellis.generate(
                images,
                seed=seed,
                resolution=resolution,
                cut_out=self._cut_out,
                on_progress=_obedient(tell),
                on_preview=None if show is None else on_preview,
            )
            assert sample.voxels is not None
            return sample.voxels.to_bytes(), description

        return self._sparing_memory(attempt)

    def _loaded(self, tell: Tell) -> "tuple[Trellis, Description]":
        from .pipeline import Trellis

        if self._trellis is None or self._description is None:
            trellis = Trellis.load(
                self._source, low_vram=self._low_memory, on_progress=_obedient(tell)
            )
            # At once: the checkpoint's files may be gone later.
            self._description = _describe(trellis.checkpoint, trellis.device, trellis.dtype)
            self._trellis = trellis
        return self._trellis, self._description

    def _images(self, pictures: Sequence[Pixels]) -> "list[Image.Image]":
        from PIL import Image

        from .image import rembg_cut_out

        self._cut_out = self._cut_out or rembg_cut_out()
        return [Image.frombuffer("RGBA", (width, height), data) for data, width, height in pictures]

    def _sparing_memory(self, attempt: Callable[[], Result]) -> Result:
        try:
            return _telling_loss(attempt)
        except DeviceMemoryError as error:
            cause = str(error)
        # Out here the error and its frames, which hold tensors, are gone.
        if not self._low_memory:
            _LOG.warning("trying again with one network at a time on the device: %s", cause)
            self._low_memory = True
            self._forget()
            try:
                return _telling_loss(attempt)
            except DeviceMemoryError as error:
                cause = str(error)
        self._forget()
        raise DeviceMemoryError(
            "too little memory even with one network at a time on the device: close what else "
            f"uses it, ask for a lower resolution, or use a server ({cause})"
        )

    def _forget(self) -> None:
        """Drops the networks and gives their memory back to the device."""
        from .device import choose_device, free_cached_memory

        self._trellis = None
        gc.collect()
        free_cached_memory(choose_device("auto"))


class _Forward(logging.Handler):
    """Hands records on."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name.partition(".")[0] == __package__
        return ours or record.levelno >= logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log(record.levelno, record.name, record.getMessage())
        except Exception:
            self.handleError(record)


def _obedient(tell: Tell) -> "Callable[[Progress], None]":
    """Reports progress and stops the work where the answer is no."""

    def on_progress(progress: "Progress") -> None:
        if not tell(progress.stage, progress.step, progress.steps):
            raise Cancelled

    return on_progress


def _telling_loss(attempt: Callable[[], Result]) -> Result:
    """What an attempt gives. Raises `DeviceLostError` in place of what torch raises then."""
    try:
        return attempt()
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _LOST):
            raise
        cause = str(error).strip().split("\n")[0].rstrip(".")
        raise DeviceLostError(f"the process lost its device: start it again ({cause})") from error


def _works(device: "torch.device") -> bool:
    """Whether a device computes, which one that is too new or too old for this torch does not."""
    import torch

    try:
        ones = torch.ones(64, 64, device=device, dtype=torch.float16)
        return float((ones @ ones).float().sum()) == 64.0**3
    except RuntimeError as error:
        _LOG.warning("%s does not work: %s", device, str(error).strip().split("\n")[0])
        return False


def _describe(
    checkpoint: "Checkpoint", device: "torch.device", dtype: "torch.dtype"
) -> Description:
    import torch

    from .checkpoint.roles import LATENT_FLOW

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    encoder = checkpoint.encoder_folder()
    return Description(
        model=checkpoint.identity,
        device=name,
        identity=" ".join(
            (
                f"crossworld-trellis {__version__}, torch {torch.__version__},",
                f"{checkpoint.identity}, {encoder.parent.name}/{encoder.name}, {name}, {dtype}",
            )
        ),
        resolution=checkpoint.config(LATENT_FLOW).resolution,
    )
