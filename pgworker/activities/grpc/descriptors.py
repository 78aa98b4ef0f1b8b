"""What proto files describe: services, their methods, and the messages that these take and give."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from pgworker.activities.media import printable
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Method:
    """A method, with its messages as protobuf's JSON mapping writes them."""

    path: str
    takes_stream: bool
    gives_stream: bool
    takes: type[Message]
    gives: type[Message]
    pool: DescriptorPool

    def message(self, value: JsonValue) -> Message:
        """The message of a value; raises ``Fault`` (validation) for one that does not fit."""
        if not isinstance(value, dict):
            raise _unfit(self, "it is not an object")
        try:
            message = json_format.ParseDict(value, self.takes(), descriptor_pool=self.pool)
        except (json_format.ParseError, ValueError, TypeError, RecursionError) as error:
            raise _unfit(self, str(error)) from error
        if not message.IsInitialized():
            raise _unfit(self, "it lacks what proto2 requires of it")
        return message

    def decoded(self, content: bytes) -> Message:
        """The message that an answer contains; raises ``DecodeError``."""
        return self.gives.FromString(content)

    def value(self, message: Message) -> JsonObject:
        """The value of a message, without the fields that have their default value."""
        try:
            return json_format.MessageToDict(message, descriptor_pool=self.pool)
        except (json_format.Error, ValueError, TypeError) as error:
            raise Fault(
                FaultKind.COMMUNICATION,
                f"what {self.path} answered has no form in JSON: {printable(str(error))}",
            ) from error


class Descriptors:
    """Everything that a set of compiled files describes; raises ``Fault`` (configuration) if it is broken."""

    def __init__(self, compiled: bytes) -> None:
        self._pool = DescriptorPool()
        self._services: dict[str, ServiceDescriptor] = {}
        try:
            for file in FileDescriptorSet.FromString(compiled).file:
                self._pool.Add(file)
                for service in file.service:
                    name = f"{file.package}.{service.name}" if file.package else service.name
                    self._services[name] = self._pool.FindServiceByName(name)
        except (DecodeError, KeyError, TypeError) as error:
            raise _wrong(f"the proto file cannot be used: {printable(str(error))}") from error

    def method(self, service: str, method: str) -> Method:
        """A method by its service's full name (or the last part of it, if that tells) and its own."""
        found = self._service(service)
        described: MethodDescriptor | None = found.methods_by_name.get(method)
        if described is None:
            known = ", ".join(sorted(found.methods_by_name)) or "none"
            raise _wrong(f"the service {found.full_name} has no method {method[:100]!r}; it has {known}")
        return Method(
            path=f"/{found.full_name}/{described.name}",
            takes_stream=described.client_streaming,
            gives_stream=described.server_streaming,
            takes=GetMessageClass(described.input_type),
            gives=GetMessageClass(described.output_type),
            pool=self._pool,
        )

    def _service(self, name: str) -> ServiceDescriptor:
        if name in self._services:
            return self._services[name]
        alike = [service for service in self._services if service.rpartition(".")[2] == name]
        if len(alike) == 1:
            return self._services[alike[0]]
        known = ", ".join(sorted(self._services)) or "none"
        raise _wrong(f"the proto file has no service {name[:100]!r}; it has {known}")


def _unfit(method: Method, what: str) -> Fault:
    takes = method.takes.DESCRIPTOR.full_name
    return Fault(
        FaultKind.VALIDATION,
        f"the arguments of {method.path} are no {takes}: {printable(what)}",
    )


def _wrong(detail: str) -> Fault:
    return Fault(FaultKind.CONFIGURATION, detail)
