"""External resources: what is fetched, how it is read, and where nothing is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.resource_cache import ResourceCache
from pgworker.activities.resources import MAX_BYTES, Resources, structured
from pgworker.activities.secrets import StoredSecrets
from pgworker.errors import Fault
from tests.activities.conftest import LOOPBACK


@pytest.fixture
async def resources(tmp_path):
    (tmp_path / "open").mkdir()
    secrets = StoredSecrets(environment={"PGWORKER_SECRET_A": "token-of-a"})
    async with Resources(LOOPBACK, secrets, tmp_path / "open") as resources:
        yield resources


async def fault_of(resources, uri, authentication=None) -> Fault:
    with pytest.raises(Fault) as caught:
        await resources.load(uri, authentication)
    return caught.value


YAML = "on: 12:30\n200: {a: [014, 0o14]}\n"
PARSED = {"on": "12:30", "200": {"a": [14, 12]}}


@pytest.mark.parametrize(
    "case",
    [
        ("/a", "application/json", b'{"a": 1}', {"a": 1}),
        ("/a", "application/vnd.oai.openapi+json;version=3.0", b'{"a": 1}', {"a": 1}),
        ("/a", "application/json; charset=utf-16", '{"a": "é"}'.encode("utf-16"), {"a": "é"}),
        ("/a.json", "text/plain", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("/a.JSON?v=1", None, b"[1]", [1]),
        ("/a.json", "application/octet-stream", b"true", True),
        ("/a", "application/yaml", YAML.encode(), PARSED),
        ("/a", "application/x-yaml", YAML.encode(), PARSED),
        ("/a", "text/yaml; charset=utf-8", YAML.encode(), PARSED),
        ("/a", "application/vnd.oai.openapi", YAML.encode(), PARSED),
        ("/a.json", "application/yaml", YAML.encode(), PARSED),
        ("/a.yaml", "text/plain", YAML.encode(), PARSED),
        ("/a.yml", None, b"{a: 1}", {"a": 1}),
        ("/a.proto", "text/plain", b'syntax = "proto3";', 'syntax = "proto3";'),
        ("/a", None, b"text", "text"),
    ],
)
async def test_json_and_yaml_are_parsed_and_all_else_is_text(server, resources, case):
    path, content_type, body, value = case
    server.answers(body, content_type)
    assert await resources.load(server.url(path)) == value


async def test_a_large_resource_is_read_as_well(server, resources):
    value = {f"key{i}": "x" * 100 for i in range(40_000)}
    server.answers(json.dumps(value).encode())
    assert await resources.load(server.url()) == value


@pytest.mark.parametrize(
    "case",
    [
        ("/a", "application/json", b"{", "not JSON"),
        ("/a", "application/json", b'{"a": 1, "a": 2}', "duplicate key"),
        ("/a.yaml", None, b"a: [", "this is not YAML"),
        ("/a.yaml", None, b"a: 1\na: 2", "occurs twice"),
        ("/a.yaml", None, b"- 1", "not a mapping"),
        ("/a.yaml", None, b"&a [" + b"*a, " * 3 + b"1]", "not a mapping"),
        ("/a", "text/plain", b"\xff", "not utf-8 text"),
    ],
)
async def test_what_cannot_be_read_is_a_configuration_error(server, resources, case):
    path, content_type, body, named = case
    server.answers(body, content_type)
    fault = await fault_of(resources, server.url(path).replace("http://", "http://user:pass@") + "?token=x")
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert named in fault.detail
    assert f"127.0.0.1:{server.port}{path}" in fault.detail
    assert "token" not in fault.detail
    assert "pass" not in fault.detail


async def test_what_cannot_be_fetched_is_a_communication_error(server, resources):
    server.answers(b"gone", "text/plain", status=410)
    fault = await fault_of(resources, server.url())
    assert (fault.kind, fault.status) == ("communication", 410)


async def test_a_resource_that_is_too_large_is_refused(server, resources):
    server.answers(b" " * (MAX_BYTES + 1))
    fault = await fault_of(resources, server.url())
    assert fault.kind == "communication"
    assert str(MAX_BYTES) in fault.detail


async def test_yaml_that_is_too_large_is_refused(server, resources):
    server.answers(b"a: " + b"x" * 1024 * 1024, "application/yaml")
    fault = await fault_of(resources, server.url())
    assert "larger than 1 MiB" in fault.detail


async def test_a_resource_has_to_come_in_time(server):
    async with Resources(replace(LOOPBACK, total_timeout=0.2)) as resources:
        fault = await fault_of(resources, server.url("/sleep"))
    assert fault.kind == "communication"


async def test_redirects_are_followed_so_far(server, resources):
    server.answers(b"{}")
    assert await resources.load(server.url("/hops/3")) == {}
    fault = await fault_of(resources, server.url("/hops/9"))
    assert "redirects" in fault.detail


async def test_the_guards_of_calls_hold(server):
    async with Resources(HttpPolicy()) as resources:
        fault = await fault_of(resources, server.url())
    assert (fault.kind, fault.status) == ("authorization", 403)


async def test_credentials_are_sent(server, resources):
    server.answers(b"{}")
    await resources.load(server.url(), {"bearer": {"use": "a"}})
    assert server.seen[0].headers["authorization"] == "Bearer token-of-a"


@pytest.mark.parametrize(
    "uri", ["", "a/b.json", "/a.json", "ftp://x/a", "data:,a", "gopher:a", "http:", "http://"]
)
async def test_other_uris_are_refused(resources, uri):
    assert (await fault_of(resources, uri)).kind == "configuration"


async def test_files_are_read_below_the_allowed_folder(resources, tmp_path):
    (tmp_path / "open" / "b").mkdir()
    (tmp_path / "open" / "b" / "ä b.yaml").write_text(YAML)
    (tmp_path / "open" / "a.json").write_text('{"a": 1}')
    assert await resources.load("file:///" + str(tmp_path / "open/b/%C3%A4%20b.yaml").lstrip("/")) == PARSED
    assert await resources.load("file://b/%C3%A4%20b.yaml") == PARSED
    assert await resources.load("file:a.json") == {"a": 1}
    assert await resources.load("FILE://localhost" + str(tmp_path / "open/a.json")) == {"a": 1}


@pytest.mark.parametrize(
    "path", ["../shut.json", "%2e%2e/shut.json", "a/../../shut.json", "link.json", "../open2/shut.json"]
)
async def test_no_file_is_read_outside(resources, tmp_path, path):
    (tmp_path / "shut.json").write_text("{}")
    (tmp_path / "open2").mkdir()
    (tmp_path / "open2" / "shut.json").write_text("{}")
    (tmp_path / "open" / "link.json").symlink_to(tmp_path / "shut.json")
    for uri in (f"file:{path}", f"file://{tmp_path}/open/{path}"):
        fault = await fault_of(resources, uri)
        assert (fault.kind, fault.status) == ("authorization", 403)


async def test_no_file_is_read_unless_a_folder_is_allowed(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    async with Resources(LOOPBACK) as resources:
        fault = await fault_of(resources, f"file://{tmp_path}/a.json")
    assert (fault.kind, fault.status) == ("authorization", 403)
    assert "PGWORKER_RESOURCES_DIR" in fault.detail


@pytest.mark.parametrize("uri", ["file:nothing.json", "file:", "file:a%00b", "file:" + "x" * 5000])
async def test_a_file_that_is_none_is_not_there(resources, uri):
    assert (await fault_of(resources, uri)).kind == "communication"


async def test_a_file_that_is_too_large_is_refused(resources, tmp_path):
    (tmp_path / "open" / "a.json").write_bytes(b" " * (MAX_BYTES + 1))
    assert "larger than the limit" in (await fault_of(resources, "file:a.json")).detail


def test_a_text_can_be_read_as_what_it_ought_to_be():
    assert structured('{"200": 1}', "https://x") == structured("200: 1", "https://x") == {"200": 1}


class Source:
    """Gives what it is told to, and counts."""

    def __init__(self) -> None:
        self.value: object = {"a": 1}
        self.loads: list[tuple[str, object]] = []

    async def load(self, uri, authentication=None):
        self.loads.append((uri, authentication))
        if isinstance(self.value, Fault):
            raise self.value
        return self.value


async def test_what_was_loaded_is_kept_for_a_moment():
    now = 0.0
    source = Source()
    cache = ResourceCache(source, seconds=60, clock=lambda: now)
    first = await cache.load("a")
    source.value = {"a": 2}
    now = 59.9
    assert await cache.load("a") is first
    now = 60.0
    assert await cache.load("a") == {"a": 2}
    assert len(source.loads) == 2


async def test_what_others_may_see_is_not_given_to_everyone():
    source = Source()
    cache = ResourceCache(source)
    for authentication in (None, {"bearer": {"token": "a"}}, {"bearer": {"token": "b"}}, None):
        await cache.load("a", authentication)
    assert len(source.loads) == 3


async def test_failures_are_not_kept():
    source = Source()
    source.value = Fault("communication", "no")
    cache = ResourceCache(source)
    for _ in range(2):
        await fault_of(cache, "a")
    assert len(source.loads) == 2


async def test_no_more_is_kept_than_the_limit():
    source = Source()
    source.value = "x" * 38  # 40 bytes of JSON
    cache = ResourceCache(source, max_bytes=100)
    for uri in ("a", "b", "c", "b", "c", "a"):
        await cache.load(uri)
    assert [uri for uri, _ in source.loads] == ["a", "b", "c", "a"]
    source.value = "x" * 200
    await cache.load("large")
    await cache.load("large")
    assert [uri for uri, _ in source.loads] == ["a", "b", "c", "a", "large", "large"]
