"""`serve`: an inference server that other programs ask for objects, over HTTP and a WebSocket.

It answers as soon as it runs; the model is loaded meanwhile. What options leave open comes from the
environment (`config`).
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable

from .. import config
from ..errors import TrellisError
from ..server.model import Model
from ..server.settings import MAX_BATCH, ServerSettings, ServerSettingsError
from ..watch import Progress

_LOG = logging.getLogger("crossworld_trellis.server")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    default = ServerSettings()
    parser.add_argument("--host", help="address to listen at (TRELLIS_HOST, 127.0.0.1)")
    parser.add_argument("--port", help="port to listen at (TRELLIS_PORT, 8001); 0: a free one")
    parser.add_argument("--model", help="folder or repository (TRELLIS_MODEL_PATH)")
    parser.add_argument("--image-encoder", help="folder or repository (TRELLIS_IMAGE_ENCODER)")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps (TRELLIS_DEVICE, auto)")
    parser.add_argument("--dtype", default="auto", help="auto, float32, float16, bfloat16")
    parser.add_argument(
        "--low-vram", action="store_true", help="keep one network on the device at a time"
    )
    parser.add_argument(
        "--pipeline-type",
        metavar="TYPE",
        help="of TRELLIS.2: 512, 1024, 1024_cascade or 1536_cascade (TRELLIS_PIPELINE_TYPE, "
        "else what the model says)",
    )
    parser.add_argument("--offline", action="store_true", help="never use the network for models")
    parser.add_argument(
        "--waiting", type=int, default=default.waiting, help="most generations that wait"
    )
    parser.add_argument(
        "--batch",
        metavar="N",
        help=f"most generations made together (TRELLIS_BATCH, {default.batch}); 1: one by one",
    )
    parser.add_argument(
        "--forecast",
        type=int,
        metavar="N",
        help="of the first generation: run the networks in every N-th step only where a request "
        "does not say otherwise, which is faster and gives other results; 1: in every step",
    )
    parser.add_argument(
        "--deadline", type=float, default=default.deadline, help="seconds a generation may take"
    )
    parser.add_argument(
        "--grace", type=float, default=default.grace, help="seconds to finish when stopped"
    )
    parser.add_argument(
        "--supervised",
        action="store_true",
        help="for programs that start it: print the address, stop when standard input ends",
    )


def run(options: argparse.Namespace) -> int:
    """Serves until the process is told to stop."""
    settings = settings_of(options)
    try:
        from ..image import rembg_cut_out
        from ..server import supervised
        from ..server.app import create_app
        from ..server.running import Server
    except ModuleNotFoundError as error:
        raise TrellisError(
            f"the package {error.name} is missing: pip install 'crossworld-trellis[server]'"
        ) from error

    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
    for line in config.needless_variables():
        _LOG.info("no longer needed: %s", line)
    lost: list[bool] = []

    def on_lost() -> None:
        lost.append(True)
        server.stop()

    app = create_app(
        lambda tell: load_model(options, tell), settings, cut_out=rembg_cut_out(), on_lost=on_lost
    )
    server = Server(app, settings, on_listening=supervised.announce if options.supervised else None)
    if options.supervised:
        supervised.stop_with_stdin(server.stop, grace=settings.grace)
    server.run()
    if lost:
        # A process that lost its device cannot get it back; a fresh one can.
        _LOG.error("the device was lost: starting again")
        os.execv(sys.executable, [sys.executable, "-m", "crossworld_trellis", *sys.argv[1:]])
    code = 0 if server.started else 1
    _leave_what_runs(code)
    return code


def _leave_what_runs(code: int) -> None:
    """Ends the process here where the model's thread is still at work, such as importing torch.

    Python's own end would take torch's code away from under it, which aborts the process.
    """
    from ..server.worker import THREAD

    if any(thread.name == THREAD for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)


def settings_of(options: argparse.Namespace) -> ServerSettings:
    """What options and environment say together. Raises `ServerSettingsError`."""
    port = _whole("port", options.port or config.server_port(), "0 to 65535")
    given: str | None = options.batch or config.server_batch()
    batch = ServerSettings.batch if given is None else _whole("batch", given, f"1 to {MAX_BATCH}")
    return ServerSettings(
        host=options.host or config.server_host(),
        port=port,
        token=config.server_token(),
        waiting=options.waiting,
        batch=batch,
        deadline=options.deadline,
        grace=options.grace,
    )


def _whole(name: str, text: str, bounds: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5):
        raise ServerSettingsError(f"{name} must be {bounds}, got '{text[:40]}'")
    return int(text)


def load_model(options: argparse.Namespace, tell: Callable[[Progress], None]) -> Model:
    """Loads what the options name, in whichever thread asks."""
    # Takes seconds, in which the server answers already.
    from ..checkpoint import Checkpoint
    from ..checkpoint.trellis2 import open_checkpoint
    from ..opening import pipeline_of
    from ..sampler import SamplerSettings, SettingsError
    from ..server.model import TrellisModel

    source = options.model or config.model_source()
    SamplerSettings().override(forecast=options.forecast)
    checkpoint = open_checkpoint(source, offline=options.offline)
    if options.forecast is not None and not isinstance(checkpoint, Checkpoint):
        raise SettingsError("--forecast is for the first generation of the model: leave it out")
    pipeline = pipeline_of(
        checkpoint,
        device=options.device or config.device(),
        dtype=options.dtype,
        low_vram=options.low_vram,
        image_encoder=options.image_encoder,
        pipeline_type=options.pipeline_type,
        on_progress=tell,
    )
    return TrellisModel(pipeline, name=str(source), forecast=options.forecast)
