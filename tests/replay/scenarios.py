"""What the golden histories were recorded from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from pgworker.engine.inputs import (
    ActivityCompleted,
    ActivityFailed,
    CancelWanted,
    ChildReported,
    CloudEventArrived,
    Input,
    TimerDue,
)
from pgworker.engine.state import Status
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import Play

Answer: TypeAlias = Callable[[Play], list[Input]]


@dataclass(frozen=True)
class Scenario:
    """A text, its input, and what the world says turn by turn."""

    text: str
    input: JsonValue = None
    answers: tuple[Answer, ...] = ()


def returns(result: JsonValue, task: str | None = None) -> Answer:
    """The activity (of the named task) returns."""
    return lambda one: [ActivityCompleted(one.calling(task), result, 1, "token")]


def fails(detail: str, task: str | None = None, status: int = 500) -> Answer:
    """The activity (of the named task) fails."""
    fault = Fault(FaultKind.COMMUNICATION, detail, status=status)
    return lambda one: [ActivityFailed(one.calling(task), fault, 2, "token")]


def fires(purpose: str = "wait") -> Answer:
    """The timers of this purpose are due."""
    return lambda one: [TimerDue(timer) for timer in one.timers(purpose)]


def stale(*starts: int) -> Answer:
    """Answers that nobody waits for."""
    return lambda one: [ActivityCompleted(start, "late", 1, "other") for start in starts] + [TimerDue(99)]


CALL = "call: http, with: {method: get, endpoint: 'http://shop.test/orders/{id}'}"


def hears(*published: JsonObject) -> Answer:
    """CloudEvents are published, and reach each live listen."""

    def letters(one: Play) -> list[Input]:
        live = [*one.state.activations.values(), *one.state.frames.values()]
        told: list[Input] = []
        for cloud_event in published:
            one.position += 1
            whole: JsonObject = {
                "specversion": "1.0",
                "id": str(one.position),
                "source": "/test",
                **cloud_event,
            }
            told += [
                CloudEventArrived(listen.start, one.position, str(UUID(int=one.position)), whole)
                for listen in live
                if listen.listening is not None
            ]
        return told

    return letters


def reports(status: Status | None, output: JsonValue = None, error: JsonObject | None = None) -> Answer:
    """The child is so far."""
    return lambda one: [
        ChildReported(child.start, status, output, error)
        for child in one.state.activations.values()
        if child.child is not None
    ]


SCENARIOS = {
    "listens": Scenario(
        """
do:
  - both:
      listen:
        to:
          all:
            - {with: {type: order.paid}, correlate: {order: {from: .order, expect: '${ .order }'}}}
            - {with: {type: order.packed, data: '${ .boxes > 0 }'}, correlate: {order: {from: .order}}}
  - each:
      listen:
        to: {any: [{with: {type: reading}}], until: {one: {with: {type: over}}}}
        read: envelope
      foreach:
        item: reading
        at: place
        do: [{keep: {set: {at: '${ $place }', value: '${ $reading.data.value }'}}}]
        output: {as: '.value * 10'}
        export: {as: '($context // []) + [.]'}
  - any: {listen: {to: {any: [], until: 'length >= 2'}}, timeout: {after: PT5S}}
""",
        {"order": 7},
        (
            hears({"type": "order.packed", "data": {"order": 8, "boxes": 1}}),
            hears(
                {"type": "order.packed", "data": {"order": 7, "boxes": 0}},
                {"type": "order.packed", "data": {"order": 7, "boxes": 2}},
                {"type": "order.paid", "data": {"order": 7}},
            ),
            hears({"type": "reading", "data": {"value": 1}}),
            hears({"type": "reading", "data": {"value": 2}}),
            hears({"type": "over"}),
            hears({"type": "a", "data": "x"}),
            fires("timeout"),
        ),
    ),
    "children": Scenario(
        """
