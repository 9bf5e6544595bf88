# Runs in the embedded Python: makes it find the packages that another Python of the same version finds.
import json
import os
import signal
import site
import sys


def adopt(facts, is_ours):
    """Takes the packages over; facts are those of probe.py. A host's own Python (not is_ours) keeps all that it has."""
    facts = json.loads(facts)
    if not is_ours:
        sys.path.extend(entry for entry in facts["path"] if entry not in sys.path)
        return
    # Each Python has its own standard library, even where they differ in the last number only.
    stdlib = os.path.dirname(os.__file__)
    own = [entry for entry in sys.path if is_standard(entry, stdlib)]
    theirs = [entry for entry in facts["path"] if is_standard(entry, facts["stdlib"])]
    first = facts["path"].index(theirs[0]) if theirs else 0
    before, after = facts["path"][:first], facts["path"][first:]
    sys.path[:] = before + own + [entry for entry in after if entry not in theirs]
    # Importing signal takes Ctrl-C for Python where nobody handles it yet; it stays with the program.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # What starts a child process starts this one.
    sys.executable = facts["executable"]
    sys.prefix = sys.exec_prefix = facts["prefix"]
    # Editable installs hang themselves into the import by lines of .pth files.
    for entry in facts["path"]:
        if os.path.basename(entry) in ("site-packages", "dist-packages"):
            site.addsitedir(entry)


def is_standard(entry, stdlib):
    """Whether an entry of sys.path belongs to a standard library."""
    near = entry == stdlib or os.path.dirname(entry) == stdlib and os.path.basename(entry) == "lib-dynload"
    return near or entry.endswith(".zip") and os.path.dirname(entry) == os.path.dirname(stdlib)
