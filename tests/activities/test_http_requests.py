"""What is sent: method, URL, headers and body, and which arguments are refused before anything is."""

from __future__ import annotations

import json

import pytest

from pgworker import __version__


async def test_the_method_is_sent_in_upper_case(server, http):
    await http(server.url(), method="patch")
    assert server.seen[0].method == "PATCH"


async def test_every_call_carries_the_idempotency_key_and_the_user_agent(server, http):
    await http(server.url(), method="post", body={})
    await http(server.url(), method="post", body={})
    assert [seen.headers["idempotency-key"] for seen in server.seen] == ["w:7", "w:7"]
    assert server.seen[0].headers["user-agent"] == f"pgworker/{__version__}"


async def test_headers_of_the_author_win_over_the_engines_own(server, http):
    await http(server.url(), headers={"idempotency-key": "mine", "USER-AGENT": "me"})
    assert server.seen[0].headers["idempotency-key"] == "mine"
    assert server.seen[0].headers["user-agent"] == "me"


async def test_header_values_become_text_and_null_is_left_out(server, http):
    await http(server.url(), headers={"X-N": 3, "X-F": 1.5, "X-B": True, "X-S": "s", "X-Null": None})
    headers = server.seen[0].headers
    assert (headers["x-n"], headers["x-f"], headers["x-b"], headers["x-s"]) == ("3", "1.5", "true", "s")
    assert "x-null" not in headers


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-A": "a\r\nX-B: b"}, "line break"),
        ({"X-A": "a\nb"}, "line break"),
        ({"X-A": "a\0b"}, "control character"),
        ({"X-A\r\nX-B": "b"}, "is not a header name"),
        ({"X A": "b"}, "is not a header name"),
        ({"": "b"}, "is not a header name"),
        ({"X-A": {"a": 1}}, "must be a string"),
        ({"X-A": ["a"]}, "must be a string"),
        ({"Content-Length": "1"}, "set by the engine"),
        ({"transfer-encoding": "chunked"}, "set by the engine"),
        ({"X-A": "a", "x-a": "b"}, "given twice"),
        (["X-A"], "must be an object"),
    ],
)
async def test_headers_that_could_break_the_request_are_refused(server, http, headers, named):
    fault = await http.fault(server.url(), headers=headers)
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert named in fault.detail
    assert server.seen == []


async def test_query_values_become_text_arrays_repeat_and_null_is_left_out(server, http):
    query = {"s": "a b&c=d", "n": 1, "f": 2.5, "b": False, "l": ["x", 2, None, True], "none": None, "u": "é"}
    await http(server.url(), query=query)
    assert server.seen[0].target == "/answer?s=a+b%26c%3Dd&n=1&f=2.5&b=false&l=x&l=2&l=true&u=%C3%A9"


async def test_the_query_is_added_to_the_one_in_the_uri(server, http):
    await http(server.url("/answer?a=1&b=%26"), query={"c": 2})
    assert server.seen[0].target == "/answer?a=1&b=%26&c=2"


@pytest.mark.parametrize("query", [{"a": {"b": 1}}, {"a": [["b"]]}, "a=1", [1]])
async def test_a_query_of_anything_else_is_refused(server, http, query):
    fault = await http.fault(server.url(), query=query)
    assert fault.kind == "configuration"
    assert "query" in fault.detail


@pytest.mark.parametrize("body", [{"a": [1, None, "é"]}, [1, 2], 3, 1.5, True, False, {}, []])
async def test_a_body_that_is_no_text_is_sent_as_json(server, http, body):
    await http(server.url(), method="POST", body=body)
    assert json.loads(server.seen[0].body) == body
    assert server.seen[0].headers["content-type"] == "application/json"


async def test_integers_wider_than_64_bits_are_sent_exactly(server, http):
    await http(server.url(), method="POST", body={"n": 2**80})
    assert server.seen[0].body == b'{"n":1208925819614629174706176}'


