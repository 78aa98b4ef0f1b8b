"""Every expected failure is one clear paragraph and an exit code."""

from __future__ import annotations

import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.workflows import define, start

UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{bad", "line 1 column 2"),
        ('{"a": 1, "a": 2}', "a duplicate key (at /a)"),
        ('{"a": [NaN]}', "NaN (at /a/0)"),
        ("", "not JSON"),
    ],
)
def test_an_input_that_is_no_strict_json_is_a_usage_error(bare, given, told):
    answer = bare("run", "hello.yaml", "-i", given)
    assert answer.code == 2
    assert told in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("bogus",),
        ("run",),
        ("run", "hello.yaml", "-P", "novalue"),
        ("run", "hello.yaml", "-i", "5", "-P", "a=1"),
        ("run", "hello.yaml", "--timeout", "soon"),
        ("show", "not-a-uuid"),
        ("history", "123"),
        ("cancel", "x"),
        ("list", "--status", "ASLEEP"),
        ("list", "-o", "xml"),
        ("start", ":1.0.0"),
        ("start", "a/b", "--namespace", "c"),
        ("start", "a", "--at", "tomorrow"),
        ("start", "a", "--timeout", "1"),
        ("worker", "--processes", "0"),
    ],
)
def test_a_wrong_command_line_ends_with_2(bare, arguments):
    answer = bare(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert "Error: " in answer.err


@pytest.mark.parametrize(
    "arguments", [("show", UNKNOWN), ("history", UNKNOWN), ("cancel", UNKNOWN), ("start", "nobody")]
)
def test_what_is_not_there_ends_with_4(pgworker, arguments):
    answer = pgworker(*arguments)
    assert (answer.code, answer.out) == (4, "")
    assert answer.err.startswith("pgworker: ")


def test_commands_that_need_a_database_say_what_to_set(bare):
    answer = bare("list")
    assert answer.code == 1
    assert "PGWORKER_DATABASE_URL" in answer.err


def test_an_unreachable_database_is_told_without_the_password(bare):
    answer = bare("list", PGWORKER_DATABASE_URL="postgresql://ada:sesame@127.0.0.1:1/none")
    assert answer.code == 1
    assert "Connection refused" in answer.err
    assert "sesame" not in answer.err


@pytest.mark.parametrize("url", ["mysql://ada:sesame@host/db", "postgres//ada:sesame@host", "host"])
def test_a_connection_string_of_another_kind_is_not_repeated(bare, url):
    answer = bare("list", PGWORKER_DATABASE_URL=url)
    assert answer.code == 1
    assert "connection string" in answer.err
    assert "sesame" not in answer.err


def test_a_wrong_setting_is_named(pgworker):
    answer = pgworker("list", PGWORKER_CONCURRENCY="many")
    assert answer.code == 1
    assert "PGWORKER_CONCURRENCY is 'many'" in answer.err


@pytest.mark.parametrize("command", [("list",), ("worker",), ("start", "hello")])
def test_a_database_without_the_schema_is_told_with_the_remedy(pgworker, command):
    answer = pgworker(*command, PGWORKER_SCHEMA="elsewhere")
    assert answer.code == 1
    assert "no schema elsewhere" in answer.err
    assert "pgworker migrate" in answer.err


@pytest.mark.parametrize("arguments", [("run", "none.yaml"), ("run", "hello.yaml", "-i", "@none.yaml")])
def test_a_missing_file_is_named(bare, arguments):
    answer = bare(*arguments)
    assert answer.code == 1
    assert answer.err == "pgworker: none.yaml: No such file or directory\n"


def test_a_folder_is_no_document(bare):
    assert bare("run", ".").err == "pgworker: .: Is a directory\n"


def test_a_document_cannot_steer_the_terminal(pgworker):
    document = pgworker.folder / "fails.yaml"
    document.write_text(document.read_text().replace("no tea", '"\\e[2J"'))
    answer = pgworker("run", "fails.yaml")
    assert "\x1b" not in answer.err
    assert "\\x1b[2J" in answer.err


def test_a_reader_that_leaves_early_is_no_trouble(pgworker):
    pgworker("run", "hello.yaml", "-P", "name=Ada")
    listing = pgworker.begin("list", "-o", "jsonl")
    listing.stdout.close()
    listing.wait(timeout=30)
    assert listing.stderr.read() == ""
    listing.stderr.close()


@pytest.mark.parametrize("arguments", [("validate", "hello.yaml"), ("--help",)])
def test_a_full_disk_is_told(bare, arguments):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            bare.line([*arguments]), cwd=bare.folder, env=bare.environment,
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unexpected_failure_is_one_paragraph_with_a_traceback_for_those_who_ask(monkeypatch, capsys):
    import typer

    from pgworker.cli.failures import told

    def broken() -> None:
        raise ZeroDivisionError("by nothing")

    with pytest.raises(typer.Exit) as ending:
        told(broken)()
    told_to = capsys.readouterr().err
    assert ending.value.exit_code == 1
    assert told_to.startswith("pgworker: pgworker itself failed: ZeroDivisionError: by nothing\n")
    assert "PGWORKER_LOG_LEVEL=DEBUG" in told_to
    assert "Traceback" not in told_to
    monkeypatch.setenv("PGWORKER_LOG_LEVEL", "debug")
    with pytest.raises(typer.Exit):
        told(broken)()
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PGWORKER_RETENTION", "running=1d"),
        ("PGWORKER_RETENTION", "10000000d"),
        ("PGWORKER_HTTP_ALLOW_PRIVATE", "10.0.0.1/8"),
        ("PGWORKER_HTTP_CONNECT_TO", "a"),
        ("PGWORKER_RUN_ALLOW", "all"),
        ("PGWORKER_CA_FILE", "/nope"),
        ("PGWORKER_LISTEN_URL", "http://somewhere"),
        ("PGWORKER_STATUS_HOST", "no host"),
        ("PGWORKER_SCHEMA", "\u00fc" * 40),
        ("PGWORKER_SCHEMA", "$user"),
        ("PGWORKER_LEASE_SECONDS", "1e12"),
        ("PGWORKER_MEMORY_MEGABYTES", "1"),
    ],
)
def test_a_worker_that_cannot_begin_says_why_and_ends(pgworker, setting, value):
    told = pgworker("worker", **{"PGWORKER_STATUS_PORT": "23456", setting: value})
    assert told.code == 1
    assert setting in told.err or value in told.err
    assert "supervisor started" not in told.err


