"""Redirects: an error unless asked for, and then followed as browsers do, within the same guards."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from pgworker.activities.policy import parse_connect_to

SECRETS = {"Authorization": "Bearer t", "Cookie": "a=b", "Proxy-Authorization": "p", "X-Other": "o"}


def to(server, status: int, location: str) -> str:
    return server.url(f"/to/{status}?l={quote(location, safe='')}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_fails_with_its_status_unless_asked_for(server, http, status):
    for arguments in ({}, {"redirect": False}):
        fault = await http.fault(to(server, status, "/answer"), **arguments)
        assert (fault.kind, fault.status) == ("communication", status)
        assert "redirect: true" in fault.detail
    assert len(server.seen) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_when_asked_for(server, http, status):
    server.answers(b'{"a":1}')
    assert await http(to(server, status, "/answer"), redirect=True) == {"a": 1}
    assert await http(to(server, status, server.url()), redirect=True) == {"a": 1}


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
async def test_the_method_changes_as_in_browsers(server, http, status, method, then):
    body = None if method == "HEAD" else {"a": 1}
    await http(to(server, status, "/answer"), method=method, body=body, redirect=True)
    first, second = server.seen
    assert (first.method, second.method) == (method, then)
    if then == "GET":
        assert second.body == b""
        assert "content-type" not in second.headers
    else:
        assert second.body == first.body


async def test_the_idempotency_key_goes_along(server, http):
    await http(to(server, 307, "/answer"), method="POST", body={}, redirect=True)
    assert [seen.headers["idempotency-key"] for seen in server.seen] == ["w:7", "w:7"]


async def test_credentials_stay_within_their_origin(server, http):
    await http(to(server, 307, "/answer"), headers=SECRETS, redirect=True)
    assert server.seen[1].headers["authorization"] == "Bearer t"
    assert server.seen[1].headers["cookie"] == "a=b"


async def test_credentials_are_dropped_across_origins_and_do_not_come_back(server, http):
    there = await http.within(connect_to=parse_connect_to(f"other.test:80:127.0.0.1:{server.port}"))
    back = quote(to(server, 307, server.url()), safe="")
    await there(to(server, 307, f"http://other.test/to/307?l={back}"), headers=SECRETS, redirect=True)
    first, second, third, fourth = server.seen
    assert first.headers["authorization"] == "Bearer t"
    assert second.headers["host"] == "other.test"
    for seen in (second, third, fourth):
        assert not {"authorization", "cookie", "proxy-authorization"} & set(seen.headers)
        assert seen.headers["x-other"] == "o"


async def test_the_password_of_the_uri_stays_within_its_origin_too(server, http):
    there = await http.within(connect_to=parse_connect_to(f"other.test:80:127.0.0.1:{server.port}"))
    url = to(server, 302, "http://other.test/answer").replace("http://", "http://user:pass@")
    await there(url, redirect=True)
    assert "authorization" in server.seen[0].headers
    assert "authorization" not in server.seen[1].headers


async def test_five_redirects_are_followed_and_a_sixth_is_not(server, http):
    assert await http(server.url("/hops/5"), redirect=True) == {}
    fault = await http.fault(server.url("/hops/6"), redirect=True)
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "more than 5 redirects" in fault.detail


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://h:99999/", "http://a b/"]
)
async def test_a_redirect_to_anything_but_http_fails(server, http, location):
    fault = await http.fault(to(server, 302, location), redirect=True)
    assert (fault.kind, fault.status) == ("communication", 500)
    assert "redirected" in fault.detail


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://2852039166/",
        "//192.168.0.1/",
        "http://0.0.0.0/",
    ],
)
async def test_a_redirect_to_a_private_address_is_refused(server, http, location):
    fault = await http.fault(to(server, 302, location), redirect=True)
    assert (fault.kind, fault.status) == ("authorization", 403)


async def test_304_and_a_redirect_without_a_location_are_answers_when_redirects_are(server, raw, http):
    assert await http(server.answers(b"", None, status=304), redirect=True) is None
    url = await raw(b"HTTP/1.1 302 Found\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi")
    assert await http(url, redirect=True) == "hi"


async def test_400_and_above_fail_even_when_redirects_are_answers(server, http):
    fault = await http.fault(server.answers(b"", None, status=404), redirect=True)
    assert fault.status == 404


async def test_the_response_names_the_request_that_was_answered(server, http):
    response = await http(to(server, 302, "/answer"), redirect=True, output="response")
    assert response["request"]["uri"] == server.url()
