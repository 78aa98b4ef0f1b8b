"""Flowcharts of definitions: what is drawn for each kind of task, and that no text breaks out of a label."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from pgworker.dsl.compile import compile_document
from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.errors import DocumentError
from pgworker.plan.mermaid import flowchart
from pgworker.plan.nodes import Node
from pgworker.types import JsonObject, JsonValue
from tests.support.pure import plan_of

EXAMPLES = Path(__file__).resolve().parents[4] / "shared" / "spec" / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))

FRAME = re.compile(r'subgraph (s\d+) \["([^"]*)"\]')
BOX = re.compile(r'(n\d+)([\[({>/\\]+)"([^"]*)"([\])}/\\]+)')
EDGE = re.compile(r'(n\d+) (-->|-\.->)(?:\|"([^"]*)"\|)? (n\d+)')


@dataclass
class Drawn:
    """A flowchart, read back line by line; a line that is nothing known is an error."""

    boxes: dict[str, list[str]] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    frames: list[list[str]] = field(default_factory=list)
    frame_of: dict[str, str] = field(default_factory=dict)
    links: list[tuple[str, str, list[str], str]] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Drawn:
        drawn = cls()
        first, *lines = text.splitlines()
        assert first == "flowchart TD"
        assert text.endswith("\n")
        open_frames: list[str] = []
        for line in map(str.strip, lines):
            if found := FRAME.fullmatch(line):
                drawn.frames.append(_lines(found[2]))
                open_frames.append(drawn.frames[-1][0])
            elif line == "end":
                open_frames.pop()
            elif found := BOX.fullmatch(line):
                assert found[1] not in drawn.boxes
                drawn.boxes[found[1]] = _lines(found[3])
                drawn.shapes[found[1]] = found[2] + found[4]
                drawn.frame_of[found[1]] = "/".join(open_frames)
            else:
                found = EDGE.fullmatch(line)
                assert found is not None, line
                drawn.links.append((found[1], found[4], _lines(found[3] or ""), found[2]))
        assert open_frames == []
        assert {end for link in drawn.links for end in link[:2]} <= set(drawn.boxes)
        return drawn

    @property
    def edges(self) -> set[tuple[str, str]]:
        """The edges, by the first lines of the boxes' labels."""
        return {(self.boxes[start][0], self.boxes[end][0]) for start, end, _, _ in self.links}

    def box(self, first: str) -> list[str]:
        """The other lines of the box that begins with this one."""
        (rest,) = [lines[1:] for lines in self.boxes.values() if lines[0] == first]
        return rest

    def said(self, start: str, end: str) -> list[str]:
        """What is said on the one edge between two boxes."""
        ((_, _, lines, _),) = [
            link for link in self.links if (self.boxes[link[0]][0], self.boxes[link[1]][0]) == (start, end)
        ]
        return lines

    def dashed(self) -> set[tuple[str, str]]:
        """The edges that errors take."""
        return {
            (self.boxes[start][0], self.boxes[end][0])
            for start, end, _, arrow in self.links
            if arrow == "-.->"
        }


def _lines(label: str) -> list[str]:
    assert not set(label.replace("<br/>", "")) & set('"<>&$%:`*_~[]{}|\\@^+\n'), label
    return [
        re.sub(r"#(\d+);", lambda code: chr(int(code[1])), line) for line in label.split("<br/>") if label
    ]


def drawn(do: str) -> Drawn:
    return Drawn.of(flowchart(plan_of("do:\n" + do)))


def drawn_value(do: JsonValue, **more: JsonValue) -> Drawn:
    header: JsonObject = {"dsl": "1.0.3", "namespace": "default", "name": "sample", "version": "1.0.0"}
    return Drawn.of(
        flowchart(compile_document(Document.from_value({"document": header, "do": do, **more})).plan)
    )


START = "workflow default/sample 1.0.0"


def test_tasks_follow_each_other_from_the_start_to_the_end() -> None:
    found = drawn("  - a: {set: {x: 1}}\n  - b: {set: '.x'}\n")
    assert found.edges == {(START, "set a"), ("set a", "set b"), ("set b", "end")}
    assert (found.box("set a"), found.box("set b")) == (['{"x":1}'], [".x"])


