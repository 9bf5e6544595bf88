"""Error messages that people meet, with what to do: the setup guide's list and some of our own.

Many can only come from the original program or from packages that it needs. Their answer says so,
because the usual advice for them (compile something, pin a version, edit a file) helps nobody here.
"""

import re

from ..torch_build import OLDEST_TORCH
from .check import SET_UP

COMPILED = (
    "spconv",
    "cumm",
    "xformers",
    "flash-attn",
    "kaolin",
    "nvdiffrast",
    "diffoctreerast",
    "vox2seq",
    "diff-gaussian-rasterization",
)
"""Packages that the original needs and this one does not; also as spconv-cu120 and the like."""

_MODULES = "|".join([*(name.replace("-", "[-_]") for name in COMPILED), "trellis", "easydict"])

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"sm_\d+ is not compatible|no kernel image is available|not compatible with the current "
        r"PyTorch",
        "this torch holds no code for the card; RTX 50xx (sm_120) needs torch 2.7 or later built "
        f"for CUDA 12.8 or later: {SET_UP}, which chooses the build that fits",
    ),
    (
        r"driver on your system is too old|CUDA driver version is insufficient",
        "install NVIDIA driver 580 or later (525 for builds for CUDA 12), restart, then "
        f"{SET_UP}, which chooses the build that fits",
    ),
    (
        r"Torch not compiled with CUDA enabled",
        f"this torch is the one for processors: {SET_UP} with '--torch auto'",
    ),
    (
        r"undefined symbol|symbol not found in flat namespace|procedure entry point|"
        r"DLL load failed",
        "a compiled package was built for another torch (an ABI clash). This package has none of "
        "its own: 'pip uninstall xformers kaolin flash-attn spconv torchvision torchaudio' in its "
        f"environment, then {SET_UP}; where torch itself clashes, LD_LIBRARY_PATH may lead it to "
        "another CUDA: unset it",
    ),
    (
        rf"No module named ['\"]?({_MODULES})",
        "cannot occur here: this package needs none of spconv, xformers, flash-attn, kaolin and "
        "nvdiffrast. The message comes from the original TRELLIS: run 'python -m "
        "crossworld_trellis' instead, and take its checkout out of PYTHONPATH",
    ),
    (
        r"No module named ['\"]?torch\b",
        f"torch is not installed for this Python: {SET_UP}",
    ),
    (
        r"Repository Not Found for url: \S*huggingface\.co/ckpts/|/resolve/main/\.json",
        "cannot occur here: the original says this whatever really went wrong (a package that does "
        "not import, too little memory, a broken download). Do not set slat_flow_model to ckpts/"
        "ss_flow_img_dit_L_16l8_fp16 in pipeline.json; if you did, delete the edited file and run "
        "'python -m crossworld_trellis fetch'",
    ),
    (
        r"access to this repository must be granted|GatedRepo|Cannot access gated repo|"
        r"403 Client Error|weights are gated",
        "the hub gives these weights only to who accepted their terms, as Meta wants it for "
        "DINOv3, the image encoder of TRELLIS.2: accept them on the repository's page "
        "(https://huggingface.co/facebook/dinov3-vitl16-pretrain-lvd1689m), wait for the answer, "
        "and log in with 'hf auth login'; or name a folder with config.json and model.safetensors "
        "in TRELLIS_IMAGE_ENCODER",
    ),
    (
        r"does not know DINOv3",
        "pip install --upgrade 'transformers>=4.56'",
    ),
    (
        r"Repository Not Found|RepositoryNotFoundError|401 Client Error",
        "the hub shows no such repository: check the spelling of TRELLIS_MODEL_PATH (owner/name), "
        "or log in with 'hf auth login' if it is private",
    ),
    (
        r"slat_flow_model is set to|holds a SparseStructureFlowModel",
        'pipeline.json was edited as a guide advises, which cannot work: restore "ckpts/'
        "slat_flow_img_dit_L_64l8p2_fp16\", or delete the file and run 'python -m "
        "crossworld_trellis fetch'",
    ),
    (
        r"nvcc|CUDA_HOME|CUDA_PATH|TORCH_CUDA_ARCH_LIST",
        "cannot occur here: nothing is compiled, so neither the CUDA toolkit nor CUDA_HOME is "
        "needed; torch brings its CUDA. The message comes from building another package: leave "
        "that package away",
    ),
    (
        r"Kaolin requires PyTorch|IGNORE_TORCH_VER",
        "cannot occur here: kaolin is not used, so it limits no version of torch. 'pip uninstall "
        f"kaolin'; any torch from {'.'.join(map(str, OLDEST_TORCH))} on will do",
    ),
    (
        r"xFormers can.t load|WARNING\[XFORMERS\]|xformers|flash_attn",
        "cannot occur here: attention is torch's own. The warning is harmless; 'pip uninstall "
        "xformers' ends it, and no XFORMERS_* variable is needed",
    ),
    (
        r"compiled using NumPy 1|cannot be run in\s+NumPy 2|numpy\.dtype size changed|"
        r"_ARRAY_API not found|numpy.*<\s*2",
        "cannot be this package's fault: it works with numpy 1.24 to 2. Another package was built "
        "for the older numpy, often kaolin or an old OpenCV, neither of which is needed: uninstall "
        f"it, then {SET_UP}",
    ),
    (
        r"out of memory|OutOfMemoryError",
        "use --low-vram (1.6 GiB instead of 4.1 GiB; with TRELLIS.2 about 6 instead of 16), a "
        "lower resolution, with TRELLIS.2 the pipeline type 512, or close what else uses the card",
    ),
    (
        r"Found no NVIDIA driver|libcuda\.so|nvidia-smi has failed|Driver/library version mismatch",
        "NVIDIA's driver does not answer: restart after an update; on NixOS use 'nix develop "
        ".#cuda', which sets LD_LIBRARY_PATH=/run/opengl-driver/lib; in a container give it the "
        "card",
    ),
    (
        r"libstdc\+\+\.so\.6|libz\.so\.1",
        "the system keeps its libraries where wheels do not look, as NixOS does: use 'nix develop'",
    ),
    (
        r"ensurepip is not available|No module named ['\"]?(venv|ensurepip)",
        f"install python3-venv ('sudo apt install python3-venv' on Debian and Ubuntu), then "
        f"{SET_UP}",
    ),
    (
        r"Connection refused|no TRELLIS server answers",
        "no server runs there: start one with 'python -m crossworld_trellis serve', or name its "
        "address in TRELLIS_SERVER_URL",
    ),
)


def explain(message: str) -> str | None:
    """What to do about an error message, `None` when it is not known."""
    for pattern, answer in _KNOWN:
        if re.search(pattern, message, re.IGNORECASE):
            return answer
    return None
