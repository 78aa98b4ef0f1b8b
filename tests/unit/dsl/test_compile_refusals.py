"""What the compiler refuses, each with its place and what to do about it."""

from __future__ import annotations

import pytest

from pgworker import __version__
from pgworker.dsl.document import Document
from pgworker.dsl.load import load
from pgworker.errors import Problem
from pgworker.types import JsonValue
from tests.support.pure import HEADER, compiled, problems_of

SOMETHING = "do: [{z: {set: {y: 1}}}]"
"""Where the tasks do not matter."""


def only(text: str) -> Problem:
    """The one problem of a text."""
    (problem,) = problems_of(text)
    return problem


def task(written: str) -> str:
    """A document with one task, ``t``, written in flow style."""
    return f"do: [{{t: {written}}}]".replace("do: []", SOMETHING)


BLOCK = """\
do:
  - first:
      set: {a: 1}
  - second:
      swich:
        - one: {then: end}
"""


def test_a_problem_names_its_place_what_was_found_what_was_expected_and_what_to_do() -> None:
    problem = only(BLOCK)
    assert problem.pointer == "/do/1/second"
    assert (problem.line, problem.column) == (5, 5)  # the header is line 1
    assert problem.message == "`swich` is not a kind of task"
    assert problem.expected is not None
    assert "`switch`" in problem.expected
    assert problem.hint == 'did you mean "switch"?'


def test_a_definition_without_text_has_pointers_only() -> None:
    (problem,) = problems_of(
        Document.from_value(
            {
                "document": {"dsl": "1.0.3", "namespace": "n", "name": "n", "version": "1.0.0"},
                "do": [{"t": {}}],
            }
        )
    )
    assert (problem.pointer, problem.line, problem.column) == ("/do/0/t", None, None)


