"""Kinds of work that call others: services, other workflows, and what definitions refer to."""

from __future__ import annotations

from pathlib import Path

from tests.support.failpoints.kinds import (
    CHILD_RUNS,
    PERFORMING,
    Kind,
    Tell,
    alone,
    cancelled,
    completed,
    failed,
)

_CHILD = "do: [nap: {<nap>}, ask: {<ask ask>}, s: {set: {n: '${ $workflow.input.n + 1 }'}}]"
_LONG = "do: [w: {wait: {hours: 1}}]"
_FUNCTION = "do:\n- say: {set: {said: '${ .message }'}}\n"


def call_kinds(folder: Path) -> list[Kind]:
    """All of them; definitions may refer to what is in a folder."""
    return [*_services(), _function(), *_children(), *_processes(), *_ends(), _from_a_catalog(folder)]


def _services() -> list[Kind]:
    asked = completed({"asked": True})
    return [
        alone("call", "do: [one: {<ask one>}, two: {<ask two>}]", asked),
        alone("long call", "do: [slow: {<ask slow /slow?ms=420>}]", asked),
        alone("loop of calls", "do: [l: {for: {in: '[1, 2]', at: i}, do: [a: {<ask a /count $i>}]}]", asked),
        alone("failing call", "do: [ask: {<ask ask /status/404>}]", failed(404), broken=None),
        alone("call with timeout", """
            do:
            - t:
                try: [slow: {<ask slow /slow?ms=20000>, timeout: {after: {milliseconds: 250}}}]
                catch: {do: [s: {set: {late: '${ $error.status }'}}]}
            """, completed({"late": 408}), broken=None),
        alone("more calls than slots", """
            do: [f: {fork: {branches: [a: {<ask a /slow?ms=60>}, b: {<ask b /slow?ms=60>}]}}]
            """, completed([{"asked": True}, {"asked": True}]), settings={"concurrency": 1}),
    ]  # fmt: skip


def _function() -> Kind:
    """A Python function of the worker's own, which it declares when it comes up."""
    told = "call: tell, with: {url: 'STUB/count', activity: '${ $workflow.id + \"/f\" }'}"
    text = f"do: [n: {{<nap>}}, f: {{{told}}}]"
    settings = {"functions": "tests.support.functions"}
    return alone("python function", text, completed(200), settings=settings)


def _children() -> list[Kind]:
    broken = failed(500)
    return [
        alone("run", f"do: [r: {_run('run')}]", completed({"n": 2}),
              broken={"run": broken, "run-child": broken}).beside(_CHILD, completed({"n": 2})),
        alone("run no await", f"do: [r: {_run('run-no-await', 'await: false')}]", completed({}),
              broken={"run-no-await": completed({}), "run-no-await-child": broken},
              ).beside(_CHILD, completed({"n": 2})),
        alone("run failing", f"""
            do:
            - t:
                try: [r: {_run('run-failing')}]
                catch: {{do: [s: {{set: {{e: '${{ $error.status }}'}}}}]}}
            """, completed({"e": 418}),
            ).beside("do: [nap: {<nap>}, r: {raise: {error: {type: bad, status: 418}}}]", failed(418)),
        alone("run undefined", f"do: [r: {_run('nobody')}]", failed(400)),
    ]  # fmt: skip


def _processes() -> list[Kind]:
    """A script that calls the stub as a worker would, by the key that it has been given."""
    return [
        alone("script", """
            do:
            - r:
                run:
                  script:
                    language: python
                    environment: {URL: 'STUB/count', ACTIVITY: '${ $workflow.id + "/r" }'}
                    code: |
                      import os, urllib.request
                      names = {'Idempotency-Key': 'IDEMPOTENCY_KEY', 'X-Activity': 'ACTIVITY'}
                      headers = {header: os.environ[name] for header, name in names.items()}
                      request = urllib.request.Request(os.environ['URL'], b'', headers)
                      print(urllib.request.urlopen(request).status)
            """, completed("200"), broken=None, settings={"run_allow": "script"}),
    ]  # fmt: skip


def _ends() -> list[Kind]:
    """What ends before it has come to its own end: the loser of a race, the cancelled, and the worker."""
    return [
        alone("run compete", f"""
            do:
            - f:
                fork:
                  compete: true
                  branches:
                  - c: {_run('run-compete')}
                  - quick: {{do: [nap: {{<nap>}}, s: {{set: {{won: quick}}}}]}}
            """, completed({"won": "quick"})).beside(_LONG, cancelled()),
        alone("cancel", f"""
            do: [f: {{fork: {{branches: [c: {_run('cancel')}, slow: {{<ask slow /slow?ms=20000>}}]}}}}]
            """, cancelled(), broken=None, tells=[
                Tell(f"select ({PERFORMING}) and ({CHILD_RUNS})",
                     "select cancel_workflow(id) from workflows where parent_id is null"),
            ]).beside(_LONG, cancelled()),
        alone("stop", "do: [slow: {<ask slow /slow?ms=420>}]", completed({"asked": True}),
              tells=[Tell(PERFORMING, stops=True)], stops=True, settings={"grace_seconds": 0.3}),
    ]  # fmt: skip


def _run(parent: str, more: str = "await: true") -> str:
    workflow = f"{{namespace: default, name: {parent}-child, version: 1.0.0, input: {{n: 1}}}}"
    return f"{{run: {{workflow: {workflow}, {more}}}}}"


def _from_a_catalog(folder: Path) -> Kind:
    path = folder / "functions" / "log" / "1.0.0" / "function.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_FUNCTION)
    text = f"""
        use: {{catalogs: {{here: {{endpoint: {{uri: 'file://{folder}'}}}}}}}}
        do: [log: {{call: 'log:1.0.0@here', with: {{message: hello}}}}]
        """
    return alone("catalog", text, completed({"said": "hello"}), settings={"resources_dir": folder})
