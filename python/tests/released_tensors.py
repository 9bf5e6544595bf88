"""Names, shapes and types of every tensor of the released checkpoint, as data.

Transcribed from the specification's table (SPEC 17). A line is `name weight-shape type`; `{a..b}`
stands for one tensor each, and a name that ends in `.*` for a weight and its bias, whose length is
the first number of the weight's shape. Types: `h` float16, `f` float32.
"""

import re
from collections.abc import Iterator

_FLOW_BLOCKS = """
    blocks.{0..23}.norm2.*                   1024            f
    blocks.{0..23}.self_attn.to_qkv.*        3072,1024       h
    blocks.{0..23}.self_attn.q_rms_norm.gamma 16,64          f
    blocks.{0..23}.self_attn.k_rms_norm.gamma 16,64          f
    blocks.{0..23}.self_attn.to_out.*        1024,1024       h
    blocks.{0..23}.cross_attn.to_q.*         1024,1024       h
    blocks.{0..23}.cross_attn.to_kv.*        2048,1024       h
    blocks.{0..23}.cross_attn.to_out.*       1024,1024       h
    blocks.{0..23}.mlp.mlp.0.*               4096,1024       h
    blocks.{0..23}.mlp.mlp.2.*               1024,4096       h
    blocks.{0..23}.adaLN_modulation.1.*      6144,1024       h
"""

_TRUNK = """
    input_layer.*                            768,8           f
    blocks.{0..11}.attn.to_qkv.*             2304,768        h
    blocks.{0..11}.attn.to_out.*             768,768         h
    blocks.{0..11}.mlp.mlp.0.*               3072,768        h
    blocks.{0..11}.mlp.mlp.2.*               768,3072        h
"""

_TENSORS = {
    "sparse_structure_flow_model": f"""
    pos_emb                                  4096,1024       f
    t_embedder.mlp.0.*                       1024,256        f
    t_embedder.mlp.2.*                       1024,1024       f
    input_layer.*                            1024,8          f
    {_FLOW_BLOCKS}
    out_layer.*                              8,1024          f
    """,
    "sparse_structure_decoder": """
    input_layer.*                            512,8,3,3,3     f
    middle_block.{0..1}.norm{1..2}.*         512             f
    middle_block.{0..1}.conv{1..2}.*         512,512,3,3,3   h
    blocks.{0..1}.norm{1..2}.*               512             f
    blocks.{0..1}.conv{1..2}.*               512,512,3,3,3   h
    blocks.2.conv.*                          1024,512,3,3,3  h
    blocks.{3..4}.norm{1..2}.*               128             f
    blocks.{3..4}.conv{1..2}.*               128,128,3,3,3   h
    blocks.5.conv.*                          256,128,3,3,3   h
    blocks.{6..7}.norm{1..2}.*               32              f
    blocks.{6..7}.conv{1..2}.*               32,32,3,3,3     h
    out_layer.0.*                            32              f
    out_layer.2.*                            1,32,3,3,3      f
    """,
    "slat_flow_model": f"""
    t_embedder.mlp.0.*                       1024,256        f
    t_embedder.mlp.2.*                       1024,1024       f
    input_layer.*                            128,8           f
    input_blocks.0.norm1.*                   128             f
    input_blocks.0.conv1.conv.*              128,3,3,3,128   h
    input_blocks.0.conv2.conv.*              128,3,3,3,128   h
    input_blocks.0.emb_layers.1.*            256,1024        h
    input_blocks.1.norm1.*                   128             f
    input_blocks.1.conv1.conv.*              1024,3,3,3,128  h
    input_blocks.1.conv2.conv.*              1024,3,3,3,1024 h
    input_blocks.1.emb_layers.1.*            2048,1024       h
    input_blocks.1.skip_connection.*         1024,128        h
    {_FLOW_BLOCKS}
    out_blocks.0.norm1.*                     2048            f
    out_blocks.0.conv1.conv.*                128,3,3,3,2048  h
    out_blocks.0.conv2.conv.*                128,3,3,3,128   h
    out_blocks.0.emb_layers.1.*              256,1024        h
    out_blocks.0.skip_connection.*           128,2048        h
    out_blocks.1.norm1.*                     256             f
    out_blocks.1.conv1.conv.*                128,3,3,3,256   h
    out_blocks.1.conv2.conv.*                128,3,3,3,128   h
    out_blocks.1.emb_layers.1.*              256,1024        h
    out_blocks.1.skip_connection.*           128,256         h
    out_layer.*                              8,128           f
    """,
    "slat_decoder_gs": f"""
    offset_perturbation                      32,3            f
    {_TRUNK}
    out_layer.*                              448,768         f
    """,
    "slat_decoder_rf": f"""
    {_TRUNK}
    out_layer.*                              448,768         f
    """,
    "slat_decoder_mesh": f"""
    {_TRUNK}
    upsample.0.act_layers.0.*                768             f
    upsample.0.out_layers.0.conv.*           192,3,3,3,768   h
    upsample.0.out_layers.1.*                192             f
    upsample.0.out_layers.3.conv.*           192,3,3,3,192   h
    upsample.0.skip_connection.conv.*        192,1,1,1,768   h
    upsample.1.act_layers.0.*                192             f
    upsample.1.out_layers.0.conv.*           96,3,3,3,192    h
    upsample.1.out_layers.1.*                96              f
    upsample.1.out_layers.3.conv.*           96,3,3,3,96     h
    upsample.1.skip_connection.conv.*        96,1,1,1,192    h
    out_layer.*                              101,96          f
    """,
}

