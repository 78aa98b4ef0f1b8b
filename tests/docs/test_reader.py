"""The reader of documents notices what does not do as it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pgworker.errors import DocumentError
from tests.conftest import WorkerFactory
from tests.support.blocks import Block, blocks
from tests.support.reader import reading

HEADER = "document: {dsl: '1.0.3', namespace: test, name: sample, version: '1.0.0'}\n"
WORKS = "echo up; while true; do sleep 0.05; done"
DOCUMENT = f"{HEADER}do:\n  - it: {{set: {{n: 1}}}}\n"

WRONG = [
    ("sh", "false | cat"),
    ("sh", "echo $undefined"),
    ("sh", "cd nowhere\necho reached"),
    ("sh", "sleep 600 &\nexit 3"),
    ("sh", "make no-such-target"),
    ("sql", "select 1;\nselect nothing;"),
    ("python", "raise SystemExit(1)"),
    ("python", "def test_it():\n    assert 0\n"),
    ("json", "{'a': 1}"),
    ("yaml", "do:\n  - it: {sett: {}}\n"),
    ("yaml", "call: http\nwith: {method: get}\n"),
    ("yaml", DOCUMENT),
    ("yaml", f'# output: {{"n": 2}}\n{DOCUMENT}'),
    ("yaml", f'# error: {{"status": 400}}\n{DOCUMENT}'),
]


@pytest.mark.parametrize(("language", "text"), WRONG)
def test_a_block_that_does_not_do_as_it_says_is_noticed(
    language: str, text: str, database_url: str, worker_process: WorkerFactory, tmp_path: Path
) -> None:
    if text.startswith("# "):
        worker_process()
    with (
        reading(tmp_path, database_url, {}, Path(sys.executable).parent) as reader,
        pytest.raises((AssertionError, ValueError, DocumentError)),
    ):
        reader.follow(Block(Path("page.md"), 1, language, text))


def test_what_serves_has_to_end_in_peace(database_url: str, tmp_path: Path) -> None:
    with reading(tmp_path, database_url, {}, Path(sys.executable).parent) as reader:
        reader.follow(Block(Path("page.md"), 1, "sh", f"trap 'exit 0' TERM; {WORKS}", serves="up"))
        with pytest.raises(AssertionError):
            reader.follow(Block(Path("page.md"), 1, "sh", f"trap 'exit 3' TERM; {WORKS}", serves="up"))


def test_a_session_keeps_what_the_blocks_before_have_set(database_url: str, tmp_path: Path) -> None:
    with reading(tmp_path, database_url, {8085: 9}, Path(sys.executable).parent) as reader:
        for language, text in [
            ("sh", "cd examples; port=8085"),
            ("sh", 'test "$port" = 9 && test -f hello.yaml'),
            ("sql", "select 7 as n \\gset"),
            ("sql", "do $$ begin if to_regclass('workflows') is null then raise 'no path'; end if; end $$;"),
            ("sql", "select 1 / (:n - 6);"),
        ]:
            reader.follow(Block(Path("page.md"), 1, language, text))


def test_comments_say_what_becomes_of_the_block_below_or_are_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: because -->\n```sh\na\n```\n\n<!-- serves: up -->\n```sh\nb\n```\n\n"
        "<!-- sql\nc;\n-->\n\n<!-- not run: lost -->\nText.\n\n```yaml\nd: 1\n```\n\n"
        "- in a list\n\n  ```text\n  e\n  ```\n"
    )
    found = [(block.language, block.text, block.not_run, block.serves) for block in blocks(page)]
    assert found == [
        ("sh", "a\n", "because", None),
        ("sh", "b\n", None, "up"),
        ("sql", "c;\n", None, None),
        ("yaml", "d: 1\n", None, None),
        ("text", "e\n", None, None),
    ]
