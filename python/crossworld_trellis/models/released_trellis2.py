"""The sizes of the released networks of the second generation, TRELLIS.2-4B: twin of `released`.

Its structure decoder is the first generation's.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .octree_decoder import BlockArguments, ShapeDecoderConfig, TextureDecoderConfig
from .rotary_flow import RotaryFlowConfig

SHAPE_FLOW_512 = RotaryFlowConfig(
    resolution=32,
    in_channels=32,
    out_channels=32,
    model_channels=1536,
    cond_channels=1024,
    num_blocks=30,
    num_heads=12,
    mlp_ratio=5.3334,
    pe_mode="rope",
    share_mod=True,
    qk_rms_norm=True,
    qk_rms_norm_cross=True,
    dtype="bfloat16",
    initialization="scaled",
)
SHAPE_FLOW_1024 = replace(SHAPE_FLOW_512, resolution=64)

TEXTURE_FLOW_512 = replace(SHAPE_FLOW_512, in_channels=64)

TEXTURE_FLOW_1024 = replace(SHAPE_FLOW_1024, in_channels=64)

STRUCTURE_FLOW = replace(SHAPE_FLOW_512, resolution=16, in_channels=8, out_channels=8)

_DECODER: Mapping[str, Any] = {
    "model_channels": (1024, 512, 256, 128, 64),
    "latent_channels": 32,
    "num_blocks": (4, 16, 8, 4, 0),
    "block_type": ("SparseConvNeXtBlock3d",) * 5,
    "up_block_type": ("SparseResBlockC2S3d",) * 4,
    "block_args": (BlockArguments(),) * 5,
    "use_fp16": True,
}

SHAPE_DECODER = ShapeDecoderConfig(**_DECODER, resolution=256)

TEXTURE_DECODER = TextureDecoderConfig(**_DECODER, out_channels=6, pred_subdiv=False)

IMAGE_ENCODER: Mapping[str, Any] = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "patch_size": 16,
    "image_size": 224,
    "num_register_tokens": 4,
    "layer_norm_eps": 1e-5,
    "hidden_act": "gelu",
    "rope_theta": 100.0,
    "query_bias": True,
    "key_bias": False,
    "value_bias": True,
    "proj_bias": True,
    "mlp_bias": True,
    "use_gated_mlp": False,
}
"""What the config.json of DINOv3 ViT-L/16 says of the network."""
