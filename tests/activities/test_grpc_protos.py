"""Proto files: found with what they import, compiled once, and refused where they are wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pgworker.activities.grpc.compiler import Compiler
from pgworker.activities.grpc.sources import Gathering, Sources, imports_of
from pgworker.errors import Fault, FaultKind
from pgworker.types import JsonValue
from tests.support.greeter import PROTO


class Shelf:
    """Gives the texts that it has, and remembers what it was asked for."""

    def __init__(self, **texts: JsonValue) -> None:
        self.texts = texts
        self.asked: list[str] = []

    async def load(self, uri: str, authentication: JsonValue = None) -> JsonValue:
        self.asked.append(uri)
        if uri not in self.texts:
            raise Fault(FaultKind.COMMUNICATION, f"there is no {uri}", status=404)
        return self.texts[uri]


def importing(*names: str) -> str:
    return 'syntax = "proto3";' + "".join(f'import "{name}";' for name in names)


async def gathered(uri: str, **texts: JsonValue) -> list[str]:
    sources = await Gathering(Shelf(**texts), None).gather(uri)
    return [name for name, _ in sources.files]


def test_imports_are_told_from_comments_and_texts() -> None:
    assert imports_of(PROTO) == [
        "google/protobuf/timestamp.proto",
        "google/protobuf/struct.proto",
        "shared/mood.proto",
    ]


@pytest.mark.parametrize("root", ["https://x.org/v1/app/", "file:///v1/app/", "file://v1/app/"])
async def test_imports_are_looked_for_beside_the_file_and_in_the_folders_above(root: str) -> None:
    above = root.removesuffix("app/")
    texts = {
        f"{root}greet.proto": importing("beside.proto", "common/types.proto", "google/protobuf/any.proto"),
        f"{root}beside.proto": importing("app/other.proto"),
        f"{root}other.proto": importing(),
        f"{above}common/types.proto": importing("common/more.proto"),
        f"{above}common/more.proto": importing("common/types.proto"),
    }
    found = await gathered(f"{root}greet.proto", **texts)
    assert sorted(found) == [
        "app/other.proto",
        "beside.proto",
        "common/more.proto",
        "common/types.proto",
        "greet.proto",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (importing("missing.proto"), "'missing.proto'"),
        (importing("../secret.proto"), "not a relative path"),
        (importing("/etc/passwd"), "not a relative path"),
        (importing("https://y.org/a.proto"), "not a relative path"),
        ({"a": 1}, "is not a proto file"),
    ],
)
async def test_imports_that_lead_nowhere_or_out_are_refused(text: JsonValue, says: str) -> None:
    with pytest.raises(Fault, match=says) as caught:
        await gathered("https://x.org/a.proto", **{"https://x.org/a.proto": text})
    assert caught.value.kind == "configuration"


async def test_files_that_import_each_other_without_end_are_refused() -> None:
    texts = {f"https://x.org/{n}.proto": importing(f"{n + 1}.proto") for n in range(100)}
    with pytest.raises(Fault, match="more than 64 files"):
        await gathered("https://x.org/0.proto", **texts)


async def test_the_same_content_is_compiled_once() -> None:
    compiler = Compiler()
    sources = Sources("a.proto", (("a.proto", importing()),))
    first = await compiler.compile(sources)
    assert await compiler.compile(Sources("a.proto", (("a.proto", importing()),))) is first
    assert await compiler.compile(Sources("b.proto", (("b.proto", importing()),))) is not first


async def test_what_is_wrong_in_a_file_is_told_at_its_place() -> None:
    with pytest.raises(Fault) as caught:
        await Compiler().compile(Sources("a.proto", (("a.proto", 'syntax = "proto3";\nmassage A {}'),)))
    assert caught.value.kind == "configuration"
    assert "a.proto:2:1" in caught.value.detail
    assert "/tmp" not in caught.value.detail


async def test_many_calls_that_begin_together_have_one_compilation() -> None:
    compiler = Compiler()
    sources = Sources("a.proto", (("a.proto", importing()),))
    first, *others = await asyncio.gather(*(compiler.compile(sources) for _ in range(5)))
    assert all(one is first for one in others)


async def test_messages_of_proto2_need_what_they_require() -> None:
    text = """
        syntax = "proto2";
        message Ask { required string name = 1; optional int32 times = 2; }
        service Old { rpc Tell (Ask) returns (Ask); }
    """
    method = (await Compiler().compile(Sources("a.proto", (("a.proto", text),)))).method("Old", "Tell")
    assert method.value(method.message({"name": "Anna"})) == {"name": "Anna"}
    with pytest.raises(Fault, match="lacks what proto2 requires") as caught:
        method.message({"times": 1})
    assert caught.value.kind == "validation"


def test_a_worker_without_such_calls_does_not_have_their_packages_in_memory() -> None:
    program = (
        "import sys, pgworker.worker.service as _;"
        "heavy = ('grpc', 'google.protobuf', 'mcp', 'httpx2', 'anyio');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