TOTALS = {
    "sparse_structure_flow_model": (489, 559_737_864),
    "sparse_structure_decoder": (74, 73_671_201),
    "slat_flow_model": (526, 600_432_520),
    "slat_decoder_gs": (101, 85_369_120),
    "slat_decoder_rf": (100, 85_369_024),
    "slat_decoder_mesh": (120, 90_926_693),
}
"""Tensors and elements of each model."""

_FLOW = {
    "in_channels": 8,
    "out_channels": 8,
    "model_channels": 1024,
    "cond_channels": 1024,
    "num_blocks": 24,
    "num_heads": 16,
    "mlp_ratio": 4,
    "pe_mode": "ape",
    "qk_rms_norm": True,
    "use_fp16": True,
}

_DECODER = {
    "resolution": 64,
    "model_channels": 768,
    "latent_channels": 8,
    "num_blocks": 12,
    "num_heads": 12,
    "mlp_ratio": 4,
    "attn_mode": "swin",
    "window_size": 8,
    "use_fp16": True,
}

ARGUMENTS = {
    "sparse_structure_flow_model": {**_FLOW, "resolution": 16, "patch_size": 1},
    "sparse_structure_decoder": {
        "out_channels": 1,
        "latent_channels": 8,
        "num_res_blocks": 2,
        "num_res_blocks_middle": 2,
        "channels": [512, 128, 32],
        "use_fp16": True,
    },
    "slat_flow_model": {
        **_FLOW,
        "resolution": 64,
        "patch_size": 2,
        "num_io_res_blocks": 2,
        "io_block_channels": [128],
    },
    "slat_decoder_gs": {
        **_DECODER,
        "representation_config": {
            "lr": {
                "_xyz": 1.0,
                "_features_dc": 1.0,
                "_opacity": 1.0,
                "_scaling": 1.0,
                "_rotation": 0.1,
            },
            "perturb_offset": True,
            "voxel_size": 1.5,
            "num_gaussians": 32,
            "2d_filter_kernel_size": 0.1,
            "3d_filter_kernel_size": 0.0009,
            "scaling_bias": 0.004,
            "opacity_bias": 0.1,
            "scaling_activation": "softplus",
        },
    },
    "slat_decoder_rf": {**_DECODER, "representation_config": {"rank": 16, "dim": 8}},
    "slat_decoder_mesh": {**_DECODER, "representation_config": {"use_color": True}},
}
"""Arguments in the json of each model (SPEC 1.3)."""


def tensors(role: str) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type (`h` or `f`) of every tensor of a released model, by name."""
    lines = [line.split() for line in _TENSORS[role].split("\n") if line.strip()]
    return {
        name: (shape, kind)
        for pattern, sizes, kind in lines
        for name, shape in shapes(f"{pattern} {sizes}").items()
    }


def shapes(lines: str) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor in lines without types, by name."""
    table: dict[str, tuple[int, ...]] = {}
    for line in lines.split("\n"):
        if not line.strip():
            continue
        pattern, sizes = line.split()
        shape = tuple(int(size) for size in sizes.split(","))
        for name in _expanded(pattern):
            stem = name.removesuffix("*")
            if stem == name:
                table[name] = shape
            else:
                table[f"{stem}weight"] = shape
                table[f"{stem}bias"] = shape[:1]
    return table


def _expanded(pattern: str) -> Iterator[str]:
    """`a.{0..2}` → `a.0`, `a.1`, `a.2`; also several braces."""
    brace = re.search(r"\{(\d+)\.\.(\d+)\}", pattern)
    if brace is None:
        yield pattern
        return
    for index in range(int(brace[1]), int(brace[2]) + 1):
        yield from _expanded(f"{pattern[: brace.start()]}{index}{pattern[brace.end() :]}")
