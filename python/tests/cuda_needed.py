"""The mark of tests that need an NVIDIA GPU and Triton; elsewhere they are skipped and say why."""

import importlib.util

import pytest
import torch


def _missing() -> str | None:
    if not torch.cuda.is_available():
        return "needs a CUDA device"
    if importlib.util.find_spec("triton") is None:
        return "needs Triton"
    return None


needs_cuda = pytest.mark.skipif(_missing() is not None, reason=_missing() or "")