def test_then_leads_to_a_sibling_out_of_the_list_or_to_the_end() -> None:
    found = drawn(
        "  - a: {set: {x: 1}, then: c}\n"
        "  - b:\n"
        "      do:\n"
        "        - in: {set: {x: 1}, then: exit}\n"
        "        - never: {set: {x: 1}, then: end}\n"
        "  - c: {set: {x: 1}, then: b}\n"
        "  - d: {set: {x: 1}}\n"
    )
    assert found.edges == {
        (START, "set a"),
        ("set a", "set c"),
        ("set c", "do"),
        ("do", "set in"),
        ("set in", "set c"),
        ("set never", "end"),
        ("set d", "end"),
    }
    assert found.frames == [["do b"]]
    assert {box for box, frame in found.frame_of.items() if frame == "do b"} == {
        box for box, lines in found.boxes.items() if lines[0] in ("do", "set in", "set never")
    }


def test_conditions_and_timeouts_are_told() -> None:
    found = drawn_value(
        [{"a": {"if": "${ .x > 1 }", "timeout": {"after": {"seconds": 5}}, "set": {"x": 1}}}],
        timeout={"after": "PT1H"},
    )
    assert found.box("set a")[:2] == ["if .x > 1", "timeout PT5S"]
    assert found.box(START) == ["timeout PT1H"]


def test_a_switch_has_an_edge_for_each_case_and_the_default() -> None:
    found = drawn(
        "  - pick:\n"
        "      switch:\n"
        "        - big: {when: '.n > 9', then: a}\n"
        "        - small: {when: '.n < 2', then: end}\n"
        "        - other: {then: b}\n"
        "  - a: {set: {x: 1}}\n"
        "  - b: {set: {x: 1}}\n"
    )
    assert found.said("switch pick", "set a") == ["case big", "when .n > 9"]
    assert found.said("switch pick", "end") == ["case small", "when .n < 2"]
    assert found.said("switch pick", "set b") == ["default other"]
    assert set(found.shapes.values()) == {"{}", "[]", "([])"}


def test_a_switch_without_a_default_tells_where_it_leads_if_nothing_matches() -> None:
    found = drawn("  - pick: {switch: [{big: {when: '.n > 9', then: end}}]}\n  - a: {set: {x: 1}}\n")
    assert found.said("switch pick", "set a") == ["no case matches"]


def test_a_loop_goes_round_and_on() -> None:
    found = drawn(
        "  - each:\n"
        "      for: {each: pet, at: i, in: .pets}\n"
        "      while: $i < 3\n"
        "      do:\n"
        "        - a: {set: {x: 1}}\n"
        "        - b: {set: {x: 1}}\n"
    )
    head = "for pet, i in .pets"
    assert found.box(head) == ["while $i < 3"]
    assert found.frames == [["for each"]]
    assert found.edges == {(START, head), (head, "set a"), ("set a", "set b"), ("set b", head), (head, "end")}
    assert (found.said(head, "set a"), found.said(head, "end")) == (["each"], ["done"])


@pytest.mark.parametrize(
    ("compete", "join", "said"), [(False, "all", []), (True, "first", ["branches compete"])]
)
def test_a_fork_has_its_branches_side_by_side(compete: bool, join: str, said: list[str]) -> None:
    branch: JsonValue = {"set": {"x": 1}}
    found = drawn_value([{"f": {"fork": {"compete": compete, "branches": [{"a": branch}, {"b": branch}]}}}])
    assert found.box("fork") == said
    assert found.edges == {
        (START, "fork"),
        ("fork", "set a"),
        ("fork", "set b"),
        ("set a", join),
        ("set b", join),
        (join, "end"),
    }
    assert found.frames == [["fork f"]]


TRY = """
  - t:
      try:
        - ask: {call: http, with: {method: get, endpoint: 'http://x/{id}'}}
        - inner: {do: [{boom: {raise: {error: {type: 'urn:x', status: 400}}}}]}
      catch:
        errors: {with: {status: 503}}
        as: e
        when: $e.status > 1
        exceptWhen: $e.status > 9
"""
AFTER = "  - after: {set: {x: 1}}\n"


def test_a_try_has_its_catch_in_the_same_frame() -> None:
    found = drawn(TRY + "        do: [{mend: {set: {x: 1}}}]\n" + AFTER)
    assert found.box("catch as e") == ["status 503", "when $e.status > 1", "except when $e.status > 9"]
    assert found.edges == {
        (START, "try"),
        ("try", "call http ask"),
        ("call http ask", "do"),
        ("do", "raise boom"),
        ("raise boom", "catch as e"),
        ("try", "catch as e"),
        ("catch as e", "set mend"),
        ("set mend", "set after"),
        ("set after", "end"),
    }
    assert found.dashed() == {("raise boom", "catch as e"), ("try", "catch as e")}
    assert found.frames == [["try t"], ["do inner"]]
    assert found.box("call http ask") == ["get http://x/{id}"]
    assert found.box("raise boom") == ["400 urn:x"]


