"""Set-up of all tests."""

import torch

# The golden networks are tiny: threads would only wait for each other.
torch.set_num_threads(1)