REFUSED = [
    # kinds of task
    ("{}", "", "does not say what it does", None),
    ("{metadata: {}}", "", "does not say what it does", None),
    ("{frobnicate: {}}", "", "`frobnicate` is not a kind of task", None),
    ("{sett: {a: 1}}", "", "`sett` is not a kind of task", 'did you mean "set"?'),
    ("{set: {a: 1}, wait: PT1S}", "", "this one has `set`, `wait`", "split it into several"),
    ("{set: {a: 1}, do: []}", "", "this one has `do`, `set`", "split it into several"),
    ("text", "", "found the text `text`", None),
    ("null", "", "found nothing", None),
    ("[]", "", "found an array", None),
    # what every task has
    ("{set: {a: 1}, than: end}", "/than", "a `set` task has no `than`", 'did you mean "then"?'),
    ("{set: {a: 1}, iff: .a}", "/iff", "a `set` task has no `iff`", 'did you mean "if"?'),
    ("{set: {a: 1}, while: .a}", "/while", "a `set` task has no `while`", None),
    ("{do: [], with: {}}", "/with", "a `do` task has no `with`", None),
    ("{set: {a: 1}, then: nowhere}", "/then", "points to `nowhere`", None),
    ("{set: {a: 1}, then: t2}", "/then", "points to `t2`", None),
    ("{set: {a: 1}, then: ends}", "/then", "points to `ends`", 'did you mean "end"?'),
    ("{set: {a: 1}, then: 3}", "/then", "found the number 3", "put it in quotes"),
    ("{set: {a: 1}, then: [end]}", "/then", "found an array", None),
    ("{set: {a: 1}, then: null}", "/then", "found nothing", None),
    ("{set: {a: 1}, if: true}", "/if", "found the boolean true", None),
    ("{set: {a: 1}, if: null}", "/if", "found nothing", None),
    ("{set: {a: 1}, if: '.a +'}", "/if", "not a jq program", None),
    ("{set: {a: 1}, if: ''}", "/if", "the expression is empty", None),
    ("{set: {a: 1}, if: '${ }'}", "/if", "the expression is empty", None),
    ("{set: {a: 1}, if: env.HOME}", "/if", "`env` reads or acts on the machine", None),
    ("{set: {a: 1}, if: $nope}", "/if", "$nope is not defined", "bound here are $authorization, $context"),
    # set
    ("{set: null}", "/set", "found nothing", None),
    ("{set: {}}", "/set", "found an object", None),
    ("{set: [1]}", "/set", "found an array", None),
    ("{set: 1}", "/set", "found the number 1", None),
    ("{set: '.a['}", "/set", "not a jq program", None),
    ("{set: {a: [{b: '${ .a[ }'}]}}", "/set/a/0/b", "not a jq program", None),
    ("{set: {a/b: '${ $x }'}}", "/set/a~1b", "$x is not defined", "bound here are"),
    ("{set: {a: 'text ${ nofunction } text'}}", "/set/a", "nofunction/0 is not defined", None),
    # do
    ("{do: [{a: {set: 1}}]}", "/do/0/a/set", "found the number 1", None),
    # switch
    ("{switch: []}", "/switch", "at least one case", None),
    ("{switch: {}}", "/switch", "found an object", None),
    ("{switch: null}", "/switch", "found nothing", None),
    ("{switch: [{c: {when: .a}}]}", "/switch/0/c", "the case `c` lacks `then`", "add `then:`"),
    ("{switch: [{c: null}]}", "/switch/0/c", "found nothing", None),
    ("{switch: [{c: {then: end, wen: .a}}]}", "/switch/0/c/wen", "a case has no `wen`", '"when"?'),
    ("{switch: [{c: {when: '.a ==', then: end}}]}", "/switch/0/c/when", "not a jq program", None),
    ("{switch: [{c: {when: 1, then: end}}]}", "/switch/0/c/when", "found the number 1", "in quotes"),
    ("{switch: [{c: {then: nowhere}}]}", "/switch/0/c/then", "points to `nowhere`", None),
    (
        "{switch: [{c: {then: end}}, {d: {then: exit}}]}",
        "/switch/1/d",
        "`c` is the default case already",
        "`when`",
    ),
    # for
    ("{for: {in: .a}}", "", "the `for` task lacks `do`", "add `do:`"),
    ("{for: {each: x}, do: []}", "/for", "`for` lacks `in`", "add `in:`"),
    ("{for: null, do: []}", "/for", "found nothing", None),
    ("{for: .a, do: []}", "/for", "found the text `.a`", None),
    ("{for: {inn: .a, in: .b}, do: []}", "/for/inn", "`for` has no `inn`", 'did you mean "in"?'),
    ("{for: {in: 3}, do: []}", "/for/in", "found the number 3", None),
    ("{for: {in: null}, do: []}", "/for/in", "found nothing", None),
    ("{for: {in: '.a['}, do: []}", "/for/in", "not a jq program", None),
    ("{for: {in: [{a: '${ .a[ }'}]}, do: []}", "/for/in/0/a", "not a jq program", None),
    ("{for: {in: {a: 1}}, do: []}", "/for/in", "found an object", None),
    ("{for: {in: .a, each: 3}, do: []}", "/for/each", "found the number 3", "put it in quotes"),
    ("{for: {in: .a, at: []}, do: []}", "/for/at", "found an array", None),
    ("{for: {in: .a}, while: '.a[', do: []}", "/while", "not a jq program", None),
    ("{for: {in: .a}, while: true, do: []}", "/while", "found the boolean true", None),
    ("{for: {in: .a, while: .b}, do: []}", "/for/while", "`for` has no `while`", None),
    # raise
    ("{raise: {}}", "/raise", "`raise` lacks `error`", "add `error:`"),
    ("{raise: null}", "/raise", "found nothing", None),
    ("{raise: {error: nope}}", "/raise/error", "no error is named `nope`", "define it under `use.errors`"),
    ("{raise: {error: 3}}", "/raise/error", "found the number 3", None),
    ("{raise: {error: {type: x}}}", "/raise/error", "the error lacks `status`", "add `status:`"),
    ("{raise: {error: {status: 400}}}", "/raise/error", "the error lacks `type`", "add `type:`"),
    ("{raise: {error: {type: x, status: '400'}}}", "/raise/error/status", "found the text `400`", None),
    ("{raise: {error: {type: x, status: true}}}", "/raise/error/status", "found the boolean true", None),
    ("{raise: {error: {type: x, status: 4.5}}}", "/raise/error/status", "found the number 4.5", None),
    ("{raise: {error: {type: 1, status: 400}}}", "/raise/error/type", "found the number 1", None),
    ("{raise: {error: {type: x, status: 400, title: {}}}}", "/raise/error/title", "found an object", None),
    ("{raise: {error: {type: x, status: 400, detail: null}}}", "/raise/error/detail", "found nothing", None),
    (
        "{raise: {error: {type: x, status: 400, detial: x}}}",
        "/raise/error/detial",
        "has no `detial`",
        '"detail"?',
    ),
    ("{raise: {error: {type: x, status: 400, title: '${ .a[ }'}}}", "/raise/error/title", "not a jq", None),
    ("{raise: {err: {}, error: {type: x, status: 1}}}", "/raise/err", "`raise` has no `err`", '"error"?'),
    # wait
    ("{wait: null}", "/wait", "found nothing", None),
    ("{wait: 5}", "/wait", "found the number 5", None),
    ("{wait: {}}", "/wait", "found an object", None),
    ("{wait: []}", "/wait", "found an array", None),
    ("{wait: 5s}", "/wait", "is not an ISO 8601 duration", None),
    ("{wait: {second: 5}}", "/wait", "'second' is no part of a duration", None),
    ("{wait: {seconds: -1}}", "/wait", "seconds is negative", None),
    ("{wait: {seconds: 1.5}}", "/wait", "seconds is not a whole number", None),
    ("{wait: {seconds: '5'}}", "/wait", "seconds is not a whole number", None),
    ("{wait: P1.5M}", "/wait", "has a fraction", None),
    ("{wait: '${ .a[ }'}", "/wait", "not a jq program", None),
    ("{wait: {seconds: '${ .a[ }'}}", "/wait/seconds", "not a jq program", None),
    # call
    ("{call: 3}", "/call", "found the number 3", None),
    ("{call: htpp, with: {}}", "/call", "`htpp` is no protocol and no function", 'did you mean "http"?'),
    ("{call: http}", "", "the call lacks `with`", "add `with:`"),
    ("{call: http, with: null}", "/with", "found nothing", None),
    ("{call: http, with: {method: get}}", "/with", "the HTTP call lacks `endpoint`", "add `endpoint:`"),
    ("{call: http, with: {endpoint: 'http://x'}}", "/with", "the HTTP call lacks `method`", "add"),
    ("{call: http, with: {method: 1, endpoint: 'http://x'}}", "/with/method", "found the number 1", None),
    ("{call: http, with: {method: get, endpoint: 1}}", "/with/endpoint", "found the number 1", None),
    ("{call: http, with: {method: get, endpoint: {}}}", "/with/endpoint", "the endpoint lacks `uri`", "add"),
    (
        "{call: http, with: {method: get, endpoint: {uri: 1}}}",
        "/with/endpoint/uri",
        "found the number 1",
        None,
    ),
    ("{call: http, with: {method: get, endpoint: ' '}}", "/with/endpoint", "the URI is empty", None),
    ("{call: http, with: {method: get, endpoint: 'http://x/{'}}", "/with/endpoint", "no counterpart", None),
    (
        "{call: http, with: {method: get, endpoint: 'http://x/{a,b}'}}",
        "/with/endpoint",
        "several values",
        None,
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x/{+a}'}}",
        "/with/endpoint",
        "the operator +",
        None,
    ),
    ("{call: http, with: {method: get, endpoint: 'http://x/${ .a[ }'}}", "/with/endpoint", "not a jq", None),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', boddy: 1}}",
        "/with/boddy",
        "no `boddy`",
        '"body"?',
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', output: all}}",
        "/with/output",
        "found `all`",
        None,
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', redirect: 1}}",
        "/with/redirect",
        "number 1",
        None,
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', headers: []}}",
        "/with/headers",
        "an array",
        None,
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', headers: {a: 1}}}",
        "/with/headers/a",
        "1",
        "quotes",
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', query: '${ .a[ }'}}",
        "/with/query",
        "not a jq",
        None,
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', query: .a}}",
        "/with/query",
        "found the text `.a`",
        None,
    ),
    (
        "{call: http, with: {method: get, endpoint: 'http://x', body: {a: '${ ( }'}}}",
        "/with/body/a",
        "jq",
        None,
    ),
    ("{call: http, withh: {}, with: {method: get, endpoint: x}}", "/withh", "has no `withh`", '"with"?'),
    # data flow
    ("{set: {a: 1}, input: .a}", "/input", "found the text `.a`", None),
    ("{set: {a: 1}, input: {form: .a}}", "/input/form", "`input` has no `form`", 'did you mean "from"?'),
    ("{set: {a: 1}, input: {from: 1}}", "/input/from", "found the number 1", None),
    ("{set: {a: 1}, input: {from: [.a]}}", "/input/from", "found an array", None),
    ("{set: {a: 1}, input: {from: '.a['}}", "/input/from", "not a jq program", None),
    ("{set: {a: 1}, input: {from: {b: '${ .a[ }'}}}", "/input/from/b", "not a jq program", None),
    ("{set: {a: 1}, output: {from: .a}}", "/output/from", "`output` has no `from`", None),
    ("{set: {a: 1}, output: {as: null}}", "/output/as", "found nothing", None),
    ("{set: {a: 1}, output: null}", "/output", "found nothing", None),
    ("{set: {a: 1}, export: {as: $nope}}", "/export/as", "$nope is not defined", "bound here are"),
    ("{set: {a: 1}, export: {to: .a}}", "/export/to", "`export` has no `to`", None),
    ("{set: {a: 1}, metadata: text}", "/metadata", "found the text `text`", None),
    (
        "{set: {a: 1}, input: {schema: {format: 1, document: {}}}}",
        "/input/schema/format",
        "found the num",
        None,
    ),
    ("{raise: {error: {type: a b, status: 400}}}", "/raise/error/type", "is not a URI", "%20"),
    ("{emit: {event: {with: {type: t, source: a b}}}}", "/emit/event/with/source", "is not a URI", "%20"),
    ("{wait: {seconds: '${ .a }', years: 1}}", "/wait", "'years' is no part of a duration", None),
    ("{wait: {seconds: 'a ${ .a }'}}", "/wait", "seconds is not a whole number", None),
    ("{set: {a: 1}, input: {schema: text}}", "/input/schema", "found the text `text`", None),
    ("{set: {a: 1}, input: {schema: {}}}", "/input/schema", "a schema lacks a member", None),
    (
        "{set: {a: 1}, input: {schema: {documnt: {}, document: {}}}}",
        "/input/schema/documnt",
        "no `documnt`",
        '"doc',
    ),
    (
        "{set: {a: 1}, output: {schema: {format: avro, document: {}}}}",
        "/output/schema/format",
        "`avro`",
        None,
    ),
    (
        "{set: {a: 1}, output: {schema: {document: {type: nope}}}}",
        "/output/schema/document",
        "JSON Schema",
        None,
    ),
    ("{set: {a: 1}, output: {schema: {document: 3}}}", "/output/schema/document", "not a JSON Schema", None),
    (
        "{set: {a: 1}, output: {schema: {document: {pattern: '('}}}}",
        "/output/schema/document",
        "JSON Schema",
        None,
    ),
    (
        "{set: {a: 1}, export: {schema: {document: {$ref: 'https://x.test/s'}}}}",
        "/export/schema/document",
        "only to parts of itself",
        None,
    ),
    (
        "{set: {a: 1}, export: {schema: {document: {$ref: 'file:///etc/passwd'}}}}",
        "/export/schema/document",
        "only to parts of itself",
        None,
    ),
    (
        "{set: {a: 1}, export: {schema: {document: {$ref: '#/nowhere'}}}}",
        "/export/schema/document",
        "not",
        None,
    ),
]


