"""Python functions: what can be registered, what calls may pass, and where functions are found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal

import pytest

import pgworker
from pgworker.activities.functions.library import Functions, NotHere
from pgworker.errors import Fault, FunctionRefused, PgworkerError, SettingsError
from pgworker.types import JsonValue
from pgworker.worker.loading import load_functions


@dataclass
class Customer:
    name: str
    since: datetime


async def called(function: Callable[..., object], **arguments: JsonValue) -> JsonValue:
    functions = Functions()
    functions.add("f", function)
    return await functions.perform({"function": "f", "with": arguments}, idempotency_key="w:3")


async def test_arguments_become_what_the_parameters_are() -> None:
    def f(
        customer: Customer, mode: Literal["a", "b"], rate: float = 0.5, *, note: str | None = None
    ) -> object:
        return [type(customer).__name__, customer.since.year, mode, rate, note]

    ada = {"name": "Ada", "since": "1815-12-10T00:00:00Z"}
    assert await called(f, customer=ada, mode="a", rate=1) == ["Customer", 1815, "a", 1, None]
    with pytest.raises(Fault, match=r"customer/since: Input should be .*; .* mode: Input should be"):
        await called(f, customer={"name": "Ada", "since": "soon"}, mode="c")


async def test_a_single_mapping_takes_all_arguments_unless_the_only_one_has_its_name() -> None:
    def mapping(data: Mapping[str, object]) -> object:
        return dict(data)

    def typed(amounts: dict[str, int]) -> object:
        return sum(amounts.values())

    assert await called(mapping, a=1, b=2) == {"a": 1, "b": 2}
    assert await called(mapping) == {}
    assert await called(mapping, data={"a": 1}) == {"a": 1}
    assert await called(typed, a=3, b=4) == 7
    with pytest.raises(Fault, match="argument amounts/b: Input should be a valid integer"):
        await called(typed, a=3, b="4")


async def test_what_no_parameter_is_named_after_goes_into_the_others() -> None:
    def f(a: int, **others: int) -> object:
        return [a, others]

    assert await called(f, a=1, b=2) == [1, {"b": 2}]
    with pytest.raises(Fault, match="argument b: Input should be a valid integer"):
        await called(f, a=1, b="2")


async def test_arguments_and_results_are_copies() -> None:
    given: list[JsonValue] = [1]
    kept: list[list[JsonValue]] = []

    def f(items, more: list[int]):
        items.append(2)
        more.append(3)
        kept.append(items)
        return items

    result = await called(f, items=given, more=given)
    kept[0].append(9)
    assert (given, result) == ([1], [1, 2])


async def test_whatever_can_be_called_is_called_as_what_it_is() -> None:
    class Model:
        def __call__(self, x: int) -> int:
            return x + 1

        async def method(self, x: int) -> int:
            return x + 2

    async def add(x: int, y: int) -> int:
        return x + y

    assert await called(Model(), x=1) == 2
    assert await called(Model().method, x=1) == 3
    assert await called(partial(add, y=3), x=1) == 4


async def test_a_coroutine_that_cancels_itself_fails_and_one_that_is_cancelled_does_not() -> None:
    async def itself() -> None:
        raise asyncio.CancelledError

    async def waits() -> None:
        await asyncio.sleep(60)

    with pytest.raises(Fault, match="f raised CancelledError"):
        await called(itself)
    task = asyncio.create_task(called(waits))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_problem_of_a_function_is_made_storable() -> None:
    def f(kind: str, status: object) -> None:
        raise Fault(kind, "a\0b", status=status, title="\ud800")

    with pytest.raises(Fault) as caught:
        await called(f, kind="timeout", status=409)
    told = caught.value.problem("/do/0/f")
    assert (told["detail"], told["title"], told["status"]) == ("a\\u0000b", "\\ud800", 409)
    assert str(told["type"]).endswith("/timeout")
    with pytest.raises(Fault, match="f raised TypeError"):
        await called(f, kind="timeout", status=[])
    with pytest.raises(Fault, match="f raised ValueError: 'tea' is not a valid FaultKind"):
        await called(f, kind="tea", status=409)


async def test_a_message_that_no_history_can_hold_is_spelt_otherwise() -> None:
    def f() -> None:
        raise ValueError("a\0b\ud800" + "x" * 5000)

    with pytest.raises(Fault) as caught:
        await called(f)
    assert caught.value.detail.startswith("f raised ValueError: a\\u0000b\\ud800xxx")
    assert len(caught.value.detail) < 2100


async def test_a_function_that_is_not_here_is_told_with_those_that_are() -> None:
    with pytest.raises(NotHere, match="no function g: it has none"):
        await Functions().perform({"function": "g", "with": {}}, idempotency_key="w:3")


async def test_keys_of_a_class_of_their_own_are_no_json() -> None:
    class Key(str):
        __slots__ = ()

    with pytest.raises(Fault, match="returned what is no JSON"):
        await called(lambda: {Key("a"): 1})


def test_only_a_function_knows_a_call() -> None:
    with pytest.raises(PgworkerError, match="no function is being called"):
        pgworker.current_call()


def _nothing() -> None: ...
def _positional(x: int, /) -> None: ...
def _variadic(*x: int) -> None: ...
def _strange(x: asyncio.Queue[int]) -> None: ...
def _unknown(x: "Nowhere") -> None: ...  # noqa: F821, UP037


@pytest.mark.parametrize(
    ("name", "function", "message"),
    [
        ("http", _nothing, "a call of the language"),
        ("a:1@b", _nothing, "no function can be called 'a:1@b'"),
        ("", _nothing, "no function can be called ''"),
        ("taken", _nothing, "two functions called taken"),
        ("f", 3, "no function, but a int"),
        ("f", _positional, "by its place"),
        ("f", _variadic, "by its place"),
        ("f", _strange, "no JSON can become the parameter x"),
        ("f", _unknown, "cannot be read: name 'Nowhere'"),
    ],
)
def test_what_no_document_could_call_is_refused(
    name: str, function: Callable[..., object], message: str
) -> None:
    functions = Functions()
    functions.add("taken", lambda: None)
    with pytest.raises(FunctionRefused, match=message):
        functions.add(name, function)
    assert functions.names == ("taken",)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text("from pgworker import Worker\n" + code)

    return write


def test_functions_are_found_in_modules(module: Callable[[str, str], None]) -> None:
    module("found_one", "a = b = Worker()\na.function('one')(lambda: 1)\n")
    module(
        "found_two",
        "a = Worker()\nb = Worker()\na.function('two')(lambda: 1)\nb.function('three')(lambda: 1)\n",
    )
    assert load_functions("found_one").names == ("one",)
    assert load_functions(" found_one:a, found_two ,").names == ("one", "two", "three")
    assert load_functions("found_two:b").names == ("three",)
    assert load_functions("").names == ()


@pytest.mark.parametrize(
    ("place", "code", "message"),
    [
        ("wrong_none", "", "has no Worker, such as"),
        ("wrong_name:app", "worker = Worker()", "has no Worker called app"),
        ("wrong_code", "1 / 0", "ZeroDivisionError: division by zero"),
        ("wrong_import", "import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("wrong_run", "Worker().run()", "runs its worker as it is imported"),
        ("wrong_twice,wrong_twice", "a = Worker()\na.function('f')(lambda: 1)\n", "two functions called f"),
        ("wrong_refused", "Worker().function('http')(lambda: 1)", "a call of the language"),
    ],
)
def test_what_cannot_be_loaded_is_told_with_its_place(
    module: Callable[[str, str], None], place: str, code: str, message: str
) -> None:
    name = place.partition(",")[0].partition(":")[0]
    module(name, code)
    with pytest.raises(SettingsError, match=f"{name}.*{message}"):
        load_functions(place)