def test_a_catch_may_lead_somewhere_else() -> None:
    found = drawn(TRY + "        do: [{mend: {set: {x: 1}}}]\n        then: end\n" + AFTER)
    assert ("set mend", "end") in found.edges
    assert ("set mend", "set after") not in found.edges
    bare = drawn(TRY + AFTER)
    assert ("catch as e", "set after") in bare.edges - bare.dashed()


RETRY = """
        retry:
          delay: {seconds: 2}
          backoff: {exponential: {}}
          jitter: {from: {seconds: 0}, to: {seconds: 1}}
          limit: {attempt: {count: 3, duration: PT1M}, duration: PT1H}
          when: $e.status > 3
          exceptWhen: $e.status > 4
"""


def test_a_retry_leads_back_with_its_policy() -> None:
    found = drawn(TRY + RETRY + "        do: [{mend: {set: {x: 1}}}]\n" + AFTER)
    assert found.said("catch as e", "try") == [
        "retry at most 3 times",
        "after PT2S, exponential",
        "jitter PT0S to PT1S",
        "each within PT1M",
        "all within PT1H",
        "when $e.status > 3",
        "except when $e.status > 4",
    ]
    assert found.said("catch as e", "set mend") == ["no more retries"]


def test_retries_that_are_used_up_are_an_error_unless_the_catch_says_what_follows() -> None:
    found = drawn(TRY + RETRY + AFTER)
    assert ("catch as e", "failed") in found.dashed()
    handled = drawn(TRY + RETRY + "        then: continue\n" + AFTER)
    assert ("catch as e", "set after") in handled.edges
    assert "failed" not in {end for _, end in handled.edges}


def test_what_nobody_catches_fails_the_workflow() -> None:
    found = drawn("  - boom: {if: .x, raise: {error: {type: 'urn:x', status: 400}}}\n  - a: {set: {x: 1}}\n")
    assert found.dashed() == {("raise boom", "failed")}
    assert found.said("raise boom", "set a") == ["skipped"]


def test_waits_and_emitted_events_say_what_they_are_about() -> None:
    found = drawn(
        "  - nap: {wait: {minutes: 5}}\n"
        "  - later: {wait: {seconds: '${ .n }'}}\n"
        "  - tell: {emit: {event: {with: {type: order.paid, source: 'http://x'}}}}\n"
    )
    assert found.box("wait nap") == ["for PT5M"]
    assert found.box("wait later") == ['for {"seconds":"${ .n }"}']
    assert found.box("emit tell") == ["order.paid"]


