"""Parameters: what a function takes, and whether the arguments of a call are that."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson
from pydantic import PydanticUserError, TypeAdapter, ValidationError

from pgworker.dsl.reading import did_you_mean, listed
from pgworker.errors import Fault, FaultKind, FunctionRefused
from pgworker.types import JsonObject, JsonValue

_KINDS = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)


@dataclass(frozen=True, slots=True)
class _Parameter:
    adapter: TypeAdapter[object]
    required: bool


class Parameters:
    """What a function takes, by its signature; raises ``FunctionRefused`` for one that no call can meet.

    Arguments are passed by name. A single parameter that is annotated as a mapping takes all of them, unless
    the only argument has its name; ``**others`` takes those that no parameter has the name of.
    """

    def __init__(self, name: str, function: Callable[..., object]) -> None:
        self._function = name
        self._named: dict[str, _Parameter] = {}
        self._others: _Parameter | None = None
        hints = _hints(name, function)
        signature = _signature(name, function)
        for parameter in signature.parameters.values():
            if parameter.kind not in _KINDS:
                raise FunctionRefused(
                    f"the function {name} takes {parameter} by its place, and calls give arguments by name",
                    hint="Write parameters as `name: type`, without `/` and `*args`.",
                )
            annotation = hints.get(parameter.name, object)
            required = parameter.default is inspect.Parameter.empty
            read = _Parameter(_adapter(name, parameter.name, annotation), required)
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self._others = read
            else:
                self._named[parameter.name] = read
        only = len(signature.parameters) == 1
        self._takes_all = only and any(_is_mapping(hints.get(key)) for key in self._named)

    def bind(self, arguments: JsonObject) -> dict[str, object]:
        """The keyword arguments of a call, each of its parameter's type and nobody else's.

        Raises ``Fault`` (validation) that names everything that is wrong.
        """
        if self._takes_all and arguments.keys() != self._named.keys():
            arguments = dict.fromkeys(self._named, arguments)
        problems = [*self._misnamed(arguments)]
        bound: dict[str, object] = {}
        for key, value in arguments.items():
            parameter = self._named.get(key, self._others)
            if parameter is not None:
                try:
                    bound[key] = parameter.adapter.validate_json(orjson.dumps(value), strict=True)
                except ValidationError as error:
                    problems += _told(key, error)
        if problems:
            raise Fault(FaultKind.VALIDATION, f"the call of {self._function}: " + "; ".join(problems))
        return bound

    def _misnamed(self, arguments: JsonObject) -> Sequence[str]:
        missing = [key for key, one in self._named.items() if one.required and key not in arguments]
        problems = [f"the argument {key} is missing" for key in missing]
        if self._others is None:
            for key in arguments:
                if key not in self._named:
                    takes = "it takes " + listed([*self._named]) if self._named else "it takes none"
                    problems.append(
                        f"there is no argument {key[:200]}: {did_you_mean(key, [*self._named]) or takes}"
                    )
        return problems


def _hints(name: str, function: Callable[..., object]) -> Mapping[str, type[object]]:
    try:
        hints: Mapping[str, type[object]] = typing.get_type_hints(
            function if inspect.isroutine(function) else type(function).__call__, include_extras=True
        )
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise FunctionRefused(
            f"the annotations of the function {name} cannot be read: {error}",
            hint="What they name has to be imported when the program runs, not for type checkers alone.",
        ) from error
    return hints


def _signature(name: str, function: Callable[..., object]) -> inspect.Signature:
    try:
        return inspect.signature(function)
    except ValueError as error:
        raise FunctionRefused(f"nobody can tell what the function {name} takes: {error}") from error


def _adapter(name: str, parameter: str, annotation: type[object]) -> TypeAdapter[object]:
    try:
        return TypeAdapter(annotation)
    except (PydanticUserError, RecursionError) as error:
        raise FunctionRefused(
            f"no JSON can become the parameter {parameter} of the function {name}: {annotation}",
            hint="Annotate it with types of JSON, dataclasses, models of pydantic, or what these know.",
        ) from error


def _is_mapping(annotation: object) -> bool:
    origin = typing.get_origin(annotation) or annotation
    return typing.is_typeddict(origin) or (isinstance(origin, type) and issubclass(origin, Mapping))


def _told(argument: str, error: ValidationError) -> Sequence[str]:
    """What is wrong with an argument, without the values: one of them may be a secret."""
    return [
        f"the argument {'/'.join(str(key) for key in (argument, *one['loc']))}: {one['msg']}"
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def fresh(value: JsonValue) -> JsonValue:
    """A value that shares nothing with another; both are JSON."""
    copied: JsonValue = orjson.loads(orjson.dumps(value))
    return copied
