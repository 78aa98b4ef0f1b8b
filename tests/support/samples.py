"""Documents in documents: what a sample of YAML is a part of, and what comes of it."""

from __future__ import annotations

import asyncio
import json
import re
import textwrap
from dataclasses import dataclass

from ruamel.yaml import YAML

from pgworker.client import Client
from pgworker.types import JsonObject, JsonValue

_HEADER = "document: {dsl: '1.0.3', namespace: docs, name: sample, version: '1.0.0'}\n"
_REMARK = re.compile(r"^# (?P<name>input|publish|output|error): +(?P<value>.+)$", re.MULTILINE)
_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sample:
    """A whole document with what its leading comments say: ``input``, and ``output`` or ``error``.

    ``publish`` are CloudEvents (objects of type and data) that are published after its start. Of an error the
    members that are named count.
    """

    text: str
    input: JsonValue
    publish: list[JsonObject]
    output: JsonValue
    error: JsonObject | None

    @classmethod
    def read(cls, text: str) -> Sample | None:
        """The sample; None if it does not say what comes of it."""
        said = {found["name"]: json.loads(found["value"]) for found in _REMARK.finditer(text)}
        if said.keys().isdisjoint({"output", "error"}):
            return None
        return cls(
            text, said.get("input", {}), said.get("publish", []), said.get("output"), said.get("error")
        )


def run_sample(sample: Sample, url: str) -> None:
    """Runs the document by the workers of a database; fails if something else comes of it."""
    asyncio.run(_run(sample, url))


async def _run(sample: Sample, url: str) -> None:
    async with Client(url, "pgworker") as client:
        known = (await client.define(sample.text)).rpartition(":")
        namespace, _, name = known[0].partition("/")
        workflow_id = await client.start(name, sample.input, version=known[2], namespace=namespace)
        for event in sample.publish:
            await client.publish(str(event["type"]), event.get("data"))
        ended = await client.wait(workflow_id, _SECONDS)
    if sample.error is None:
        assert (ended.status, ended.output) == ("COMPLETED", sample.output), ended.error
    else:
        assert ended.error is not None
        assert {name: ended.error.get(name) for name in sample.error} == sample.error


def whole(text: str) -> str:
    """The document itself, or a document around what is a part of one: lists, tasks, policies."""
    value = YAML(typ="safe", pure=True).load(text)
    if isinstance(value, list):
        return f"{_HEADER}do:\n{textwrap.indent(text, '  ')}"
    if "document" in value:
        return text
    if "do" in value and not value.keys() & {"while", "for", "try"}:
        return _HEADER + text
    if value.keys() & {"oauth2", "oidc", "basic", "bearer", "digest"}:
        call = "  - it:\n      call: http\n      with:\n        method: get\n        endpoint:\n"
        uri = "          uri: https://example.com/\n          authentication:\n"
        secrets = "use: {secrets: [shop]}\n"
        return f"{_HEADER}{secrets}do:\n{call}{uri}{textwrap.indent(text, ' ' * 12)}"
    if "schedule" in value or "use" in value:
        return f"{_HEADER}{text}do:\n  - it: {{set: {{done: true}}}}\n"
    return f"{_HEADER}do:\n  - it:\n{textwrap.indent(text, ' ' * 6)}"
