"""What a response becomes: content by media type, base64, or the whole response; and which status fails."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import orjson
import pytest
from aiohttp import web

from pgworker.activities.progress import CURRENT, Progress


def raw_deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/problem+json",
        "application/vnd.api+json;v=1",
        "text/json",
    ],
)
async def test_json_types_are_parsed(server, http, content_type):
    assert await http(server.answers(b'{"a": [1, 2.5, null]}', content_type)) == {"a": [1, 2.5, None]}


async def test_a_byte_order_mark_before_json_is_ignored(server, http):
    assert await http(server.answers(b'\xef\xbb\xbf{"a": 1}')) == {"a": 1}


async def test_json_in_another_charset_is_read_in_it(server, http):
    url = server.answers('{"a": "é"}'.encode("latin-1"), "application/json; charset=ISO-8859-1")
    assert await http(url) == {"a": "é"}


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"hello\n", "text/plain", "hello\n"),
        ("grüße".encode(), "text/html", "grüße"),
        ("grüße".encode("latin-1"), "text/plain; charset=iso-8859-1", "grüße"),
        ("grüße".encode("cp1252"), 'text/csv; charset="windows-1252"', "grüße"),
        ("grüße".encode("utf-16"), "text/plain;charset=UTF-16", "grüße"),
        ("日本".encode("shift_jis"), "text/plain; charset=Shift_JIS", "日本"),
    ],
)
async def test_text_is_a_string_in_its_charset(server, http, body, content_type, text):
    assert await http(server.answers(body, content_type)) == text


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        (b"a\0b", "text/plain", "NUL"),
        (b"\xff", "text/plain", "not utf-8 text"),
        (b"a", "text/plain; charset=nonsense", "unknown charset: text/plain; charset=nonsense"),
        (b"a", "text/plain; charset=unicode_escape", "unknown charset"),
        (b"a", "text/plain; charset=idna", "unknown charset"),
        (b"a", "text/plain; charset=rot13", "unknown charset"),
    ],
)
async def test_text_that_cannot_be_read_or_stored_fails(server, http, body, content_type, said):
    fault = await http.fault(server.answers(body, content_type))
    assert (fault.kind, fault.status) == ("communication", 500)
    assert said in fault.detail


@pytest.mark.parametrize("content_type", ["application/octet-stream", "image/png", "application/xml"])
async def test_anything_else_is_base64(server, http, content_type):
    assert await http(server.answers(b"\x00\xff", content_type)) == "AP8="


async def test_a_response_without_a_content_type_is_base64(raw, http):
    assert await http(await raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) == "e30="


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "image/png"])
async def test_an_empty_body_is_null(server, http, content_type):
    assert await http(server.answers(b"", content_type)) is None


async def test_204_and_head_have_no_content(server, http):
    assert await http(server.answers(b"", None, status=204)) is None
    assert await http(server.answers(b'{"a": 1}'), method="HEAD") is None


async def test_raw_is_the_body_in_base64_whatever_its_type(server, http):
    assert await http(server.answers(b'{"a":NaN}'), output="raw") == base64.b64encode(b'{"a":NaN}').decode()
    assert await http(server.answers(b""), output="raw") == ""


async def test_the_whole_response_can_be_asked_for(server, http):
    server.reply = lambda: web.json_response({"id": 1}, status=201, headers={"X-Id": "1", "x-more": "a"})
    response = await http(server.url("/answer?a=1"), method="post", output="response", headers={"X-A": "b"})
    assert response["statusCode"] == 201
    assert response["content"] == {"id": 1}
    assert response["headers"]["X-Id"] == "1"
    assert response["headers"]["Content-Type"].startswith("application/json")
    assert response["request"]["method"] == "POST"
    assert response["request"]["uri"] == server.url("/answer?a=1")
    assert response["request"]["headers"]["X-A"] == "b"
    assert response["request"]["headers"]["Idempotency-Key"] == "w:7"


async def test_credentials_never_come_back_in_the_response(server, http):
    url = f"http://user:hunter2@127.0.0.1:{server.port}/answer"
    headers = {"cookie": "s=hunter2", "Proxy-Authorization": "hunter2"}
    response = await http(url, output="response", headers=headers)
    assert "hunter2" not in json.dumps(response)
    assert base64.b64encode(b"user:hunter2").decode() not in json.dumps(response)
    assert response["request"]["headers"]["Authorization"] == "***"
    assert response["request"]["uri"] == server.url()
    assert server.seen[0].headers["cookie"] == "s=hunter2"


async def test_repeated_and_broken_response_headers_can_be_stored(raw, http):
    url = await raw(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-B: \xff\xc3\xa9\r\nContent-Length: 0\r\n\r\n")
    response = await http(url, output="response")
    assert response["headers"]["X-A"] == "1, 2"
    assert response["headers"]["X-B"] == "\N{REPLACEMENT CHARACTER}é"
    orjson.dumps(response)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", "deflate"])
async def test_compressed_bodies_are_decompressed(server, http, encoding):
    pack = zlib.compress if encoding == "deflate" else gzip.compress
    assert await http(server.answers_compressed(pack(b"hello" * 100), encoding)) == "hello" * 100


async def test_deflate_without_its_header_and_gzip_in_members_are_understood(server, http):
    assert await http(server.answers_compressed(raw_deflated(b"hello"), "deflate")) == "hello"
    assert await http(server.answers_compressed(gzip.compress(b"a") + gzip.compress(b"b"), "gzip")) == "ab"


@pytest.mark.parametrize("size", [*range(65530, 65545), *range(131_060, 131_084, 3)])
async def test_compressed_bodies_of_every_size_come_back_whole(server, http, size):
    start = b"".join(b"%d," % (n % 977) for n in range(1000))
    body = start + b"x" * (size - len(start))
    packer = zlib.compressobj(wbits=-15)
    in_two_blocks = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    # This block ends within the byte that still stands for hundreds of x.
    in_two_blocks += packer.compress(body[len(start) :]) + packer.flush()
    for encoding, packed in (("deflate", in_two_blocks), ("gzip", gzip.compress(body))):
        assert await http(server.answers_compressed(packed, encoding)) == body.decode()


async def test_only_encodings_that_are_understood_are_asked_for(server, http):
    await http(server.url())
    assert server.seen[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("status", [300, 304, 400, 401, 403, 404, 409, 418, 429, 500, 503, 599])
async def test_a_status_outside_200_to_299_fails_with_that_status(server, http, status):
    fault = await http.fault(server.answers(b"", None, status=status))
    assert (fault.kind, fault.status) == ("communication", status)
    assert fault.problem("/do/0/x")["status"] == status
    assert f"GET {server.url()}" in fault.detail
    assert str(status) in fault.detail


async def test_a_failed_call_quotes_the_beginning_of_the_body_on_one_line(server, http):
    body = b'{"error":\r\n "out of\x00 \x1b[31mstock \xff' + b"x" * 5000
    fault = await http.fault(server.answers(body, "application/json", 409))
    assert '{"error": "out of' in fault.detail
    assert fault.detail.isprintable()
    assert len(fault.detail) < 400
    fault.detail.encode()


async def test_a_failed_call_hides_the_query_and_the_password(server, http):
    server.answers(b"no", "text/plain", 500)
    fault = await http.fault(f"http://user:hunter2@127.0.0.1:{server.port}/answer?token=hunter2")
    assert "hunter2" not in fault.detail
    assert server.url() in fault.detail


async def test_what_comes_is_counted_as_it_was_sent(server, http):
    progress = Progress()
    CURRENT.set(progress)
    await http(server.answers(b"x" * 1000, "text/plain"))
    packed = gzip.compress(b"x" * 1000)
    await http(server.answers_compressed(packed, "gzip"))
    assert progress.output_bytes == 1000 + len(packed)
