"""OpenAPI calls: documents of each version, what they make of parameters, and what is wrong with some."""

from __future__ import annotations

import copy
import json

import pytest
from aiohttp import web

from tests.support.openapi import OPENAPI, SWAGGER

# Swagger 2.0


async def test_swagger_reads_paths_queries_and_headers(api):
    await api(
        SWAGGER,
        "getPet",
        **{"petId": 7, "tags": ["a", "b,c"], "both": [1, 2], "piped": [1, 2], "X-Trace": "t"},
    )
    assert api.sent.method == "GET"
    assert api.sent.target == "/v2/pets/7?tags=a,b%2Cc&both=1&both=2&piped=1%7C2"
    assert api.sent.headers["x-trace"] == "t"
    assert api.sent.headers["accept"] == "application/json, */*;q=0.1"
    assert api.sent.headers["idempotency-key"] == "w:7"


async def test_swagger_has_its_body_under_the_parameters_name(api):
    await api(SWAGGER, "putPet", petId=7, pet={"name": "é"})
    assert api.sent.target == "/v2/pets/7"
    assert json.loads(api.sent.body) == {"name": "é"}
    assert api.sent.headers["content-type"] == "application/json"
    await api(SWAGGER, "putPet", petId=7, body=["whole"])
    assert json.loads(api.sent.body) == ["whole"]
    await api(SWAGGER, "putPet", petId=7, pet="text")
    assert api.sent.body == b'"text"'


async def test_swagger_forms(api):
    await api(SWAGGER, "postForm", petId=7, name="a b&c", tags=["x", "y"])
    assert api.sent.body == b"name=a%20b%26c&tags=x&tags=y"
    assert api.sent.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("document", [SWAGGER, OPENAPI])
async def test_files_go_in_a_multipart(api, document):
    await api(document, "upload", petId="7", note="é", file="content\r\n")
    kind, boundary = api.sent.headers["content-type"].split("; boundary=")
    assert kind == "multipart/form-data"
    parts = api.sent.body.decode().split(f"--{boundary}")
    assert parts[1] == '\r\nContent-Disposition: form-data; name="note"\r\n\r\né\r\n'
    assert 'name="file"; filename="file"\r\nContent-Type: application/octet-stream' in parts[2]
    assert parts[2].endswith("\r\n\r\ncontent\r\n\r\n")
    assert parts[3] == "--\r\n"


@pytest.mark.parametrize(
    ("members", "address"),
    [
        ({}, "/pets/7"),
        ({"basePath": "/"}, "/pets/7"),
        ({"basePath": "v1/"}, "/v1/pets/7"),
        ({"schemes": ["ws", "http"], "basePath": "/a b"}, "/a%20b/pets/7"),
    ],
)
async def test_swagger_addresses(api, members, address):
    document = {key: value for key, value in SWAGGER.items() if key != "basePath"} | members
    await api(document, "getPet", petId=7)
    assert api.sent.target == address


async def test_swagger_names_its_host_and_prefers_https(api):
    document = SWAGGER | {"host": "127.0.0.1:1", "schemes": ["http"]}
    assert "127.0.0.1:1/v2/pets/7" in (await api.fault(document, "getPet", petId=7)).detail
    document = SWAGGER | {"host": "127.0.0.1:1", "schemes": ["http", "https"]}
    document = api.server.has("/docs/other.json", json.dumps(document).encode())
    assert "https://127.0.0.1:1/v2/pets/7" in (await api.fault(document, "getPet", petId=7)).detail


# OpenAPI 3


async def test_openapi_reads_parameters_wherever_they_go(api):
    given = {
        "petId": "a/b c",
        "tags": ["x", "y"],
        "csv": ["1", "2"],
        "filter": {"a": {"b": 1}},
        "json": {"q": [1, None]},
        "X-Trace": "t",
        "session": "s;1",
        "color": ["red"],
    }
    await api(OPENAPI, "getPet", **given)
    assert api.sent.target == (
        "/v3/api/pets/a%2Fb%20c?tags=x&tags=y&csv=1,2&filter%5Ba%5D%5Bb%5D=1"
        "&json=%7B%22q%22%3A%5B1%2Cnull%5D%7D"
    )
    assert api.sent.headers["x-trace"] == "t"
    assert api.sent.headers["cookie"] == "session=s%3B1; color=red"
    assert api.sent.headers["accept"] == "application/hal+json, */*;q=0.1"


async def test_an_authorization_header_that_is_declared_may_be_given_and_need_not(api):
    await api(OPENAPI, "getPet", petId="7")
    assert "authorization" not in api.sent.headers
    await api(OPENAPI, "getPet", petId="7", Authorization="Custom x")
    assert api.sent.headers["authorization"] == "Custom x"


async def test_a_body_is_given_whole_or_by_its_members(api):
    await api(OPENAPI, "putPet", petId="7", body={"name": "a", "unknown": None})
    assert json.loads(api.sent.body) == {"name": "a", "unknown": None}
    await api(OPENAPI, "putPet", petId="7", name="a", tag="b")
    assert json.loads(api.sent.body) == {"name": "a", "tag": "b"}
    assert api.sent.headers["content-type"] == "application/json"


