"""How data enters and leaves tasks and the workflow, and how the context is exported."""

from __future__ import annotations

import pytest

from pgworker.engine import events
from pgworker.types import JsonValue
from tests.support.pure import error_kind, play

NUMBER = "{document: {type: number}}"
TEXT = "{document: {type: string}}"


def one_task(written: str, rest: str = "") -> str:
    return f"do: [{{t: {written}}}]\n{rest}"


def test_the_output_of_a_task_is_the_input_of_the_next() -> None:
    one = play("do: [{a: {set: {n: '${ .n + 1 }'}}}, {b: {set: {n: '${ .n * 10 }'}}}]", {"n": 1})
    assert one.output == {"n": 20}


@pytest.mark.parametrize("value", [{}, {"a": [1, None]}, [1], "text", 0, 1.5, True, False])
def test_a_workflow_without_tasks_of_effect_gives_its_input(value: JsonValue) -> None:
    assert play(one_task("{set: '${ . }'}"), value).output == value


def test_input_from_takes_what_the_task_needs() -> None:
    one = play(
        one_task("{input: {from: .user.claims.subject}, set: {id: '${ . }'}}"),
        {"user": {"claims": {"subject": "x"}}},
    )
    assert one.output == {"id": "x"}


@pytest.mark.parametrize(
    "template",
    ["{x: '${ .a }', y: 2}", "'{x: .a, y: 2}'", "'${ {x: .a, y: 2} }'"],
    ids=["object", "bare", "braces"],
)
def test_transformations_are_objects_or_expressions(template: str) -> None:
    assert play(one_task(f"{{input: {{from: {template}}}, set: '${{ . }}'}}"), {"a": 1}).output == {
        "x": 1,
        "y": 2,
    }
    assert play(one_task(f"{{set: '${{ . }}', output: {{as: {template}}}}}"), {"a": 1}).output == {
        "x": 1,
        "y": 2,
    }
    one = play(one_task(f"{{set: '${{ . }}', export: {{as: {template}}}}}"), {"a": 1})
    assert one.state.context == {"x": 1, "y": 2}


def test_the_task_s_input_is_forgotten_after_it() -> None:
    one = play("do: [{a: {input: {from: .x}, set: {y: '${ . }'}}}, {b: {set: '${ $input }'}}]", {"x": 1})
    assert one.output == {"y": 1}


def test_output_as_makes_the_next_task_s_input() -> None:
    one = play("do: [{a: {set: {x: {y: 5}}, output: {as: .x.y}}}, {b: {set: {z: '${ . }'}}}]")
    assert one.output == {"z": 5}


def test_output_as_can_read_input_output_and_the_raw_output() -> None:
    one = play(
        one_task(
            "{input: {from: .a}, set: {r: 1}, output: {as: '[$input, $output, $task.output, "
            "$task.input, .]'}}"
        ),
        {"a": 2},
    )
    assert one.output == [2, {"r": 1}, {"r": 1}, {"a": 2}, {"r": 1}]


def test_export_reads_the_transformed_output_and_replaces_the_context() -> None:
    one = play(
        """
do:
  - a: {set: {x: 1}, output: {as: .x}, export: {as: '{n: ., out: $output, raw: $task.output}'}}
  - b: {set: {c: '${ $context }'}, export: {as: '$context + {m: 2}'}}
  - c: {set: {c: '${ $context }'}, export: {as: '{only: true}'}}
"""
    )
    assert one.output == {"c": {"n": 1, "out": 1, "raw": {"x": 1}, "m": 2}}
    assert one.state.context == {"only": True}


def test_the_context_is_null_at_first_so_that_anything_can_be_added() -> None:
    one = play("do: [{a: {set: {c: '${ $context }'}, export: {as: '$context + {x: 1}'}}}]")
    assert one.output == {"c": None}
    assert one.state.context == {"x": 1}


def test_a_task_that_exports_nothing_leaves_the_context_alone() -> None:
    one = play("do: [{a: {set: {x: 1}, export: {as: .x}}}, {b: {set: {y: 2}}}]")
    assert one.state.context == 1


