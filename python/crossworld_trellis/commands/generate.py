"""`generate`: makes files of an object from pictures of it.

The kind of each output follows from its ending. Usage and pictures are checked before the model is
loaded, so that a mistake costs no download; nothing is written before everything is made.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import native
from ..errors import TrellisError
from ..export.atomic import write_atomically
from .progress import ProgressLine

if TYPE_CHECKING:
    from PIL import Image

    from ..checkpoint import Checkpoint
    from ..checkpoint.trellis2 import Trellis2Checkpoint
    from ..pipeline import Sample
    from ..trellis2 import Sample2

OUTPUTS: Mapping[str, str] = {
    ".voxels": "voxels",
    ".ply": "gaussians",
    ".npy": "radiance_field",
    ".npz": "radiance_field",
    ".glb": "mesh",
    ".vox": "voxels",
    ".csm": "voxels",
    ".bcf": "voxels",
}
"""What a file holds, by its ending; the second generation of the model makes voxels and meshes."""

CONVERTED: Mapping[str, native.Format] = {".vox": "vox", ".csm": "csm", ".bcf": "bcf"}
"""Formats that `native` makes of voxels, by their ending."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="of one object")
    parser.add_argument(
        "-o",
        "--output",
        dest="outputs",
        action="append",
        required=True,
        type=_output,
        metavar="OUT",
        help=f"file to write, may be given several times: {', '.join(OUTPUTS)}",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model", metavar="PATH", help="folder or hub repository (else TRELLIS_MODEL_PATH)"
    )
    model.add_argument("--revision", help="branch, tag or commit of the hub repository")
    model.add_argument("--offline", action="store_true", help="do not use the network")
    model.add_argument(
        "--image-encoder", metavar="PATH", help="folder or hub repository of the image encoder"
    )
    model.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    model.add_argument("--dtype", default="auto", help="auto, float32, float16, bfloat16")
    model.add_argument(
        "--low-vram", action="store_true", help="keep one network on the device at a time"
    )
    model.add_argument(
        "--pipeline-type",
        metavar="TYPE",
        help="of TRELLIS.2: 512, 1024, 1024_cascade or 1536_cascade (else TRELLIS_PIPELINE_TYPE, "
        "else what the model says)",
    )
    run = parser.add_argument_group("generation")
    run.add_argument("--seed", type=int, default=0, help="fixes every random choice")
    run.add_argument("--steps", type=int, help="of every stage (else what the model recommends)")
    run.add_argument("--cfg", type=float, help="strength of guidance, as the model counts it")
    run.add_argument(
        "--resolution", type=int, help="of voxels: 32, 64, 128 or 256; TRELLIS.2 to 1024"
    )
    run.add_argument(
        "--max-tokens",
        type=int,
        metavar="N",
        help="of TRELLIS.2: a cascade to more than 1024 ends lower where it would have so many "
        "latent voxels (49152)",
    )
    run.add_argument(
        "--mode",
        choices=("stochastic", "multidiffusion"),
        help="of the first generation: how several pictures work together (stochastic)",
    )
    run.add_argument(
        "--no-preprocess",
        dest="preprocess",
        action="store_false",
        help="take pictures as they are, resized: the object alone, on black",
    )


def run(options: argparse.Namespace) -> int:
    """Generates and writes. Raises `TrellisError`, or `OSError` when a file cannot be written."""
    outputs: list[Path] = options.outputs
    for path in outputs:
        if not path.parent.is_dir():
            raise TrellisError(f"there is no folder to write to: make it first ({path.parent})")
        if path.is_dir():
            raise TrellisError(f"a folder has the name of the file to write ({path})")
        if path.suffix.lower() in CONVERTED:
            _check_native(path)
    pictures = [_judged(picture, options.preprocess) for picture in options.pictures]
    line = ProgressLine(sys.stderr)
    try:
        sample = _generate(pictures, options, line)
    finally:
        line.close()
    for path in outputs:
        print(f"wrote {path}: {_write(path, sample)}")
    return 0


