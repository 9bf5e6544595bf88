"""The progress line of `generate`, on a terminal and elsewhere."""

import io

from crossworld_trellis.commands.progress import ProgressLine
from crossworld_trellis.watch import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(stream: io.StringIO, *told: Progress) -> str:
    line = ProgressLine(stream)
    for progress in told:
        line(progress)
    line.close()
    return stream.getvalue()


def test_a_terminal_sees_one_line_a_stage_that_grows() -> None:
    text = shown(
        Terminal(),
        Progress("picture", 0, 1),
        Progress("structure", 0, 4),
        Progress("structure", 2, 4),
    )
    lines = text.splitlines(keepends=True)
    drawn = [part for line in lines for part in line.split("\r") if part.strip()]
    assert [(part.split()[0], part.split()[2]) for part in drawn] == [
        ("picture", "0/1"),
        ("picture", "1/1"),
        ("structure", "0/4"),
        ("structure", "2/4"),
    ]
    assert f"[{'#' * 12}{'-' * 12}]" in drawn[-1]
    assert text.count("\n") == 2


def test_elsewhere_only_finished_stages_are_told() -> None:
    text = shown(
        io.StringIO(),
        Progress("picture", 0, 1),
        Progress("structure", 1, 2),
        Progress("structure", 2, 2),
        Progress("appearance", 1, 2),
    )
    assert [line.split()[0] for line in text.splitlines()] == ["picture", "structure"]
    assert "\r" not in text
