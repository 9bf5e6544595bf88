"""What the environment says: the one place that reads environment variables.

Each function reads its variable when it is called, so that importing the package reads nothing.
"""

import os

DEFAULT_MODEL = "microsoft/TRELLIS-image-large"
"""The checkpoint that is used when none is named."""

DEFAULT_IMAGE_ENCODER = "facebook/dinov2-with-registers-large"
"""Where the image encoder comes from when neither the caller nor the checkpoint brings one."""

MODEL_VARIABLE = "TRELLIS_MODEL_PATH"
IMAGE_ENCODER_VARIABLE = "TRELLIS_IMAGE_ENCODER"
OFFLINE_VARIABLE = "HF_HUB_OFFLINE"


def model_source() -> str:
    """Folder or Hugging Face repository of the checkpoint: `TRELLIS_MODEL_PATH` or the default."""
    return os.environ.get(MODEL_VARIABLE) or DEFAULT_MODEL


def image_encoder_source() -> str | None:
    """Folder or repository of the image encoder that `TRELLIS_IMAGE_ENCODER` names."""
    return os.environ.get(IMAGE_ENCODER_VARIABLE) or None


def hub_is_offline() -> bool:
    """Whether `HF_HUB_OFFLINE` forbids the network; the values are those the hub's client knows."""
    return os.environ.get(OFFLINE_VARIABLE, "").upper() in {"1", "ON", "YES", "TRUE"}