def _output(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in OUTPUTS:
        endings = ", ".join(OUTPUTS)
        raise argparse.ArgumentTypeError(f"'{text}' should end in one of {endings}")
    return path


def _check_native(path: Path) -> None:
    try:
        native.check()
    except native.NativeMissingError as error:
        raise TrellisError(f"{path.suffix} files cannot be written: {error} ({path})") from error


def _judged(picture: str, preprocess: bool) -> "Image.Image":
    """The picture, with its object cut out; told here, before the model is loaded, if there is
    none."""
    from .. import image

    if not preprocess:
        return image.open_picture(picture)
    cut = image.cut_from_background(picture, cut_out=image.rembg_cut_out())
    # Which generation will look at it is not known yet, but what neither can use is told now.
    image.framed(cut, "margin")
    return cut


def _generate(
    pictures: "list[Image.Image]", options: argparse.Namespace, line: ProgressLine
) -> "Sample | Sample2":
    # torch takes seconds to import, and mistakes above should show at once.
    from ..checkpoint import Checkpoint
    from ..checkpoint.trellis2 import open_checkpoint
    from ..image import framed
    from ..opening import pipeline_of
    from ..pipeline import Trellis
    from ..trellis2 import Trellis2

    outputs = list(dict.fromkeys(OUTPUTS[path.suffix.lower()] for path in options.outputs))
    checkpoint = open_checkpoint(options.model, revision=options.revision, offline=options.offline)
    _check(checkpoint, options, outputs, len(pictures))
    if options.preprocess:
        family = Trellis if isinstance(checkpoint, Checkpoint) else Trellis2
        pictures = [framed(picture, family.framing) for picture in pictures]
    pipeline = pipeline_of(
        checkpoint,
        device=options.device,
        dtype=options.dtype,
        outputs=outputs,
        low_vram=options.low_vram,
        image_encoder=options.image_encoder,
        pipeline_type=options.pipeline_type,
        on_progress=line,
    )
    common: dict[str, Any] = {
        "seed": options.seed,
        "steps": options.steps,
        "cfg": options.cfg,
        "resolution": options.resolution,
        "preprocessed": True,
        "on_progress": line,
    }
    if isinstance(pipeline, Trellis):
        return pipeline.generate(pictures, mode=options.mode or "stochastic", **common)[0]
    if options.max_tokens is not None:
        common["max_tokens"] = options.max_tokens
    sample = pipeline.generate(pictures, **common)[0]
    if sample.reduced is not None:
        print(f"note: {sample.reduced}; --max-tokens raises it")
    return sample


def _check(
    checkpoint: "Checkpoint | Trellis2Checkpoint",
    options: argparse.Namespace,
    outputs: list[str],
    pictures: int,
) -> None:
    """Raises `SettingsError` or `PictureError` for what this model cannot do, before its networks
    are fetched and loaded."""
    from ..checkpoint import Checkpoint
    from ..checkpoint.roles import LATENT_FLOW
    from ..request import refinement_of, whole
    from ..sampler import SamplerSettings, SettingsError
    from ..trellis2 import plan
    from ..trellis2.plan import MAX_TOKENS

    SamplerSettings().override(steps=options.steps, cfg_strength=options.cfg)
    if isinstance(checkpoint, Checkpoint):
        for name in ("pipeline_type", "max_tokens"):
            if getattr(options, name) is not None:
                raise SettingsError(
                    f"--{name.replace('_', '-')} is for the second generation of the model, but "
                    f"this is the first: leave it out ({checkpoint.source})"
                )
        if options.resolution is not None:
            refinement_of(options.resolution, checkpoint.config(LATENT_FLOW).resolution)
        return
    if options.mode is not None:
        raise SettingsError(
            f"--mode is for the first generation of the model, but this is the second: leave it "
            f"out ({checkpoint.source})"
        )
    kind = plan.wanted_type(checkpoint, options.pipeline_type)
    plan.checked_outputs(outputs, kind)
    plan.checked_resolution(options.resolution, kind)
    plan.check_pictures(pictures)
    if options.max_tokens is not None:
        whole("max_tokens", options.max_tokens, 1, MAX_TOKENS)


def _write(path: Path, sample: "Sample | Sample2") -> str:
    """Writes what the ending asks for and tells what it is."""
    from ..export.glb import write_glb
    from ..export.npy import write_radiance_field
    from ..export.ply import write_ply
    from ..pipeline import Sample

    output = OUTPUTS[path.suffix.lower()]
    if output == "voxels" and sample.voxels is not None:
        data, format = sample.voxels.to_bytes(), CONVERTED.get(path.suffix.lower())
        write_atomically(path, data if format is None else native.convert(data, format))
        return f"{len(sample.voxels)} voxels of a grid of {sample.voxels.resolution}^3"
    if output == "mesh" and sample.mesh is not None:
        write_glb(path, sample.mesh)
        return f"{len(sample.mesh.vertices)} vertices, {len(sample.mesh.faces)} triangles"
    assert isinstance(sample, Sample)
    if output == "gaussians" and sample.gaussians is not None:
        write_ply(path, sample.gaussians)
        return f"{len(sample.gaussians)} Gaussians"
    assert output == "radiance_field" and sample.radiance_field is not None
    write_radiance_field(path, sample.radiance_field)
    return f"{len(sample.radiance_field)} cells of a radiance field"
