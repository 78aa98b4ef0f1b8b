"""Kinds of work that call others: services, other workflows, and what definitions refer to outside of them."""

from __future__ import annotations

from pathlib import Path

from tests.support.failpoints.kinds import (
    PERFORMING,
    End,
    Kind,
    Tell,
    alone,
    ask,
    cancelled,
    completed,
    failed,
)

_NAP = "{nap: {wait: {milliseconds: 15}}}"
_CHILD = f"do: [{_NAP}, {{ask: {ask('ask')}}}, {{s: {{set: {{n: '${{ $workflow.input.n + 1 }}'}}}}}}]"
_LONG = "do: [{w: {wait: {hours: 1}}}]"
_FUNCTION = "do:\n- say: {set: {said: '${ .message }'}}\n"


def call_kinds(folder: Path) -> list[Kind]:
    """All of them; definitions may refer to what is in a folder."""
    return [*_services(), *_children(), _from_a_catalog(folder)]


def _run(name: str, more: str = "", version: str = "1.0.0") -> str:
    return f"{{run: {{workflow: {{namespace: default, name: {name}, version: {version}, input: {{n: 1}}}}{more}}}}}"


def _services() -> list[Kind]:
    long = "do: [{f: {fork: {branches: [{a: %s}, {b: %s}]}}}]"
    return [
        alone("call", f"do: [{{one: {ask('one')}}}, {{two: {ask('two')}}}]", completed({"asked": True})),
        alone("long-call", f"do: [{{slow: {ask('slow', '/slow?ms=420')}}}]", completed({"asked": True})),
        alone(
            "calls-in-a-loop",
            "do: [{loop: {for: {in: '[1, 2]', at: i}, do: [{each: "
            + ask("each", unique=' + "/" + ($i | tostring)')
            + "}]}}]",
            completed({"asked": True}),
        ),
        alone("failing-call", f"do: [{{ask: {ask('ask', '/status/404')}}}]", failed(404)),
        alone(
            "call-with-timeout",
            f"do: [{{t: {{try: [{{slow: {ask('slow', '/slow?ms=20000', ', timeout: {after: {milliseconds: 250}}')}}}],"
            " catch: {do: [{s: {set: {late: '${ $error.status }'}}}]}}}]",
            completed({"late": 408}),
            broken={"call-with-timeout": completed({"late": 500})},
        ),
        alone(
            "more-calls-than-slots",
            long % (ask("a", "/slow?ms=60"), ask("b", "/slow?ms=60")),
            completed([{"asked": True}] * 2),
            settings={"concurrency": 1},
        ),
        alone(
            "stop",
            f"do: [{{slow: {ask('slow', '/slow?ms=420')}}}]",
            completed({"asked": True}),
            tells=[Tell(PERFORMING, stops=True)],
            stops=True,
            settings={"grace_seconds": 0.02},
        ),
        alone(
            "cancel",
            f"do: [{{f: {{fork: {{branches: [{{c: {_run('cancelled-child')}}},"
            f" {{slow: {ask('slow', '/slow?ms=20000')}}}]}}}}}}]",
            cancelled(),
            tells=[
                Tell(
                    f"select ({PERFORMING}) and exists (select from workflows where name = 'cancelled-child'"
                    " and status = 'RUNNING')",
                    "select cancel_workflow(id) from workflows where name = 'cancel'",
                )
            ],
        )
        .beside("cancelled-child", _LONG, cancelled())
        .breaking(None),
    ]


def _children() -> list[Kind]:
    raises = f"do: [{_NAP}, {{r: {{raise: {{error: {{type: bad, status: 418}}}}}}}}]"
    return [
        _family("run", _run("run-child"), completed({"n": 2}), _CHILD, completed({"n": 2})),
        _family(
            "run-no-await",
            _run("run-no-await-child", ", await: false"),
            completed({}),
            _CHILD,
            completed({"n": 2}),
            completed({}),
        ),
        _family(
            "run-failing",
            f"{{try: [{{r: {_run('run-failing-child')}}}], catch: {{do: [{{s: {{set: {{e: '${{ $error.status }}'}}}}}}]}}}}",
            completed({"e": 418}),
            raises,
            failed(418),
        ),
        alone("run-undefined", f"do: [{{r: {_run('nobody')}}}]", failed(400)),
        _family(
            "run-compete",
            f"{{fork: {{compete: true, branches: [{{c: {_run('run-compete-child')}}},"
            f" {{quick: {{do: [{_NAP}, {{s: {{set: {{won: quick}}}}}}]}}}}]}}}}",
            completed({"won": "quick"}),
            _LONG,
            cancelled(),
        ),
    ]


def _family(
    name: str, task: str, end: End, child: str, childs_end: End, broken: End | None = None
) -> Kind:
    one = alone(name, f"do: [{{r: {task}}}]", end)
    both = one.beside(f"{name}-child", child, childs_end)
    if "call:" not in child:
        return both
    return both.breaking({name: broken or failed(500), f"{name}-child": failed(500)})


def _from_a_catalog(folder: Path) -> Kind:
    path = folder / "functions" / "log" / "1.0.0" / "function.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_FUNCTION)
    return alone(
        "catalog",
        f"use: {{catalogs: {{here: {{endpoint: {{uri: 'file://{folder}'}}}}}}}}\n"
        "do: [{log: {call: 'log:1.0.0@here', with: {message: hello}}}]",
        completed({"said": "hello"}),
        settings={"resources_dir": folder},
    )
