"""What decides the networks' speed on a GPU: a few operations that are worth kernels of their own.

Each file holds one operation twice: as torch operators, which run everywhere and are the reference,
and through Triton (`triton_*`), which torch brings along on Linux with CUDA. Nothing is compiled at
installation and nothing needs Triton; `choice` says when it is used. Kernels compute in
float32 inside and read and write half precision.
"""