@pytest.mark.parametrize(("written", "pointer", "message", "hint"), REFUSED)
def test_a_task_is_refused_at_the_place_of_its_mistake(
    written: str, pointer: str, message: str, hint: str | None
) -> None:
    problem = only(task(written))
    assert problem.pointer == f"/do/0/t{pointer}"
    assert message in problem.message
    assert hint is None or hint in (problem.hint or "")
    assert problem.line is not None
    assert problem.column is not None


def document(**members: JsonValue) -> Document:
    """A document whose header has these members in place of the usual ones; None leaves one out."""
    header: dict[str, JsonValue] = {
        "dsl": "1.0.3",
        "namespace": "n",
        "name": "n",
        "version": "1.0.0",
    } | members
    return Document.from_value(
        {"document": {k: v for k, v in header.items() if v is not None}, "do": [{"a": {"set": {"b": 1}}}]}
    )


@pytest.mark.parametrize("version", ["1.0.0", "1.0.1", "1.0.2", "1.0.3"])
def test_every_version_of_the_language_is_accepted(version: str) -> None:
    assert problems_of(document(dsl=version)) == ()


@pytest.mark.parametrize("version", ["1.0.4", "1.0", "2.0.0", "0.8", "", "1.0.3 ", "v1.0.3", 1.0, True])
def test_other_versions_of_the_language_are_refused(version: JsonValue) -> None:
    (problem,) = problems_of(document(dsl=version))
    assert problem.pointer == "/document/dsl"
    assert "`1.0.3`" in str(problem.expected)


