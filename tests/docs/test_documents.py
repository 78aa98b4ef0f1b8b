"""The documents tell the truth: links lead somewhere, settings exist, samples compile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pgworker.dsl.compile import compile_document
from pgworker.dsl.load import load
from pgworker.settings import Settings
from tests.support.reference import spellings

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|#)([^)#\s]+)")
SETTING = re.compile(r"\bPGWORKER_[A-Z][A-Z_]+")


def names() -> set[str]:
    spelt = {name for field, info in Settings.model_fields.items() for name in spellings(field, info)}
    return {name for name in spelt if name.startswith("PGWORKER_")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    missing = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_that_is_mentioned_exists(document: Path) -> None:
    found = SETTING.findall(document.read_text())
    mentioned = {name for name in found if not name.startswith(("PGWORKER_TEST_", "PGWORKER_SECRET_"))}
    assert mentioned - names() == set()


def test_the_readme_lists_every_setting() -> None:
    listed = set(SETTING.findall((ROOT / "README.md").read_text()))
    assert names() - listed - {"PGWORKER_DB_SCHEMA", "PGWORKER_EVENTSTORE_TYPE"} == set()


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_compiles_without_a_warning(example: Path) -> None:
    assert compile_document(load(example.read_text(), example.name)).warnings == ()
