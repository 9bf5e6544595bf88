"""The roles of a checkpoint: which class of the original may fill each, and which of ours runs it.

One table, apart from how the files are read. What each output needs is here too, so that only those
models are fetched and read.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ..models.gaussian_decoder import GaussianDecoder, GaussianDecoderConfig
from ..models.latent_flow import LatentFlow, LatentFlowConfig
from ..models.mesh_decoder import MeshDecoder, MeshDecoderConfig
from ..models.radiance_field_decoder import RadianceFieldDecoder, RadianceFieldDecoderConfig
from ..models.structure_decoder import StructureDecoder, StructureDecoderConfig
from ..models.structure_flow import StructureFlow, StructureFlowConfig
from .arguments import to_config
from .description import ModelDescription
from .error import CheckpointError

STRUCTURE_FLOW = "sparse_structure_flow_model"
STRUCTURE_DECODER = "sparse_structure_decoder"
LATENT_FLOW = "slat_flow_model"
GAUSSIAN_DECODER = "slat_decoder_gs"
RADIANCE_FIELD_DECODER = "slat_decoder_rf"
MESH_DECODER = "slat_decoder_mesh"

OFFICIAL = "microsoft/TRELLIS-image-large"
"""Repository of the released checkpoint."""


@dataclass(frozen=True)
class Role:
    """One line of `ROLES`."""

    original: str
    """Class of the original; where `elastic`, its Elastic variant runs just the same."""
    config: type[Any]
    module: Callable[..., nn.Module]
    released: str
    """Where the released checkpoint keeps this model."""
    elastic: bool = True
    dense: bool = False

    def classes(self) -> tuple[str, ...]:
        """The names that a model's json may have in this role."""
        return (self.original, f"Elastic{self.original}") if self.elastic else (self.original,)


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


def model_config(role: str, model: ModelDescription, *, path: str, where: str) -> Any:
    """The config of the model in a role.

    `path` is how `pipeline.json` names the model, `where` the file of its json. Raises
    `CheckpointError` when the model is of a class that cannot fill the role, or its arguments are
    not ones that we run.
    """
    expected = ROLES[role]
    if model.name not in expected.classes():
        raise CheckpointError(_wrong_class(role, model, path))
    return to_config(expected.config, model.arguments, where=f"{role} ({where})")


def build(role: str, config: Any, *, dtype: torch.dtype) -> nn.Module:
    """The module of a role without weights, on the meta device.

    Raises `CheckpointError` when no such network can be.
    """
    try:
        with torch.device("meta"):
            return ROLES[role].module(config, dtype=dtype)
    except (ValueError, ArithmeticError, RuntimeError) as error:
        raise CheckpointError(f"the arguments of {role} make no network: {error}") from error


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


def _wrong_class(role: str, model: ModelDescription, path: str) -> str:
    expected = ROLES[role]
    message = (
        f"{role} is set to {path:.120}, which holds a {model.name:.60}{_nature(model)}; this role "
        f'needs {" or ".join(expected.classes())}: restore "{expected.released}" in pipeline.json '
        f'("{OFFICIAL}/{expected.released}" where that file is not beside it)'
    )
    if any(model.name in other.classes() for other in ROLES.values()):
        message += (
            '; the "Repository Not Found" message that this edit works around hides a different '
            "error"
        )
    return message


def _nature(model: ModelDescription) -> str:
    """What the class is like, where it is one we know: ` (dense, 16^3)`."""
    for role in ROLES.values():
        if model.name in role.classes():
            size = model.arguments.get("resolution")
            grid = f", {size}^3" if isinstance(size, int) else ""
            return f" ({'dense' if role.dense else 'sparse'}{grid})"
    return ""