@pytest.mark.parametrize("name", ["a", "A1", "a-b", "0", "a" * 63, "a--b", "order-1-2"])
def test_names_are_letters_digits_and_dashes(name: str) -> None:
    assert problems_of(document(name=name, namespace=name)) == ()


@pytest.mark.parametrize("key", ["name", "namespace"])
@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "a_b", "a.b", "a b", "ä", "a" * 64, "a\n", "a/b", "\u0661", 1, True, [], {}]
)
def test_other_names_are_refused(key: str, name: JsonValue) -> None:
    (problem,) = problems_of(document(**{key: name}))
    assert problem.pointer == f"/document/{key}"


@pytest.mark.parametrize(
    "version", ["0.0.0", "1.0.0", "10.20.30", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-0.3.7", "1.0.0+build.01"]
)
def test_versions_are_semantic(version: str) -> None:
    assert problems_of(document(version=version)) == ()


@pytest.mark.parametrize(
    "version",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "v1.0.0",
        "1.0.0 ",
        "1.0.0\n",
        "latest",
        1.0,
        1,
    ],
)
def test_other_versions_are_refused(version: JsonValue) -> None:
    (problem,) = problems_of(document(version=version))
    assert problem.pointer == "/document/version"


@pytest.mark.parametrize("key", ["namespace", "name", "version"])
def test_a_missing_part_of_the_identity_is_named(key: str) -> None:
    (problem,) = problems_of(document(**{key: None}))
    assert (problem.pointer, problem.message) == ("/document", f"`document` lacks `{key}`")
    assert problem.hint == f"add `{key}:`"


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"titel": "x"}, "/document/titel"),
        ({"title": 1}, "/document/title"),
        ({"summary": []}, "/document/summary"),
        ({"tags": "a"}, "/document/tags"),
        ({"metadata": 1}, "/document/metadata"),
    ],
)
def test_mistakes_in_the_header_are_told(members: dict[str, JsonValue], pointer: str) -> None:
    (problem,) = problems_of(document(**members))
    assert problem.pointer == pointer


