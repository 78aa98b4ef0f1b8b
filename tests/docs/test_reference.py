"""The reference says what the code does."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg
import pytest

from tests.support.reference import pages

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["settings.md", "commands.md", "sql.md"])
def test_a_page_is_what_the_code_says(connection: psycopg.Connection, name: str) -> None:
    text = pages(connection)[name]
    if "PGWORKER_WRITE_REFERENCE" in os.environ:
        (FOLDER / name).write_text(text)
    assert (FOLDER / name).read_text() == text, "write it anew: make reference"