HOSTILE = [
    '"', "]", '"]', "graph", "subgraph", "1. list", "- list", "# head", "`md`", '"`md`"', "$$x^2$$", "|",
    '%%{init: {"theme": "dark"}}%%', "%% comment", "<b>x</b>", "<script>alert(1)</script>", "<br/>", "&lt;",
    "#35;", "#quot;", "x:::y", "style a:#fff;", "classDef x:#fff;", "click n1 call f()", "fa:fa-car", ";",
    "naïve ☃ 🚀 漢字 देव", "ﬂ°°60¶ß", "*b* _i_ ~s~", "[a](http://b)", "\\", "'", "{}", "((", "@{ shape: x }",
    "---", "-->", "\u202e rtl", "\u200d",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_is_shown_and_never_obeyed(text: str) -> None:
    quoted = json.dumps(text, ensure_ascii=False)
    found = drawn_value(
        [
            {text: {"if": f"${{ {quoted} }}", "set": {"x": text}}},
            {f"s{text}": {"switch": [{text: {"when": quoted, "then": text}}]}},
            {f"d{text}": {"do": [{text: {"raise": {"error": {"type": f"${{ {quoted} }}", "status": 400}}}}]}},
        ]
    )
    words = " ".join(text.split())
    assert found.box(f"set {words}")[0] == f"if {quoted}"
    assert found.said(f"switch s{words}", f"set {words}") == [f"case {words}", f"when {quoted}"]
    assert found.frames == [[f"do d{words}"]]
    assert found.box(f"raise {words}") == [f"400 {quoted}"]


def test_lines_are_joined_and_long_texts_are_cut() -> None:
    found = drawn_value([{"a\n\tb": {"set": {"x": "y" * 500}}}])
    (line,) = found.box("set a b")
    assert len(line) == 120
    assert line.endswith("…")


def test_what_markup_cannot_hold_is_replaced() -> None:
    found = drawn_value([{"bell \x07": {"set": {"x": 1}}}])
    assert "set bell �" in {lines[0] for lines in found.boxes.values()}


def test_lists_without_tasks_lead_on() -> None:
    found = drawn_value([{"f": {"fork": {"branches": []}}}])
    assert found.edges == {(START, "fork"), ("fork", "all"), ("all", "end")}


def test_a_listen_says_what_it_waits_for_and_until_when() -> None:
    one = {"to": {"any": [{"with": {"type": "com.a"}}, {"with": {"source": "/s"}}], "until": "length > 2"}}
    two = {"to": {"any": [], "until": {"one": {"with": {"type": "com.end"}}}}}
    body = {"item": "e", "do": [{"x": {"set": {"a": 1}}}]}
    found = drawn_value([{"l": {"listen": one}}, {"m": {"listen": two, "foreach": body}}])
    assert found.box("listen l") == ["any of com.a, any type until length > 2"]
    until = "any of any type until one of com.end"
    assert found.said(until, "set x") == ["each e"]
    assert found.said(until, "end") == ["done"]


def test_a_workflow_to_run_is_named() -> None:
    child = {"namespace": "shop", "name": "bill", "version": "1.0.0"}
    found = drawn_value([{"c": {"run": {"workflow": child, "await": False}}}])
    assert found.box("run workflow c") == ["shop/bill:1.0.0", "not awaited"]


def test_a_process_is_told_by_what_it_runs() -> None:
    shell = {"shell": {"command": "ls -l"}, "await": False}
    script = {"script": {"language": "js", "code": "1"}}
    container = {"container": {"image": "alpine", "command": "ls"}}
    found = drawn_value([{"a": {"run": shell}}, {"b": {"run": script}}, {"c": {"run": container}}])
    assert found.box("run shell a") == ["ls -l", "not awaited"]
    assert found.box("run script b") == ["js"]
    assert found.box("run container c") == ["alpine ls"]


def test_a_subscription_says_how_many_messages_it_takes_and_leads_through_its_tasks() -> None:
    def subscription(lifetime: str, foreach: str) -> str:
        return (
            "{call: asyncapi, with: {document: {endpoint: 'http://x'}, operation: o,"
            f" subscription: {{consume: {{{lifetime}}}, foreach: {{{foreach}}}}}}}}}"
        )

    each = subscription("amount: 5, for: PT1M", "item: m, do: [{s: {set: {x: 1}}}]")
    found = drawn(f"  - l: {each}\n  - r: {subscription('until: length > 2', '')}\n")
    assert found.edges == {
        (START, "5 messages for PT1M"),
        ("5 messages for PT1M", "set s"),
        ("set s", "5 messages for PT1M"),
        ("5 messages for PT1M", "call r"),
        ("call r", "end"),
    }
    assert found.box("call r") == ["messages until length > 2"]
    assert found.frames == [["call l"]]


def test_functions_and_extensions_are_drawn_once_and_apart() -> None:
    task = {"call": "twice", "with": {}}
    use = {
        "functions": {"twice": {"set": {"d": 2}}},
        "extensions": [{"log": {"extend": "call", "before": [{"said": {"set": {"x": 1}}}]}}],
    }
    found = drawn_value([{"a": task}, {"b": task}], use=use)
    assert ["function twice"] in found.frames
    assert ["extension log, before"] in found.frames
    assert [lines[0] for lines in found.boxes.values()].count("set twice") == 1
    assert ("begin", "set said") in found.edges


def test_every_kind_of_task_has_been_drawn_here() -> None:
    """A new kind belongs in this module's tests: this list is what they cover."""
    assert {kind.__name__ for kind in get_args(Node)} == {
        "SetNode", "DoNode", "SwitchNode", "ForNode", "RaiseNode", "WaitNode", "ActivityNode", "EmitNode",
        "ForkNode", "TryNode", "ListenNode", "SubscribeNode", "ChildNode", "FunctionNode",
    }  # fmt: skip


@pytest.mark.skipif(not FILES, reason="the specification's examples are not beside the checkout")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_specifications_examples_are_drawn(path: Path) -> None:
    try:
        plan = compile_document(load(path.read_bytes(), path.name)).plan
    except DocumentError:
        pytest.skip("it does not compile yet")
    found = Drawn.of(flowchart(plan))
    names = {node.name for node in plan.nodes.values()}
    told = " ".join(line for lines in [*found.boxes.values(), *found.frames] for line in lines)
    assert all(name in told for name in names)