@pytest.mark.parametrize(
    ("text", "pointer", "message"),
    [
        ("do: []", "/document", "which language"),
        ("{}", "/document", "which language"),
        ("document: {name: x}", "/document", "which language"),
        ("document: text\ndo: []", "/document", "which language"),
        ("specVersion: '0.8'\nid: x\nstates: []", "/specVersion", "cannot be run"),
        ("id: x\nstates: []", "/specVersion", "cannot be run"),
        ("key: x\nstates: []", "/specVersion", "cannot be run"),
    ],
)
def test_a_document_says_in_which_language_it_is_written(text: str, pointer: str, message: str) -> None:
    (problem,) = problems_of(load(text))
    assert problem.pointer == pointer
    assert message in problem.message


def test_a_document_without_tasks_is_refused() -> None:
    problem = only("input: {}")
    assert (problem.pointer, problem.message) == ("", "the workflow lacks `do`")


@pytest.mark.parametrize("text", ["do: []", "do: [{t: {do: [ ]}}]", "do: [{t: {for: {in: .a}, do: [ ]}}]"])
def test_a_list_of_tasks_may_be_empty(text: str) -> None:
    assert problems_of(text) == ()


@pytest.mark.parametrize(
    ("written", "pointer", "message", "hint"),
    [
        ("{a: {set: {b: 1}}}", "", "found an object", None),
        ("null", "", "found nothing", None),
        ("text", "", "found the text `text`", None),
        ("[x]", "/0", "found the text `x`", "mind the indentation"),
        ("[{a: {set: {b: 1}}, c: {set: {b: 1}}}]", "/0", "found an object with 2 members", "mind"),
        ("[{}]", "/0", "found an object with 0 members", "mind the indentation"),
    ],
)
@pytest.mark.parametrize(
    "where", ["do: {}", "do: [{{t: {{do: {}}}}}]", "do: [{{t: {{for: {{in: .a}}, do: {}}}}}]"]
)
def test_what_is_no_list_of_tasks_is_refused(
    where: str, written: str, pointer: str, message: str, hint: str | None
) -> None:
    problem = only(where.format(written))
    assert problem.pointer == ("/do" if where == "do: {}" else "/do/0/t/do") + pointer
    assert message in problem.message
    assert hint is None or hint in str(problem.hint)


