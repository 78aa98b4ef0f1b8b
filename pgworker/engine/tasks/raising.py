"""``raise``: fails with the error that the author wrote."""

from __future__ import annotations

from pgworker.engine.faults import Raised
from pgworker.engine.run import Run
from pgworker.errors import Fault, FaultKind
from pgworker.plan.nodes import RaiseNode
from pgworker.types import JsonObject
from pgworker.values import canonical


def run(run: Run, node: RaiseNode) -> None:
    """Evaluates the error's members and fails with them."""
    written = canonical(node.error.evaluate(run.input, run.scope.bind))
    if not isinstance(written, dict):
        raise Fault(FaultKind.CONFIGURATION, "`raise.error` is not an error object")
    raise Raised(_checked(written))


def _checked(written: JsonObject) -> JsonObject:
    status = written.get("status")
    if isinstance(status, bool) or not isinstance(status, int):
        raise Fault(
            FaultKind.CONFIGURATION, f"the status of a raised error is a whole number, not {status!r}"
        )
    for member in ("type", "title", "detail"):
        value = written.get(member)
        if value is not None and not isinstance(value, str):
            raise Fault(FaultKind.CONFIGURATION, f"the {member} of a raised error is a text, not {value!r}")
    if not written.get("type"):
        raise Fault(FaultKind.CONFIGURATION, "a raised error has no type")
    return {member: value for member, value in written.items() if value is not None}
