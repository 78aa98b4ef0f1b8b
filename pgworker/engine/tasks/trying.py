"""``try``: runs a list of tasks, and decides what becomes of an error in it."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from pgworker.engine import events
from pgworker.engine.faults import FAILURES
from pgworker.engine.run import Run
from pgworker.engine.scope import Scope
from pgworker.engine.state import Frame
from pgworker.engine.tasks.cancelling import cancel_inside
from pgworker.engine.times import due_after, length
from pgworker.errors import ERROR_TYPE_ROOT, Fault, FaultKind
from pgworker.expressions.templates import Expression, is_true
from pgworker.plan.nodes import Backoff, Catch, RetryPolicy, TryNode
from pgworker.types import JsonObject, JsonValue

_SAME_ROOTS = (
    ERROR_TYPE_ROOT,
    "https://open-workflow-specification.org/spec/1.0.0/errors/",
    "https://serverlessworkflow.io/dsl/errors/types/",
    "https://open-workflow-specification.org/dsl/errors/types/",
)
"""Where the standard error types have lived: one and the same type under each of them."""

_LONGEST_DELAY = timedelta(days=3650)


def begin(run: Run, node: TryNode) -> None:
    """Opens the frame, and bounds the first attempt."""
    run.begin(opens="try")
    bound_attempt(run, node)


def begin_again(run: Run, node: TryNode) -> None:
    """The time of the next attempt has come."""
    try:
        bound_attempt(run, node)
    except FAILURES as failure:
        run.fail(failure)


def fail(run: Run, frame: Frame, node: TryNode, error: JsonObject) -> None:
    """An error reached the try: another attempt, the catch, or the end."""
    cancel_inside(run.decision, frame)
    if frame.section != "try" or frame.expired:
        run.fail_with(error)
        return
    try:
        if not _catches(run, node.catch, error):
            run.fail_with(error)
        elif not _tries_again(run, frame, node, error):
            _handle(run, frame, node.catch, error)
    except FAILURES as failure:
        run.fail(failure)


def end(run: Run, frame: Frame, node: TryNode) -> None:
    """The list, or the catch's, has come to its end."""
    try:
        run.pass_on(node.catch.then if frame.section == "catch/do" else None)
    except FAILURES as failure:
        run.fail(failure)


def _handle(run: Run, frame: Frame, catch: Catch, error: JsonObject) -> None:
    exhausted = catch.retry is not None and catch.body is None and catch.then is None
    if exhausted:
        run.fail_with(error)
        return
    data: JsonObject = {"start": frame.start, "error": error}
    run.decision.record(events.ERROR_CAUGHT, frame.task, data | _void_attempt(frame))


def _catches(run: Run, catch: Catch, error: JsonObject) -> bool:
    scope = _error_scope(run, catch, error)
    return (
        all(_matches(key, wanted, error.get(key)) for key, wanted in catch.errors.items())
        and _holds(catch.condition, run, scope, absent=True)
        and not _holds(catch.exception, run, scope, absent=False)
    )


def _matches(key: str, wanted: JsonValue, found: JsonValue) -> bool:
    if key == "type" and isinstance(wanted, str) and isinstance(found, str):
        return _canonical_type(wanted) == _canonical_type(found)
    return wanted == found


def _canonical_type(uri: str) -> str:
    for root in _SAME_ROOTS:
        if uri.startswith(root):
            return ERROR_TYPE_ROOT + uri.removeprefix(root)
    return uri


def _tries_again(run: Run, frame: Frame, node: TryNode, error: JsonObject) -> bool:
    """Records the next attempt, if the policy wants one."""
    policy = node.catch.retry
    if policy is None:
        return False
    scope = _error_scope(run, node.catch, error)
    scope.locals.setdefault("error", error)  # by this name a policy under `use.retries` knows it
    if not _holds(policy.condition, run, scope, absent=True) or _holds(
        policy.exception, run, scope, absent=False
    ):
        return False
    if policy.most_retries is not None and frame.attempt > policy.most_retries:
        return False
    due_at = _due_at(run, frame, policy, scope)
    if policy.total_limit is not None:
        until = due_after(policy.total_limit, frame.started_at, run.input, scope)
        if due_at > until:
            return False
    _retry(run, frame, due_at, error)
    if due_at <= run.now:
        bound_attempt(run, node)
    return True


def _retry(run: Run, frame: Frame, due_at: datetime, error: JsonObject) -> None:
    data: JsonObject = {"start": frame.start, "attempt": frame.attempt + 1, "error": error}
    if due_at > run.now:
        data["due_at"] = due_at.isoformat()
    run.decision.record(events.TASK_RETRIED, frame.task, data | _void_attempt(frame))


def _void_attempt(frame: Frame) -> JsonObject:
    """The timer of the attempt that is over, if there is one, means nothing any more."""
    timers: list[JsonValue] = [timer for timer, purpose in frame.timers.items() if purpose == "attempt"]
    return {"ends_jobs": timers} if timers else {}


def _due_at(run: Run, frame: Frame, policy: RetryPolicy, scope: Scope) -> datetime:
    try:
        return run.now + _delay(run, frame, policy, scope)
    except OverflowError as error:
        raise Fault(FaultKind.CONFIGURATION, "the next attempt would be past the year 9999") from error


def _delay(run: Run, frame: Frame, policy: RetryPolicy, scope: Scope) -> timedelta:
    """The delay before the next attempt: d, d * n or d * 2^(n-1), and what is drawn on top."""
    delay = timedelta() if policy.delay is None else length(policy.delay, run.now, run.input, scope)
    factor = {
        Backoff.CONSTANT: 1,
        Backoff.LINEAR: frame.attempt,
        Backoff.EXPONENTIAL: 2 ** min(frame.attempt - 1, 64),
    }[policy.backoff]
    delay = _LONGEST_DELAY if delay * 1.0 > _LONGEST_DELAY / factor else delay * factor
    if policy.jitter is None:
        return delay
    shortest, longest = (length(time, run.now, run.input, scope) for time in policy.jitter)
    return delay + shortest + (longest - shortest) * _drawn(run)


def _drawn(run: Run) -> float:
    """A number in [0, 1) that looks random and is the same whenever this decision is made."""
    seed = f"{run.decision.workflow_id}:{run.decision.state.seq}"
    return int.from_bytes(sha256(seed.encode()).digest()[:6]) / 2**48


def bound_attempt(run: Run, node: TryNode) -> None:
    """Sets the timer that limits one attempt, where the policy asks for it."""
    policy = node.catch.retry
    if policy is not None and policy.attempt_limit is not None:
        run.set_timer(due_after(policy.attempt_limit, run.now, run.input, run.scope), "attempt")


def _error_scope(run: Run, catch: Catch, error: JsonObject) -> Scope:
    run.scope.locals[catch.name] = error
    return run.scope


def _holds(expression: Expression | None, run: Run, scope: Scope, *, absent: bool) -> bool:
    return absent if expression is None else is_true(expression.evaluate(run.input, scope.bind))
