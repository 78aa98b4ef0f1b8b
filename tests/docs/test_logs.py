"""The guide lists every line that can be in the log, as the code writes it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.logged import ABOUT, Line, lines

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "observing.md"
_ROW = re.compile(r"\| (DEBUG|INFO|WARNING|ERROR) \| (.+?) \| (.*?) ?\|")


def told() -> list[Line]:
    """The rows of the guide's table; the text of a line may have ticks."""
    rows = _ROW.findall(GUIDE.read_text().partition("\n## Logs\n")[2])
    return [Line(level, event, tuple(re.findall(r"`(\w+)`", members))) for level, event, members in rows]


def test_the_guide_lists_every_line_that_the_code_can_log_with_its_level_and_members() -> None:
    logged = {line for _, line in lines()}
    assert len(logged) > 50
    rows = told()
    assert len(rows) == len(set(rows))
    assert {Line(row.level, row.event, tuple(sorted(row.members))) for row in rows} == logged


def test_lines_about_workflows_name_them_by_one_word() -> None:
    other_names = {"workflow", "id", "pointer", "try", "retry"}
    assert not [line for _, line in lines() if other_names & set(line.members)]
    assert {"workflow_id", *ABOUT} <= {member for _, line in lines() for member in line.members}
