"""Documents with every kind of call, process and authentication policy: one that is well made of each."""

from __future__ import annotations

from pgworker.types import JsonObject, JsonValue

RESOURCE: JsonObject = {
    "name": "petstore",
    "endpoint": {"uri": "https://x/{a}", "authentication": {"use": "basics"}},
}
DIGEST: JsonObject = {"digest": {"username": "u", "password": "p"}}
OAUTH2: JsonObject = {
    "authority": "https://x/{realm}",
    "endpoints": {"token": "/t", "revocation": "/r", "introspection": "/i"},
    "grant": "client_credentials",
    "client": {"id": "i", "secret": "s", "assertion": "a", "authentication": "none"},
    "request": {"encoding": "application/json"},
    "issuers": ["i"],
    "scopes": ["s"],
    "audiences": ["a"],
    "username": "u",
    "password": "p",
    "subject": {"token": "t", "type": "jwt"},
    "actor": {"token": "t", "type": "jwt"},
}
POLICIES: dict[str, JsonObject] = {
    "basic": {"basic": {"username": "u", "password": "${ .p }"}},
    "basic of a secret": {"basic": {"use": "hidden"}},
    "bearer": {"bearer": {"token": "${ .t }"}},
    "bearer of a secret": {"bearer": {"use": "hidden"}},
    "digest": DIGEST,
    "digest of a secret": {"digest": {"use": "hidden"}},
    "oauth2": {"oauth2": OAUTH2},
    "oauth2 of a secret": {"oauth2": {"use": "hidden"}},
    "oidc": {"oidc": {key: value for key, value in OAUTH2.items() if key != "endpoints"}},
    "oidc of a secret": {"oidc": {"use": "hidden"}},
}

CALLS: dict[str, tuple[str, JsonObject]] = {
    "http": (
        "http",
        {
            "method": "post",
            "endpoint": {"uri": "https://x/{a}", "authentication": {"use": "basics"}},
            "headers": {"X-A": "a"},
            "query": {"q": "${ .q }"},
            "body": {"a": 1},
            "output": "response",
            "redirect": True,
        },
    ),
    "http in short": (
        "http",
        {"method": "get", "endpoint": "${ .uri }", "headers": "${ .h }", "query": "${ .q }"},
    ),
    "openapi": (
        "openapi",
        {
            "document": RESOURCE,
            "operationId": "findPets",
            "parameters": {"status": "${ .status }"},
            "authentication": {"bearer": {"token": "t"}},
            "output": "raw",
            "redirect": False,
        },
    ),
    "grpc": (
        "grpc",
        {
            "proto": RESOURCE,
            "service": {
                "name": "Greeter",
                "host": "greet.example.com",
                "port": 5011,
                "authentication": {"use": "basics"},
            },
            "method": "SayHello",
            "arguments": {"name": "${ .name }"},
        },
    ),
    "grpc of a stream": (
        "grpc",
        {
            "proto": {"endpoint": "file://greet.proto"},
            "service": {"name": "Greeter", "host": "localhost"},
            "method": "SayHelloToAll",
            "arguments": "${ .all }",
        },
    ),
    "asyncapi to publish": (
        "asyncapi",
        {
            "document": RESOURCE,
            "operation": "greet",
            "server": {"name": "s", "variables": {"environment": "dev"}},
            "protocol": "kafka",
            "message": {"payload": {"greetings": "${ .g }"}, "headers": {"foo": "bar"}},
            "authentication": {"use": "basics"},
        },
    ),
    "asyncapi to consume some": (
        "asyncapi",
        {
            "document": RESOURCE,
            "channel": "chat",
            "subscription": {
                "filter": "${ .a }",
                "consume": {"amount": 5, "for": {"seconds": 10}},
                "foreach": {
                    "item": "message",
                    "at": "place",
                    "do": [{"keep": {"set": {"a": "${ $message }"}}}],
                    "output": {"as": "${ .a }"},
                    "export": {"as": "${ .a }"},
                },
            },
        },
    ),
    "asyncapi to consume until": (
        "asyncapi",
        {"document": RESOURCE, "operation": "o", "subscription": {"consume": {"until": "${ .a }"}}},
    ),
    "asyncapi to consume while": (
        "asyncapi",
        {"document": RESOURCE, "operation": "o", "subscription": {"consume": {"while": "${ .a }"}}},
    ),
    "a2a": (
        "a2a",
        {
            "method": "message/send",
            "agentCard": RESOURCE,
            "server": "https://x",
            "parameters": {"message": {"parts": [{"kind": "text"}]}},
        },
    ),
    "a2a in short": ("a2a", {"method": "tasks/list", "server": "https://x", "parameters": "${ .p }"}),
    "mcp over http": (
        "mcp",
        {
            "protocolVersion": "2025-06-18",
            "method": "tools/call",
            "parameters": {"name": "n"},
            "timeout": {"seconds": 5},
            "transport": {
                "http": {"endpoint": "https://x", "headers": {"X-A": "a"}},
                "options": {"o": "1"},
            },
            "client": {"name": "c", "version": "1"},
        },
    ),
    "mcp over stdio": (
        "mcp",
        {
            "method": "prompts/list",
            "parameters": "${ .p }",
            "transport": {
                "stdio": {"command": "npx", "arguments": ["a"], "environment": {"TOKEN": "t"}},
            },
        },
    ),
}

PROCESSES: dict[str, JsonObject] = {
    "container": {
        "container": {
            "image": "alpine",
            "name": "${ .name }",
            "command": "echo",
            "ports": {"80": 8080},
            "volumes": {"a": "b"},
            "environment": {"A": 1},
            "stdin": "${ . }",
            "arguments": ["a"],
            "lifetime": {"cleanup": "eventually", "after": {"minutes": 30}},
            "pullPolicy": "always",
        },
        "await": True,
        "return": "stderr",
    },
    "container that goes at once": {"container": {"image": "alpine", "lifetime": {"cleanup": "always"}}},
    "script": {
        "script": {
            "language": "js",
            "code": "1",
            "stdin": "${ . }",
            "arguments": ["a"],
            "environment": {"A": 1},
        },
        "return": "all",
    },
    "script from elsewhere": {"script": {"language": "python", "source": RESOURCE}},
    "shell": {
        "shell": {"command": "ls", "stdin": "in", "arguments": ["a"], "environment": {"A": "b"}},
        "await": False,
    },
}


def document(task: JsonObject, policies: JsonObject | None = None) -> JsonObject:
    """A document of one task that knows the secret ``hidden`` and the authentication ``basics``."""
    return {
        "document": {"dsl": "1.0.3", "namespace": "default", "name": "sample", "version": "1.0.0"},
        "use": {
            "secrets": ["hidden"],
            "authentications": {"basics": {"basic": {"use": "hidden"}}, **(policies or {})},
        },
        "do": [{"t": task}],
    }


def call(protocol: str, arguments: JsonValue) -> JsonObject:
    """A document with one call."""
    return document({"call": protocol, "with": arguments})


def http_with(authentication: JsonValue) -> JsonObject:
    """A document whose call authenticates itself so."""
    endpoint: JsonObject = {"uri": "https://x", "authentication": authentication}
    return call("http", {"method": "get", "endpoint": endpoint})
