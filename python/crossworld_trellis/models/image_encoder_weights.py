"""The weights of the image encoder: under which names they lie in files, and reading them.

There are three spellings of the same tensors: that of the torch.hub checkpoint, where query, key
and value are one tensor, and those of transformers 4 and 5, which differ in the attention. The
network has one of the latter two, the file any. Reading is strict, and tensors on a CPU stay mapped
from the file.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import safetensors
import torch
from torch import Tensor, nn

from ..errors import TrellisError

# Modules of an attention: transformers 4, transformers 5. The first three are the thirds of the
# rows of `qkv` in the torch.hub checkpoint.
_ATTENTION = (
    (".attention.attention.query.", ".attention.q_proj."),
    (".attention.attention.key.", ".attention.k_proj."),
    (".attention.attention.value.", ".attention.v_proj."),
    (".attention.output.dense.", ".attention.o_proj."),
)

# From transformers 5 to torch.hub, in the order of replacing.
_HUB = (
    ("embeddings.patch_embeddings.projection.", "patch_embed.proj."),
    ("embeddings.position_embeddings", "pos_embed"),
    ("embeddings.", ""),
    ("encoder.layer.", "blocks."),
    (".attention.q_proj.", ".attn.qkv."),
    (".attention.k_proj.", ".attn.qkv."),
    (".attention.v_proj.", ".attn.qkv."),
    (".attention.o_proj.", ".attn.proj."),
    (".layer_scale1.lambda1", ".ls1.gamma"),
    (".layer_scale2.lambda1", ".ls2.gamma"),
    ("layernorm.", "norm."),
)

_FLOATS = ("F32", "F16", "BF16")


class EncoderError(TrellisError, ValueError):
    """Files that are not the image encoder of TRELLIS, or pictures that it does not take."""


@dataclass(frozen=True)
class Stored:
    """A tensor as a file should have it."""

    shape: tuple[int, ...]
    parts: tuple[str, ...]
    """The tensors of the network that its rows make, in equal shares."""


def layout(shapes: Mapping[str, tuple[int, ...]], found: Iterable[str]) -> dict[str, Stored]:
    """What a file should hold for a network of these tensors, spelled as the names found there."""
    found = set(found)
    parts: dict[str, list[str]] = {}
    # Rows of `qkv` come in this order, whatever that of the network.
    for name in sorted(shapes, key=_share):
        parts.setdefault(_spelled_as(found, _current(name)), []).append(name)
    return {
        name: Stored(
            shape=(len(own) * shapes[own[0]][0], *shapes[own[0]][1:]),
            parts=tuple(own),
        )
        for name, own in parts.items()
    }


Layout = Callable[[Mapping[str, tuple[int, ...]], Iterable[str]], dict[str, Stored]]
"""What a file should hold for a network of these shapes, spelled as the names found there."""


def load_weights(
    network: nn.Module, path: Path, *, device: torch.device | str, layout: Layout
) -> None:
    """Gives a network on the meta device the weights of a safetensors file, as float32.

    Raises `EncoderError` when the file cannot be read or has other tensors.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    weights: dict[str, Tensor] = {}
    try:
        # The package has no types.
        with cast(Any, safetensors).safe_open(path, framework="pt", device="cpu") as file:
            found: list[str] = list(file.keys())
            stored = layout(shapes, found)
            _check(file, found, stored, path)
            for name, entry in stored.items():
                shares = cast(Tensor, file.get_tensor(name)).chunk(len(entry.parts))
                for part, share in zip(entry.parts, shares, strict=True):
                    weights[part] = share.to(device=device, dtype=torch.float32)
    except (OSError, safetensors.SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise EncoderError(
            f"the image encoder's weights cannot be read: {reason}: download them again ({path})"
        ) from error
    network.load_state_dict(weights, strict=True, assign=True)


def _spelled_as(found: set[str], name: str) -> str:
    """A name of transformers 5 in the spelling of other names."""
    if "cls_token" in found:
        for ours, theirs in _HUB:
            name = name.replace(ours, theirs)
    elif any(old in other for other in found for old, _ in _ATTENTION):
        for old, new in _ATTENTION:
            name = name.replace(new, old)
    return name


def _current(name: str) -> str:
    """A name of transformers 4 or 5 in the spelling of 5."""
    for old, new in _ATTENTION:
        name = name.replace(old, new)
    return name


def _share(name: str) -> int:
    """Which of the thirds of `qkv` a tensor is; 0 for others."""
    name = _current(name)
    return next((index for index, (_, new) in enumerate(_ATTENTION) if new in name), 0)


def _check(file: Any, found: Iterable[str], stored: Mapping[str, Stored], path: Path) -> None:
    """Refuses a file that has not exactly these tensors, and names all that differ."""
    found = set(found)
    faults = {
        "missing": sorted(stored.keys() - found),
        "unexpected": sorted(found - stored.keys()),
        "different": [
            fault
            for name in sorted(found & stored.keys())
            if (fault := _difference(file.get_slice(name), name, stored[name].shape))
        ],
    }
    listed = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in faults.items() if names)
    if listed:
        raise EncoderError(
            f"the tensors of {path} are not those that its config.json tells of: use the two files "
            f"of one model ({listed})"
        )


def _difference(tensor: Any, name: str, expected: tuple[int, ...]) -> str | None:
    shape, dtype = tuple(tensor.get_shape()), tensor.get_dtype()
    if shape != expected:
        return f"{name} is {list(shape)}, should be {list(expected)}"
    if dtype not in _FLOATS:
        return f"{name} is of {dtype}, should be of {' or '.join(_FLOATS)}"
    return None
