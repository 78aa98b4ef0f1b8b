"""``run: shell``: what goes in, what comes out, and what is never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from pathlib import Path
from uuid import uuid4

import pytest

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.processes.policy import ProcessPolicy, parse_run_allow
from pgworker.activities.progress import CURRENT, Progress
from pgworker.activities.redaction import Redaction, hiding, spellings
from pgworker.activities.registry import Activities
from pgworker.errors import Fault, SettingsError
from pgworker.types import JsonValue
from tests.activities.processes.conftest import OUTPUT_BYTES, Run
from tests.support.sessions import marked
from tests.support.waiting import eventually

BOTH = "echo out; echo err >&2; exit 3"
WORKER_ONLY = {"PGWORKER_DATABASE_URL": "postgresql://me:pw@db", "DATABASE_URL": "pw", "PGPASSWORD": "pw"}


@pytest.fixture(autouse=True)
def _of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folders of processes are where no other test's are."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def _folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("pgworker-run-*"))


async def test_a_command_gets_its_input_its_arguments_and_its_environment(run: Run) -> None:
    said = await run.shell(
        'cat; echo " $1-$2 $A $#"',
        stdin="hello",
        arguments=["a b", "$HOME; `id`"],
        environment={"A": "b c", "NONE": None},
    )
    assert said == "hello a b-$HOME; `id` b c 2"


async def test_a_map_of_arguments_becomes_words(run: Run) -> None:
    said = await run.shell(
        'for a in "$@"; do echo "$a"; done', arguments={"--n": 1, "-v": None, "--a": "b c"}
    )
    assert said == "--a=b c\n--n=1\n-v"


async def test_input_that_is_no_text_goes_in_as_json_and_none_is_empty(run: Run) -> None:
    assert await run.shell("cat", stdin={"a": [1]}) == '{"a":[1]}'
    assert await run.shell("cat") == ""


@pytest.mark.parametrize(
    ("returns", "output"),
    [("code", 3), ("all", {"code": 3, "stdout": "out", "stderr": "err"})],
)
async def test_a_code_that_is_asked_for_is_no_failure(run: Run, returns: str, output: object) -> None:
    assert await run.shell(BOTH, returns) == output


@pytest.mark.parametrize(("returns", "output"), [("stdout", "out\n"), ("stderr", "err"), ("none", None)])
async def test_one_newline_is_taken_off_what_a_command_says(run: Run, returns: str, output: object) -> None:
    assert await run.shell("echo out; echo; echo err >&2", returns) == output


@pytest.mark.parametrize("returns", ["stdout", "stderr", "none"])
async def test_another_code_than_0_fails_and_says_what_the_command_said_last(run: Run, returns: str) -> None:
    fault = await run.fault("shell", returns, command=BOTH)
    assert (fault.kind, fault.status) == ("runtime", 500)
    assert fault.detail == "the shell command ended with code 3: err"


async def test_of_a_secret_where_the_last_words_begin_no_half_is_told(run: Run) -> None:
    said = "{ printf secret-of-the-pin; printf '%0490d' 0; } >&2; exit 1"
    with hiding(Redaction(secret=spellings(["secret-of-the-pin"]))):
        fault = await run.fault("shell", command=said)
    assert fault.detail.removeprefix("the shell command ended with code 1: ") == "***" + "0" * 490


async def test_what_a_signal_ends_has_the_code_that_shells_give_it(run: Run) -> None:
    assert await run.shell("kill -KILL $$", "code") == 137


async def test_nothing_of_the_workers_environment_is_seen(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WORKER_ONLY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    said = await run.shell("env", environment={"MINE": "1"})
    assert isinstance(said, str)
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert {"HOME", "IDEMPOTENCY_KEY", "MINE", "PATH", "PWD", "TMPDIR"} <= names
    assert names <= {"HOME", "IDEMPOTENCY_KEY", "LANG", "LC_ALL", "LC_CTYPE", "MINE", "PATH", "PWD", "TMPDIR",
                     "TZ", "_", "SHLVL", "OLDPWD"}  # fmt: skip


async def test_no_file_of_the_workers_is_open_in_a_process(run: Run) -> None:
    with tempfile.NamedTemporaryFile() as file:
        os.set_inheritable(file.fileno(), True)
        said = await run.shell("ls -l /proc/self/fd")
    assert isinstance(said, str)
    assert file.name not in said
    assert len([line for line in said.splitlines() if " -> " in line]) == 4  # and the folder that ls reads


async def test_attempts_are_told_by_their_idempotency_key(run: Run) -> None:
    assert await run.shell("echo $IDEMPOTENCY_KEY") == "w:7"


async def test_the_memory_limit_of_the_worker_is_not_that_of_a_process(run: Run) -> None:
    assert await run.shell("ulimit -d; ulimit -c") == "unlimited\n0"


async def test_a_process_works_in_a_folder_of_its_own_that_goes_with_it(run: Run) -> None:
    before = _folders()
    folder = await run.shell("echo x > file; mkdir -p a/b; pwd; test $HOME = $PWD")
    assert isinstance(folder, str)
    assert folder.startswith(tempfile.gettempdir())
    assert _folders() == before


@pytest.mark.parametrize(("to", "name"), [("&1", "standard output"), ("&2", "standard error")])
async def test_a_process_that_writes_without_end_is_ended(run: Run, to: str, name: str) -> None:
    mark = f"mark-{uuid4()}"
    fault = await run.fault("shell", command=f"yes {mark} >{to}")
    assert fault.kind == "runtime"
    assert fault.detail == f"the shell command was ended: it wrote more than {OUTPUT_BYTES} bytes to {name}"
    assert marked(mark) == []


async def test_as_much_as_is_allowed_is_kept(run: Run) -> None:
    said = await run.shell(f"head -c {OUTPUT_BYTES} /dev/zero | tr '\\0' x")
    assert said == "x" * OUTPUT_BYTES


async def test_what_a_command_leaves_behind_ends_with_it(run: Run) -> None:
    mark = f"mark-{uuid4()}"
    strays = "sleep 60 & setsid sh -c 'sleep 60 & setsid sleep 60 & wait' & nohup sleep 60 &"
    said = await run.shell(
        f"{{ {strays} }} >/dev/null 2>&1; sleep 0.2; echo done", environment={"MARK": mark}
    )
    assert said == "done"
    assert marked(mark) == []


async def test_a_cancelled_command_may_say_goodbye(run: Run, tmp_path: Path) -> None:
    mark = f"mark-{uuid4()}"
    ready, gone = tmp_path / "ready", tmp_path / "gone"
    command = f"trap 'echo bye > {gone}; exit' TERM; touch {ready}; while :; do sleep 0.02; done"
    running = asyncio.create_task(run.shell(command, environment={"MARK": mark}))
    await eventually(ready.exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gone.read_text() == "bye\n"
    assert marked(mark) == []


async def test_a_cancelled_command_that_will_not_go_is_killed_with_its_children(
    run: Run, tmp_path: Path
) -> None:
    mark = f"mark-{uuid4()}"
    ready, before = tmp_path / "ready", _folders()
    command = f"trap '' TERM; sleep 60 & setsid sleep 60 & touch {ready}; while :; do sleep 1; done"
    running = asyncio.create_task(run.shell(command, environment={"MARK": mark}))
    await eventually(ready.exists)
    assert marked(mark) != []
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert marked(mark) == []
    assert _folders() == before


async def test_who_is_cancelled_twice_does_not_wait_for_the_grace_to_end(
    policy: ProcessPolicy, tmp_path: Path
) -> None:
    mark = f"mark-{uuid4()}"
    patient = ProcessPolicy(policy.allowed, grace=60)
    async with Activities(HttpPolicy(), processes=patient) as activities:
        command = f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 0.1; done"
        running = asyncio.create_task(Run(activities).shell(command, environment={"MARK": mark}))
        await eventually((tmp_path / "ready").exists)
        running.cancel()
        await asyncio.sleep(0.1)
        assert marked(mark) != []
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await eventually(lambda: marked(mark) == [], seconds=5)


async def test_when_something_kills_its_launcher_the_group_ends_all_the_same(
    run: Run, tmp_path: Path
) -> None:
    mark, written = f"mark-{uuid4()}", tmp_path / "launcher"
    command = f"sleep 60 & echo $PPID > {written}.new; mv {written}.new {written}; wait"
    running = asyncio.create_task(run.fault("shell", command=command, environment={"MARK": mark}))
    await eventually(written.exists)
    os.kill(int(written.read_text()), signal.SIGKILL)
    fault = await running
    assert fault.kind == "runtime"
    assert fault.detail == "the shell command was lost: something has killed its launcher"
    await eventually(lambda: marked(mark) == [], seconds=5)


LAUNCHERS = {
    "its parent": "kill -KILL $PPID",
    "the group of its parent": "kill -KILL -$PPID",
    "its parent's parent": "kill -KILL $(awk '{print $4}' /proc/$PPID/stat)",
}


@pytest.mark.parametrize("whom", LAUNCHERS)
async def test_a_command_that_kills_a_launcher_leaves_nothing_behind(
    run: Run, tmp_path: Path, whom: str
) -> None:
    mark, before = f"mark-{uuid4()}", _folders()
    detached = f"setsid sh -c 'echo $$ > {tmp_path}/detached; setsid sleep 60 & sleep 60' & sleep 60 &"
    command = (
        f"{detached} while ! [ -s {tmp_path}/detached ]; do sleep 0.01; done; {LAUNCHERS[whom]}; sleep 0.1"
    )
    if whom == "its parent's parent":
        assert await run.shell(command, "code", environment={"MARK": mark}) == 0
    else:
        fault = await run.fault("shell", command=command, environment={"MARK": mark})
        assert fault.detail == "the shell command was lost: something has killed its launcher"
    assert marked(mark) == []
    assert _folders() == before


async def test_what_nobody_waits_for_goes_on_until_the_worker_stops(
    policy: ProcessPolicy, tmp_path: Path
) -> None:
    mark = f"mark-{uuid4()}"
    async with Activities(HttpPolicy(), processes=policy) as activities:
        run = Run(activities)
        command = f"yes & touch {tmp_path}/ready; sleep 60"
        assert await run("shell", waits=False, command=command, environment={"MARK": mark}) is None
        await eventually((tmp_path / "ready").exists)
        assert marked(mark) != []
    assert marked(mark) == []


async def test_only_so_many_run_that_nobody_waits_for(run: Run) -> None:
    for _ in range(2):
        await run("shell", waits=False, command="sleep 60")
    with pytest.raises(Fault, match="2 processes run already that nobody waits for"):
        await run("shell", waits=False, command="sleep 60")


async def test_a_command_line_that_is_too_long_is_the_authors_mistake(run: Run) -> None:
    fault = await run.fault("shell", command="true", arguments=["x" * 4_000_000])
    assert fault.kind == "configuration"
    assert fault.detail == "the shell command cannot be started: Argument list too long"


@pytest.mark.parametrize(
    ("command", "why"),
    [(None, "there is no `command` to run"), ({"a": 1}, '`command` is a text, and not {"a":1}')],
)
async def test_only_a_text_is_a_command(run: Run, command: JsonValue, why: str) -> None:
    fault = await run.fault("shell", command=command)
    assert (fault.kind, fault.detail) == ("configuration", why)


async def test_a_variable_that_cannot_be_one_is_refused(run: Run) -> None:
    fault = await run.fault("shell", command="true", environment={"A=B": "c"})
    assert (fault.kind, fault.detail) == ("configuration", "'A=B' cannot be the name of a variable")


@pytest.mark.parametrize("kind", ["shell", "script", "container"])
async def test_what_is_not_allowed_is_refused_and_the_setting_named(kind: str) -> None:
    others = frozenset({"shell", "script", "container"} - {kind})
    async with Activities(HttpPolicy(), processes=ProcessPolicy(others)) as activities:
        fault = await Run(activities).fault(kind, command="touch /tmp/never", image="alpine")
    assert (fault.kind, fault.status) == ("authorization", 403)
    assert fault.detail == f"this worker must not run a {kind}: PGWORKER_RUN_ALLOW does not name `{kind}`"


async def test_by_default_nothing_is_allowed() -> None:
    async with Activities(HttpPolicy()) as activities:
        assert (await Run(activities).fault("shell", command="true")).kind == "authorization"


def test_a_kind_that_does_not_exist_cannot_be_allowed() -> None:
    assert parse_run_allow(" Shell,container ") == {"shell", "container"}
    assert parse_run_allow("") == frozenset()
    with pytest.raises(SettingsError) as caught:
        parse_run_allow("shell,sell")
    assert caught.value.message == "'sell' is no kind of process"


async def test_secrets_reach_a_process_and_come_back_from_none(run: Run) -> None:
    seal = {
        "at": ["environment", "PIN"],
        "kind": "expression",
        "parts": [{"program": "$secrets.PIN"}],
        "value": None,
        "bind": {},
    }
    arguments = {
        "command": 'echo "$PIN ${#PIN}"',
        "environment": {"PIN": None},
        "await": True,
        "return": "stdout",
    }
    scheduled = {"activity": "shell", "arguments": arguments, "sealed": [seal], "declared": ["PIN"]}
    said = await run.activities.perform_scheduled(scheduled, idempotency_key="w:7")
    assert said == f"*** {len('secret-of-the-pin')}"


async def test_what_a_command_writes_is_counted_while_it_does(run: Run, tmp_path: Path) -> None:
    progress = Progress()
    CURRENT.set(progress)
    goes_on = tmp_path / "goes-on"
    running = asyncio.create_task(
        run.shell(f"printf 12345; printf 678 >&2; until [ -e {goes_on} ]; do sleep 0.01; done")
    )
    await eventually(lambda: progress.output_bytes == 8)
    goes_on.touch()
    assert await running == "12345"
