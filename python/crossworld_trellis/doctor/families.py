"""The generations of the model as the doctor knows them, without torch: what each one's files are,
what it needs, and what its `pipeline.json` says of itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from .. import config


@dataclass(frozen=True, kw_only=True)
class Family:
    """One generation."""

    name: str
    generation: int
    pipeline: str
    """The name in `pipeline.json`."""
    official: str
    """Repository of the released checkpoint."""
    roles: Mapping[str, tuple[str, str]]
    """Of each role the class in the model's json and the place in the released checkpoint."""
    encoder: str
    """Repository of the image encoder."""
    encoder_kind: str
    """What its `config.json` names as `model_type`."""
    transformers: tuple[int, int]
    """The oldest version of that package that knows it."""
    gated: bool
    """Whether the hub gives the encoder only to who accepted its terms."""
    download: str
    memory: float
    """GiB that a generation takes at most."""
    low_vram: float
    """The same with `--low-vram`."""


FIRST = Family(
    name="TRELLIS",
    generation=1,
    pipeline="TrellisImageTo3DPipeline",
    official=config.DEFAULT_MODEL,
    roles={
        "sparse_structure_flow_model": (
            "SparseStructureFlowModel",
            "ckpts/ss_flow_img_dit_L_16l8_fp16",
        ),
        "sparse_structure_decoder": ("SparseStructureDecoder", "ckpts/ss_dec_conv3d_16l8_fp16"),
        "slat_flow_model": ("SLatFlowModel", "ckpts/slat_flow_img_dit_L_64l8p2_fp16"),
        "slat_decoder_gs": ("SLatGaussianDecoder", "ckpts/slat_dec_gs_swin8_B_64l8gs32_fp16"),
        "slat_decoder_rf": ("SLatRadianceFieldDecoder", "ckpts/slat_dec_rf_swin8_B_64l8r16_fp16"),
        "slat_decoder_mesh": ("SLatMeshDecoder", "ckpts/slat_dec_mesh_swin8_B_64l8m256c_fp16"),
    },
    encoder=config.DEFAULT_IMAGE_ENCODER,
    encoder_kind="dinov2_with_registers",
    transformers=(4, 48),
    gated=False,
    download="about 4 GB",
    memory=4.1,
    low_vram=1.6,
)

SECOND = Family(
    name="TRELLIS.2",
    generation=2,
    pipeline="Trellis2ImageTo3DPipeline",
    official="microsoft/TRELLIS.2-4B",
    roles={
        "sparse_structure_flow_model": (
            "SparseStructureFlowModel",
            "ckpts/ss_flow_img_dit_1_3B_64_bf16",
        ),
        "sparse_structure_decoder": (
            "SparseStructureDecoder",
            "microsoft/TRELLIS-image-large/ckpts/ss_dec_conv3d_16l8_fp16",
        ),
        "shape_slat_flow_model_512": (
            "SLatFlowModel",
            "ckpts/slat_flow_img2shape_dit_1_3B_512_bf16",
        ),
        "shape_slat_flow_model_1024": (
            "SLatFlowModel",
            "ckpts/slat_flow_img2shape_dit_1_3B_1024_bf16",
        ),
        "shape_slat_decoder": ("FlexiDualGridVaeDecoder", "ckpts/shape_dec_next_dc_f16c32_fp16"),
        "tex_slat_flow_model_512": (
            "SLatFlowModel",
            "ckpts/slat_flow_imgshape2tex_dit_1_3B_512_bf16",
        ),
        "tex_slat_flow_model_1024": (
            "SLatFlowModel",
            "ckpts/slat_flow_imgshape2tex_dit_1_3B_1024_bf16",
        ),
        "tex_slat_decoder": ("SparseUnetVaeDecoder", "ckpts/tex_dec_next_dc_f16c32_fp16"),
    },
    encoder=config.DEFAULT_IMAGE_ENCODER_2,
    encoder_kind="dinov3_vit",
    transformers=(4, 56),
    gated=True,
    download="about 14 GB",
    # The weights of 1024_cascade (12.7 GiB) or the largest network, and what the steps take.
    memory=16.0,
    low_vram=6.0,
)

TYPES: Mapping[str, tuple[str, ...]] = {
    "512": ("shape_slat_flow_model_512", "tex_slat_flow_model_512"),
    "1024": ("shape_slat_flow_model_1024", "tex_slat_flow_model_1024"),
    "1024_cascade": (
        "shape_slat_flow_model_512",
        "shape_slat_flow_model_1024",
        "tex_slat_flow_model_1024",
    ),
    "1536_cascade": (
        "shape_slat_flow_model_512",
        "shape_slat_flow_model_1024",
        "tex_slat_flow_model_1024",
    ),
}
"""The flows that each pipeline type of TRELLIS.2 takes besides that of the structure."""

DEFAULT_TYPE = "1024_cascade"

# What only the flows of one generation have among their arguments.
_TELLING = {
    1: {"patch_size", "io_block_channels", "num_io_res_blocks", "use_skip_connection"},
    2: {"rope_freq", "initialization", "dtype"},
}
_POSITIONS = {"ape": 1, "rope": 2}


def family_of(pipeline: Mapping[str, Any] | None, source: str) -> Family:
    """Which generation a `pipeline.json` describes; without one, which its repository should be."""
    if pipeline is None or "name" not in pipeline:
        return SECOND if source == SECOND.official else FIRST
    return SECOND if pipeline["name"] == SECOND.pipeline else FIRST


def generation_of(model: Mapping[str, Any]) -> int | None:
    """The generation that a flow's json tells of, if it does."""
    name, arguments = model.get("name"), model.get("args")
    if not (isinstance(name, str) and name.endswith("FlowModel") and isinstance(arguments, dict)):
        return None
    arguments = cast(dict[str, Any], arguments)
    positions = arguments.get("pe_mode")
    if isinstance(positions, str) and positions in _POSITIONS:
        return _POSITIONS[positions]
    return next((number for number, own in _TELLING.items() if own & arguments.keys()), None)


def needed_roles(family: Family, pipeline_type: str) -> frozenset[str]:
    """The roles that should be there: all of the first generation, those of a type of TRELLIS.2."""
    if family.generation == 1:
        return frozenset(family.roles)
    optional = {role for roles in TYPES.values() for role in roles}
    flows = TYPES.get(pipeline_type, TYPES[DEFAULT_TYPE])
    return frozenset({*(family.roles.keys() - optional), *flows})


def is_repository(source: str) -> bool:
    """Whether a text may name a repository of the hub."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", source) is not None and not source.startswith(".")
