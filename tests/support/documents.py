"""Documents at random, and what the world tells them: for properties that hold whatever is run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from hypothesis import strategies as st

from pgworker.engine.inputs import ActivityCompleted, ActivityFailed, Input, TimerDue
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import Play

Tasks: TypeAlias = list[JsonValue]

EXPRESSIONS = [
    ".", ".a?", ".a?.b?", "1", "100000", '"a text"', "[.]", "{a: .}", "{zz: 1.0, a: 2}", "null", "true",
    "$context",    "$input", "[$context, .a?]", "$task.name",
    "$workflow.id", "now", "$task.startedAt.iso8601", "-0.0", '{"": 1}',
    "(.a? | numbers) // 0 | . + 1", "[.[]?]", "$workflow.input", "{b: $task.input}", "keys?", "1.5", "empty",
    "[limit(3; .[]?)]", "tojson | .[:40]", "$runtime.name", "{a: 1}", "{a: [100000, 2]}", ". as $x | $x",
    "error(1)", "1e400", '"\\u0000"', ".a.b", "length",
]  # fmt: skip
CONDITIONS = [
    "true", "false", ".a?", "$context", ".a? == 1", "(.a? // 0) == 0", "$task.name | length > 1", "now > 0",
    ".a.b.c",
]  # fmt: skip
RESULTS: list[JsonValue] = [
    None, 0, 1, 100000, "a text", 1.0, [1, {"bb": 1, "a": 2}],
    {"a": {"b": 1}}, {}, [], True, False, {"a": 7}, "\0",
]  # fmt: skip

expressions = st.sampled_from(EXPRESSIONS)
conditions = st.sampled_from(CONDITIONS)
SCHEMAS: list[JsonValue] = [{"type": "object"}, {"type": ["number", "null"]}, True]


@st.composite
def flows(draw: st.DrawFn, names: list[str]) -> JsonObject:
    """What any task may have."""
    flow: JsonObject = {}
    if draw(st.integers(0, 5)) == 0:
        flow["if"] = draw(conditions)
    if draw(st.integers(0, 4)) == 0:
        flow["then"] = draw(st.sampled_from(["continue", "exit", "end", *names]))
    for stage, key in (("input", "from"), ("output", "as"), ("export", "as")):
        if draw(st.integers(0, 5)) == 0:
            part: JsonObject = {key: draw(expressions)}
            if draw(st.integers(0, 4)) == 0:
                part["schema"] = {"document": draw(st.sampled_from(SCHEMAS))}
            flow[stage] = part
    if draw(st.integers(0, 15)) == 0:
        flow["timeout"] = {"after": draw(st.sampled_from(["PT3S", "PT1H"]))}
    return flow


@st.composite
def tasks(draw: st.DrawFn, depth: int, names: list[str]) -> JsonObject:
    """One task; ``depth`` levels may be inside it."""
    kinds = ["set", "set", "switch", "wait", "wait", "call", "call", "call", "raise"]
    if depth:
        kinds = ["set", "wait", "call", "switch", "do", "do", "for", "for", "fork", "fork", "try", "try"]
    kind = draw(st.sampled_from(kinds))
    task: JsonObject = draw(flows(names))
    match kind:
        case "set":
            text = draw(expressions)
            task["set"] = draw(
                st.sampled_from(
                    [f"${{ {text} }}", {"a": f"${{ {text} }}"}, {"t": f"a ${{ {text} }} b"}, {"a": 100000}]
                )
            )
        case "switch":
            targets = st.sampled_from(["continue", "exit", *names])
            cases: list[JsonValue] = [
                {f"case{i}": {"when": draw(conditions), "then": draw(targets)}}
                for i in range(draw(st.integers(1, 2)))
            ]
            task["switch"] = [*cases, {"else": {"then": draw(targets)}}] if draw(st.booleans()) else cases
        case "raise":
            task["raise"] = {"error": {"type": "t", "status": 400, "detail": f"${{ {draw(expressions)} }}"}}
        case "wait":
            task["wait"] = draw(
                st.sampled_from(["PT1S", {"seconds": "${ [.a? | numbers | fabs | floor][0] // 2 }"}, "P1M"])
            )
        case "call":
            task["call"] = "http"
            task["with"] = {
                "method": "get",
                "endpoint": draw(st.sampled_from(["http://x", "http://x", "http://x/{a}"])),
                "body": f"${{ {draw(expressions)} }}",
            }
        case "do":
            task["do"] = draw(lists(depth - 1))
        case "for":
            task["for"] = {
                "in": draw(st.sampled_from(["[1, 2]", "[.]", "[range(3)]", ".a?", "[]", "[100000, .]"]))
            }
            if draw(st.integers(0, 3)) == 0:
                task["while"] = draw(st.sampled_from(["$index < 1", "$item != 2", *CONDITIONS]))
            task["do"] = draw(lists(depth - 1))
        case "fork":
            task["fork"] = {"compete": draw(st.booleans()), "branches": draw(lists(depth - 1, [], most=3))}
        case "try":
            task["try"] = draw(lists(depth - 1))
            task["catch"] = draw(catches(depth - 1))
    return task


@st.composite
def catches(draw: st.DrawFn, depth: int) -> JsonObject:
    """What a try does about errors."""
    catch: JsonObject = {}
    if draw(st.integers(0, 3)) == 0:
        catch["when"] = draw(st.sampled_from(["$error.status == 400", *CONDITIONS]))
    if draw(st.booleans()):
        limit: JsonObject = {"attempt": {"count": draw(st.integers(0, 2))}}
        if draw(st.booleans()):
            limit = {"attempt": {"count": 1, "duration": "PT2S"}}
        retry: JsonObject = {"limit": limit}
        if draw(st.booleans()):
            retry |= {
                "delay": "PT1S",
                "backoff": {"exponential": {}},
                "jitter": {"from": "PT0S", "to": "PT1S"},
            }
        catch["retry"] = retry
    if draw(st.booleans()):
        catch["do"] = draw(lists(depth))
    if draw(st.integers(0, 3)) == 0:
        catch["then"] = draw(st.sampled_from(["continue", "exit", "end"]))
    return catch


@st.composite
def lists(draw: st.DrawFn, depth: int, targets: list[str] | None = None, most: int = 3) -> Tasks:
    """A list of tasks, some of which jump within it."""
    names = ["a", "bb", "c/~d"][: draw(st.integers(1, most))]
    return [{name: draw(tasks(max(depth, 0), names if targets is None else targets))} for name in names]


@st.composite
def documents(draw: st.DrawFn) -> JsonObject:
    """A whole document."""
    document: JsonObject = {
        "document": {"dsl": "1.0.3", "namespace": "default", "name": "random", "version": "1.0.0"},
        "do": draw(lists(draw(st.integers(1, 3)))),
    }
    if draw(st.integers(0, 5)) == 0:
        document["input"] = {"from": draw(expressions)}
    if draw(st.integers(0, 5)) == 0:
        document["output"] = {"as": draw(expressions)}
    if draw(st.integers(0, 15)) == 0:
        document["timeout"] = {"after": "PT5S"}
    return document


inputs: st.SearchStrategy[JsonValue] = st.sampled_from(
    [{}, {"a": 1}, {"a": {"b": 2}}, [1, 2], 5, "text", {"a": 100000, "n": [1.5, None]}]
)


@dataclass(frozen=True)
class Answers:
    """What the world says, in turns; each number picks something to be told."""

    picks: tuple[tuple[int, ...], ...]

    def turn(self, index: int, one: Play) -> list[Input]:
        """What is told in one turn: to what is waited for, and now and then to what is not."""
        picks = self.picks[index % len(self.picks)]
        return [self._one(pick, one) for pick in picks]

    def _one(self, pick: int, one: Play) -> Input:
        waiting: list[Input] = [
            self._answer(key, pick // 7)
            for key, activation in one.state.activations.items()
            if activation.activity
        ]
        waiting += [TimerDue(timer) for timer in one.state.timers]
        if not waiting or pick % 11 == 10:
            stale = pick % (one.state.seq + 3)
            return TimerDue(stale) if pick % 2 else self._answer(stale, pick)
        return waiting[pick % len(waiting)]

    def _answer(self, start: int, pick: int) -> Input:
        if pick % 5 == 0:
            return ActivityFailed(start, Fault(FaultKind.COMMUNICATION, "no answer"), 1, "token")
        return ActivityCompleted(start, RESULTS[pick % len(RESULTS)], 1, "token")


answers = st.lists(
    st.lists(st.integers(0, 1000), min_size=1, max_size=3).map(tuple), min_size=3, max_size=8
).map(lambda picks: Answers(tuple(picks)))

STEP = timedelta(seconds=1)
