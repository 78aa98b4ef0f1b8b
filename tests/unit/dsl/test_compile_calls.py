"""Calls, processes and policies: what is compiled, what is refused, and what is only checked."""

from __future__ import annotations

import pytest

from pgworker.dsl.compile import compile_value
from pgworker.dsl.document import Document
from pgworker.errors import Problem, Rule
from pgworker.plan.nodes import ActivityNode
from pgworker.types import JsonObject, JsonValue
from tests.support.calls import CALLS, POLICIES, PROCESSES, call, document, http_with
from tests.support.pure import problems_of

WITH = "/do/0/t/with"
PLAIN: JsonObject = {"method": "get", "endpoint": "https://x"}
DATA: JsonObject = {
    "a": "tea",
    "p": "open sesame",
    "t": "token",
    "q": "?",
    "status": "sold",
    "uri": "https://y",
}


EVALUATED_RESOURCE: JsonObject = {
    "endpoint": "https://x/tea",
    "authentication": {"basic": {"use": "hidden"}},
}
EVALUATED: dict[str, JsonObject] = {
    "container": {
        "image": "alpine",
        "name": None,
        "command": "echo",
        "ports": {"80": 8080},
        "volumes": {"a": "b"},
        "environment": {"A": 1},
        "stdin": DATA,
        "arguments": ["a"],
        "lifetime": {"cleanup": "eventually", "after": "PT30M"},
        "pullPolicy": "always",
    },
    "script": {
        "language": "js",
        "code": "1",
        "stdin": DATA,
        "arguments": ["a"],
        "environment": {"A": 1},
    },
    "script from elsewhere": {"language": "python", "source": EVALUATED_RESOURCE},
}
"""What becomes of the processes in which there are expressions and the like."""


def arguments_of(definition: JsonObject, data: JsonValue = None) -> JsonValue:
    """What the one call of a document is performed with."""
    node = compile_value(definition).nodes["/do/0/t"]
    assert isinstance(node, ActivityNode)
    return node.arguments.evaluate(DATA if data is None else data, dict.fromkeys)


def problems(definition: JsonObject) -> list[Problem]:
    return list(problems_of(Document.from_value(definition)))


def only(definition: JsonObject) -> Problem:
    (problem,) = problems(definition)
    return problem


def test_an_http_call_carries_the_policy_of_its_endpoint_beside_it() -> None:
    arguments = arguments_of(http_with({"basic": {"username": "ada", "password": "${ .p }"}}))
    assert arguments == {
        "endpoint": "https://x",
        "authentication": {"basic": {"username": "ada", "password": "open sesame"}},
        "method": "get",
    }


def test_a_named_policy_is_evaluated_where_it_is_used() -> None:
    definition = document({"call": "http", "with": http_arguments({"use": "mine"})})
    definition["use"] = {"authentications": {"mine": {"bearer": {"token": "Z-${ .t }"}}}}
    assert arguments_of(definition)["authentication"] == {"bearer": {"token": "Z-token"}}


def http_arguments(authentication: JsonValue) -> JsonObject:
    return {"method": "get", "endpoint": {"uri": "https://x", "authentication": authentication}}


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_policy_in_a_secret_carries_the_secrets_name_and_nothing_else(scheme: str) -> None:
    arguments = arguments_of(http_with({scheme: {"use": "hidden"}}))
    assert arguments["authentication"] == {scheme: {"use": "hidden"}}


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_a_secret_that_is_not_declared_is_marked_as_such(scheme: str) -> None:
    arguments = arguments_of(http_with({scheme: {"use": "other"}}))
    assert arguments["authentication"] == {scheme: {"use": "other", "declared": False}}


def test_an_openapi_call_carries_all_that_it_says() -> None:
    protocol, written = CALLS["openapi"]
    assert arguments_of(call(protocol, written)) == {
        "document": {"endpoint": "https://x/tea", "authentication": {"basic": {"use": "hidden"}}},
        "operationId": "findPets",
        "parameters": {"status": "sold"},
        "authentication": {"bearer": {"token": "t"}},
        "output": "raw",
        "redirect": False,
    }


