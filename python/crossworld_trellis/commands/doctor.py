"""`doctor`: what is wrong with this installation, and what to do. Needs no package, not even torch.

Whether the networks really compute is `verify`'s to say.
"""

import argparse
import json
import sys
from dataclasses import asdict

from ..doctor import Check, Surroundings, examine, explain
from ..errors import TrellisError

_SIGNS = {"ok": "ok", "note": "note", "problem": "PROBLEM"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--model", metavar="PATH", help="folder or hub repository to look at")
    parser.add_argument("--server", metavar="URL", help="server to ask (TRELLIS_SERVER_URL)")
    parser.add_argument("--checksums", action="store_true", help="also read all weights: seconds")
    parser.add_argument(
        "--explain", metavar="TEXT", help="say what to do about an error message; -: standard input"
    )


def run(options: argparse.Namespace) -> int:
    """Prints a line for each thing looked at; 1 when one is broken."""
    if options.explain is not None:
        text = sys.stdin.read() if options.explain == "-" else options.explain
        print(_explained(text))
        return 0
    checks: list[Check] = []
    for check in examine(
        Surroundings.real(), model=options.model, server=options.server, checksums=options.checksums
    ):
        checks.append(check)
        if not options.json:
            print(shown(check), flush=True)
    problems = [check.name for check in checks if check.status == "problem"]
    if options.json:
        print(json.dumps({"checks": [asdict(one) for one in checks], "healthy": not problems}))
    else:
        print(f"broken: {', '.join(problems)}" if problems else "nothing is broken")
    return 1 if problems else 0


def shown(check: Check) -> str:
    """A check as one line, or two where there is a remedy."""
    line = f"{_SIGNS[check.status]:8}{check.name}: {check.found}"
    return f"{line}\n        -> {check.remedy}" if check.remedy else line


def _explained(text: str) -> str:
    answer = explain(text)
    if answer is None:
        raise TrellisError(
            "this message is not known: run 'python -m crossworld_trellis doctor' without it, and "
            "tell us what both say"
        )
    return answer
