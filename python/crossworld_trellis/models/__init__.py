"""The networks of TRELLIS, one file each, with the tensor names of the official checkpoints."""
