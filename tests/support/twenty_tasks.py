"""Twenty tasks of every kind, for who wants to see a bit of everything happen again and again."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.types.json import Jsonb

from tests.support.workflows import Task, call, define, start

STORM = "storm"
CHILD = "child"

_MINE = {"correlate": {"order": {"from": ".order", "expect": "${ $workflow.id }"}}}


def _child(url: str) -> list[Task]:
    return [
        {"ask": call(f"{url}/count", method="post")},
        {"nap": {"wait": {"milliseconds": 5}}},
        {"finish": {"set": {"ok": True}}},
    ]


def _tasks(url: str) -> list[Task]:
    """Twenty tasks of every kind; what the workflow ends with is always the same."""

    def ask(name: str, path: str = "/count", which: str = '""') -> Task:
        headers = {"X-Activity": f'${{ $workflow.id + "/{name}/" + {which} }}'}
        return {
            **call(url + path, method="post", headers=headers),
            "output": {"as": "${ {asked: (.count > 0)} }"},
        }

    def nap(milliseconds: int) -> Task:
        return {"wait": {"milliseconds": milliseconds}}

    flaky = ask("flaky")
    del flaky["with"]["headers"]  # each retry is an activity of its own
    flaky["with"]["endpoint"] = f'${{ "{url}/flaky?of=" + $workflow.id }}'
    retried: Task = {
        "try": [{"flaky": flaky}],
        "catch": {"retry": {"delay": {"milliseconds": 20}, "limit": {"attempt": {"count": 5}}}},
    }
    caught: Task = {
        "try": [{"bad": {"raise": {"error": {"type": "https://x.test/bad", "status": 500, "title": "Bad"}}}}],
        "catch": {"as": "e", "do": [{"known": {"set": {"status": "${ $e.status }"}}}]},
    }
    data = {"order": "${ $workflow.id }"}
    return [
        {"begin": {"set": {"n": 3}}},
        {"ask": ask("ask")},
        {"nap": nap(20)},
        {
            "both": {
                "fork": {"branches": [{"a": ask("a")}, {"b": {"do": [{"b1": nap(10)}, {"b2": ask("b")}]}}]}
            }
        },
        {
            "race": {
                "fork": {
                    "compete": True,
                    "branches": [{"fast": nap(10)}, {"slow": ask("race", "/slow?ms=900")}],
                }
            }
        },
        {"again": retried},
        {"caught": caught},
        {"tell": {"emit": {"event": {"with": {"type": "mine", "source": "/storm", "data": data}}}}},
        {"hear": {"listen": {"to": {"one": {"with": {"type": "mine"}, **_MINE}}, "read": "data"}}},
        {"child": {"run": {"workflow": {"namespace": "default", "name": "child", "version": "1.0.0"}}}},
        {
            "loop": {
                "for": {"each": "i", "in": "${ [range(3)] }"},
                "do": [{"each": ask("each", which="($index | tostring)")}, {"rest": nap(5)}],
            }
        },
        {"choose": {"switch": [{"always": {"when": "${ true }", "then": "limited"}}]}},
        {"never": {"set": {"never": True}}},
        {"limited": {"timeout": {"after": {"seconds": 60}}, "do": [{"in": ask("in")}, {"out": nap(5)}]}},
        {"slow": ask("slow", "/slow?ms=60")},
        {"skipped": {"if": "${ false }", **ask("skipped")}},
        {"heard": {"listen": {"to": {"one": {"with": {"type": "outside"}, **_MINE}}, "read": "data"}}},
        {"more": ask("more")},
        {"last": nap(10)},
        {"finish": {"set": {"done": True}}},
    ]


def define_twenty_tasks(connection: psycopg.Connection, url: str) -> None:
    """The workflow, and the child that it runs; ``url`` is the stub's."""
    define(connection, _child(url), CHILD)
    define(connection, _tasks(url), STORM)


def start_twenty_tasks(connection: psycopg.Connection, count: int) -> Sequence[str]:
    """Starts so many workflows, and publishes the one CloudEvent that each waits for; returns their ids."""
    started = [start(connection, STORM) for _ in range(count)]
    for one in started:
        connection.execute(
            "select pgworker.publish_event('outside', %s, '/test', id => %s)", [Jsonb({"order": one}), one]
        )
    return started
