"""Norms together with what stands around them: `add_norm` and `unit_heads`.

A transformer's stream is read and written once for each layer instead of once for each operator:
adding what the last layer said, the layer norm and its scale and shift are one pass over memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import layer_norm, rms_norm, silu

from .choice import usable
from .rotary import Rotation, rotate

# Keeps the norm of a zero vector from dividing by zero, and changes no other.
_UNIT_EPS = 1e-24


@dataclass(frozen=True, eq=False)
class Update:
    """What a layer adds to a stream [G,M,C], not yet added."""

    value: Tensor
    """[G,M,C]"""
    gate: Tensor | None = None
    """[R,C] factor of the value; R is 1 where all tokens share it, else M."""
    constant: Tensor | None = None
    """[C] added besides."""

    def added_to(self, x: Tensor) -> Tensor:
        """The stream after it."""
        value = self.value if self.gate is None else self.gate * self.value
        x = x + value
        return x if self.constant is None else x + self.constant

    def of(self, branches: slice, *, constant: Tensor | None = None) -> "Update":
        """The part of some branches, and a constant for these."""
        return Update(self.value[branches], self.gate, constant)


@dataclass(frozen=True, eq=False)
class Scale:
    """What follows a layer norm: by default nothing."""

    gain: Tensor | None = None
    """[R,C]; R is 1 where all tokens share it, else M."""
    bias: Tensor | None = None
    """Like `gain`, and there with it."""
    around_one: bool = False
    """Whether the gain counts from one, as that of a modulation does."""
    silu: bool = False
    """Whether SiLU comes last."""


def add_norm(
    x: Tensor,
    update: Update | None,
    scale: Scale,
    *,
    eps: float,
    into: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The stream [G,M,C] after an update, and its norm over channels, scaled.

    With an update, both can be written to tensors `into`, the first of which may be the stream;
    without, both of these may be it.
    """
    factors = [scale.gain, scale.bias, None if update is None else update.gate]
    shared = all(each is None or each.numel() == x.shape[-1] for each in factors)
    if usable(x) and shared:
        from .triton_norm import launch_add_norm

        return launch_add_norm(x, update, scale, eps, into)
    stream = x if update is None else update.added_to(x)
    normed = _scaled_norm(stream, scale, eps)
    if into is None:
        return stream, normed
    return into[0].copy_(stream), into[1].copy_(normed)


def unit_heads(
    parts: Tensor, gains: Sequence[Tensor], turn: Rotation | None = None
) -> tuple[Tensor, ...]:
    """The parts of [G,M,P,H,d], the first ones with an RMS norm over the channels of each head, one
    gain [H,d] for each, and turned. The tensor given may change."""
    if usable(parts) and parts.is_contiguous():
        from .triton_norm import launch_unit_heads

        launch_unit_heads(parts, gains, turn, _UNIT_EPS)
        return parts.unbind(2)
    each = parts.unbind(2)
    units = tuple(unit_head(x, gain) for x, gain in zip(each, gains, strict=False))
    if turn is not None:
        units = tuple(rotate(x, turn) for x in units)
    return (*units, *each[len(gains) :])


def unit_head(x: Tensor, gain: Tensor) -> Tensor:
    """RMS norm over the channels of each head, with a gain [H,d]; float32 inside. […,H,d]→same."""
    # The root of the mean carries the square root of d that the gain would otherwise have.
    return (rms_norm(x.float(), x.shape[-1:], eps=_UNIT_EPS) * gain).to(x.dtype)


def _scaled_norm(x: Tensor, scale: Scale, eps: float) -> Tensor:
    # For half precision torch computes the inside in float32.
    if scale.gain is None or scale.bias is None:
        normed = layer_norm(x, x.shape[-1:], eps=eps)
    elif scale.around_one:
        normed = layer_norm(x, x.shape[-1:], eps=eps) * (1 + scale.gain) + scale.bias
    else:
        normed = layer_norm(x.float(), x.shape[-1:], scale.gain, scale.bias, eps).to(x.dtype)
    return silu(normed) if scale.silu else normed
