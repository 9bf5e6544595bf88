"""The golden data of the second generation, with the functions of `golden_data`, and its networks.

Networks are built by hand here, so that these tests need no loader; `test_trellis2_checkpoint`
tests that.
"""

from typing import Any

import torch
from golden_data import golden_set

from crossworld_trellis.guidance import GuidanceSettings
from crossworld_trellis.models.rotary_flow import DenseRotaryFlow, RotaryFlow, RotaryFlowConfig
from crossworld_trellis.sampler import TIME_SCALE

GOLDEN = golden_set("trellis2")
TRELLIS2 = GOLDEN.folder
MODEL = GOLDEN.model
IMAGE_ENCODER = GOLDEN.image_encoder
load = GOLDEN.load
params = GOLDEN.params
tolerance = GOLDEN.tolerance
assert_golden = GOLDEN.assert_golden

STRUCTURE = "sparse_structure_flow_model"
SHAPE = "shape_slat_flow_model_512"
TEXTURE = "tex_slat_flow_model_512"


def flow_config(role: str, **change: Any) -> RotaryFlowConfig:
    return RotaryFlowConfig(**{**GOLDEN.model_args(role), **change})


def flow(role: str, dtype: torch.dtype = torch.float32) -> RotaryFlow:
    """The tiny flow of a role with its weights."""
    kind = DenseRotaryFlow if role == STRUCTURE else RotaryFlow
    network = kind(flow_config(role), dtype=dtype)
    network.load_state_dict(GOLDEN.model_weights(role), strict=True)
    return network.eval().requires_grad_(False)


def dense_flow() -> DenseRotaryFlow:
    """The tiny flow of the first stage."""
    network = flow(STRUCTURE)
    assert isinstance(network, DenseRotaryFlow)
    return network


def settings(name: str, **change: Any) -> GuidanceSettings:
    """The sampler's settings that a golden file was made with."""
    chosen = params(name)
    return GuidanceSettings(
        **{
            "steps": chosen["steps"],
            "guidance_strength": chosen["guidance_strength"],
            "guidance_rescale": chosen["guidance_rescale"],
            "guidance_interval": tuple(chosen["guidance_interval"]),
            "rescale_t": chosen["rescale_t"],
            **change,
        }
    )


def network_times(chosen: GuidanceSettings) -> torch.Tensor:
    """The times of a run as networks take them."""
    return torch.tensor(chosen.times()[:-1], dtype=torch.float64).mul(TIME_SCALE).float()
