# Runs in the Python whose packages shall be used: tells in its last line what the embedded one must know.
import json
import os
import sys

stdlib = os.path.dirname(os.__file__)
print()
print(
    json.dumps(
        {
            "version": "{}.{}".format(*sys.version_info),
            "executable": sys.executable,
            "prefix": sys.prefix,
            "stdlib": stdlib,
            # Without the current folder, from which nobody asked to load code.
            "path": [entry for entry in sys.path if entry],
        }
    )
)
