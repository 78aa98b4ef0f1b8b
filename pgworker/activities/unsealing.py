"""Unsealing: puts secrets into the arguments of an activity, in memory, when it is performed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pgworker.activities.evaluation import Evaluate, at_once
from pgworker.activities.secrets import SecretProvider
from pgworker.errors import ExpressionError, Fault, FaultKind
from pgworker.expressions.sealing import opened, put_in, secret_names
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Arguments with secrets in them, and all the texts, and the numbers, that those are made of."""

    arguments: JsonObject
    secrets: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


async def arguments_of(
    scheduled: JsonObject, provider: SecretProvider | None, evaluate: Evaluate = at_once
) -> Unsealed:
    """The arguments of a scheduled activity with its secrets in them.

    Raises ``Fault``: authorization for a secret that is not declared or not there, expression where the
    expression that reads it fails (without a word of what it read).
    """
    arguments = scheduled.get("arguments")
    seals = scheduled.get("sealed")
    parts: list[str | int | float] = []
    for closed in seals if isinstance(seals, list) else []:
        assert isinstance(closed, dict)
        secrets = await _secrets(closed, scheduled.get("declared"), provider)
        parts += _parts(dict(secrets))
        try:
            value = await evaluate(opened(closed, secrets))
            arguments = put_in(arguments, closed, value)
        except ExpressionError:
            # the message would quote the values
            raise Fault(FaultKind.EXPRESSION, "an expression that reads secrets failed") from None
    return Unsealed(
        arguments if isinstance(arguments, dict) else {},
        tuple(part for part in parts if isinstance(part, str)),
        tuple(json.dumps(part) for part in parts if not isinstance(part, str)),
    )


def _parts(value: JsonValue) -> Iterator[str | int | float]:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _parts(member)


async def _secrets(
    closed: JsonObject, declared: JsonValue, provider: SecretProvider | None
) -> dict[str, JsonValue]:
    known = {str(name) for name in declared} if isinstance(declared, list) else set()
    names = secret_names(closed)
    found: dict[str, JsonValue] = {}
    for name in sorted(known if names is None else names):
        if name not in known:
            raise Fault(FaultKind.AUTHORIZATION, f"the secret {name!r} is not declared under `use.secrets`")
        if provider is None:
            raise Fault(FaultKind.AUTHORIZATION, f"this worker has no secret named {name!r}")
        found[name] = await provider.secret(name)
    return found
