"""``emit`` makes a whole CloudEvent of what is written, and publishes it with the turn."""

from __future__ import annotations

import pytest

from pgworker.engine.commands import Publish
from tests.support.pure import error_kind, play

EMIT = "do: [{e: {emit: {event: {with: %s}}%s}}]"


def test_what_every_cloud_event_has_is_filled_in() -> None:
    one = play(EMIT % ("{type: com.example.done, data: {n: '${ .n }'}}", ""), {"n": 1})
    event = one.output
    assert isinstance(event, dict)
    assert {"id", "source", "specversion", "time", "type", "data"} == set(event)
    assert (event["specversion"], event["type"], event["data"]) == ("1.0", "com.example.done", {"n": 1})
    assert event["source"] == "/default/sample/1.0.0"
    assert str(event["time"]).endswith("Z")
    assert one.commands == [Publish(event)]


def test_what_is_written_goes_before_what_is_filled_in() -> None:
    written = "{type: t, id: mine, source: 'https://a.test', time: '2026-01-01T00:00:00Z', ext: 7}"
    one = play(EMIT % (written, ""))
    assert isinstance(one.output, dict)
    assert (one.output["id"], one.output["source"], one.output["ext"]) == ("mine", "https://a.test", 7)
    assert one.output["time"] == "2026-01-01T00:00:00Z"


def test_the_event_is_published_whole_whatever_the_output_is_made_of_it() -> None:
    one = play(EMIT % ("{type: t}", ", output: {as: .type}"))
    assert one.output == "t"
    (published,) = one.commands
    assert isinstance(published, Publish)
    assert published.cloud_event["type"] == "t"


def test_two_events_of_one_workflow_have_ids_of_their_own() -> None:
    one = play("do: [{l: {for: {in: '[1, 2]'}, do: [{e: {emit: {event: {with: {type: t}}}}}]}}]")
    ids = {published.cloud_event["id"] for published in one.commands if isinstance(published, Publish)}
    assert len(ids) == 2


def test_what_a_failed_workflow_emitted_before_is_published() -> None:
    one = play("do: [{e: {emit: {event: {with: {type: t}}}}}, {r: {raise: {error: {type: x, status: 400}}}}]")
    assert [type(command) for command in one.commands] == [Publish]


@pytest.mark.parametrize(
    "written",
    [
        "{type: '${ 1 }'}",
        "{type: t, time: '${ \"noon\" }'}",
        "{type: '${ \"\" }'}",
        "{type: '${ \"t\" * 1025 }'}",
        "{type: t, source: '${ \"s\" * 1025 }'}",
        "{type: t, id: '${ \"i\" * 1025 }'}",
    ],
)
def test_attributes_that_no_cloud_event_can_have_fail_the_task(written: str) -> None:
    one = play(EMIT % (written, ""))
    assert error_kind(one.error) == "configuration"
    assert one.commands == []
