"""``raise``, and how errors read."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.engine.decide import fail_workflow, refuse
from pgworker.errors import DocumentError, Fault, FaultKind, Problem
from pgworker.types import JsonValue
from tests.support.pure import NOW, begin, error_kind, play

COMPLIANCE = "https://example.com/errors/compliance"


def raised(error: str, value: JsonValue = None, rest: str = "") -> dict[str, JsonValue]:
    return play(f"do: [{{r: {{raise: {{error: {error}}}}}}}]\n{rest}", value).error


def test_an_error_is_raised_as_it_is_written() -> None:
    assert raised(f"{{type: {COMPLIANCE}, status: 400, title: Compliance Error}}") == {
        "type": COMPLIANCE,
        "status": 400,
        "title": "Compliance Error",
        "instance": "/do/0/r",
    }


def test_its_texts_may_be_expressions() -> None:
    error = raised(
        "{type: '${ .type }', status: 422, title: 'no ${ .n } of ${ $task.name }', "
        "detail: '${ $workflow.id | length | tostring }'}",
        {"type": "t", "n": 3},
    )
    assert error == {"type": "t", "status": 422, "title": "no 3 of r", "detail": "36", "instance": "/do/0/r"}


def test_an_instance_of_the_author_s_is_replaced_by_the_task_s() -> None:
    assert raised("{type: t, status: 1, instance: /somewhere/else}")["instance"] == "/do/0/r"
    assert (
        raised("{type: t, status: 1, instance: '${ .x }'}", {"x": {"not": "text"}})["instance"] == "/do/0/r"
    )


def test_a_named_error_is_raised_where_it_is_used() -> None:
    rest = "use: {errors: {gone: {type: t, status: 410, detail: '${ .who } is gone'}}}"
    assert raised("gone", {"who": "Ada"}, rest) == {
        "type": "t",
        "status": 410,
        "detail": "Ada is gone",
        "instance": "/do/0/r",
    }


def test_members_that_come_out_null_are_left_out() -> None:
    assert raised("{type: t, status: 400, title: '${ .missing }', detail: '${ null }'}") == {
        "type": "t",
        "status": 400,
        "instance": "/do/0/r",
    }


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("{type: '${ .missing }', status: 400}", "has no type"),
        ("{type: '${ \"\" }', status: 400}", "has no type"),
        ("{type: '${ 3 }', status: 400}", "type of a raised error is a text"),
        ("{type: t, status: 400, title: '${ [1] }'}", "title of a raised error is a text"),
        ("{type: t, status: 400, detail: '${ false }'}", "detail of a raised error is a text"),
    ],
)
def test_an_error_that_is_none_raises_configuration(error: str, words: str) -> None:
    found = raised(error)
    assert error_kind(found) == "configuration"
    assert found["instance"] == "/do/0/r"
    assert words in str(found["detail"])


def test_raise_reads_the_transformed_input() -> None:
    one = play(
        "do: [{r: {input: {from: .a}, raise: {error: {type: t, status: 400, detail: '${ .b }'}}}}]",
        {"a": {"b": "c"}},
    )
    assert one.error["detail"] == "c"


def test_a_raise_that_is_not_wanted_raises_nothing() -> None:
    assert play("do: [{r: {if: .x, raise: {error: {type: t, status: 400}}}}]", {"a": 1}).output == {"a": 1}


def test_what_is_raised_ends_the_workflow_with_that_error() -> None:
    one = play(
        "do: [{o: {do: [{r: {raise: {error: {type: t, status: 400}}}}, {x: {set: {a: 1}}}]}}, "
        "{y: {set: {a: 1}}}]"
    )
    assert one.types == [
        events.WORKFLOW_STARTED,
        events.TASK_STARTED,
        events.TASK_FAILED,
        events.TASK_FAILED,
        events.WORKFLOW_FAILED,
    ]
    assert one.error["instance"] == "/do/0/o/do/0/r"
    assert one.history[-1].data == {"error": one.error}


def test_an_output_is_not_transformed_when_a_task_raises() -> None:
    one = play("do: [{r: {raise: {error: {type: t, status: 400}}, output: {as: .a.b.c}, export: {as: '1'}}}]")
    assert one.error["type"] == "t"
    assert one.state.context is None


def test_a_text_of_an_error_that_the_database_cannot_hold_raises_validation() -> None:
    assert error_kind(raised("{type: t, status: 400, detail: '${ \"a\\u0000\" }'}")) == "validation"


def test_a_long_complaint_of_an_expression_is_shortened() -> None:
    error = play("do: [{t: {set: '${ error(\"x\" * 100000) }'}}]").error
    assert len(str(error["detail"])) < 5000


def test_a_definition_that_does_not_compile_fails_the_workflow_with_configuration() -> None:
    one = begin("do: [{t: {set: {a: 1}}}]")
    problems = [Problem("/do/0/t", "no"), Problem("", "neither")]
    record = refuse(one.state, NOW, DocumentError(problems))
    (event,) = record.events
    assert (event.type, event.seq) == (events.WORKFLOW_FAILED, 2)
    assert error_kind(one.error) == "configuration"
    assert one.error["detail"] == "/do/0/t: no; /: neither"
    assert not record.goes_on


def test_a_workflow_can_be_failed_from_outside() -> None:
    one = play("do: [{w: {wait: PT1H}}]")
    record = fail_workflow(one.state, NOW, Fault(FaultKind.RUNTIME, "stuck"))
    assert error_kind(one.error) == "runtime"
    assert one.error["instance"] == "/"
    assert not record.goes_on
    assert one.state.activations == {}


@pytest.mark.parametrize(
    "written",
    [
        "{raise: {error: {type: t, status: 400, detail: '${ .big }'}}}",
        "{raise: {error: {type: t, status: 400, title: '${ [.big] }'}}}",
        "{wait: '${ [.big] }'}",
        "{set: {x: 1}, input: {schema: {document: {required: [zzz], not: {}}}}}",
    ],
    ids=["detail", "title of another type", "duration", "schema"],
)
def test_an_error_about_large_data_fails_the_task_and_not_the_decision(written: str) -> None:
    one = begin(f"do: [{{t: {written}}}]", {"big": "x" * 8_388_000})
    try:
        one.decide()
    except Fault:
        pytest.fail("the decision itself failed")
    assert one.error["instance"] == "/do/0/t"
