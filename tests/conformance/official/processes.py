"""Examples that run processes: shell commands, scripts, and containers on an engine without containers."""

from __future__ import annotations

from tests.conformance.official.case import Case, Completes
from tests.support.containers.engine import GREETING, Left

HELLO = "hello-world:latest"
ALPINE = "alpine:latest"
SAID = "STDIN was: Hello World\nARGS are Foo Bar"

SHELL = [
    Case(
        example="run-shell-stdin-and-arguments",
        what="the command reads its input and its arguments",
        ends=Completes(SAID),
    ),
]

SCRIPTS = [
    Case(
        example="run-script-with-stdin-and-arguments",
        what="the script reads its input, its arguments and its environment",
        needs="node",
        ends=Completes("stdin >  Hello Workflow\narg >  hello\nenv >  bar"),
    ),
]

CONTAINERS = [
    Case(
        example="run-container",
        what="the image is pulled, and the container stays",
        pulls=[HELLO],
        leaves=[Left("hello-world")],
        ends=Completes(GREETING),
    ),
    Case(
        example="run-container",
        what="an image that is there is not pulled",
        images=[HELLO],
        leaves=[Left("hello-world")],
        ends=Completes(GREETING),
    ),
    Case(
        example="run-container-cleanup-always",
        what="the container is removed",
        pulls=[HELLO],
        ends=Completes(GREETING),
    ),
    Case(
        example="run-container-cleanup-eventually",
        what="the container stays for a while",
        pulls=[HELLO],
        leaves=[Left("hello-world", after="PT30M")],
        ends=Completes(GREETING),
    ),
    Case(
        example="run-container-stdin-and-arguments",
        what="the command reads its input and its arguments",
        pulls=[ALPINE],
        leaves=[Left("alpine")],
        ends=Completes(SAID),
    ),
    Case(
        example="run-container-with-name",
        what="the container has the name that the expression gives",
        pulls=[HELLO],
        leaves=[Left("hello-world", "hello-null-null-null")],
        ends=Completes(GREETING),
    ),
    Case(
        example="run-container-with-pull-policy",
        what="an image that is there is pulled all the same",
        images=[HELLO],
        pulls=[HELLO],
        leaves=[Left("hello-world")],
        ends=Completes(GREETING),
    ),
]

RETURNS = [
    Case(
        example=f"run-return-{returns}",
        what="the output is what is asked for",
        pulls=[HELLO],
        leaves=[Left("hello-world")],
        ends=Completes(output),
    )
    for returns, output in (
        ("all", {"code": 0, "stderr": "", "stdout": GREETING}),
        ("code", 0),
        ("none", None),
        ("stderr", ""),
    )
]

CASES = [*SHELL, *SCRIPTS, *CONTAINERS, *RETURNS]