def test_null_can_be_exported() -> None:
    one = play("do: [{a: {set: {x: 1}, export: {as: .x}}}, {b: {set: {y: 2}, export: {as: 'null'}}}]")
    assert one.state.context is None


def test_the_context_of_a_composite_is_exported_after_those_inside() -> None:
    one = play(
        "do: [{a: {do: [{b: {set: {x: 1}, export: {as: '[\"inner\"]'}}}], export: {as: '$context + [.x]'}}}]"
    )
    assert one.state.context == ["inner", 1]


def test_an_output_that_stays_the_same_is_not_written_again() -> None:
    one = play(
        "do: [{a: {set: {x: 1}}}, {s: {switch: [{c: {then: continue}}]}}, "
        "{d: {do: [{w: {switch: [{c: {then: exit}}]}}]}}]"
    )
    written = [event for event in one.history if "output" in event.data]
    assert [event.task for event in written] == ["/do/0/a"]
    assert one.history[-1].data == {"output_from": 2}


def test_event_data_holds_nothing_that_history_has_already() -> None:
    one = play("do: [{a: {set: {x: 1}}}]", {"large": "value"})
    assert one.history[1].data == {"from": 1, "kind": "set", "output": {"x": 1}}
    assert one.history[2].data == {"output_from": 2}


def test_a_transformed_input_is_written_down_with_the_task() -> None:
    one = play(
        "do: [{a: {input: {from: .x}, set: {y: 1}}}, {b: {input: {from: .y}, do: [{c: {set: {z: 1}}}]}}]",
        {"x": 5},
    )
    assert one.history[1].data["input"] == 5
    (start,) = one.of(events.TASK_STARTED)
    assert start.data["input"] == 1


# schemas


@pytest.mark.parametrize(
    ("written", "what"),
    [
        (f"{{input: {{schema: {TEXT}}}, set: {{x: 1}}}}", "input"),
        (f"{{set: {{x: 1}}, output: {{schema: {TEXT}}}}}", "output"),
        (f"{{set: {{x: 1}}, output: {{as: .x, schema: {TEXT}}}}}", "output"),
        (f"{{set: {{x: 1}}, export: {{as: .x, schema: {TEXT}}}}}", "exported context"),
        (f"{{input: {{schema: {TEXT}}}, do: [{{i: {{set: {{x: 1}}}}}}]}}", "input"),
        (f"{{output: {{schema: {TEXT}}}, do: [{{i: {{set: {{x: 1}}}}}}]}}", "output"),
        (f"{{output: {{schema: {TEXT}}}, for: {{in: '[1]'}}, do: [{{i: {{set: {{x: 1}}}}}}]}}", "output"),
        (f"{{output: {{schema: {TEXT}}}, for: {{in: '[]'}}, do: [{{i: {{set: {{x: 1}}}}}}]}}", "output"),
        (f"{{output: {{schema: {TEXT}}}, switch: [{{c: {{then: end}}}}]}}", "output"),
        (f"{{input: {{schema: {TEXT}}}, raise: {{error: {{type: x, status: 1}}}}}}", "input"),
        (f"{{input: {{schema: {TEXT}}}, wait: PT1S}}", "input"),
    ],
)
def test_what_does_not_conform_fails_the_task_with_validation(written: str, what: str) -> None:
    one = play(one_task(written))
    assert error_kind(one.error) == "validation"
    assert one.error["status"] == 400
    assert one.error["instance"] == "/do/0/t"
    assert str(one.error["detail"]).startswith(f"the {what} does not conform to its schema: ")


def test_what_conforms_passes() -> None:
    one = play(
        one_task(
            f"{{input: {{schema: {NUMBER}, from: '\"x\"'}}, set: '${{ . }}', output: {{as: '2', "
            f"schema: {NUMBER}}}}}"
        ),
        1,
    )
    assert one.output == 2