async def test_forms(api):
    await api(OPENAPI, "postForm", petId="7", name="n", tags=["a", "b"], more={"c": 1})
    assert api.sent.body == b"name=n&tags=a&tags=b&more=%7B%22c%22%3A1%7D"


async def test_a_multipart_writes_objects_as_json_and_repeats_arrays(api):
    await api(OPENAPI, "upload", petId="7", o=[{"a": 1}, True])
    body = api.sent.body.decode()
    assert 'name="o"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n' in body
    assert 'name="o"\r\n\r\ntrue\r\n' in body


async def test_bodies_of_any_kind_and_of_text(api):
    await api(OPENAPI, "anything", petId="7", body={"a": 1})
    assert (api.sent.method, api.sent.headers["content-type"]) == ("TRACE", "application/json")
    await api(OPENAPI, "anything", petId="7", body="plain")
    assert api.sent.headers["content-type"] == "text/plain; charset=utf-8"
    await api(OPENAPI, "text", petId="7", body="<a/>")
    assert (api.sent.body, api.sent.headers["content-type"]) == (b"<a/>", "application/xml")
    fault = await api.fault(OPENAPI, "text", petId="7", body={"a": 1})
    assert (fault.kind, "as a string" in fault.detail) == ("validation", True)


async def test_the_nearest_servers_count(api):
    document = copy.deepcopy(OPENAPI)
    item = document["paths"]["/pets/{petId}"]
    item["servers"] = [{"url": "../of-the-path"}]
    await api(document, "getPet", petId="7")
    assert api.sent.target == "/of-the-path/pets/7"
    item["get"]["servers"] = [{"url": "of-the-operation/"}]
    api.server.documents.clear()
    document["info"] = {"title": "another"}
    uri = api.server.has("/docs/other.json", json.dumps(document).encode())
    await api(uri, "getPet", petId="7")
    assert api.sent.target == "/docs/of-the-operation/pets/7"


async def test_without_servers_it_is_the_documents_own(api):
    await api({key: value for key, value in OPENAPI.items() if key != "servers"}, "getPet", petId="7")
    assert api.sent.target == "/pets/7"


async def test_yaml_documents_are_read_with_their_numbers_as_keys(api):
    text = """
openapi: 3.0.3
servers: []
paths:
  /pets/{id}:
    get:
      operationId: getPet
      parameters:
        - {name: id, in: path, required: true}
      responses:
        200: {description: on, content: {application/json: {}}}
"""
    for path, kind in (("/a.yaml", "text/plain"), ("/b", "application/yaml"), ("/c", "text/plain")):
        await api(api.server.has(path, text.encode(), kind), "getPet", id=1)
        assert api.sent.target == "/pets/1"


# answers


async def test_the_output_is_as_for_http_calls(api):
    api.server.answers(b'{"a": 1}')
    assert await api(OPENAPI, "getPet", petId="7") == {"a": 1}
    api.extra = {"output": "raw"}
    assert await api(OPENAPI, "getPet", petId="7") == "eyJhIjogMX0="
    api.extra = {"output": "response"}
    response = await api(OPENAPI, "getPet", petId="7")
    assert (response["statusCode"], response["content"]) == (200, {"a": 1})
    assert response["request"]["uri"] == api.server.url("/v3/api/pets/7")


async def test_redirects_are_followed_when_asked_for(api):
    def reply():
        found = api.sent.target == "/answer"
        return (
            web.json_response({"a": 1})
            if found
            else web.Response(status=302, headers={"Location": "/answer"})
        )

    api.server.reply = reply
    fault = await api.fault(OPENAPI, "getPet", petId="7")
    assert (fault.kind, fault.status) == ("communication", 302)
    api.extra = {"redirect": True}
    assert await api(OPENAPI, "getPet", petId="7") == {"a": 1}


async def test_a_status_that_says_no_is_a_communication_error(api):
    api.server.answers(b"no such pet", "text/plain", status=404)
    fault = await api.fault(OPENAPI, "getPet", petId="7")
    assert (fault.kind, fault.status) == ("communication", 404)
    assert "no such pet" in fault.detail


async def test_document_and_operation_have_credentials_of_their_own(api):
    uri = api.server.has("/docs/api.json", json.dumps(OPENAPI).encode())
    policy = {"basic": {"username": "ada", "password": "p"}}
    api.extra = {
        "document": {"endpoint": uri, "authentication": policy},
        "authentication": {"bearer": {"use": "a"}},
    }
    await api("", "getPet", petId="7")
    sent = {seen.target: seen.headers.get("authorization") for seen in api.server.seen}
    assert sent == {"/docs/api.json": "Basic YWRhOnA=", "/v3/api/pets/7": "Bearer token-of-a"}


async def test_a_document_is_fetched_once_for_many_calls(api):
    for pet in range(3):
        await api(OPENAPI, "getPet", petId=pet)
    assert [seen.target for seen in api.server.seen].count("/docs/api.json") == 1