def test_two_tasks_of_one_name_are_refused_at_the_second() -> None:
    problem = only("do: [{a: {set: {x: 1}}}, {b: {set: {x: 1}}}, {a: {set: {x: 1}}}]")
    assert problem.pointer == "/do/2/a"
    assert problem.message == "there are two tasks named `a` in this list"
    assert problem.hint == "rename one; the other is at /do/0/a"


def test_tasks_in_different_lists_may_share_a_name() -> None:
    assert problems_of("do: [{a: {do: [{a: {set: {x: 1}}}]}}, {b: {do: [{a: {set: {x: 1}}}]}}]") == ()


@pytest.mark.parametrize("name", ["continue", "exit", "end"])
def test_a_task_cannot_be_named_like_a_flow_directive(name: str) -> None:
    problem = only(f"do: [{{{name}: {{set: {{x: 1}}}}}}]")
    assert problem.pointer == f"/do/0/{name}"
    assert "flow directive" in problem.message


@pytest.mark.parametrize("target", ["inner", "outer"])
def test_a_directive_leads_only_within_its_own_list(target: str) -> None:
    text = """
do:
  - outer:
      do:
        - inner: {set: {a: 1}}
        - other: {set: {a: 1}, then: TARGET}
  - after: {set: {a: 1}, then: OTHER}
"""
    inside = text.replace("TARGET", target).replace("OTHER", "outer")
    outside = text.replace("TARGET", "inner").replace("OTHER", target)
    assert [p.pointer for p in problems_of(inside)] == (
        ["/do/0/outer/do/1/other/then"] if target == "outer" else []
    )
    assert [p.pointer for p in problems_of(outside)] == (["/do/1/after/then"] if target == "inner" else [])


@pytest.mark.parametrize("target", ["continue", "exit", "end", "a", "t"])
def test_every_directive_and_sibling_is_a_target(target: str) -> None:
    assert problems_of(f"do: [{{t: {{set: {{x: 1}}, then: {target}}}}}, {{a: {{set: {{x: 1}}}}}}]") == ()


LOOP = """
do:
  - loop:
      for: {each: color, at: place, in: %(in)s}
      while: %(while)s
      if: %(if)s
      output: {as: %(output)s}
      do:
        - inner: {set: {a: '${ %(body)s }'}}
        - nested:
            for: {in: '[$color]'}
            do: [{x: {set: {a: '${ [$color, $place, $item, $index] }'}}}]
  - after: {set: {a: '${ %(after)s }'}}
"""
FINE = {"in": ".a", "while": ".a", "if": ".a", "output": ".a", "body": ".a", "after": ".a"}


@pytest.mark.parametrize("where", ["body", "while"])
@pytest.mark.parametrize("variable", ["$color", "$place"])
def test_the_variables_of_a_loop_are_bound_in_its_body_and_while(where: str, variable: str) -> None:
    assert problems_of(LOOP % (FINE | {where: variable})) == ()


