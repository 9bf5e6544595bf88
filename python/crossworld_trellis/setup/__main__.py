"""`python -m crossworld_trellis.setup`, from the folder that holds the package."""

import sys

from .options import main

if __name__ == "__main__":
    sys.exit(main())
