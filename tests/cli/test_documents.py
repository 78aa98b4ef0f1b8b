"""``pgworker validate`` and ``pgworker deploy``."""

from __future__ import annotations

import shutil

BAD = """\
bad.yaml:3:5: `sett` is not a kind of task
  at /do/0/first
"""


def test_good_documents_are_ok_and_need_no_database(bare):
    answer = bare("validate", "hello.yaml", "echo.yaml")
    assert (answer.code, answer.out, answer.err) == (0, "hello.yaml: ok\necho.yaml: ok\n", "")


def test_a_bad_document_is_told_with_place_pointer_and_hint_and_the_others_are_checked_too(bare):
    answer = bare("validate", "bad.yaml", "none.yaml", "hello.yaml")
    assert (answer.code, answer.out) == (1, "hello.yaml: ok\n")
    assert answer.err.startswith(BAD)
    assert '  hint: did you mean "set"?' in answer.err
    assert "none.yaml: No such file or directory" in answer.err


def test_text_that_is_no_yaml_is_told_with_its_place(bare):
    (bare.folder / "broken.yaml").write_text("a: [1\n")
    answer = bare("validate", "broken.yaml")
    assert answer.code == 1
    assert answer.err.startswith("broken.yaml:2:1: ")


def test_run_refuses_a_bad_document_in_the_same_words(bare):
    answer = bare("run", "bad.yaml", "--json")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(BAD)


def test_folders_are_searched_for_documents(bare):
    (bare.folder / "documents" / "deep").mkdir(parents=True)
    shutil.copy(bare.folder / "hello.yaml", bare.folder / "documents" / "a.yml")
    shutil.copy(bare.folder / "echo.yaml", bare.folder / "documents" / "deep" / "b.yaml")
    (bare.folder / "documents" / "notes.txt").write_text("not one")
    assert bare("validate", "documents").out == "documents/a.yml: ok\ndocuments/deep/b.yaml: ok\n"


def test_a_folder_without_documents_is_an_error(bare):
    (bare.folder / "empty").mkdir()
    answer = bare("validate", "empty")
    assert answer.code == 1
    assert "the folder empty has no documents" in answer.err


def test_deploy_defines_every_document_and_prints_its_name(pgworker, connection):
    for _ in range(2):  # again is no change
        answer = pgworker("deploy", "hello.yaml", "echo.yaml")
        assert (answer.code, answer.out) == (0, "test/hello:1.0.0\ntest/echo:1.0.0\n")
    assert connection.execute("select count(*) from pgworker.definitions").fetchone() == (2,)


def test_deploy_defines_nothing_if_one_document_is_bad(pgworker, connection):
    answer = pgworker("deploy", "hello.yaml", "bad.yaml")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith(BAD)
    assert connection.execute("select count(*) from pgworker.definitions").fetchone() == (0,)
