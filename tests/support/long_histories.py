"""Workflows with long histories, quickly."""

from __future__ import annotations

from uuid import uuid4

import psycopg

from pgworker.dsl.compile import compile_value
from tests.support.pure import play
from tests.support.workflows import Task, document


def insert_long(connection: psycopg.Connection, iterations: int) -> str:
    """A workflow with four events for each iteration, as the engine writes it; the planner does not know."""
    body: list[Task] = [{"inner": {"do": [{"count": {"set": {"n": "${ $index }"}}}]}}]
    loop: list[Task] = [{"loop": {"for": {"in": f"[range({iterations})]"}, "do": body}}]
    one = play(compile_value(document(loop)), {})
    workflow_id = str(uuid4())
    connection.execute(
        "insert into pgworker.workflows (id, namespace, name, version, status, last_seq, ended_at)"
        " values (%s, 'default', 'long', '1.0.0', 'COMPLETED', %s, now())",
        [workflow_id, len(one.history)],
    )
    texts = ['{"input": {}}', *one.encoded]
    with (
        connection.cursor() as cursor,
        cursor.copy("copy pgworker.events (workflow_id, seq, type, task, data) from stdin") as copy,
    ):
        for event, text in zip(one.history, texts, strict=True):
            copy.write_row((workflow_id, event.seq, event.type, event.task, text))
    return workflow_id
