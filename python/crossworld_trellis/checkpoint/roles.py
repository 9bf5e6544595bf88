"""The roles of a first-generation checkpoint, and which of them each output needs, so that only
those models are fetched and read. Those of the second generation are in `trellis2_roles`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..models.gaussian_decoder import GaussianDecoder, GaussianDecoderConfig
from ..models.latent_flow import LatentFlow, LatentFlowConfig
from ..models.mesh_decoder import MeshDecoder, MeshDecoderConfig
from ..models.radiance_field_decoder import RadianceFieldDecoder, RadianceFieldDecoderConfig
from ..models.structure_decoder import StructureDecoder, StructureDecoderConfig
from ..models.structure_flow import StructureFlow, StructureFlowConfig
from .description import PIPELINE_NAME
from .error import CheckpointError
from .family import Family, Role

STRUCTURE_FLOW = "sparse_structure_flow_model"
STRUCTURE_DECODER = "sparse_structure_decoder"
LATENT_FLOW = "slat_flow_model"
GAUSSIAN_DECODER = "slat_decoder_gs"
RADIANCE_FIELD_DECODER = "slat_decoder_rf"
MESH_DECODER = "slat_decoder_mesh"

ROLES: Mapping[str, Role] = {
    STRUCTURE_FLOW: Role(
        "SparseStructureFlowModel",
        StructureFlowConfig,
        StructureFlow,
        "ckpts/ss_flow_img_dit_L_16l8_fp16",
        elastic=False,
        dense=True,
    ),
    STRUCTURE_DECODER: Role(
        "SparseStructureDecoder",
        StructureDecoderConfig,
        StructureDecoder,
        "ckpts/ss_dec_conv3d_16l8_fp16",
        elastic=False,
        dense=True,
    ),
    LATENT_FLOW: Role(
        "SLatFlowModel",
        LatentFlowConfig,
        LatentFlow,
        "ckpts/slat_flow_img_dit_L_64l8p2_fp16",
    ),
    GAUSSIAN_DECODER: Role(
        "SLatGaussianDecoder",
        GaussianDecoderConfig,
        GaussianDecoder,
        "ckpts/slat_dec_gs_swin8_B_64l8gs32_fp16",
    ),
    RADIANCE_FIELD_DECODER: Role(
        "SLatRadianceFieldDecoder",
        RadianceFieldDecoderConfig,
        RadianceFieldDecoder,
        "ckpts/slat_dec_rf_swin8_B_64l8r16_fp16",
    ),
    MESH_DECODER: Role(
        "SLatMeshDecoder",
        MeshDecoderConfig,
        MeshDecoder,
        "ckpts/slat_dec_mesh_swin8_B_64l8m256c_fp16",
    ),
}
"""Every role that this package runs, by its name in `pipeline.json`."""

TRELLIS = Family(
    pipeline=PIPELINE_NAME, generation=1, official="microsoft/TRELLIS-image-large", roles=ROLES
)
"""The first generation."""

_COMMON = (STRUCTURE_FLOW, STRUCTURE_DECODER, LATENT_FLOW)

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "voxels": (*_COMMON, GAUSSIAN_DECODER),
    "gaussians": (*_COMMON, GAUSSIAN_DECODER),
    "radiance_field": (*_COMMON, RADIANCE_FIELD_DECODER),
    "mesh": (*_COMMON, MESH_DECODER),
}
"""The roles that each output needs, in the order in which they run."""


def roles_for(outputs: Iterable[str]) -> tuple[str, ...]:
    """The roles that some outputs need together, each once, in the order of `ROLES`.

    Raises `ValueError` for an output that does not exist.
    """
    needed: set[str] = set()
    for output in outputs:
        if output not in OUTPUTS:
            raise ValueError(f"unknown output '{output:.40}': use one of {', '.join(OUTPUTS)}")
        needed |= set(OUTPUTS[output])
    return tuple(role for role in ROLES if role in needed)


def check_agreement(configs: Mapping[str, Any], *, latent_channels: int) -> None:
    """Refuses models that do not fit each other; `configs` may hold any of the roles.

    `latent_channels` is the number of channels that `pipeline.json` has means for. Raises
    `CheckpointError` that names the two that disagree.
    """
    agreed = {"latent channels": ("slat_normalization", latent_channels)}
    claims = [(role, *claim) for role, config in configs.items() for claim in _claims(config)]
    if STRUCTURE_FLOW in configs and STRUCTURE_DECODER in configs:
        doublings = len(configs[STRUCTURE_DECODER].channels) - 1
        grid = configs[STRUCTURE_FLOW].resolution << doublings
        claims.append((f"{STRUCTURE_FLOW} with {STRUCTURE_DECODER}", "resolution", grid))
    for whose, quantity, size in claims:
        first, expected = agreed.setdefault(quantity, (whose, size))
        if size != expected:
            raise CheckpointError(
                f"models do not fit each other: {quantity} {expected} for {first}, but {size} for "
                f"{whose}: take all models from one checkpoint"
            )


def _claims(config: Any) -> list[tuple[str, int]]:
    """The sizes of a model that other models must share."""
    match config:
        case StructureFlowConfig():
            shared = [("structure channels", size) for size in _ends(config)]
            return [*shared, ("condition channels", config.cond_channels)]
        case StructureDecoderConfig():
            return [("structure channels", config.latent_channels)]
        case LatentFlowConfig():
            shared = [("latent channels", size) for size in _ends(config)]
            rest = [("condition channels", config.cond_channels), ("resolution", config.resolution)]
            return [*shared, *rest]
        case _:
            return [("latent channels", config.latent_channels), ("resolution", config.resolution)]


def _ends(flow: StructureFlowConfig | LatentFlowConfig) -> tuple[int, int]:
    return flow.in_channels, flow.out_channels
