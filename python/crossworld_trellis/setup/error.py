"""Why a set-up ended early."""

from ..errors import TrellisError


class SetupError(TrellisError):
    """A step that failed, with what to do; the next run goes on from there."""
