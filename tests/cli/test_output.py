"""Tables, which people read on terminals of every width."""

from __future__ import annotations

import io
import sys

import pytest

from pgworker.cli.output import Format, chosen, text, write_table

ID = "01a208a8-6b32-7739-9493-26d37b21c369"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [40, 60, 200])
def test_ids_stay_whole_however_narrow_the_terminal_is(monkeypatch, width):
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "dumb")
    write_table([(ID, "x" * 50)], {"id": lambda row: row[0], "words": lambda row: row[1]})
    shown = screen.getvalue()
    assert ID in shown
    assert len(shown.splitlines()) == 2


def test_markup_in_data_is_data(capsys):
    write_table([("[bold]a[/bold]",)], {"words": lambda row: row[0]})
    assert "[bold]a[/bold]" in capsys.readouterr().out


def test_tables_are_for_terminals_and_lines_for_programs(monkeypatch):
    assert chosen(None) is Format.JSONL
    assert chosen(Format.JSON) is Format.JSON
    monkeypatch.setattr(sys, "stdout", _Terminal())
    assert chosen(None) is Format.TABLE


def test_control_characters_are_shown_not_obeyed():
    assert text("\x1b[2J\n") == "\\x1b[2J\\n"
