"""The roles of a TRELLIS.2 checkpoint, and which of them a pipeline type and an output need."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..cascade import PipelineType
from ..models.octree_decoder import (
    OctreeDecoderConfig,
    ShapeDecoder,
    ShapeDecoderConfig,
    TextureDecoder,
    TextureDecoderConfig,
)
from ..models.rotary_flow import DenseRotaryFlow, RotaryFlow, RotaryFlowConfig
from ..models.structure_decoder import StructureDecoder, StructureDecoderConfig
from .description import PIPELINE_NAME_2
from .error import CheckpointError
from .family import Family, Role
from .roles import STRUCTURE_DECODER, STRUCTURE_FLOW

SHAPE_DECODER = "shape_slat_decoder"
TEXTURE_DECODER = "tex_slat_decoder"


def shape_flow(side: int) -> str:
    """The role of the shape flow that sees pictures of so many pixels a side."""
    return f"shape_slat_flow_model_{side}"


def texture_flow(side: int) -> str:
    """The role of the texture flow that sees pictures of so many pixels a side."""
    return f"tex_slat_flow_model_{side}"


def _sparse_flow(released: str) -> Role:
    return Role("SLatFlowModel", RotaryFlowConfig, RotaryFlow, released)


TRELLIS_2 = Family(
    pipeline=PIPELINE_NAME_2,
    generation=2,
    official="microsoft/TRELLIS.2-4B",
    roles={
        STRUCTURE_FLOW: Role(
            "SparseStructureFlowModel",
            RotaryFlowConfig,
            DenseRotaryFlow,
            "ckpts/ss_flow_img_dit_1_3B_64_bf16",
            elastic=False,
            dense=True,
            # A table that follows from the positions; the published file has none.
            ignored=frozenset({"rope_phases"}),
        ),
        STRUCTURE_DECODER: Role(
            "SparseStructureDecoder",
            StructureDecoderConfig,
            StructureDecoder,
            "microsoft/TRELLIS-image-large/ckpts/ss_dec_conv3d_16l8_fp16",
            elastic=False,
            dense=True,
        ),
        shape_flow(512): _sparse_flow("ckpts/slat_flow_img2shape_dit_1_3B_512_bf16"),
        shape_flow(1024): _sparse_flow("ckpts/slat_flow_img2shape_dit_1_3B_1024_bf16"),
        SHAPE_DECODER: Role(
            "FlexiDualGridVaeDecoder",
            ShapeDecoderConfig,
            ShapeDecoder,
            "ckpts/shape_dec_next_dc_f16c32_fp16",
            elastic=False,
        ),
        texture_flow(512): _sparse_flow("ckpts/slat_flow_imgshape2tex_dit_1_3B_512_bf16"),
        texture_flow(1024): _sparse_flow("ckpts/slat_flow_imgshape2tex_dit_1_3B_1024_bf16"),
        TEXTURE_DECODER: Role(
            "SparseUnetVaeDecoder",
            TextureDecoderConfig,
            TextureDecoder,
            "ckpts/tex_dec_next_dc_f16c32_fp16",
            elastic=False,
        ),
    },
)
"""The second generation."""

OUTPUTS_2: Mapping[str, bool] = {
    "voxels": True,
    "o_voxels": True,
    "mesh": True,
    "occupancy": False,
}
"""What can be asked for, and whether it needs materials."""

DECODERS = frozenset({STRUCTURE_DECODER, SHAPE_DECODER, TEXTURE_DECODER})
"""Trained for float16, whatever the flows compute in."""


def roles_for(kind: PipelineType, outputs: Iterable[str]) -> tuple[str, ...]:
    """The roles that a pipeline type needs for some outputs, in the order in which they run.

    Raises `ValueError` for an output that does not exist.
    """
    colored = False
    for output in outputs:
        if output not in OUTPUTS_2:
            known = ", ".join(OUTPUTS_2)
            raise ValueError(f"TRELLIS.2 has no output '{output:.40}': use one of {known}")
        colored |= OUTPUTS_2[output]
    shape = (*map(shape_flow, kind.passes), SHAPE_DECODER)
    texture = (texture_flow(kind.texture_pass), TEXTURE_DECODER) if colored else ()
    return (STRUCTURE_FLOW, STRUCTURE_DECODER, *shape, *texture)


def check_agreement(
    configs: Mapping[str, Any], *, shape_channels: int, texture_channels: int
) -> None:
    """Refuses models that do not fit each other; `configs` may hold any of the roles.

    The channels are those that `pipeline.json` has means for. Raises `CheckpointError` that names
    the two that disagree.
    """
    agreed = {
        "shape channels": ("shape_slat_normalization", shape_channels),
        "texture channels": ("tex_slat_normalization", texture_channels),
    }
    for role, config in configs.items():
        for quantity, size in _claims(role, config):
            first, expected = agreed.setdefault(quantity, (role, size))
            if size != expected:
                raise CheckpointError(
                    f"models do not fit each other: {quantity} {expected} for {first}, but {size} "
                    f"for {role}: take all models from one checkpoint"
                )
    if STRUCTURE_FLOW in configs and STRUCTURE_DECODER in configs:
        doublings = len(configs[STRUCTURE_DECODER].channels) - 1
        grid = configs[STRUCTURE_FLOW].resolution << doublings
        if grid % 64:
            raise CheckpointError(
                f"models do not fit each other: {STRUCTURE_FLOW} with {STRUCTURE_DECODER} gives a "
                f"grid of {grid}^3, but a multiple of 64 is needed: take all models from one "
                "checkpoint"
            )


def _claims(role: str, config: Any) -> list[tuple[str, int]]:
    """The sizes of a model that other models must share."""
    match config:
        case RotaryFlowConfig():
            given = {"structure": config.in_channels, "shape": config.in_channels}
            given["texture"] = config.out_channels
            kind = _kind(role)
            claims = [("condition channels", config.cond_channels)]
            claims += [(f"{kind} channels", size) for size in (given[kind], config.out_channels)]
            if kind == "texture":
                # It is told the shape's latents.
                claims.append(("shape channels", config.constant_channels))
            return claims
        case StructureDecoderConfig():
            return [("structure channels", config.latent_channels)]
        case OctreeDecoderConfig():
            kind = "shape" if role == SHAPE_DECODER else "texture"
            return [(f"{kind} channels", config.latent_channels)]
        case _:
            raise TypeError(role)


def _kind(role: str) -> str:
    if role == STRUCTURE_FLOW:
        return "structure"
    return "texture" if role in {texture_flow(512), texture_flow(1024)} else "shape"
