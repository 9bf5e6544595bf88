"""Sets up this folder's package: `python3 python/set_up.py --help`.

A file beside the package, so that one command works on every system with nothing installed: Python
puts the folder of the file that it runs on its path. Old Pythons can read it and are told so.
"""

import sys

if sys.version_info < (3, 10):  # noqa: UP036
    sys.exit("error: this Python is too old: run this with Python 3.10 or later")

from crossworld_trellis.setup import main

if __name__ == "__main__":
    sys.exit(main())
