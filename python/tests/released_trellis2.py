"""Names and shapes of every tensor of the released TRELLIS.2 checkpoint, as data.

Transcribed from the specification's table (TRELLIS.2 SPEC 17), in the manner of `released_tensors`.
The structure decoder is the first generation's.
"""

from typing import Any

import released_tensors as first

_STRUCTURE_DECODER = "sparse_structure_decoder"


def _flow(inputs: int, outputs: int) -> str:
    return f"""
    t_embedder.mlp.0.*                        1536,256
    t_embedder.mlp.2.*                        1536,1536
    adaLN_modulation.1.*                      9216,1536
    input_layer.*                             1536,{inputs}
    blocks.{{0..29}}.modulation               9216
    blocks.{{0..29}}.norm2.*                  1536
    blocks.{{0..29}}.self_attn.to_qkv.*       4608,1536
    blocks.{{0..29}}.self_attn.q_rms_norm.gamma 12,128
    blocks.{{0..29}}.self_attn.k_rms_norm.gamma 12,128
    blocks.{{0..29}}.self_attn.to_out.*       1536,1536
    blocks.{{0..29}}.cross_attn.to_q.*        1536,1536
    blocks.{{0..29}}.cross_attn.to_kv.*       3072,1024
    blocks.{{0..29}}.cross_attn.q_rms_norm.gamma 12,128
    blocks.{{0..29}}.cross_attn.k_rms_norm.gamma 12,128
    blocks.{{0..29}}.cross_attn.to_out.*      1536,1536
    blocks.{{0..29}}.mlp.mlp.0.*              8192,1536
    blocks.{{0..29}}.mlp.mlp.2.*              1536,8192
    out_layer.*                               {outputs},1536
    """


def _decoder(outputs: int, *, decides: bool) -> str:
    lines = [f"from_latent.* 1024,32\noutput_layer.* {outputs},64"]
    for index, (c, n, following) in enumerate(
        [(1024, 4, 512), (512, 16, 256), (256, 8, 128), (128, 4, 64)]
    ):
        block = f"blocks.{index}.{{0..{n - 1}}}"
        up = f"blocks.{index}.{n}"
        lines += [
            f"{block}.norm.* {c}",
            f"{block}.conv.* {c},3,3,3,{c}",
            f"{block}.mlp.0.* {4 * c},{c}",
            f"{block}.mlp.2.* {c},{4 * c}",
            f"{up}.norm1.* {c}",
            f"{up}.conv1.* {8 * following},3,3,3,{c}",
            f"{up}.conv2.* {following},3,3,3,{following}",
        ]
        if decides:
            lines.append(f"{up}.to_subdiv.* 8,{c}")
    return "\n".join(lines)


_TENSORS = {
    "sparse_structure_flow_model": _flow(8, 8),
    "shape_slat_flow_model_512": _flow(32, 32),
    "shape_slat_flow_model_1024": _flow(32, 32),
    "shape_slat_decoder": _decoder(7, decides=True),
    "tex_slat_flow_model_512": _flow(64, 32),
    "tex_slat_flow_model_1024": _flow(64, 32),
    "tex_slat_decoder": _decoder(6, decides=False),
}

TOTALS = {
    "sparse_structure_flow_model": (640, 1_292_179_976),
    _STRUCTURE_DECODER: first.TOTALS[_STRUCTURE_DECODER],
    "shape_slat_flow_model_512": (640, 1_292_253_728),
    "shape_slat_flow_model_1024": (640, 1_292_253_728),
    "shape_slat_decoder": (292, 474_231_463),
    "tex_slat_flow_model_512": (640, 1_292_302_880),
    "tex_slat_flow_model_1024": (640, 1_292_302_880),
    "tex_slat_decoder": (284, 474_216_006),
}
"""Tensors and elements of each model."""

_FLOW: dict[str, Any] = {
    "in_channels": 32,
    "out_channels": 32,
    "model_channels": 1536,
    "cond_channels": 1024,
    "num_blocks": 30,
    "num_heads": 12,
    "mlp_ratio": 5.3334,
    "pe_mode": "rope",
    "share_mod": True,
    "initialization": "scaled",
    "qk_rms_norm": True,
    "qk_rms_norm_cross": True,
    "dtype": "bfloat16",
}

_DECODER: dict[str, Any] = {
    "model_channels": [1024, 512, 256, 128, 64],
    "latent_channels": 32,
    "num_blocks": [4, 16, 8, 4, 0],
    "block_type": ["SparseConvNeXtBlock3d"] * 5,
    "up_block_type": ["SparseResBlockC2S3d"] * 4,
    "block_args": [{"use_checkpoint": False}] * 5,
    "use_fp16": True,
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "sparse_structure_flow_model": {
        **_FLOW,
        "resolution": 16,
        "in_channels": 8,
        "out_channels": 8,
    },
    _STRUCTURE_DECODER: first.ARGUMENTS[_STRUCTURE_DECODER],
    "shape_slat_flow_model_512": {**_FLOW, "resolution": 32},
    "shape_slat_flow_model_1024": {**_FLOW, "resolution": 64},
    "shape_slat_decoder": {**_DECODER, "resolution": 256},
    "tex_slat_flow_model_512": {**_FLOW, "resolution": 32, "in_channels": 64},
    "tex_slat_flow_model_1024": {**_FLOW, "resolution": 64, "in_channels": 64},
    "tex_slat_decoder": {**_DECODER, "out_channels": 6, "pred_subdiv": False},
}
"""Arguments in the json of each model (TRELLIS.2 SPEC 1.4)."""


def shapes(role: str) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a released model, by name."""
    if role == _STRUCTURE_DECODER:
        return {name: shape for name, (shape, _) in first.tensors(role).items()}
    return first.shapes(_TENSORS[role])
