"""OpenAPI calls: references between documents, and what is wrong with some documents and calls."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from pgworker.activities.policy import HttpPolicy
from pgworker.activities.registry import Activities
from pgworker.errors import Fault
from tests.activities.conftest import LOOPBACK, OpenApi
from tests.support.openapi import OPENAPI, SWAGGER

# references


async def test_references_lead_into_other_documents_of_the_same_origin(api):
    api.server.has("/docs/parts/items.yaml", b"pet: {$ref: 'more.json#/a~1b/0'}", "application/yaml")
    api.server.has(
        "/docs/parts/more.json",
        json.dumps(
            {
                "a/b": [{"get": {"operationId": "far", "parameters": [{"$ref": "#/id"}]}}],
                "id": {"name": "id", "in": "path"},
            }
        ).encode(),
    )
    document = {"openapi": "3.0.0", "paths": {"/far/{id}": {"$ref": "parts/items.yaml#/pet"}}}
    await api(document, "far", id=1)
    assert api.sent.target == "/far/1"


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ("#/paths/nothing", "has nothing at '/paths/nothing'"),
        ("#anchor", "only JSON Pointers"),
        ("#/paths/~1loop", "more than 16 references"),
        ("https://elsewhere.example/a.json", "not of the same origin"),
        ("file:///etc/passwd", "not of the same origin"),
        ("missing.json", "404"),
    ],
)
async def test_references_that_lead_nowhere(api, reference, named):
    api.server.reply = lambda: web.Response(status=404)
    document = {"openapi": "3.0.0", "paths": {"/loop": {"$ref": reference}}}
    fault = await api.fault(document, "far")
    assert fault.kind in ("configuration", "communication")
    assert named in fault.detail


# what is wrong


@pytest.mark.parametrize("document", [SWAGGER, OPENAPI])
@pytest.mark.parametrize(
    ("operation", "given", "named"),
    [
        ("getPet", {}, "the required parameters petId are missing"),
        ("getPet", {"petId": None}, "petId"),
        ("getPet", {"petId": ""}, "petId"),
        ("getPet", {"petId": ".."}, "leads elsewhere"),
        ("getPet", {"petId": 1, "tag": ["a"]}, 'did you mean "tags"?'),
        ("getPet", {"petId": 1, "body": {}}, "no parameter 'body'"),
        ("putPet", {"petId": 1}, "are missing"),
        ("postForm", {"petId": 1, "tags": ["a"]}, "parameters name are missing"),
        ("postForm", {"petId": 1, "name": "a", "tagz": 1}, 'did you mean "tags"?'),
    ],
)
async def test_parameters_that_do_not_fit_are_a_validation_error(api, document, operation, given, named):
    fault = await api.fault(document, operation, **given)
    assert (fault.kind, fault.status) == ("validation", 400)
    assert named in fault.detail
    assert [seen.target for seen in api.server.seen] == ["/docs/api.json"]


async def test_members_of_a_body_have_to_be_known_and_complete(api):
    assert "name are missing" in (await api.fault(OPENAPI, "putPet", petId="7", tag="a")).detail
    assert "'taag'" in (await api.fault(OPENAPI, "putPet", petId="7", name="a", taag="a")).detail
    assert "'body'" in (await api.fault(OPENAPI, "putPet", petId="7", name="a", body={})).detail
    assert "has to be an object" in (await api.fault(OPENAPI, "postForm", petId="7", body="a")).detail


@pytest.mark.parametrize("document", [SWAGGER, OPENAPI])
async def test_an_unknown_operation_is_a_configuration_error(api, document):
    fault = await api.fault(document, "getPett", petId=7)
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert "'getPett'" in fault.detail
    assert 'did you mean "getPet"?' in fault.detail


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ({"openapi": "2.0", "paths": {}}, "has neither"),
        ({"swagger": "1.2"}, "has neither"),
        ([], "has neither"),
        (None, "has neither"),
        ({"openapi": "3.1.0"}, "no operation"),
        ({"openapi": "3.1.0", "paths": {"/a": {"get": "x"}, "/b": [], "c": {}}}, "no operation"),
        (
            {"openapi": "3.1.0", "paths": {"/a": {"get": {"operationId": "o"}, "put": {"operationId": "o"}}}},
            "has 2 operations 'o'",
        ),
        (
            {
                "openapi": "3.1.0",
                "servers": [{"url": "https://{x}"}],
                "paths": {"/a": {"get": {"operationId": "o"}}},
            },
            "variable 'x' has no default",
        ),
        (
            {
                "openapi": "3.1.0",
                "servers": [{"url": "ftp://x"}],
                "paths": {"/a": {"get": {"operationId": "o"}}},
            },
            "cannot be called",
        ),
    ],
)
async def test_a_document_that_cannot_be_used_is_a_configuration_error(api, document, named):
    fault = await api.fault(document, "o")
    assert (fault.kind, fault.status) == ("configuration", 400)
    assert named in fault.detail


async def test_a_path_with_a_parameter_that_nobody_describes_is_refused(api):
    document = {"openapi": "3.1.0", "paths": {"/a/{b}": {"get": {"operationId": "o"}}}}
    assert "no parameter 'b'" in (await api.fault(document, "o")).detail


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"document": {"endpoint": "http://x"}},
        {"document": {"endpoint": 1}, "operationId": "o"},
        {"document": "http://x", "operationId": "o"},
        {"document": {"endpoint": "relative.json"}, "operationId": "o"},
        {"document": {"endpoint": "http://x"}, "operationId": "o", "parameters": []},
        {"document": {"endpoint": "http://x"}, "operationId": "o", "method": "get"},
    ],
)
async def test_wrong_arguments_are_a_configuration_error(api, arguments):
    with pytest.raises(Fault) as caught:
        await api.activities.perform("openapi", arguments, idempotency_key="w:7")
    assert caught.value.kind == "configuration"


async def test_the_guards_hold_for_documents_and_for_what_they_name(api):
    async with Activities(HttpPolicy()) as guarded:
        fault = await OpenApi(api.server, guarded).fault(OPENAPI, "getPet", petId="7")
    assert (fault.kind, api.server.seen) == ("authorization", [])
    document = OPENAPI | {"servers": [{"url": "http://169.254.169.254/"}]}
    fault = await api.fault(document, "getPet", petId="7")
    assert (fault.kind, "link-local" in fault.detail) == ("authorization", True)


async def test_a_document_in_the_allowed_folder_needs_a_server_that_is_named(api, tmp_path):
    (tmp_path / "api.json").write_text(json.dumps(OPENAPI))
    assert "cannot be called" in (await api.fault(f"file://{tmp_path}/api.json", "getPet", petId="7")).detail
    (tmp_path / "api.json").write_text(json.dumps(OPENAPI | {"servers": [{"url": api.server.url("/f")}]}))
    for uri in (f"file://{tmp_path}/api.json", "file:api.json", "file://api.json#/ignored"):
        async with Activities(LOOPBACK, None, tmp_path) as activities:
            await OpenApi(api.server, activities)(uri, "getPet", petId="7", color="c")
        assert api.sent.target == "/f/pets/7"