do:
  - paid: {run: {workflow: {namespace: shop, name: pay, version: 1.0.0, input: {order: '${ .order }'}}}}
  - mailed: {run: {await: false, workflow: {namespace: shop, name: mail}}}
  - tried:
      try: [{bad: {run: {workflow: {namespace: shop, name: fail}}}}]
      catch: {do: [{why: {set: {title: '${ $error.title }'}}}]}
  - code: {run: {return: all, workflow: {namespace: shop, name: fail}}}
  - lost: {run: {workflow: {namespace: shop, name: nobody}}}
""",
        {"order": 7},
        (
            reports(Status.COMPLETED, {"paid": True}),
            reports(Status.RUNNING),
            reports(Status.FAILED, None, {"type": "x", "status": 409, "title": "Empty", "instance": "/do/0"}),
            reports(Status.CANCELLED, None, {"type": "y", "status": 499, "title": "Cancelled"}),
            reports(None),
        ),
    ),
    "processes": Scenario(
        """
use: {secrets: [pin]}
do:
  - said: {run: {shell: {command: 'echo $1', arguments: ['${ .order }'], environment: {P: '${ $secrets }'}}}}
  - begun: {run: {await: false, script: {language: python, code: 'print(1)', stdin: '${ . }'}}}
  - tried:
      try: [{bad: {run: {container: {image: 'alpine:3', lifetime: {cleanup: eventually, after: PT1H}}}}}]
      catch: {do: [{why: {set: {title: '${ $error.title }'}}}]}
  - code: {run: {return: code, shell: {command: 'exit 3'}}, output: {as: '{code: .}'}}
""",
        {"order": 7},
        (
            returns("7", "said"),
            returns(None, "begun"),
            fails("the container ended with code 1", "bad"),
            returns(3, "code"),
        ),
    ),
    "unwanted": Scenario(
        """
do:
  - f:
      fork:
        branches:
          - child: {run: {workflow: {namespace: shop, name: pay}}}
          - listen: {listen: {to: {one: {with: {type: x}}}}}
          - call: {call: http, with: {method: get, endpoint: 'http://x.test'}}
""",
        None,
        (lambda one: [CancelWanted()],),
    ),
    "extended-functions": Scenario(
        """
use:
  functions:
    twice: {input: {schema: {document: {type: object, required: [n]}}}, set: {n: '${ .n * 2 }'}}
    fourfold: {do: [{a: {call: twice, with: {n: '${ .n }'}}}, {b: {call: twice, with: {n: '${ .n }'}}}]}
  extensions:
    - log:
        extend: set
        when: $task.name != "quiet"
        before: [{say: {do: [{x: {set: {was: '${ $task.input }'}}}]}}]
        after: [{told: {set: {is: '${ $task.output }'}}}]
    - mock: {extend: wait, before: [{now: {set: {mocked: true}, then: exit}}]}
do:
  - quiet: {set: {n: 1}}
  - four: {call: fourfold, with: {n: '${ .n }'}}
  - loud: {set: {n: '${ .n + 1 }'}, then: nap}
  - never: {set: {never: true}}
  - nap: {wait: PT1H}
  - loop: {for: {in: '[1, 2]'}, do: [{in: {set: {i: '${ $item }'}}}]}
  - wrong: {call: twice, with: {m: 1}}
""",
    ),
    "sequence": Scenario(
        """
do:
  - red: {set: {colors: '${ .colors + ["red"] }'}, then: green}
  - blue: {set: {colors: '${ .colors + ["blue"] }', n: 1.0, z: -0.0}, then: end}
  - green: {set: {colors: '${ .colors + ["green"] }'}, export: {as: .colors}, then: blue}
""",
        {"colors": ["white"]},
    ),
    "nested-lists": Scenario(
        """