def test_an_openapi_call_needs_no_more_than_a_document_and_an_operation() -> None:
    written: JsonObject = {"document": {"endpoint": "${ .uri }"}, "operationId": "op-${ .a }"}
    assert arguments_of(call("openapi", written)) == {
        "document": {"endpoint": "https://y"},
        "operationId": "op-tea",
    }


BAD = [
    # endpoints
    ("http", PLAIN | {"endpoint": {}}, "/endpoint", "the endpoint lacks `uri`", "add `uri:`"),
    (
        "http",
        PLAIN | {"endpoint": {"uri": "x", "auth": {}}},
        "/endpoint/auth",
        "has no `auth`",
        None,
    ),
    ("http", PLAIN | {"endpoint": "https://x/a b"}, "/endpoint", "is not a URI", "write a space as %20"),
    ("http", PLAIN | {"headers": ".h"}, "/headers", "found the text `.h`", None),
    ("http", PLAIN | {"headers": {"a": 1}}, "/headers/a", "found the number 1", "put it in quotes"),
    # policies
    ("http", http_arguments({}), "/endpoint/authentication", "lacks a member", None),
    ("http", http_arguments(None), "/endpoint/authentication", "found nothing", None),
    ("http", http_arguments({"use": ""}), "/endpoint/authentication/use", "the name is empty", None),
    (
        "http",
        http_arguments({"use": "basic"}),
        "/endpoint/authentication/use",
        "no authentication is named",
        "basics",
    ),
    (
        "http",
        http_arguments({"use": "a", "basic": {}}),
        "/endpoint/authentication",
        "has `basic`, `use`",
        "keep one",
    ),
    (
        "http",
        http_arguments({"basic": {"username": "u"}}),
        "/endpoint/authentication/basic",
        "lacks `password`",
        "add",
    ),
    (
        "http",
        http_arguments({"basic": {"username": "u", "password": 1234}}),
        "/endpoint/authentication/basic/password",
        "found the number 1234",
        "put it in quotes",
    ),
    (
        "http",
        http_arguments({"basic": {"use": "hidden", "username": "u"}}),
        "/endpoint/authentication/basic/username",
        "a policy that is kept in a secret has no `username`",
        None,
    ),
    (
        "http",
        http_arguments({"bearer": {"token": "${ .a[ }"}}),
        "/endpoint/authentication/bearer/token",
        "not a jq program",
        None,
    ),
    ("http", http_arguments({"bearr": {}}), "/endpoint/authentication/bearr", "has no `bearr`", "bearer"),
    # openapi
    ("openapi", {"operationId": "o"}, "", "the OpenAPI call lacks `document`", "add `document:`"),
    ("openapi", {"document": {"endpoint": "x"}}, "", "lacks `operationId`", "add `operationId:`"),
    ("openapi", {"document": "x", "operationId": "o"}, "/document", "found the text `x`", None),
    (
        "openapi",
        {"document": {"endpoint": "x"}, "operationId": 1},
        "/operationId",
        "found the number 1",
        None,
    ),
    (
        "openapi",
        {"document": {"endpoint": "x"}, "operationId": "o", "parameters": "${ . }"},
        "/parameters",
        "found the text",
        None,
    ),
    (
        "openapi",
        {"document": {"endpoint": "x"}, "operationId": "o", "params": {}},
        "/params",
        "an OpenAPI call has no `params`",
        "parameters",
    ),
    # asyncapi
    (
        "asyncapi",
        {"document": {"endpoint": "x"}, "operation": "a", "channel": "b"},
        "",
        "this one has `channel`, `operation`",
        None,
    ),
    ("asyncapi", {"operation": "a"}, "", "lacks `document`", None),
    ("asyncapi", {"protocol": "kafkaa"}, "/protocol", "found `kafkaa`", None),
    ("asyncapi", {"subscription": {}}, "/subscription", "lacks `consume`", None),
    ("asyncapi", {"subscription": {"consume": {}}}, "/subscription/consume", "lacks a member", None),
    (
        "asyncapi",
        {"subscription": {"filter": "$secrets.a == 1", "consume": {"amount": 1}}},
        "/subscription/filter",
        "this expression reads secrets",
        "history keeps what it reads",
    ),
]


