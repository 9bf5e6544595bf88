"""The sizes of the released networks, TRELLIS-image-large, for tests and benchmarks.

A checkpoint says its own sizes in its json files, so nothing that loads one looks here.
"""

from .gaussian_decoder import GaussianDecoderConfig
from .latent_flow import LatentFlowConfig
from .structure_decoder import StructureDecoderConfig
from .structure_flow import StructureFlowConfig

STRUCTURE_FLOW = StructureFlowConfig(
    resolution=16,
    in_channels=8,
    out_channels=8,
    model_channels=1024,
    cond_channels=1024,
    num_blocks=24,
    num_heads=16,
    patch_size=1,
    qk_rms_norm=True,
)

STRUCTURE_DECODER = StructureDecoderConfig(
    out_channels=1,
    latent_channels=8,
    num_res_blocks=2,
    num_res_blocks_middle=2,
    channels=(512, 128, 32),
)

LATENT_FLOW = LatentFlowConfig(
    resolution=64,
    in_channels=8,
    out_channels=8,
    model_channels=1024,
    cond_channels=1024,
    num_blocks=24,
    num_heads=16,
    patch_size=2,
    num_io_res_blocks=2,
    io_block_channels=(128,),
    qk_rms_norm=True,
)

GAUSSIAN_DECODER = GaussianDecoderConfig(
    resolution=64,
    model_channels=768,
    latent_channels=8,
    num_blocks=12,
    num_heads=12,
)
