"""``run: workflow``: starts another workflow, and waits for its end unless it is not to."""

from __future__ import annotations

from uuid import UUID, uuid5

from pgworker.engine import events
from pgworker.engine.faults import FAILURES, Raised
from pgworker.engine.inputs import ChildReported
from pgworker.engine.run import Run
from pgworker.engine.state import Status
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.jq import Bind
from pgworker.expressions.templates import Template
from pgworker.plan.nodes import ChildNode, Return
from pgworker.types import JsonObject, JsonValue
from pgworker.values import canonical


def begin(run: Run, node: ChildNode) -> None:
    """Records which workflow is started with what; its id follows from this workflow's id and history."""
    bind = run.scope.bind
    starts: JsonObject = {
        "namespace": _text(node.namespace, run.input, bind, "namespace"),
        "name": _text(node.child, run.input, bind, "name"),
        "input": canonical(node.input.evaluate(run.input, bind)),
    }
    if node.version is not None:
        version = _text(node.version, run.input, bind, "version")
        if version != "latest":
            starts["version"] = version
    run.begin()
    assert run.start is not None
    starts["start"] = run.start
    starts["child"] = str(uuid5(UUID(run.decision.workflow_id), run.decision.name(run.start)))
    if node.waits:
        starts["waits"] = True
    run.decision.record(events.CHILD_STARTED, node.reference, starts)


def end(run: Run, told: ChildReported) -> None:
    """Takes in how the workflow is that was started; one that still runs and is waited for has not ended."""
    node = run.node
    assert isinstance(node, ChildNode)
    ended: JsonObject = {"start": run.start}
    if told.status is None:
        run.decision.record(events.CHILD_FAILED, node.reference, ended)
        run.fail(Fault(FaultKind.CONFIGURATION, "the workflow to run is not defined"))
    elif not node.waits:
        _complete(run, run.input)
    elif told.status is Status.COMPLETED:
        run.decision.record(events.CHILD_COMPLETED, node.reference, ended)
        _complete(run, _result(node.returns, told))
    elif told.status.is_terminal:
        run.decision.record(events.CHILD_FAILED, node.reference, ended | {"status": told.status.value})
        _fail(run, node, told)


def _complete(run: Run, output: JsonValue) -> None:
    try:
        run.complete(output)
    except FAILURES as failure:
        run.fail(failure)


def _fail(run: Run, node: ChildNode, told: ChildReported) -> None:
    """The other's error is this task's, unless the outcome is what is asked for."""
    if node.returns in (Return.CODE, Return.ALL):
        _complete(run, _result(node.returns, told))
        return
    error = told.error or Fault(FaultKind.RUNTIME, "the workflow failed").problem("/")
    run.fail(Raised({name: value for name, value in error.items() if name != "instance"}))


def _result(returns: Return, told: ChildReported) -> JsonValue:
    """What is handed on ("Process Result" in the DSL reference, with the output for what is printed)."""
    code = 0 if told.status is Status.COMPLETED else 1
    match returns:
        case Return.STDOUT:
            return told.output
        case Return.STDERR:
            return told.error
        case Return.CODE:
            return code
        case Return.ALL:
            return {"code": code, "stderr": told.error, "stdout": told.output}  # in jsonb's order
        case Return.NONE:
            return None


def _text(template: Template, value: JsonValue, bind: Bind, what: str) -> str:
    text = canonical(template.evaluate(value, bind))
    if not isinstance(text, str) or not text:
        raise Fault(FaultKind.CONFIGURATION, f"the {what} of a workflow to run is a text, not {text!r}")
    return text