@pytest.mark.parametrize(("protocol", "written", "where", "message", "hint"), BAD)
def test_a_call_is_refused_at_the_place_of_its_mistake(
    protocol: str, written: JsonObject, where: str, message: str, hint: str | None
) -> None:
    found = problems(call(protocol, written))
    assert f"{WITH}{where}" in [problem.pointer for problem in found]
    problem = next(problem for problem in found if problem.pointer == f"{WITH}{where}")
    assert message in problem.message
    assert hint is None or hint in str(problem.hint)


RPC = [
    ("grpc", {"method": "m"}, "", "lacks `proto`"),
    ("grpc", {"service": {"name": "n", "host": "a/b"}}, "/service/host", "found the text `a/b`"),
    (
        "grpc",
        {"service": {"name": "n", "host": "h", "port": 70000}},
        "/service/port",
        "found the number 70000",
    ),
    ("grpc", {"service": {"name": "n"}}, "/service", "lacks `host`"),
    ("grpc", {"arguments": "Anna"}, "/arguments", "found the text `Anna`"),
    ("a2a", {}, "", "the A2A call lacks `method`"),
    ("a2a", {"method": "tasks/list"}, "", "the A2A call lacks an agent"),
    ("a2a", {"method": "message/sent"}, "/method", "found `message/sent`"),
    ("a2a", {"method": "tasks/get", "parameters": {}}, "/parameters", "there are no parameters"),
    (
        "a2a",
        {"method": "tasks/get", "agentCard": {"endpoint": "https://x"}, "server": {}},
        "/server",
        "lacks `uri`",
    ),
    ("mcp", {"method": "tools/list", "transport": {}}, "/transport", "lacks a member"),
    ("mcp", {"method": "tools/list", "transport": {"http": {}}}, "/transport/http", "lacks `endpoint`"),
    ("mcp", {"transport": {"stdio": {}}}, "/transport/stdio", "the transport lacks `command`"),
    ("mcp", {"timeout": "soon"}, "/timeout", "not an ISO 8601 duration"),
    ("mcp", {"client": {"name": "c"}}, "/client", "the client lacks `version`"),
]


@pytest.mark.parametrize(("protocol", "written", "where", "message"), RPC)
def test_a_remote_call_is_refused_at_the_place_of_its_mistake(
    protocol: str, written: JsonObject, where: str, message: str
) -> None:
    found = problems(call(protocol, written))
    assert any(p.pointer == f"{WITH}{where}" and message in p.message for p in found)


@pytest.mark.parametrize(
    ("name", "carried"),
    [
        (
            "grpc",
            {
                "proto": {"endpoint": "https://x/tea", "authentication": {"basic": {"use": "hidden"}}},
                "service": {"name": "Greeter", "host": "greet.example.com", "port": 5011},
                "authentication": {"basic": {"use": "hidden"}},
                "method": "SayHello",
                "arguments": {"name": "Ada"},
            },
        ),
        (
            "grpc of a stream",
            {
                "proto": {"endpoint": "file://greet.proto"},
                "service": {"name": "Greeter", "host": "localhost"},
                "method": "SayHelloToAll",
                "arguments": [{"name": "Ada"}],
            },
        ),
        (
            "a2a",
            {
                "method": "message/send",
                "agentCard": {"endpoint": "https://x/tea", "authentication": {"basic": {"use": "hidden"}}},
                "parameters": {"message": {"parts": [{"kind": "text"}]}},
            },
        ),
        ("a2a in short", {"method": "tasks/list", "endpoint": "https://x", "parameters": "open sesame"}),
        (
            "mcp over http",
            {
                "protocolVersion": "2025-06-18",
                "method": "tools/call",
                "parameters": {"name": "n"},
                "timeout": "PT5S",
                "http": {"endpoint": "https://x", "headers": {"X-A": "a"}},
                "client": {"name": "c", "version": "1"},
            },
        ),
        (
            "mcp over stdio",
            {
                "method": "prompts/list",
                "parameters": "open sesame",
                "stdio": {"command": "npx", "arguments": ["a"], "environment": {"TOKEN": "t"}},
            },
        ),
    ],
)
def test_a_remote_call_carries_all_that_it_says(name: str, carried: JsonObject) -> None:
    data: JsonObject = DATA | {"name": "Ada", "all": [{"name": "Ada"}]}
    assert arguments_of(call(*CALLS[name]), data) == carried


