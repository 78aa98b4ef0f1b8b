"""What jsonb can hold and other readers of JSON cannot is refused at every door."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.workflows import define, start

DOORS = {
    "start": "select pgworker.start_workflow('sample', {value})",
    "append": "select pgworker.append_event({id}, 'order.paid', {value})",
    "insert": "insert into pgworker.events (workflow_id, type, data) values ({id}, 'order.paid', {value})",
    "publish": "select pgworker.publish_event('order.paid', {value})",
    "define": "select pgworker.define_workflow(jsonb_build_object('id', 'x', 'version', '1', 'x', {value}))",
}
VALUES = {
    "a number beyond a double": "'{{\"n\": 1e400}}'::jsonb",
    "a negative one deep inside": "'[[{{\"n\": [-1e309]}}]]'::jsonb",
    "nesting": "(repeat('[', 200) || repeat(']', 200))::jsonb",
    "many bytes": "to_jsonb(repeat('x', 17000000))",
    "many members": "to_jsonb(array_fill(0, array[9000000]))",
}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_it_is_refused_with_a_reason(connection: psycopg.Connection, door: str, value: str) -> None:
    define(connection)
    started = start(connection)
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(door.format(id=f"'{started}'", value=value.format()))
    assert caught.value.sqlstate == "PW001"
    told = ("beyond a double", "nested deeper", "16777216 are the most")
    assert any(reason in str(caught.value) for reason in told)


@pytest.mark.parametrize(
    "statement",
    [
        "select pgworker.append_event({id}, repeat('x', 2000))",
        "insert into pgworker.events (workflow_id, type) values ({id}, repeat('x', 2000))",
        "select pgworker.cancel_workflow({id}, repeat('x', 70000))",
        "select pgworker.pause_workflow({id}, repeat('x', 70000))",
        "select pgworker.publish_event('paid', subject => repeat('x', 70000))",
    ],
)
def test_texts_have_an_end_too(connection: psycopg.Connection, statement: str) -> None:
    define(connection)
    started = start(connection)
    with pytest.raises(psycopg.Error, match="bytes at most") as caught:
        connection.execute(statement.format(id=f"'{started}'"))
    assert (caught.value.sqlstate, caught.value.diag.message_hint is None) == ("PW001", False)


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
def test_what_can_be_read_everywhere_is_taken(connection: psycopg.Connection, door: str) -> None:
    define(connection)
    value = (
        "jsonb_build_object('n', 1.7976931348623157e308, 'd', (repeat('[', 120) || repeat(']', 120))::jsonb)"
    )
    connection.execute(door.format(id=f"'{start(connection)}'", value=value))


@pytest.mark.parametrize("when", ["infinity", "-infinity", "0044-03-15 BC", "12000-01-01"])
def test_a_start_at_no_time_is_refused(connection: psycopg.Connection, when: str) -> None:
    define(connection)
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("select pgworker.start_workflow('sample', start_at => %s::timestamptz)", [when])
    assert caught.value.sqlstate == "PW001"


def test_a_key_that_is_too_long_is_refused(connection: psycopg.Connection) -> None:
    define(connection)
    with pytest.raises(psycopg.Error) as caught:
        connection.execute("select pgworker.start_workflow('sample', idempotency_key => repeat('x', 256))")
    assert caught.value.sqlstate == "PW001"


@pytest.mark.parametrize("seq", [2, 7])
def test_numbers_of_events_cannot_be_made_up(connection: psycopg.Connection, seq: int) -> None:
    define(connection)
    started = start(connection)
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(
            "insert into pgworker.events (workflow_id, seq, type, data) values (%s, %s, 'order.paid', '{}')",
            [started, seq],
        )
    assert caught.value.sqlstate == "PW004"