def test_the_schema_checks_the_raw_input_and_the_transformed_output() -> None:
    one = play(
        one_task(
            "{input: {schema: {document: {type: object}}, from: .n}, set: '${ [.] }',"
            " output: {as: '.[0]', schema: {document: {type: number}}},"
            " export: {as: '[.]', schema: {document: {type: array}}}}"
        ),
        {"n": 1},
    )
    assert (one.output, one.state.context) == (1, [1])


def test_a_violation_names_the_place_inside_the_value() -> None:
    schema = "{document: {properties: {a: {items: {type: number}}}}}"
    one = play(one_task(f"{{input: {{schema: {schema}}}, set: {{x: 1}}}}"), {"a": [1, "two"]})
    assert "/a/1: " in str(one.error["detail"])


def test_a_context_that_is_refused_leaves_the_old_one() -> None:
    one = play(
        f"do: [{{a: {{set: {{x: 1}}, export: {{as: .x}}}}}}, {{b: {{set: {{y: z}}, export: {{as: .y, "
        f"schema: {NUMBER}}}}}}}]"
    )
    assert error_kind(one.error) == "validation"
    assert one.state.context == 1


def test_a_schema_alone_checks_the_context_as_it_is() -> None:
    one = play(one_task(f"{{set: {{x: 1}}, export: {{schema: {NUMBER}}}}}"))
    assert error_kind(one.error) == "validation"


def test_a_boolean_schema_is_one() -> None:
    assert play(one_task("{set: {x: 1}, output: {schema: {document: true}}}")).output == {"x": 1}
    assert (
        error_kind(play(one_task("{set: {x: 1}, output: {schema: {document: {not: {}}}}}")).error)
        == "validation"
    )


def test_a_schema_may_refer_to_parts_of_itself() -> None:
    schema = "{document: {$ref: '#/$defs/tree', $defs: {tree: {type: array, items: {$ref: '#/$defs/tree'}}}}}"
    assert play(one_task(f"{{input: {{schema: {schema}}}, set: {{x: 1}}}}"), [[], [[]]]).output == {"x": 1}
    assert (
        error_kind(play(one_task(f"{{input: {{schema: {schema}}}, set: {{x: 1}}}}"), [[1]]).error)
        == "validation"
    )


# the workflow's own


def test_the_workflow_s_input_is_checked_then_transformed() -> None:
    text = one_task(
        "{set: {raw: '${ $workflow.input }', now: '${ . }', input: '${ $input }'}}",
        f"input: {{schema: {NUMBER}, from: '[.]'}}",
    )
    one = play(text, 1)
    assert one.output == {"raw": 1, "now": [1], "input": [1]}
    assert one.types[1] == events.INPUT_TRANSFORMED
    assert one.of(events.INPUT_TRANSFORMED)[0].data == {"output": [1]}
    refused = play(text, "x")
    assert (error_kind(refused.error), refused.error["instance"]) == ("validation", "/input")
    assert refused.types == [events.WORKFLOW_STARTED, events.WORKFLOW_FAILED]


def test_no_input_is_an_empty_object() -> None:
    assert play(one_task("{set: '${ [., $workflow.input] }'}")).output == [{}, {}]


def test_the_workflow_s_output_is_transformed_then_checked() -> None:
    text = one_task(
        "{set: {x: 1}, export: {as: .x}}",
        "input: {from: .n}\noutput: {as: '[$context, $input, $output, .]', "
        "schema: {document: {type: array}}}",
    )
    one = play(text, {"n": 5})
    assert one.output == [1, 5, {"x": 1}, {"x": 1}]
    assert one.history[-1].data == {"output": one.output}


def test_an_output_that_does_not_conform_fails_the_workflow() -> None:
    one = play(one_task("{set: {x: 1}}", f"output: {{schema: {NUMBER}}}"))
    assert (error_kind(one.error), one.error["instance"]) == ("validation", "/output")