def test_the_policy_of_a_remote_endpoint_travels_beside_it() -> None:
    endpoint: JsonObject = {"uri": "https://x", "authentication": {"use": "basics"}}
    policy: JsonObject = {"basic": {"use": "hidden"}}
    over_http = arguments_of(
        call("mcp", {"method": "tools/list", "transport": {"http": {"endpoint": endpoint}}})
    )
    assert (over_http["authentication"], over_http["http"]) == (policy, {"endpoint": "https://x"})
    agent = arguments_of(call("a2a", {"method": "tasks/list", "server": endpoint}))
    assert (agent["authentication"], agent["endpoint"]) == (policy, "https://x")


@pytest.mark.parametrize("name", [name for name, (protocol, _) in CALLS.items() if protocol == "asyncapi"])
def test_every_way_of_calling_by_asyncapi_is_accepted(name: str) -> None:
    assert problems(call(*CALLS[name])) == []


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_is_performed_with_what_is_written(name: str) -> None:
    kind = next(key for key in ("container", "script", "shell") if key in PROCESSES[name])
    arguments = arguments_of(document({"run": PROCESSES[name]}))
    assert isinstance(arguments, dict)
    written = PROCESSES[name]
    assert arguments.pop("await") is written.get("await", True)
    assert arguments.pop("return") == written.get("return", "stdout")
    if kind == "container":
        assert arguments.pop("owner") == {"namespace": None, "workflow": None, "task": None}
    assert arguments == EVALUATED.get(name, written[kind])


def test_what_is_not_waited_for_is_marked_so() -> None:
    for name, waits in (("shell", False), ("script", True)):
        node = compile_value(document({"run": PROCESSES[name]})).nodes["/do/0/t"]
        assert isinstance(node, ActivityNode)
        assert (node.activity, node.waits) == (name, waits)


@pytest.mark.parametrize("kind", ["shell", "script"])
def test_arguments_may_be_a_map(kind: str) -> None:
    process = {"shell": {"command": "a"}, "script": {"language": "js", "code": "1"}}[kind]
    arguments = arguments_of(document({"run": {kind: {**process, "arguments": {"--n": "${ .t }", "-v": 1}}}}))
    assert isinstance(arguments, dict)
    assert arguments["arguments"] == {"--n": "token", "-v": 1}


def test_a_language_that_cannot_be_run_is_refused_and_not_called_wrong() -> None:
    problem = only(document({"run": {"script": {"language": "cobol", "code": "STOP RUN."}}}))
    assert (problem.pointer, problem.rule) == ("/do/0/t/run/script/language", Rule.RUNNABLE)
    assert problem.message == "no script in `cobol` can be run"


@pytest.mark.parametrize("name", POLICIES)
def test_policies_of_every_scheme_can_be_performed(name: str) -> None:
    assert problems(http_with(POLICIES[name])) == []


def test_the_authority_of_a_policy_is_a_template() -> None:
    members: JsonObject = {
        "authority": "https://x/{realm}/{none}",
        "grant": "password",
        "password": "{realm} ${ .p }",
    }
    arguments = arguments_of(http_with({"oidc": members}), {"realm": "a b", "p": 1})
    assert isinstance(arguments, dict)
    assert arguments["authentication"] == {
        "oidc": {"authority": "https://x/a%20b/", "grant": "password", "password": "{realm} 1"}
    }


