"""``run: container``: what the engine is asked for, and what is left afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.processes.policy import ProcessPolicy
from pgworker.activities.progress import CURRENT, Progress
from pgworker.activities.registry import Activities
from tests.activities.processes.conftest import OUTPUT_BYTES, Run
from tests.support.containers.engine import FakeEngine
from tests.support.sessions import marked
from tests.support.waiting import eventually

OWNER = {"workflow": "order", "namespace": "shop", "task": "say it!"}


async def test_a_command_is_run_by_the_images_shell_with_input_and_arguments(
    run: Run, engine: FakeEngine
) -> None:
    said = await run(
        "container",
        image="alpine",
        command='input=$(cat); echo "$input: $1 $2 $A"; echo err >&2',
        stdin="x" * 5000,
        arguments=["a", "b c"],
        environment={"A": 1},
        returns="all",
    )
    assert said == {"code": 0, "stdout": "x" * 5000 + ": a b c 1", "stderr": "err"}
    assert engine.pulled == ["alpine:latest"]


@pytest.mark.parametrize(
    ("image", "arguments", "said"),
    [
        ("echo:1", None, "echo says by itself"),
        ("echo:1", ["a", "b"], "echo says a b"),
        ("words:1", None, "words"),
        ("words:1", ["a", "b"], "words a b"),
    ],
)
async def test_arguments_follow_what_the_image_runs_by_itself(
    run: Run, engine: FakeEngine, image: str, arguments: list[str] | None, said: str
) -> None:
    more = {} if arguments is None else {"arguments": [*arguments]}
    assert await run("container", image=image, **more) == said


async def test_a_code_other_than_0_fails_with_the_last_words(run: Run, engine: FakeEngine) -> None:
    fault = await run.fault("container", image="alpine", command="echo so what >&2; exit 7")
    assert (fault.kind, fault.detail) == ("runtime", "the container ended with code 7: so what")
    assert await run("container", "code", image="alpine", command="exit 7") == 7


async def test_ports_volumes_and_the_environment_are_asked_for(run: Run, engine: FakeEngine) -> None:
    await run(
        "container",
        image="words:1",
        ports={"8080": 80, "127.0.0.1:5353": "53/udp", "8081": "80"},
        volumes={"/data": "/var/data:ro", "cache": "/cache"},
        environment={"A": True},
    )
    wanted = engine.container.wanted
    assert wanted["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "", "HostPort": "8081"}],
        "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5353"}],
    }
    assert wanted["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert wanted["HostConfig"]["Binds"] == ["/data:/var/data:ro", "cache:/cache"]
    assert wanted["Env"] == ["IDEMPOTENCY_KEY=w:7", "A=true"]


async def test_a_container_is_named_for_its_task_and_the_same_at_every_attempt(
    run: Run, engine: FakeEngine
) -> None:
    await run("container", image="words:1", owner=OWNER)
    name = engine.container.name
    assert name.startswith("order-")
    assert name.endswith(".shop-say-it-")
    first = engine.container.id
    await run("container", image="words:1", owner=OWNER)
    assert (engine.container.name, engine.container.id != first) == (name, True)


async def test_a_name_that_somebody_else_has_is_refused(run: Run, engine: FakeEngine) -> None:
    await run("container", image="words:1", name="mine")
    other = Run(run.activities, "other:1")
    fault = await other.fault("container", image="words:1", name="mine")
    assert (fault.kind, fault.status) == ("communication", 409)
    assert "already in use" in fault.detail
    assert len(engine.containers) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": "../../containers/json"},
        {"image": "a b"},
        {"image": None},
        {"image": "alpine", "name": "-x/y"},
        {"image": "alpine", "ports": {"x": 80}},
        {"image": "alpine", "ports": {"80": "all"}},
        {"image": "alpine", "lifetime": {"cleanup": "eventually", "after": "soon"}},
    ],
    ids=str,
)
async def test_what_cannot_be_a_container_is_refused_before_anything_is_asked(
    run: Run, engine: FakeEngine, wrong: dict[str, object]
) -> None:
    if "ports" in wrong:
        engine.images.add("alpine:latest")
    fault = await run.fault("container", **wrong)
    assert fault.kind == "configuration"
    assert not [asked for asked in engine.asked if asked.startswith("POST")]


async def test_pull_policies(run: Run, engine: FakeEngine) -> None:
    fault = await run.fault("container", image="words:1", pullPolicy="never")
    assert fault.kind == "configuration"
    assert "`pullPolicy` is never" in fault.detail
    await run("container", image="words:1", pullPolicy="ifNotPresent")
    await run("container", image="words:1")
    await run("container", image="words:1", pullPolicy="never")
    assert engine.pulled == ["words:1"]
    await run("container", image="words:1", pullPolicy="always")
    assert engine.pulled == ["words:1", "words:1"]


@pytest.mark.parametrize(
    ("image", "status", "why"),
    [("nobody/knows", 404, "pull access denied for nobody/knows:latest"), ("broken:1", 500, "no space left")],
)
async def test_an_image_that_cannot_be_pulled_says_why(
    run: Run, engine: FakeEngine, image: str, status: int, why: str
) -> None:
    fault = await run.fault("container", image=image)
    assert (fault.kind, fault.status) == ("communication", status)
    assert why in fault.detail
    assert engine.containers == {}


async def test_a_container_that_writes_without_end_is_stopped(run: Run, engine: FakeEngine) -> None:
    fault = await run.fault("container", image="alpine", command="yes")
    assert fault.kind == "runtime"
    assert f"wrote more than {OUTPUT_BYTES} bytes to standard output" in fault.detail
    assert engine.container.state == "exited"


async def test_a_cancelled_container_is_stopped_gently_and_cleaned_up(
    run: Run, engine: FakeEngine, tmp_path: Path
) -> None:
    ready, gone, mark = tmp_path / "ready", tmp_path / "gone", f"mark-{uuid4()}"
    command = f"trap 'echo bye > {gone}; exit' TERM; touch {ready}; while :; do sleep 0.02; done"
    running = asyncio.create_task(
        run(
            "container",
            image="alpine",
            command=command,
            environment={"MARK": mark},
            lifetime={"cleanup": "always"},
        )
    )
    await eventually(ready.exists)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gone.read_text() == "bye\n"
    assert engine.containers == {}
    assert marked(mark) == []


async def test_another_attempt_ends_what_the_first_has_left(
    run: Run, policy: ProcessPolicy, engine: FakeEngine, tmp_path: Path
) -> None:
    """A killed worker leaves its container; here it is cut off from its engine before it can clean up."""
    mark = f"mark-{uuid4()}"
    async with Activities(HttpPolicy(), processes=policy) as activities:
        lost = {"image": "alpine", "command": f"touch {tmp_path}/ready; sleep 60", "environment": {"M": mark}}
        await Run(activities)("container", waits=False, **lost)
        await eventually((tmp_path / "ready").exists)
    assert marked(mark) != []
    assert await run("container", image="words:1") == "words"
    assert marked(mark) == []
    assert [one.wanted["Image"] for one in engine.containers.values()] == ["words:1"]


async def test_other_activities_containers_are_left_alone(run: Run, engine: FakeEngine) -> None:
    await Run(run.activities, "w:8")("container", image="words:1")
    await run("container", image="words:1")
    assert len(engine.containers) == 2


async def test_a_container_goes_when_its_time_after_its_end_is_over(run: Run, engine: FakeEngine) -> None:
    await run(
        "container", image="words:1", lifetime={"cleanup": "eventually", "after": {"milliseconds": 300}}
    )
    assert len(engine.containers) == 1
    await eventually(lambda: engine.containers == {}, seconds=5)


async def test_what_another_worker_was_to_remove_goes_with_the_next_container(
    run: Run, policy: ProcessPolicy, engine: FakeEngine
) -> None:
    lifetime = {"cleanup": "eventually", "after": "PT1H"}
    async with Activities(HttpPolicy(), processes=policy) as activities:
        await Run(activities, "old:1")("container", image="words:1", lifetime=lifetime)
        await Run(activities, "young:1")("container", image="words:1", lifetime=lifetime)
    old, young = engine.containers.values()
    old.finished_at = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    await run("container", image="words:1", lifetime={"cleanup": "always"})
    assert list(engine.containers.values()) == [young]


async def test_what_nobody_waits_for_runs_on_and_may_remove_itself(
    run: Run, engine: FakeEngine, tmp_path: Path
) -> None:
    process = {
        "image": "alpine",
        "command": f"cat > {tmp_path}/input; touch {tmp_path}/ready; sleep 60",
        "stdin": "hello",
        "lifetime": {"cleanup": "always"},
    }
    assert await run("container", waits=False, **process) is None
    await eventually((tmp_path / "ready").exists)
    assert (tmp_path / "input").read_text() == "hello"
    assert engine.container.state == "running"
    assert engine.container.wanted["HostConfig"]["AutoRemove"] is True


async def test_an_engine_that_is_not_there_is_named(run: Run) -> None:
    fault = await run.fault("container", image="alpine")
    assert fault.kind == "communication"
    assert "engine.sock" in fault.detail


async def test_an_engine_is_found_on_a_unix_socket_only(policy: ProcessPolicy) -> None:
    far = replace(policy, container_host="tcp://10.0.0.1:2375")
    async with Activities(HttpPolicy(), processes=far) as activities:
        fault = await Run(activities).fault("container", image="alpine")
    assert (fault.kind, "unix://PATH" in fault.detail) == ("configuration", True)


async def test_what_a_container_writes_is_counted(run: Run, engine: FakeEngine) -> None:
    progress = Progress()
    CURRENT.set(progress)
    assert await run("container", image="alpine", command="printf 12345; printf 678 >&2") == "12345"
    assert progress.output_bytes == 8