@pytest.mark.parametrize(
    ("member", "instance"), [("input: {from: .a.b.c}", "/input"), ("output: {as: .a.b.c}", "/output")]
)
def test_a_transformation_that_fails_fails_the_workflow(member: str, instance: str) -> None:
    one = play(one_task("{set: '${ . }'}", member), {"a": 1})
    assert (error_kind(one.error), one.error["instance"]) == ("expression", instance)


def test_a_workflow_s_transformed_input_may_be_null() -> None:
    one = play(one_task("{set: {i: '${ . }'}}", "input: {from: .missing}"))
    assert one.output == {"i": None}
    assert len(one.of(events.INPUT_TRANSFORMED)) == 1


# failing transformations


@pytest.mark.parametrize(
    "written",
    [
        "{input: {from: .a.b.c}, set: {x: 1}}",
        "{set: '${ .a.b.c }'}",
        "{set: {x: '${ .a.b.c }'}}",
        "{set: {x: 'text ${ .a.b.c }'}}",
        "{set: {x: 1}, output: {as: .x.y.z}}",
        "{set: {x: 1}, export: {as: .x.y.z}}",
        "{for: {in: .a.b.c}, do: [{i: {set: {x: 1}}}]}",
        "{do: [{i: {set: {x: 1}}}], output: {as: .x.y.z}}",
        "{do: [{i: {set: {x: 1}}}], export: {as: .x.y.z}}",
        "{for: {in: '[1]'}, do: [{i: {set: {x: 1}}}], output: {as: .x.y.z}}",
        "{switch: [{c: {then: end}}], output: {as: .a.b.c}}",
        "{raise: {error: {type: x, status: 400, detail: '${ .a.b.c }'}}}",
        "{wait: '${ .a.b.c }'}",
        "{call: http, with: {method: get, endpoint: 'http://x/${ .a.b.c }'}}",
        "{call: http, with: {method: get, endpoint: 'http://x', body: {b: '${ .a.b.c }'}}}",
    ],
)
def test_an_expression_that_fails_fails_its_task(written: str) -> None:
    one = play(one_task(written), {"a": 1})
    assert error_kind(one.error) == "expression"
    assert one.error["status"] == 400
    assert one.error["instance"] == "/do/0/t"
    assert "failed: " in str(one.error["detail"])


def test_a_task_that_failed_leaves_data_and_context_as_they_were() -> None:
    one = play(
        "do: [{a: {set: {x: 1}}}, {b: {set: {y: 2}, export: {as: error('no')}}}]".replace("'no'", '"no"')
    )
    (event,) = one.of(events.TASK_FAILED)
    assert "output" not in event.data
    assert "context" not in event.data
    assert one.state.context is None


@pytest.mark.parametrize(
    "program", ["nan", "infinite", "-infinite", "[1e1000]", '"\\u0000"', "{a: {b: nan}}"]
)
def test_a_value_that_the_database_cannot_hold_fails_the_task(program: str) -> None:
    for written in (f"{{set: {{x: '${{ {program} }}'}}}}", f"{{set: {{x: 1}}, export: {{as: '{program}'}}}}"):
        one = play(one_task(written))
        assert error_kind(one.error) == "validation"
        assert "cannot be kept" in str(one.error["detail"])


def test_numbers_are_kept_in_one_way() -> None:
    one = play(
        one_task("{set: {a: '${ 1.0 }', b: '${ 1e3 }', c: '${ -0 }', d: '${ 0.1 + 0.2 }', e: '${ 1e22 }'}}")
    )
    assert repr(one.output) == "{'a': 1, 'b': 1000, 'c': 0, 'd': 0.30000000000000004, 'e': 1e+22}"


def test_members_are_kept_in_the_order_of_the_database() -> None:
    one = play(one_task("{set: '${ {bb: 1, a: 2, c: {z: 1, y: 2}} }'}"))
    assert repr(one.output) == "{'a': 2, 'c': {'y': 2, 'z': 1}, 'bb': 1}"
    assert play("do: [{a: {set: '${ {bb: 1, a: 2} }'}}, {b: {set: '${ keys_unsorted }'}}]").output == [
        "a",
        "bb",
    ]
