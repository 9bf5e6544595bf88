"""The subcommands of `python -m crossworld_trellis`, one file each."""