@pytest.mark.parametrize(
    ("where", "pointer"),
    [
        ("in", "/do/0/loop/for/in"),
        ("if", "/do/0/loop/if"),
        ("output", "/do/0/loop/output/as"),
        ("after", "/do/1/after/set/a"),
    ],
)
@pytest.mark.parametrize("variable", ["$color", "$place"])
def test_the_variables_of_a_loop_are_unknown_around_it(where: str, pointer: str, variable: str) -> None:
    problem = only(LOOP % (FINE | {where: variable}))
    assert problem.pointer == pointer
    assert f"{variable} is not defined" in problem.message
    assert variable not in str(problem.hint)


def test_the_hint_tells_the_loops_variables_too() -> None:
    problem = only(LOOP % (FINE | {"body": "$colour"}))
    assert "$color" in str(problem.hint)
    assert "$place" in str(problem.hint)


def test_the_usual_names_are_unbound_where_the_loop_names_its_own() -> None:
    assert "$item is not defined" in only(LOOP % (FINE | {"body": "$item"})).message
    assert "$index is not defined" in only(LOOP % (FINE | {"body": "$index"})).message


@pytest.mark.parametrize(
    "names",
    [
        "each: input",
        "each: context",
        "at: task",
        "each: my-item",
        "each: $item",
        "each: ''",
        "at: '1'",
        "each: __loc__",
    ],
)
def test_a_loop_variable_that_could_not_be_read_is_refused(names: str) -> None:
    assert [
        p.pointer.rsplit("/", 1)[0] for p in problems_of(task(f"{{for: {{in: .a, {names}}}, do: []}}"))
    ] == ["/do/0/t/for"]


@pytest.mark.parametrize(
    ("text", "pointer", "what"),
    [
        (
            task(
                "{call: http, with: {method: get, endpoint: {uri: 'http://x', authentication:"
                " {oauth2: {authority: 'http://a', grant: authorization_code}}}}}"
            ),
            "/do/0/t/with/endpoint/authentication/oauth2/grant",
            "the grant `authorization_code`, which needs a person at a browser,",
        ),
    ],
)
def test_what_cannot_be_run_yet_is_refused_by_name_and_not_called_wrong(
    text: str, pointer: str, what: str
) -> None:
    problem = only(text)
    assert problem.pointer == pointer
    assert problem.message == f"{what} cannot be run by pgworker {__version__}"
    assert problem.hint == "the document is not wrong; a later version may run it"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        (SOMETHING + "\nuse: {erors: {}}", "/use/erors"),
        (SOMETHING + "\nuse: []", "/use"),
        (SOMETHING + "\nuse: {errors: []}", "/use/errors"),
        (SOMETHING + "\nuse: {errors: null}", "/use/errors"),
        (SOMETHING + "\nuse: {retries: null}", "/use/retries"),
        (SOMETHING + "\nuse: {retries: {r: {limit: null}}}", "/use/retries/r/limit"),
        (SOMETHING + "\nuse: {timeouts: null}", "/use/timeouts"),
        (SOMETHING + "\nuse: {timeouts: {a: {after: PT1S}, b: a}}", "/use/timeouts/b"),
        (SOMETHING + "\nschedule: {every: P9000Y}", "/schedule/every"),
        (SOMETHING + "\nschedule: {after: P9000Y}", "/schedule/after"),
        (SOMETHING + "\nuse: {errors: {e: 1}}", "/use/errors/e"),
        (SOMETHING + "\nuse: {errors: {e: {type: x}}}", "/use/errors/e"),
        (SOMETHING + "\nuse: {errors: {e: {type: x, status: y}}}", "/use/errors/e/status"),
        (SOMETHING + "\nuse: {errors: {e: {type: x, status: 1, title: '${ $x }'}}}", "/use/errors/e/title"),
        (SOMETHING + "\nevaluate: {language: js}", "/evaluate/language"),
        (SOMETHING + "\nevaluate: {mode: sloppy}", "/evaluate/mode"),
        (SOMETHING + "\nevaluate: {made: strict}", "/evaluate/made"),
        (SOMETHING + "\nevaluate: jq", "/evaluate"),
        (SOMETHING + "\ninput: {schema: {document: {type: nope}}}", "/input/schema/document"),
        (SOMETHING + "\ninput: {from: '.a['}", "/input/from"),
        (SOMETHING + "\noutput: {as: $item}", "/output/as"),
    ],
)
def test_a_mistake_in_the_workflow_s_own_members_is_told(text: str, pointer: str) -> None:
    assert only(text).pointer == pointer