async def test_a_text_body_is_sent_as_it_is(server, http):
    await http(server.url(), method="POST", body="grüße")
    assert server.seen[0].body == "grüße".encode()
    assert server.seen[0].headers["content-type"] == "text/plain; charset=utf-8"


async def test_a_content_type_of_the_author_is_kept(server, http):
    await http(server.url(), method="POST", body="<a/>", headers={"content-type": "application/xml"})
    await http(server.url(), method="POST", body={"a": 1}, headers={"Content-Type": "application/ld+json"})
    assert [seen.headers["content-type"] for seen in server.seen] == [
        "application/xml",
        "application/ld+json",
    ]
    assert [seen.body for seen in server.seen] == [b"<a/>", b'{"a":1}']


async def test_an_object_becomes_a_form_where_the_content_type_asks_for_one(server, http):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    await http(server.url(), method="POST", headers=form, body={"a": "x y", "b": [1, 2], "c": None, "d": "é"})
    assert server.seen[0].body == b"a=x+y&b=1&b=2&d=%C3%A9"
    fault = await http.fault(server.url(), method="POST", headers=form, body={"a": {"b": 1}})
    assert fault.kind == "configuration"


async def test_no_body_and_a_null_body_send_nothing(server, http):
    await http(server.url(), method="POST")
    await http(server.url(), method="POST", body=None)
    assert [seen.body for seen in server.seen] == [b"", b""]
    assert "content-type" not in server.seen[0].headers


async def test_a_body_of_several_megabytes_is_sent(server, http):
    text = "x" * (8 * 1024 * 1024)
    await http(server.url(), method="POST", body=text)
    assert len(server.seen[0].body) == len(text)


async def test_user_and_password_in_the_uri_become_a_header(server, http):
    await http(f"http://us%65r:p%40ss@127.0.0.1:{server.port}/answer")
    assert server.seen[0].headers["authorization"] == "Basic dXNlcjpwQHNz"


async def test_an_authorization_header_wins_over_the_uri(server, http):
    url = f"http://user:pass@127.0.0.1:{server.port}/answer"
    await http(url, headers={"Authorization": "Bearer t"})
    assert server.seen[0].headers["authorization"] == "Bearer t"


async def test_cookies_are_not_kept_between_calls(server, http):
    from aiohttp import web

    server.reply = lambda: web.json_response({}, headers={"Set-Cookie": "session=1; Path=/"})
    await http(server.url())
    await http(server.url())
    assert "cookie" not in server.seen[1].headers


async def test_proxies_of_the_environment_are_ignored(server, http, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await http(server.url()) == {}


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "/pets",
        "pets",
        "//host/pets",
        "ftp://host/x",
        "file:///etc/passwd",
        "gopher://host/x",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http:x",
        "http://host:99999/",
        "http://host:port/",
        "http://[::1/",
        "http://ho st/",
        "http://host%00.example/",
        "http://host\\@other/",
        "http://host/\r\nX-A: b",
        "http://host/\x00",
        None,
        7,
        {"uri": "http://host/"},
    ],
)
async def test_an_endpoint_that_is_no_absolute_http_uri_is_refused(http, endpoint):
    fault = await http.fault(endpoint)
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert "endpoint" in fault.detail


async def test_a_refused_endpoint_is_named_without_its_secrets(http):
    fault = await http.fault("ftp://user:hunter2@host/x?token=hunter2")
    assert "ftp://host/x" in fault.detail
    assert "hunter2" not in fault.detail


@pytest.mark.parametrize(
    "arguments",
    [
        {"method": "G ET"},
        {"method": ""},
        {"method": None},
        {"method": "GET / HTTP/1.1\r\n"},
        {"method": "CONNECT"},
        {"output": "everything"},
        {"output": 1},
        {"redirect": "yes"},
        {"timeout": 3},
    ],
)
async def test_other_wrong_arguments_are_refused(server, http, arguments):
    fault = await http.fault(server.url(), **arguments)
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert server.seen == []
