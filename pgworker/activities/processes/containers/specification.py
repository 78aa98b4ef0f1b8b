"""A container as it is to be: the evaluated arguments, and how the engine is asked for them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

from pgworker.activities.processes.command import text, variables, words
from pgworker.errors import Fault, FaultKind
from pgworker.expressions.durations import Duration, duration_from_object, parse_duration
from pgworker.expressions.templates import as_text
from pgworker.types import JsonObject, JsonValue

KEY_LABEL = "io.pgworker.activity"
"""By this label the containers of an activity's earlier attempts are found."""

REMOVE_LABEL = "io.pgworker.remove-after"
"""How long after its end a container is to be removed, as ISO 8601 text."""

_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,500}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_PORT = re.compile(r"(?:(?P<address>[0-9.]+|\[[0-9A-Fa-f:]+\]):)?(?P<port>\d{1,5})")
_INNER_PORT = re.compile(r"\d{1,5}(?:/(?:tcp|udp|sctp))?")


@dataclass(frozen=True, slots=True)
class Specification:
    """What is asked for, and how it is cleaned up; made by ``specify``."""

    name: str
    image: str
    pull_policy: JsonValue
    process: JsonObject
    key: str
    cleanup: str
    after: Duration | None

    def request(self, image: JsonObject, *, has_input: bool, removes_itself: bool) -> JsonObject:
        """The body that creates it, given the image's configuration."""
        ports = _ports(self.process.get("ports"))
        return {
            "Image": self.image,
            **self._command(image),
            "Env": [f"{name}={value}" for name, value in variables(self.process, self.key).items()],
            "Labels": self._labels(),
            "OpenStdin": has_input,
            "StdinOnce": has_input,
            "AttachStdin": has_input,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": False,
            "ExposedPorts": {inner: {} for inner in ports},
            "HostConfig": {
                "Binds": _binds(self.process.get("volumes")),
                "PortBindings": ports,
                "AutoRemove": removes_itself,
            },
        }

    def _command(self, image: JsonObject) -> JsonObject:
        """A command is a shell's; without one the arguments follow what the image runs by itself."""
        given = list[JsonValue](words(self.process.get("arguments")))
        command = text(self.process, "command")
        if command is not None:
            return {"Entrypoint": ["/bin/sh", "-c", command, "sh"], "Cmd": given}
        if not given:
            return {}
        own = image.get("Cmd")
        return {"Cmd": given if image.get("Entrypoint") or not isinstance(own, list) else [*own, *given]}

    def _labels(self) -> JsonObject:
        labels: JsonObject = {KEY_LABEL: self.key}
        return labels if self.after is None else labels | {REMOVE_LABEL: self.after.to_iso()}


def specify(process: JsonObject, key: str) -> Specification:
    """The specification of a container; raises ``Fault`` (configuration) for what cannot be one."""
    image = process.get("image")
    if not isinstance(image, str) or not _IMAGE.fullmatch(image) or ".." in image:
        raise Fault(FaultKind.CONFIGURATION, f"{str(image)[:200]!r} cannot be the name of an image")
    lifetime = process.get("lifetime")
    lifetime = lifetime if isinstance(lifetime, dict) else {}
    return Specification(
        name=_name(process, key),
        image=image,
        pull_policy=process.get("pullPolicy"),
        process=process,
        key=key,
        cleanup=str(lifetime.get("cleanup", "never")),
        after=_duration(lifetime["after"]) if "after" in lifetime else None,
    )


def _name(process: JsonObject, key: str) -> str:
    """The author's name, or the one that the DSL reference recommends; the same at every attempt."""
    name = process.get("name")
    if name is not None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Fault(FaultKind.CONFIGURATION, f"{str(name)[:200]!r} cannot be the name of a container")
        return name
    given = process.get("owner")
    owner = given if isinstance(given, dict) else {}
    workflow, namespace, task = (
        re.sub(r"[^A-Za-z0-9_.-]", "-", str(owner.get(part)))[:64]
        for part in ("workflow", "namespace", "task")
    )
    return f"{workflow}-{uuid5(NAMESPACE_URL, key)}.{namespace}-{task}"


def _duration(value: JsonValue) -> Duration:
    try:
        if isinstance(value, dict):
            return duration_from_object(value)
        return parse_duration(str(value))
    except ValueError as error:
        raise Fault(FaultKind.CONFIGURATION, f"this is no usable duration: {error}") from error


def _ports(value: JsonValue) -> dict[str, JsonValue]:
    """Ports of the container with those of the host that lead to them: ``{HOST: CONTAINER}``."""
    bound: dict[str, JsonValue] = {}
    for outer, inner in value.items() if isinstance(value, dict) else ():
        place, target = _PORT.fullmatch(outer), as_text(inner)
        if place is None or not _INNER_PORT.fullmatch(target):
            raise Fault(
                FaultKind.CONFIGURATION, f"{outer[:60]!r}: {target[:60]!r} maps no port of the host to a port"
            )
        key = target if "/" in target else f"{target}/tcp"
        others = bound.get(key)
        binding: JsonValue = {"HostIp": (place["address"] or "").strip("[]"), "HostPort": place["port"]}
        bound[key] = [*(others if isinstance(others, list) else ()), binding]
    return bound


def _binds(value: JsonValue) -> list[JsonValue]:
    """Folders or volumes of the host with the place where the container sees them: ``{HOST: CONTAINER}``."""
    return [
        f"{outer}:{as_text(inner)}" for outer, inner in (value.items() if isinstance(value, dict) else ())
    ]