def test_a_setting_that_there_is_not_is_told_with_the_one_that_is_meant(pgworker, worker_process):
    row = pgworker("doctor", PGWORKER_RETENTIONS="30d", PGWORKER_SECRET_A="x").rows[0]
    assert (row["topic"], row["state"]) == ("settings", "warning")
    assert (row["value"], row["advice"]) == (
        "unknown: PGWORKER_RETENTIONS",
        "did you mean PGWORKER_RETENTION?",
    )
    told = pgworker(
        "worker", PGWORKER_RETENTIONS="30d", PGWORKER_RETENTION="never", PGWORKER_LOG_FORMAT="json"
    )
    assert '"name": "PGWORKER_RETENTIONS", "meant": "PGWORKER_RETENTION"' in told.err


@pytest.mark.parametrize("stream", [">&-", "2>&-"])
def test_who_closes_a_stream_hears_nothing_on_it(pgworker, stream):
    line = f"{shlex.join(pgworker.line(['list']))} {stream}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=pgworker.folder, env=pgworker.environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_worker_whose_status_port_is_taken_says_so_and_ends(pgworker, processes):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        first = str(port - int(processes) + 1)
        told = pgworker("worker", "--processes", processes, PGWORKER_STATUS_PORT=first)
    assert told.code == 1
    assert "is taken" in told.err
    assert pgworker("worker", "--processes", "2", PGWORKER_STATUS_PORT="65535").code == 1


def test_an_argument_that_is_not_utf_8_is_a_usage_error(pgworker):
    for arguments in (("start", "\udcff"), ("cancel", UNKNOWN, "--reason", "\udcff")):
        told = pgworker(*arguments)
        assert (told.code, told.out) == (2, ""), told.err
        assert "not UTF-8" in told.err


def test_who_does_not_want_to_wait_is_told_how_the_workflow_is(pgworker, connection):
    define(connection)
    told = pgworker("start", "sample", "--wait", "--timeout", "0")
    assert told.code == 5
    assert "is still PENDING after 0 s" in told.err


def test_numbers_beyond_all_bounds_are_told_as_others(pgworker, connection):
    define(connection)
    started = start(connection)
    assert pgworker("replay", started, "--at", "9" * 23).code == 4
    assert pgworker("list", "--limit", "9" * 23).code == 2