do:
  - outer:
      input: {from: .n}
      do:
        - add: {set: '${ . + 1 }'}
        - inner:
            do:
              - double: {set: '${ . * 2 }', then: exit}
              - never: {set: {x: 1}}
        - skipped: {if: . < 0, set: 0}
      output: {as: '{result: ., before: $input}'}
  - last: {set: {got: '${ .result }', "a/b~c ü": '${ $task.reference }'}}
""".replace("set: 0}", "set: '${ 0 }'}"),
        {"n": 20},
    ),
    "loops": Scenario(
        """
do:
  - rows:
      for: {each: row, at: y, in: .rows}
      while: (.sum // 0) < 20
      do:
        - cells:
            for: {each: cell, in: $row}
            do:
              - take: {set: {sum: '${ (.sum // 0) + $cell * ($y + 1) }'}}
        - odd: {switch: [{skip: {when: $y % 2 == 1, then: exit}}]}
        - mark: {set: {sum: '${ .sum }', marked: '${ .marked + [$y] }'}}
  - none: {for: {in: null_}, do: [{x: {set: {a: 1}}}]}
""".replace("null_", "'null'"),
        {"rows": [[1, 2], [3, 4], [5], [6]]},
    ),
    "switches-and-jumps": Scenario(
        """
do:
  - count: {set: {n: '${ (.n // 0) + 1 }'}}
  - decide:
      switch:
        - again: {when: .n < 3, then: count}
        - default: {then: continue}
  - unmatched: {switch: [{no: {when: .missing, then: exit}}], then: finish}
  - never: {set: {x: 1}}
  - finish: {set: {n: '${ .n }', when: '${ now | todate }'}}
"""
    ),
    "end-from-within": Scenario(
        """
do:
  - loop:
      for: {in: '[1, 2, 3]'}
      do:
        - body:
            do:
              - look: {switch: [{found: {when: $item == 2, then: stop}}], then: go}
              - stop: {set: {stopped: '${ $index }'}, output: {as: .stopped}, then: end}
              - go: {set: {seen: '${ $item }'}}
output: {as: '{result: ., id: $workflow.id}'}
"""
    ),
    "raised-error": Scenario(
        """
use: {errors: {rejected: {type: 'https://shop.test/rejected', status: 422, title: 'no ${ .what }'}}}
do:
  - check:
      do:
        - reject: {input: {from: .order}, raise: {error: rejected}}
""",
        {"order": {"what": "stock"}},
    ),
    "failing-expression": Scenario("do: [{a: {set: {x: '${ .a.b.c }'}}}]", {"a": 5}),
    "refused-input": Scenario(
        "do: [{a: {set: {x: 1}}}]\ninput: {schema: {document: {type: object, required: [id]}}}",
        {"name": "Ada"},
    ),
    "refused-context": Scenario(
        """
do:
  - first: {set: {x: 1}, export: {as: .x}}
  - second: {set: {x: two}, export: {as: .x, schema: {document: {type: number}}}}
"""
    ),
    "whole-data-flow": Scenario(
        """
input: {schema: {document: {type: object}}, from: '{id: .order.id}'}
output: {as: '{order: $context.order, last: ., asked: $input.id}', schema: {document: {type: object}}}
do:
  - fetch:
      CALL
      output: {as: '{total: .body.total}'}
      export: {as: '{order: $task.output.body.id, seen: $task.input}'}
  - sum: {input: {from: .total}, set: {twice: '${ . * 2 }'}}
""".replace("CALL", CALL.replace(", with", "\n      with")),
        {"order": {"id": 7}},
        (stale(1, 2), returns({"body": {"id": 7, "total": 21.0}}), stale(3)),
    ),
    "failed-call": Scenario(
        f"do: [{{pay: {{do: [{{ask: {{{CALL}}}}}]}}}}]", {"id": "a/b"}, (fails("status 503", status=503),)
    ),
    "waits": Scenario(
        """
do:
  - short: {wait: {seconds: '${ .n }'}}
  - month: {wait: P1M, output: {as: .n}}
  - each: {for: {in: '[1, 2]'}, do: [{pause: {wait: PT0.5S}}]}
""",
        {"n": 3},
        (fires(), fires(), fires(), fires()),
    ),
    "subscriptions": Scenario(
        """
do:
- all:
    call: asyncapi
    with:
      document: {endpoint: 'https://news.test/asyncapi.json'}
      operation: news
      subscription:
        filter: .payload.n > 0
        consume: {amount: 2, for: PT1M}
        foreach:
          item: message
          do:
          - nap: {wait: PT1S}
          - add: {set: {sum: '${ $message.payload.n + $index }'}}
          output: {as: .sum}
          export: {as: '($context // []) + [.]'}
- rest:
    call: asyncapi
    with:
      document: {endpoint: 'https://news.test/asyncapi.json'}
      channel: news
      subscription: {consume: {while: 'length < 9', for: PT1M}, foreach: {}}
""",
        None,
        (
            returns([{"payload": {"n": 5}, "headers": {}}]),
            fires(),
            returns([{"payload": {"n": 7}, "headers": {}}]),
            fires(),
            returns([{"payload": {"n": 8}, "headers": {}}]),
            returns([]),
        ),
    ),
    "still-waiting": Scenario(f"do: [{{a: {{wait: P1D}}}}, {{b: {{{CALL}}}}}]", {"id": 1}, (fires(),)),
    "fork": Scenario(
        f"""
do:
  - both:
      fork:
        branches:
          - slow: {{{CALL}, export: {{as: '{{slow: .}}'}}}}
          - quick: {{set: {{x: 1}}, export: {{as: '{{quick: .x}}'}}}}
          - list: {{do: [{{w: {{wait: PT1S}}}}, {{s: {{set: {{y: '${{ $context }}'}}}}}}]}}
""",
        {"id": 1},
        (fires(), returns("done", "slow")),
    ),
    "fork-that-fails": Scenario(
        f"do: [{{f: {{fork: {{branches: [{{a: {{{CALL}}}}}, {{b: {{{CALL}}}}}, {{c: {{wait: PT1H}}}}]}}}}}}]",
        {"id": 1},
        (fails("gone", "b", 410),),
    ),
    "competition": Scenario(
        f"do: [{{f: {{fork: {{compete: true, branches: [{{a: {{{CALL}}}}}, {{b: {{{CALL}}}}}]}}}}}}, "
        f"{{s: {{set: {{won: '${{ . }}'}}}}}}]",
        {"id": 1},
        (fails("slow", "a"), returns("fast", "b")),
    ),
    "retries": Scenario(
        f"""
do:
  - safe:
      try: [{{ask: {{{CALL}}}}}]
      catch:
        as: problem
        retry:
          delay: PT2S
          backoff: {{exponential: {{}}}}
          jitter: {{from: PT0S, to: PT1S}}
          limit: {{attempt: {{count: 2, duration: PT30S}}}}
        do: [{{note: {{set: {{gave: '${{ $problem.status }}'}}}}}}]
""",
        {"id": 1},
        (fails("one"), fires("retry"), fires("attempt"), fires("retry"), fails("three", status=504)),
    ),
    "caught": Scenario(
        """
do:
  - safe:
      try:
        - a: {set: {x: 1}}
        - b: {raise: {error: {type: t, status: 400, detail: no}}}
      catch: {when: $error.status == 400, do: [{h: {set: {e: '${ $error }'}}}], then: end}
  - never: {set: {x: 1}}
"""
    ),
    "timeouts": Scenario(
        f"""
timeout: {{after: PT1H}}
do:
  - safe:
      try: [{{ask: {{{CALL}, timeout: {{after: PT5S}}}}}}]
      catch: {{errors: {{with: {{status: 408}}}}}}
  - stuck: {{do: [{{w: {{wait: P1D}}}}]}}
""",
        {"id": 1},
        (lambda one: [TimerDue(max(one.timers("timeout")))], fires("timeout")),
    ),
}
