"""`verify`: whether the networks run on this machine, and whether the models' tensors fit them.

A whole generation with tiny random networks runs on the device. Downloads nothing and loads no
weights; a model that was never downloaded is no fault. Every fault is found on its own, so that one
run tells them all. What is installed, and what to do where something is not, is `doctor`'s to say.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import config
from ..doctor.families import SECOND, family_of
from ..errors import TrellisError

_REMEDY = "'python -m crossworld_trellis doctor' tells the remedy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("--model", metavar="PATH", help="folder or hub repository (owner/name)")
    parser.add_argument("--revision", help="branch, tag or commit of the hub repository")
    parser.add_argument("--image-encoder", metavar="PATH", help="folder or hub repository")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")


def run(options: argparse.Namespace) -> int:
    """Prints the report; 1 when something is broken."""
    report = Report(print)
    if _check_torch(report, options.device):
        if not report.faults:
            _check_networks(report, options.device, second=_is_second(options))
        _check_models(report, options)
    if report.faults:
        print(f"broken: {', '.join(report.faults)}")
        return 1
    print("nothing is broken")
    return 0


@dataclass
class Report:
    """What was found, printed as it comes."""

    write: Callable[[str], object]
    faults: list[str] = field(default_factory=list[str])
    """What is broken, by name."""

    def tell(self, name: str, value: object) -> None:
        """One line."""
        self.write(f"{name}: {value}")

    def blame(self, name: str, value: object) -> None:
        """One line about something broken."""
        self.faults.append(name)
        self.tell(name, f"BROKEN: {value}")


def _check_torch(report: Report, device: str) -> bool:
    """Version and device; whether torch is there at all."""
    try:
        import torch
    except (ImportError, OSError) as error:
        report.blame("PyTorch", f"does not import: {_line(error)}: {_REMEDY}")
        return False
    report.tell("PyTorch", torch.__version__)
    report.tell("CUDA available", torch.cuda.is_available())
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        report.tell("GPU support", "this build of PyTorch has none (CUDA or ROCm)")

    from ..device import choose_device

    try:
        chosen = choose_device(device)
    except TrellisError as error:
        report.blame("Device", error)
        return True
    if chosen.type == "cuda":
        report.tell("Device", torch.cuda.get_device_name(chosen))
        report.tell("Compute capability", torch.cuda.get_device_capability(chosen))
        free, total = torch.cuda.mem_get_info(chosen)
        report.tell("Device memory", f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB are free")
    else:
        report.tell("Device", chosen)
    _check_arithmetic(report, torch, chosen)
    return True


def _check_arithmetic(report: Report, torch: Any, device: Any) -> None:
    """Multiplies two matrices, which a GPU that is too new or too old for its torch cannot do."""
    try:
        ones = torch.ones(64, 64, device=device, dtype=torch.float16)
        total = float((ones @ ones).float().sum())
    except RuntimeError as error:
        report.blame("Arithmetic", f"{_line(error)}: {_REMEDY}")
        return
    if total == 64.0**3:
        report.tell("Arithmetic", "works in half precision")
    else:
        report.blame("Arithmetic", f"64 x 64 x 64 gives {total}: the driver or device is faulty")


def _is_second(options: argparse.Namespace) -> bool:
    """Whether the model is of the second generation, as far as can be told here."""
    from ..checkpoint import CheckpointError
    from ..checkpoint.trellis2 import open_checkpoint

    source = options.model or config.model_source()
    try:
        checkpoint = open_checkpoint(source, revision=options.revision, offline=True)
    except CheckpointError:
        return family_of(None, source) is SECOND
    return checkpoint.family.generation == SECOND.generation


def _check_networks(report: Report, device: str, *, second: bool) -> None:
    """Generates an object with tiny random networks: every kind of layer runs once."""
    import numpy as np

    from ..checkpoint import tiny, tiny_trellis2
    from ..opening import open_pipeline

    write = tiny_trellis2.write_tiny if second else tiny.write_tiny
    y, x = np.ogrid[-1:1:64j, -1:1:64j]
    disc = np.where(x * x + y * y < 0.7, 255, 0)
    picture = np.dstack([disc, disc // 2, disc // 3, disc]).astype(np.uint8)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            encoder = f"{folder}/image_cond"
            pipeline = open_pipeline(folder, device=device, image_encoder=encoder)
            (sample,) = pipeline.generate(picture, seed=0)
    except (TrellisError, RuntimeError) as error:
        report.blame("Networks", f"{_line(error)}: {_REMEDY}")
        return
    voxels = 0 if sample.voxels is None else len(sample.voxels)
    seconds = time.monotonic() - began
    report.tell("Networks", f"run, tiny ones made {voxels} voxels in {seconds:.1f} s")


def _check_models(report: Report, options: argparse.Namespace) -> None:
    from ..checkpoint import CheckpointError, NotDownloadedError
    from ..checkpoint.trellis2 import open_checkpoint

    source = options.model or config.model_source()
    report.tell("Model", source)
    try:
        checkpoint = open_checkpoint(source, revision=options.revision, offline=True)
    except NotDownloadedError:
        size = family_of(None, source).download
        report.tell("Models", f"none downloaded; the first object does that ({size})")
        return
    except CheckpointError as error:
        report.blame("pipeline.json", error)
        return
    report.tell("Identity", checkpoint.identity)
    found: list[str] = []
    for role in checkpoint.family.roles:
        try:
            tensors = checkpoint.check(role)
            size = checkpoint.file(role, ".safetensors").stat().st_size
        except NotDownloadedError:
            report.tell(role, "not downloaded")
        except TrellisError as error:
            report.blame(role, str(error).removeprefix(f"{role}: "))
        else:
            found.append(role)
            report.tell(role, f"whole, {len(tensors)} tensors, {size / 1e6:.1f} MB")
    if _check_encoder(report, checkpoint, options.image_encoder):
        found.append("image_cond_model")
    report.tell("Models", found)


def _check_encoder(report: Report, checkpoint: Any, asked: str | None) -> bool:
    """Whether the image encoder is there and fits; it is read, since it is small."""
    import torch

    from ..checkpoint import NotDownloadedError

    try:
        encoder = checkpoint.load_image_encoder(device=torch.device("cpu"), folder=asked)
    except NotDownloadedError:
        report.tell("image_cond_model", "not downloaded")
        return False
    except TrellisError as error:
        report.blame("image_cond_model", error)
        return False
    folder: Path = checkpoint.encoder_folder(asked)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    report.tell("image_cond_model", f"whole, width {encoder.width}, {size / 1e6:.1f} MB")
    return True


def _line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
