"""Set-up of all tests."""

import torch

# The golden networks are tiny: threads would only wait for each other, most of all beside other work.
torch.set_num_threads(1)
