"""Errors that a caller of the model may meet, whatever room they come from.

Every room derives its own from `TrellisError`, so that a program can catch all of them at once. The
message is one line: what was wrong, with which value, and what to do.
"""

LOST_SIGNS = ("CUDA error", "HIP error", "device-side assert")
"""What the `RuntimeError`s of CUDA and ROCm say when a process has lost its device: nothing works
until it is restarted."""


class TrellisError(Exception):
    """Something about the model, its input or the machine that the caller can act on."""


class Cancelled(TrellisError):
    """The caller asked to stop, and the work stopped."""

    def __init__(self) -> None:
        super().__init__("the generation was cancelled")


class DeviceMemoryError(TrellisError):
    """The device has too little free memory for what was asked."""
