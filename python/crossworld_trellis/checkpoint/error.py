"""The error of this room, apart from the others so that every file of the room can raise it."""

from ..errors import TrellisError


class CheckpointError(TrellisError, ValueError):
    """A checkpoint that is not there, not whole, or not one that this package can run."""
