"""JSON that is read must come back from PostgreSQL as it is; everything else is refused with its place."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgworker.activities.strict_json import parse_json
from pgworker.errors import ValueRefused


def nested(depth: int, innermost: str = "1") -> bytes:
    return b"[" * depth + innermost.encode() + b"]" * depth


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (rb'{"a": [1, NaN]}', "/a/1"),
        (rb'{"a": Infinity}', "/a"),
        (rb"[-Infinity]", "/0"),
        (rb"NaN", ""),
        (rb'{"a": 1e400}', "/a"),
        (rb'{"a": -1E+999}', "/a"),
        (b"[" + b"9" * 310 + b".5]", "/0"),
        (b"[1, " + b"9" * 400 + b"]", "/1"),
        (b"[-" + b"9" * 100_000 + b"]", "/0"),
        (rb'{"a":"x\u0000y"}', "/a"),
        (rb'{"a": {"k\u0000": 1}}', "/a"),
        (rb'["\ud800"]', "/0"),
        (rb'["\uDFFF", 1]', "/0"),
        (rb'["a\ud83d b\ude00"]', "/0"),
        (rb'{"\udc00": 1}', ""),
        (rb'{"a":1,"a":2}', "/a"),
        (rb'{"a": {"b~/": 1, "c": 2, "b~/": 1}}', "/a/b~0~1"),
        (rb'[{"a":null,"\u0061":null}]', "/0/a"),
        (nested(129), "/0" * 128),
        (nested(900), "/0" * 128),
        (nested(100_000), "/0" * 128),
        (b'[0,"[",' + b'{"a":"}", "b\\"":' * 5000 + b"1" + b"}" * 5000 + b"]", "/2" + '/b"' * 127),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_place(body, pointer):
    with pytest.raises(ValueRefused) as caught:
        parse_json(body)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b' {"a" : [ 1 , 2.50, true ,null ] }\r\n', {"a": [1, 2.5, True, None]}),
        (rb'"\u00e9\ud83d\ude00\\u0000"', "é😀\\u0000"),
        (rb'["\\u0000","\u0001"]', ["\\u0000", "\x01"]),
        (b"18446744073709551616", 2**64),
        (b"-9223372036854775809", -(2**63) - 1),
        (b'{"n":123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
        (b"[" + b"9" * 308 + b"]", [10**308 - 1]),
        (b"1e308", 1e308),
        (b"1e-400", 0.0),
        (b"[-0]", [0]),
        (b'{"a":{"b":1},"b":2}', {"a": {"b": 1}, "b": 2}),
        (b'{"": {"": 1}}', {"": {"": 1}}),
        (b"[" + b"[[]]," * 500 + b"1]", [[[]]] * 500 + [1]),
    ],
)
def test_what_can_be_stored_is_read_exactly(body, value):
    parsed = parse_json(body)
    assert parsed == value
    assert json.dumps(parsed) == json.dumps(value)


def test_128_levels_are_read():
    assert parse_json(nested(128)) == json.loads(nested(128))
    assert parse_json(nested(128, " 1 ")) == json.loads(nested(128))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"{'a': 1}",
        b"[1,]",
        b'{"a":1}}',
        b"nul",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b'"\xff"',
        b'"\x00"',
        b'"a\nb"',
        b"\xff\xfe",
    ],
)
def test_what_is_not_json_at_all_is_a_value_error(body):
    with pytest.raises(ValueError, match=r".+"):
        parse_json(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children)
        | st.dictionaries(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), children
        )
    ),
)


@given(JSON, st.booleans(), st.sampled_from([None, 2]), st.sampled_from([(",", ":"), (", ", ": ")]))
def test_every_json_value_is_read_back_whatever_its_layout(value, ascii_only, indent, separators):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, separators=separators)
    assert json.dumps(parse_json(text.encode())) == json.dumps(value)


@given(st.text(alphabet='[]{}",:\\u0dD8eE+-.19naNIty \n', max_size=40))
def test_whatever_is_read_can_be_stored(text):
    try:
        value = parse_json(text.encode())
    except (ValueRefused, ValueError):
        return
    assert storable(value)


def storable(value: object) -> bool:
    match value:
        case str():
            return "\0" not in value and value.encode() is not None
        case float():
            return math.isfinite(value)
        case list():
            return all(storable(item) for item in value)
        case dict():
            return all(storable(key) and storable(item) for key, item in value.items())
    return True


async def test_a_call_says_what_cannot_be_stored_and_where(server, http):
    fault = await http.fault(server.answers(b'{"a": [0, NaN]}'))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "the response is not JSON that can be stored: NaN at /a/1" in fault.detail
    fault = await http.fault(server.answers(rb'{"k\u0000\ud800": 1, "k\u0000\ud800": 1}'))
    assert fault.detail.isprintable()
    fault.detail.encode()


async def test_a_call_says_where_json_is_broken(server, http):
    fault = await http.fault(server.answers(b"<html>"))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "the response is not JSON" in fault.detail
    assert "line 1 column 1" in fault.detail


async def test_a_large_document_is_read_without_holding_up_other_calls(server, http):
    rows = [{"id": n, "name": f"row {n}"} for n in range(60_000)]
    large = await http.within(max_response_bytes=16 * 2**20)
    assert await large(server.answers(json.dumps(rows).encode())) == rows
