"""Set-up of all tests."""

import os

import torch

# The golden networks are tiny: threads would only wait for each other.
torch.set_num_threads(1)

# Without a GPU kernels go through Triton's interpreter, which it asks for when it is imported.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
