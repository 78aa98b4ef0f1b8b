"""A workflow that bears the id of one that was purged does all that it would do under an id of its own."""

from __future__ import annotations

from uuid import uuid4

import psycopg

from tests.conftest import WorkerFactory
from tests.support.workflows import define, ended, start

EMITS = {"tell": {"emit": {"event": {"with": {"source": "https://example.com", "type": "told"}}}}}
CHILD = {"child": {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}}


def test_what_it_emits_and_starts_is_not_taken_for_the_earlier_ones(
    connection: psycopg.Connection, worker_process: WorkerFactory
) -> None:
    define(connection, name="child")
    define(connection, [EMITS, CHILD], name="parent")
    # whoever lives may consume what is emitted, which therefore stays
    define(connection, [{"hear": {"listen": {"to": {"one": {"with": {"type": "never"}}}}}}], name="listener")
    start(connection, "listener")
    worker_process(poll_seconds=0.2)
    chosen = str(uuid4())
    for times in (1, 2, 3):
        start(connection, "parent", workflow_id=chosen)
        done = ended(connection, chosen)
        assert (done["status"], done["error"]) == ("COMPLETED", None)
        told = connection.execute(
            "select count(*), count(distinct event_id) from pgworker.cloud_events where type = 'told'"
            " and published_by = %s",
            [chosen],
        )
        assert told.fetchone() == (times, times)
        children = "select count(*) from pgworker.workflows where parent_id = %s"
        assert connection.execute(children, [chosen]).fetchone() == (times,)
        flaws = connection.execute(
            "select * from pgworker.check_workflows(null, null)"
            " union all select * from pgworker.check_database()"
        ).fetchall()
        assert flaws == []
        connection.execute("delete from pgworker.workflows where id = %s", [chosen])
        connection.execute("delete from pgworker.events where workflow_id = %s", [chosen])
