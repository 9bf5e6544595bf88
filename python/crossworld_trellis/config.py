"""What the environment says: the one place that reads environment variables.

Each function reads its variable when it is called, so that importing the package reads nothing.
"""

import os
from collections.abc import Mapping

DEFAULT_MODEL = "microsoft/TRELLIS-image-large"
"""The checkpoint that is used when none is named."""

DEFAULT_IMAGE_ENCODER = "facebook/dinov2-with-registers-large"
"""Where the image encoder comes from when neither the caller nor the checkpoint brings one."""

DEFAULT_IMAGE_ENCODER_2 = "facebook/dinov3-vitl16-pretrain-lvd1689m"
"""The same for TRELLIS.2, where the checkpoint names none. Its weights are gated on the hub."""

MODEL_VARIABLE = "TRELLIS_MODEL_PATH"
IMAGE_ENCODER_VARIABLE = "TRELLIS_IMAGE_ENCODER"
FIRST_GENERATION_VARIABLE = "TRELLIS_FIRST_GENERATION"
OFFLINE_VARIABLE = "HF_HUB_OFFLINE"
FAST_VARIABLE = "TRELLIS_FAST"
FLOAT8_VARIABLE = "TRELLIS_FLOAT8"
PIPELINE_TYPE_VARIABLE = "TRELLIS_PIPELINE_TYPE"


def model_source() -> str:
    """Folder or Hugging Face repository of the checkpoint: `TRELLIS_MODEL_PATH` or the default."""
    return os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL


def image_encoder_source() -> str | None:
    """Folder or repository of the image encoder that `TRELLIS_IMAGE_ENCODER` names."""
    return os.environ.get(IMAGE_ENCODER_VARIABLE) or None


def first_generation_source() -> str | None:
    """Folder or repository that `TRELLIS_FIRST_GENERATION` names: TRELLIS.2 takes one model from
    the repository of the first generation, and this stands in for it."""
    return os.environ.get(FIRST_GENERATION_VARIABLE) or None


def pipeline_type() -> str | None:
    """The pipeline type of TRELLIS.2 that `TRELLIS_PIPELINE_TYPE` names, unchecked; the first
    generation has none."""
    return os.environ.get(PIPELINE_TYPE_VARIABLE) or None


def hub_is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` forbids the network; the values are those the hub's client knows."""
    return os.environ.get(OFFLINE_VARIABLE, "").upper() in {"1", "ON", "YES", "TRUE"}


def fast() -> bool:
    """Whether GPUs may take fast kernels and CUDA graphs: not where `TRELLIS_FAST` is 0 or off."""
    return os.environ.get(FAST_VARIABLE, "").lower() not in {"0", "off", "no", "false"}


def float8() -> bool:
    """Whether large products shall be of eight bits: where `TRELLIS_FLOAT8` is 1 or on."""
    return os.environ.get(FLOAT8_VARIABLE, "").lower() in {"1", "on", "yes", "true"}


HOST_VARIABLE = "TRELLIS_HOST"
PORT_VARIABLE = "TRELLIS_PORT"
TOKEN_VARIABLE = "TRELLIS_TOKEN"
BATCH_VARIABLE = "TRELLIS_BATCH"
DEVICE_VARIABLE = "TRELLIS_DEVICE"
WORKERS_VARIABLE = "TRELLIS_WORKERS"

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8001

_NEEDLESS = {
    "ATTN_BACKEND": "attention is torch's own",
    "SPARSE_ATTN_BACKEND": "attention is torch's own",
    "SPARSE_BACKEND": "sparse convolutions need torch only",
    "SPCONV_ALGO": "sparse convolutions need torch only",
}


def server_host() -> str:
    """The address that the server binds: `TRELLIS_HOST`, else this machine's own."""
    return os.environ.get(HOST_VARIABLE) or DEFAULT_HOST


def server_port() -> str:
    """The port that `TRELLIS_PORT` names, as it stands there; whoever uses it checks it."""
    return os.environ.get(PORT_VARIABLE) or str(DEFAULT_PORT)


def server_token() -> str | None:
    """The secret that clients of the server must know: `TRELLIS_TOKEN`."""
    return os.environ.get(TOKEN_VARIABLE) or None


def server_batch() -> str | None:
    """Most generations that the server makes together, as `TRELLIS_BATCH` says; unchecked."""
    return os.environ.get(BATCH_VARIABLE) or None


def device() -> str:
    """Where the server's networks run: `TRELLIS_DEVICE`, else the best there is."""
    return os.environ.get(DEVICE_VARIABLE) or "auto"


def needless_variables(variables: Mapping[str, str] | None = None) -> list[str]:
    """A line for each variable that is set, was needed by the original, and does nothing here.

    Without `variables`, of this process.
    """
    variables = os.environ if variables is None else variables
    lines = [f"{name}: {reason}" for name, reason in _NEEDLESS.items() if name in variables]
    if variables.get(WORKERS_VARIABLE, "1") not in ("", "1"):
        lines.append(f"{WORKERS_VARIABLE}: one worker makes several objects together")
    lines += [f"{name}: xformers is not used" for name in variables if name.startswith("XFORMERS")]
    folders = variables.get("PYTHONPATH", "").split(os.pathsep)
    if any(os.path.basename(folder.rstrip("/\\")).upper() == "TRELLIS" for folder in folders):
        lines.append("PYTHONPATH: the checkout of TRELLIS that it names is not used")
    return sorted(lines)
