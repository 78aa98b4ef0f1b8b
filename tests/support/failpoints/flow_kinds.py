"""Kinds of work that only the workflow itself is about: data, flow, errors and time."""

from __future__ import annotations

from tests.support.failpoints.kinds import Kind, alone, ask, completed, failed

_NAP = "{nap: {wait: {milliseconds: 15}}}"


def flow_kinds() -> list[Kind]:
    """All of them."""
    return [
        alone("set", "do: [{a: {set: {n: 1}}}, {b: {set: {n: '${ .n + 1 }'}}}]", completed({"n": 2})),
        alone(
            "do",
            f"do: [{{outer: {{do: [{{a: {{set: {{n: 1}}}}}}, {_NAP}, {{b: {{set: {{n: '${{ .n + 1 }}'}}}}}}]}}}}]",
            completed({"n": 2}),
        ),
        alone(
            "for",
            "do: [{loop: {for: {in: '${ [1, 2, 3] }'}, do: ["
            f"{_NAP}, {{add: {{set: {{n: '${{ (.n // 0) + $item }}'}}}}}}]}}}}]",
            completed({"n": 6}),
        ),
        alone(
            "switch",
            f"do: [{{a: {{set: {{n: 2}}}}}}, {_NAP}, {{choose: {{switch: [{{one: {{when: '.n == 1', then: left}}}},"
            " {two: {when: '.n == 2', then: right}}]}}, {left: {set: {went: left}, then: end}},"
            f" {{right: {{do: [{_NAP}, {{b: {{set: {{went: right}}}}}}]}}}}]",
            completed({"went": "right"}),
        ),
        alone(
            "fork",
            f"do: [{{f: {{fork: {{branches: [{{ask: {ask('ask')}}}, {{b: {{do: [{_NAP}, {{s: {{set: {{b: 2}}}}}}]}}}}]}}}}}}]",
            completed([{"asked": True}, {"b": 2}]),
        ),
        alone(
            "fork-compete",
            f"do: [{{f: {{fork: {{compete: true, branches: [{{slow: {ask('slow', '/slow?ms=20000')}}},"
            f" {{quick: {{do: [{_NAP}, {{s: {{set: {{won: quick}}}}}}]}}}}]}}}}}}]",
            completed({"won": "quick"}),
            broken={"fork-compete": completed({"won": "quick"})},
        ),
        alone(
            "try-retry",
            "do: [{t: {try: [{ask: {call: http, with: {method: post,"
            " endpoint: '${ \"STUB/flaky?of=\" + $workflow.id }'}, output: {as: '{asked: true}'}}}],"
            " catch: {retry: {delay: {milliseconds: 15}, limit: {attempt: {count: 5}}}}}}]",
            completed({"asked": True}),
            broken={"try-retry": completed({"asked": True})},
        ),
        alone(
            "try-catch",
            f"do: [{{t: {{try: [{_NAP}, {{r: {{raise: {{error: {{type: bad, status: 418}}}}}}}}], catch: {{as: e, do: ["
            f"{_NAP}, {{c: {{set: {{caught: '${{ $e.status }}'}}}}}}]}}}}}}]",
            completed({"caught": 418}),
        ),
        alone("raise", f"do: [{_NAP}, {{r: {{raise: {{error: {{type: bad, status: 418}}}}}}}}]", failed(418)),
        alone("wait", f"do: [{_NAP}, {{again: {{wait: PT0.02S}}}}, {{s: {{set: {{n: 1}}}}}}]", completed({"n": 1})),
        alone(
            "timeout-of-a-task",
            "do: [{t: {try: [{slow: {wait: {seconds: 30}, timeout: {after: {milliseconds: 30}}}}],"
            " catch: {do: [{s: {set: {late: '${ $error.status }'}}}]}}}]",
            completed({"late": 408}),
        ),
        alone(
            "timeout-of-a-workflow",
            "timeout: {after: {milliseconds: 60}}\ndo: [{d: {do: [{slow: {wait: {seconds: 30}}}]}}]",
            failed(408),
        ),
        alone(
            "extension",
            f"use: {{extensions: [{{log: {{extend: set, before: [{_NAP}], after: [{{ask: {ask('ask')}}}]}}}}]}}\n"
            "do: [{a: {set: {n: 1}}}]",
            completed({"n": 1}),
        ),
        alone(
            "function",
            f"use: {{functions: {{double: {{do: [{_NAP}, {{s: {{set: {{n: '${{ .n * 2 }}'}}}}}}]}}}}}}\n"
            "do: [{a: {call: double, with: {n: 4}}}, {b: {call: double, with: {n: '${ .n }'}}}]",
            completed({"n": 16}),
        ),
        alone("broken-definition", "do: [{a: {sett: {n: 1}}}]", failed(400)),
        alone(
            "long-history",
            "do: [{first: {for: {in: '[range(520)]'}, do: [{a: {set: {n: '${ (.n // 0) + 1 }'}}}]}},"
            " {nap: {wait: {milliseconds: 300}}},"
            " {then: {for: {in: '[range(520)]'}, do: [{a: {set: {n: '${ (.n // 0) + 1 }'}}}]}}]",
            completed({"n": 1040}),
            prelude="select exists (select from jobs where seq > 1000)",
        ),
    ]
