"""A gRPC service with methods of all four kinds, whose code the protocol's own compiler has written."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import grpc
import grpc.aio
from grpc_tools import protoc

PROTO = """
// import "not/this.proto";
syntax = "proto3";
package GreeterApi;

import "google/protobuf/timestamp.proto"; /* import "nor/this.proto"; */
import 'google/protobuf/struct.proto';
import public "shared/mood.proto";

service Greeter {
  rpc SayHello (HelloRequest) returns (HelloReply);
  rpc Greetings (HelloRequest) returns (stream HelloReply);
  rpc SayHelloToAll (stream HelloRequest) returns (HelloReply);
  rpc Chat (stream HelloRequest) returns (stream HelloReply);
}

message HelloRequest {
  string name = 1;
  int32 times = 2;
  google.protobuf.Timestamp born_at = 3;
  google.protobuf.Struct notes = 4;
  moods.Mood mood = 5;
}

message HelloReply {
  string message = 1;
  int64 letters = 2;
  google.protobuf.Timestamp born_at = 3;
  google.protobuf.Struct notes = 4;
  moods.Mood mood = 5;
}
"""

MOOD = """
syntax = "proto3";
package moods;

enum Mood { UNKNOWN = 0; GOOD = 1; BAD = 2; }
"""


@cache
def messages() -> ModuleType:
    """The messages, as the compiler's own code has them."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "shared").mkdir()
        (folder / "greeter_of_tests.proto").write_text(PROTO)
        (folder / "shared" / "mood.proto").write_text(MOOD)
        bundled = files("grpc_tools").joinpath("_proto")
        command = ["", f"-I{folder}", f"-I{bundled}", f"--python_out={folder}"]
        assert protoc.main([*command, "greeter_of_tests.proto", "shared/mood.proto"]) == 0
        sys.path.insert(0, name)
        try:
            path = folder / "greeter_of_tests_pb2.py"
            spec = importlib.util.spec_from_file_location("greeter_of_tests_pb2", path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(name)
    return module


@dataclass
class Greeter:
    """Greets, and remembers who asked; some names make it say no, wait, or say too much."""

    port: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def say_hello(self, request: Any, context: Any) -> Any:
        """One in, one out."""
        self._note(request, context)
        if request.name.startswith("code "):
            _, code, detail = request.name.split(" ", 2)
            await context.abort(grpc.StatusCode[code], detail)
        if request.name == "wait":
            await self._wait()
        if request.name == "much":
            return messages().HelloReply(message="x" * 3000)
        return _reply(request)

    async def greetings(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """One in, many out."""
        self._note(request, context)
        for number in range(request.times):
            yield messages().HelloReply(message=f"{request.name} {number + 1}")

    async def say_hello_to_all(self, requests: AsyncIterator[Any], context: Any) -> Any:
        """Many in, one out."""
        names = []
        async for request in requests:
            self._note(request, context)
            names.append(request.name)
        return messages().HelloReply(message=f"Hello {', '.join(names)}", letters=len("".join(names)))

    async def chat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """Many in, many out, in turn."""
        async for request in requests:
            self._note(request, context)
            yield _reply(request)

    async def _wait(self) -> None:
        self.waiting.set()
        try:
            await asyncio.sleep(30)
        finally:
            self.gone.set()

    def _note(self, request: Any, context: Any) -> None:
        self.seen.append({key: str(value) for key, value in context.invocation_metadata()})
        self.names.append(request.name)


def _reply(request: Any) -> Any:
    given = {key: getattr(request, key) for key in ("born_at", "notes") if request.HasField(key)}
    letters = len(request.name)
    return messages().HelloReply(message=f"Hello {request.name}", letters=letters, mood=request.mood, **given)


@asynccontextmanager
async def greeting(
    compression: grpc.Compression | None = None, host: str = "127.0.0.1", **keys: bytes
) -> AsyncIterator[Greeter]:
    """A server on a free port of 127.0.0.1; with ``key`` and ``chain`` it speaks TLS."""
    greeter = Greeter()
    request, reply = messages().HelloRequest.FromString, messages().HelloReply.SerializeToString
    handlers = {
        "SayHello": grpc.unary_unary_rpc_method_handler(greeter.say_hello, request, reply),
        "Greetings": grpc.unary_stream_rpc_method_handler(greeter.greetings, request, reply),
        "SayHelloToAll": grpc.stream_unary_rpc_method_handler(greeter.say_hello_to_all, request, reply),
        "Chat": grpc.stream_stream_rpc_method_handler(greeter.chat, request, reply),
    }
    server = grpc.aio.server(compression=compression)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("GreeterApi.Greeter", handlers),))
    if keys:
        credentials = grpc.ssl_server_credentials([(keys["key"], keys["chain"])])
        greeter.port = server.add_secure_port(f"{host}:0", credentials)
    else:
        greeter.port = server.add_insecure_port(f"{host}:0")
    await server.start()
    try:
        yield greeter
    finally:
        await server.stop(None)
