"""`fetch`: brings the models' files onto this machine, so that nothing waits for them later."""

import argparse

from .. import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("--model", metavar="PATH", help="folder or hub repository (owner/name)")
    parser.add_argument("--revision", help="branch, tag or commit of the hub repository")
    parser.add_argument("--image-encoder", metavar="PATH", help="folder or hub repository")
    parser.add_argument(
        "--pipeline-type",
        metavar="TYPE",
        help="of TRELLIS.2: 512, 1024, 1024_cascade or 1536_cascade, which need different models",
    )


def run(options: argparse.Namespace) -> int:
    """Downloads what is missing; a download that was cut short goes on where it stopped."""
    from ..checkpoint import OUTPUTS, Checkpoint
    from ..checkpoint.trellis2 import open_checkpoint
    from ..checkpoint.trellis2_roles import OUTPUTS_2
    from ..trellis2.plan import wanted_type

    source = options.model or config.model_source()
    print(f"model: {source}", flush=True)
    checkpoint = open_checkpoint(source, revision=options.revision)
    # The encoder first: the hub may refuse that of TRELLIS.2, and the others take long.
    encoder = checkpoint.encoder_folder(options.image_encoder)
    if isinstance(checkpoint, Checkpoint):
        checkpoint.fetch(OUTPUTS)
    else:
        checkpoint.fetch(wanted_type(checkpoint, options.pipeline_type), OUTPUTS_2)
    print(f"everything is on this machine: {checkpoint.identity}, image encoder {encoder}")
    return 0