@pytest.mark.parametrize("scheme", ["oauth2", "oidc"])
def test_the_grant_that_needs_a_person_is_refused_by_name(scheme: str) -> None:
    problem = only(http_with({scheme: {"authority": "https://x", "grant": "authorization_code"}}))
    assert problem.pointer == f"{WITH}/endpoint/authentication/{scheme}/grant"
    assert "`authorization_code`" in problem.message
    assert problem.rule is Rule.RUNNABLE


@pytest.mark.parametrize(
    ("run", "where", "message"),
    [
        (None, "", "found nothing"),
        ({}, "", "`run` lacks a member"),
        ({"shell": {"command": "a"}, "script": {}}, "", "this one has `script`, `shell`"),
        ({"shel": {"command": "a"}}, "/shel", "`run` has no `shel`"),
        ({"shell": {"command": "a"}, "await": 1}, "/await", "found the number 1"),
        ({"shell": {"command": "a"}, "return": "stdin"}, "/return", "found `stdin`"),
        ({"shell": {"command": ["a"]}}, "/shell/command", "found an array"),
        ({"shell": {"command": "a", "arguments": ["a", 1]}}, "/shell/arguments/1", "found the number 1"),
        ({"shell": {"command": "${ .a[ }"}}, "/shell/command", "not a jq program"),
        ({"script": {"language": "js"}}, "/script", "a script lacks a member"),
        (
            {"script": {"language": "js", "code": "1", "source": {}}},
            "/script",
            "this one has `code`, `source`",
        ),
        ({"container": {"image": "a", "pullPolicy": "often"}}, "/container/pullPolicy", "found `often`"),
        ({"container": {"image": "a", "lifetime": {}}}, "/container/lifetime", "lacks `cleanup`"),
        (
            {"container": {"image": "a", "lifetime": {"cleanup": "eventually"}}},
            "/container/lifetime",
            "lacks `after`",
        ),
        (
            {"container": {"image": "a", "lifetime": {"cleanup": "never", "after": "PT1S"}}},
            "/container/lifetime/after",
            "`after` means nothing here",
        ),
    ],
)
def test_processes_are_checked(run: JsonValue, where: str, message: str) -> None:
    found = problems(document({"run": run}))
    assert any(p.pointer == f"/do/0/t/run{where}" and message in p.message for p in found)


@pytest.mark.parametrize(
    ("use", "pointer", "message"),
    [
        ({"secrets": {}}, "/use/secrets", "found an object"),
        ({"secrets": ["a", 1]}, "/use/secrets/1", "found the number 1"),
        ({"authentications": []}, "/use/authentications", "found an array"),
        ({"authentications": {"a": 1}}, "/use/authentications/a", "found the number 1"),
        ({"authentications": {"a": {}}}, "/use/authentications/a", "lacks a member"),
        ({"authentications": {"a": {"use": "b"}}}, "/use/authentications/a", "lacks a member"),
        ({"authentications": {"a": {"basic": {}}}}, "/use/authentications/a/basic", "lacks `username`"),
        (
            {"authentications": {"a": {"bearer": {"token": "${ $item }"}}}},
            "/use/authentications/a/bearer/token",
            "$item is not defined",
        ),
        (
            {"authentications": {"a": {"oauth2": {"authority": "${ .a }", "grant": "password"}}}},
            "/use/authentications/a/oauth2/authority",
            "found an expression",
        ),
    ],
)
def test_mistakes_in_what_is_declared_are_told(use: JsonObject, pointer: str, message: str) -> None:
    definition = document({"set": {"a": 1}})
    definition["use"] = use
    assert any(p.pointer == pointer and message in p.message for p in problems(definition))


def test_in_loose_mode_a_reusable_policy_may_leave_out_what_surrounds_expressions() -> None:
    definition = document({"call": "http", "with": http_arguments({"use": "mine"})})
    definition["use"] = {"authentications": {"mine": {"basic": {"username": "ada", "password": ".p"}}}}
    definition["evaluate"] = {"mode": "loose"}
    assert arguments_of(definition)["authentication"] == {
        "basic": {"username": "ada", "password": "open sesame"}
    }