def test_an_error_that_is_named_must_be_defined() -> None:
    text = "use: {errors: {notFound: {type: x, status: 404}, gone: {type: x, status: 410}}}\n"
    assert problems_of(text + task("{raise: {error: notFound}}")) == ()
    problem = only(text + task("{raise: {error: notfound}}"))
    assert problem.pointer == "/do/0/t/raise/error"
    assert problem.expected == "one of `gone`, `notFound`"
    assert problem.hint == 'did you mean "notFound"?'


def test_an_error_that_is_used_and_wrong_is_told_once() -> None:
    text = "use: {errors: {e: {type: x}}}\n" + task("{raise: {error: e}}")
    assert [p.pointer for p in problems_of(text)] == ["/use/errors/e"]


MANY = """\
do:
  - one:
      set: {a: '${ .a[ }', b: '${ $nope }'}
      then: nowhere
  - two:
      swich: []
  - one:
      do:
        - deep:
            wait: soon
            iff: .a
  - three:
      switch:
        - x: {when: '1 +', then: gone}
        - y: {}
"""


def test_all_problems_are_told_at_once_each_at_its_line() -> None:
    found = {(p.pointer, p.line) for p in problems_of(MANY)}
    assert found == {
        ("/do/0/one/set/a", 4),
        ("/do/0/one/set/b", 4),
        ("/do/0/one/then", 5),
        ("/do/1/two", 6),
        ("/do/2/one", 8),
        ("/do/3/three/switch/0/x/when", 15),
        ("/do/3/three/switch/0/x/then", 15),
        ("/do/3/three/switch/1/y", 16),
    } | {p for p in found if p[0].startswith("/do/2/one/")}


def test_what_is_inside_a_task_of_a_taken_name_is_looked_at_too() -> None:
    inside = [p.pointer for p in problems_of(MANY) if p.pointer.startswith("/do/2/one/")]
    assert "/do/2/one/do/0/deep/iff" in inside


def test_columns_point_to_the_key() -> None:
    problem = next(p for p in problems_of(MANY) if p.pointer == "/do/0/one/set/b")
    assert (HEADER + MANY).splitlines()[problem.line - 1][problem.column - 1 :].startswith("b:")  # type: ignore[operator]


def test_an_unknown_member_of_the_workflow_is_a_warning_only() -> None:
    warnings = compiled(SOMETHING + "\nx-team: blue\nowner: {a: 1}").warnings
    assert [(w.pointer, w.line, w.column) for w in warnings] == [("/owner", 4, 1), ("/x-team", 3, 1)]
    assert "means nothing here" in warnings[0].message


def test_the_pointer_of_a_warning_is_escaped() -> None:
    (warning,) = compiled(SOMETHING + "\nx/y~z: 1").warnings
    assert (warning.pointer, warning.line) == ("/x~1y~0z", 3)


def test_a_fine_document_has_no_warnings() -> None:
    assert compiled("do: [{a: {set: {x: 1}}}]").warnings == ()


@pytest.mark.parametrize("text", ["${ .a", "a ${ .b", '${ "a }', "${ {a: 1 }", "x ${ .a } ${ .b"])
def test_an_expression_that_is_not_closed_is_refused(text: str) -> None:
    assert [p.pointer for p in problems_of(Document.from_value(
        {
            "document": {"dsl": "1.0.3", "namespace": "n", "name": "n", "version": "1.0.0"},
            "do": [{"t": {"set": {"a": text}}}],
        }
    ))] == ["/do/0/t/set/a"]  # fmt: skip


def test_two_cases_of_one_name_are_refused() -> None:
    found = problems_of(task("{switch: [{c: {when: .a, then: end}}, {c: {when: .b, then: exit}}]}"))
    assert [p.pointer for p in found] == ["/do/0/t/switch/1/c"]
