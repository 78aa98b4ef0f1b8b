"""Kinds of work that only the workflow itself is about: data, flow, errors and time."""

from __future__ import annotations

from tests.support.failpoints.kinds import Kind, alone, completed, failed
from tests.support.failpoints.points import COMMIT

REFUSED = '{"refused": true}'
"""An output with which the database of a trial refuses the turn; in the end the workflow fails."""


def flow_kinds() -> list[Kind]:
    """All of them."""
    return [*_flows(), *_errors(), *_times(), *_components()]


def _flows() -> list[Kind]:
    won = completed({"won": "quick"})
    return [
        alone("set", "do: [a: {set: {n: 1}}, b: {set: {n: '${ .n + 1 }'}}]", completed({"n": 2})),
        alone("do", "do: [outer: {do: [a: {set: {n: 1}}, nap: {<nap>}, b: {set: {n: '${ .n + 1 }'}}]}]",
              completed({"n": 2})),
        alone("for", """
            do:
            - loop:
                for: {in: '${ [1, 2, 3] }'}
                do: [nap: {<nap>}, add: {set: {n: '${ (.n // 0) + $item }'}}]
            """, completed({"n": 6})),
        alone("switch", """
            do:
            - a: {set: {n: 2}}
            - nap: {<nap>}
            - choose: {switch: [one: {when: .n == 1, then: left}, two: {when: .n == 2, then: right}]}
            - left: {set: {went: left}, then: end}
            - right: {do: [nap: {<nap>}, b: {set: {went: right}}]}
            """, completed({"went": "right"})),
        alone("decided aside", """
            do: [nap: {<nap>}, slow: {set: {n: '${ last(range(3000000)) }'}}, ask: {<ask ask>}]
            """, completed({"asked": True})),
        alone("fork", """
            do: [f: {fork: {branches: [ask: {<ask ask>}, b: {do: [nap: {<nap>}, s: {set: {b: 2}}]}]}}]
            """, completed([{"asked": True}, {"b": 2}])),
        alone("fork compete", """
            do:
            - f:
                fork:
                  compete: true
                  branches:
                  - slow: {<ask slow /slow?ms=20000>}
                  - quick: {do: [nap: {<nap>}, s: {set: {won: quick}}]}
            """, won, broken={"fork-compete": won}),
    ]  # fmt: skip


def _errors() -> list[Kind]:
    asked = completed({"asked": True})
    return [
        alone("try retry", """
            do:
            - t:
                try:
                - ask:
                    call: http
                    with: {method: post, endpoint: '${ "STUB/flaky?of=" + $workflow.id }'}
                    output: {as: '{asked: true}'}
                catch: {retry: {delay: {milliseconds: 15}, limit: {attempt: {count: 5}}}}
            """, asked, broken={"try-retry": asked}),
        alone("try catch", """
            do:
            - t:
                try: [nap: {<nap>}, r: {raise: {error: {type: bad, status: 418}}}]
                catch: {as: e, do: [nap: {<nap>}, c: {set: {caught: '${ $e.status }'}}]}
            """, completed({"caught": 418})),
        alone("raise", "do: [nap: {<nap>}, r: {raise: {error: {type: bad, status: 418}}}]", failed(418)),
        alone("broken definition", "do: [a: {sett: {n: 1}}]", failed(400)),
        alone("refused", f"do: [l: {{set: {REFUSED}}}]", failed(500), about=["postpone_turn", "rollback"]),
    ]  # fmt: skip


def _times() -> list[Kind]:
    return [
        alone("wait", "do: [nap: {<nap>}, again: {wait: PT0.02S}, s: {set: {n: 1}}]", completed({"n": 1})),
        alone("timeout of a task", """
            do:
            - t:
                try: [slow: {wait: {seconds: 30}, timeout: {after: {milliseconds: 30}}}]
                catch: {do: [s: {set: {late: '${ $error.status }'}}]}
            """, completed({"late": 408})),
        alone("timeout of a workflow", """
            timeout: {after: {milliseconds: 60}}
            do: [d: {do: [slow: {wait: {seconds: 30}}]}]
            """, failed(408)),
        alone("long history", """
            do:
            - first: {for: {in: '[range(520)]'}, do: [a: {set: {n: '${ (.n // 0) + 1 }'}}]}
            - nap: {wait: {milliseconds: 600}}
            - then: {for: {in: '[range(520)]'}, do: [a: {set: {n: '${ (.n // 0) + 1 }'}}]}
            """, completed({"n": 1040}),
            prelude="select exists (select from workflows where last_seq > 1000)",
            about=["histories_of", "keep_snapshots", "claim_turn", "commit_turn", COMMIT]),
    ]  # fmt: skip


def _components() -> list[Kind]:
    return [
        alone("extension", """
            use: {extensions: [log: {extend: set, before: [nap: {<nap>}], after: [ask: {<ask ask>}]}]}
            do: [a: {set: {n: 1}}]
            """, completed({"n": 1})),
        alone("function", """
            use: {functions: {double: {do: [nap: {<nap>}, s: {set: {n: '${ .n * 2 }'}}]}}}
            do: [a: {call: double, with: {n: 4}}, b: {call: double, with: {n: '${ .n }'}}]
            """, completed({"n": 16})),
    ]  # fmt: skip
