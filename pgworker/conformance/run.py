"""A run of the kit: every scenario on the real engine, one after the other, with a worker in this process."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import orjson

from pgworker.client import Client, compiled
from pgworker.conformance.features import Scenario
from pgworker.conformance.outcome import Outcome
from pgworker.conformance.report import Verdict
from pgworker.conformance.steps import Define, Execute, GiveInput, Step, understood
from pgworker.errors import DocumentError, PgworkerError, Unmet, WaitTimedOut
from pgworker.plan.nodes import Plan
from pgworker.settings import Settings
from pgworker.types import JsonObject, JsonValue
from pgworker.worker.service import serve


async def run_scenarios(settings: Settings, scenarios: Sequence[Scenario], limit: float) -> list[Verdict]:
    """What becomes of each scenario; a workflow may take ``limit`` seconds, and is cancelled after that.

    Raises what a client or a worker raises if the database is not there or not prepared.
    """
    quitting = asyncio.Event()
    async with Client(settings.database, settings.db_schema) as client:
        working = asyncio.create_task(serve(settings, quitting))
        judging = asyncio.create_task(_judge_all(client, scenarios, limit))
        try:
            await asyncio.wait({working, judging}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            quitting.set()
            judging.cancel()
            await asyncio.wait([working, judging])
        working.result()  # a worker that broke explains why nothing was judged
        return judging.result()


async def _judge_all(client: Client, scenarios: Sequence[Scenario], limit: float) -> list[Verdict]:
    return [await judge(client, scenario, limit) for scenario in scenarios]


async def judge(client: Client, scenario: Scenario, limit: float) -> Verdict:
    """What becomes of one scenario, on whatever worker works for the client's database.

    It raises nothing: whatever goes wrong is this scenario's, and the next one has its turn.
    """
    began = time.monotonic()
    stage = _Stage(client, limit, scenario.line)
    try:
        await stage.play(scenario)
        reason = None
    except DocumentError as error:
        reason = f"the definition is refused: {error.message}"
    except PgworkerError as error:
        reason = error.message
    except Exception as error:
        reason = f"pgworker itself failed: {type(error).__name__}: {error}"
    return Verdict(
        feature=scenario.feature,
        scenario=scenario.name,
        result="passed" if reason is None else "failed",
        reason=reason,
        file=str(scenario.file),
        line=scenario.line if reason is None else stage.line,
        duration=timedelta(seconds=time.monotonic() - began),
    )


@dataclass(slots=True)
class _Stage:
    """What the steps of one scenario have set up so far; ``line`` is where it has come to."""

    client: Client
    limit: float
    line: int
    definition: JsonObject | None = None
    input: JsonValue = None
    has_input: bool = False
    outcome: Outcome | None = None

    async def play(self, scenario: Scenario) -> None:
        """Takes the steps one by one, once all of them are understood; raises for the first that fails."""
        steps: list[tuple[int, Step]] = []
        for written in scenario.steps:
            self.line = written.line
            steps.append((written.line, understood(written)))
        self.line = scenario.line
        if not steps or isinstance(steps[-1][1], Define | GiveInput | Execute):
            raise Unmet("the scenario does not end with an expectation, so it could not fail")
        for line, step in steps:
            self.line = line
            await self._take(step)

    async def _take(self, step: Step) -> None:
        match step:
            case Define(definition):
                self.definition = definition
            case GiveInput(value):
                self.input, self.has_input = value, True
            case Execute():
                self.outcome = await self._execute()
            case _ if self.outcome is None:
                raise Unmet("no workflow was executed before this step")
            case _:
                self.outcome.check(step)

    async def _execute(self) -> Outcome:
        if self.definition is None:
            raise Unmet("no workflow was defined before this step")
        plan = _set_apart(compiled(self.definition).plan)
        await self.client.define(plan.definition)
        given = (self.input,) if self.has_input else ()
        workflow_id = await self.client.start(
            plan.name, *given, namespace=plan.namespace, version=plan.version
        )
        try:
            workflow = await self.client.wait(workflow_id, self.limit)
        except WaitTimedOut:
            await self.client.cancel(workflow_id, "the scenario's time was over")
            raise
        return Outcome(workflow, await self.client.tasks(workflow_id))


def _set_apart(plan: Plan) -> Plan:
    """The plan in a namespace that is named after its content.

    Scenarios give different documents the same name and version, which a database must not. The same document
    has the same namespace again in the next run, so that runs leave no ever growing heap of definitions, and
    whoever keeps a workflow `default/set` of their own does not find it overtaken.
    """
    header = plan.definition.get("document")
    if not isinstance(header, dict):
        return plan
    digest = hashlib.sha256(orjson.dumps(plan.definition)).hexdigest()[:16]
    return compiled({**plan.definition, "document": {**header, "namespace": f"conformance-{digest}"}}).plan
