"""The errors of this room, apart from the rest so that every file of the room can raise them."""

from ..errors import TrellisError


class CheckpointError(TrellisError, ValueError):
    """A checkpoint that is not there, not whole, or not one that this package can run."""


class NotDownloadedError(CheckpointError):
    """A file of the hub that is not on this machine and may not be downloaded now."""
