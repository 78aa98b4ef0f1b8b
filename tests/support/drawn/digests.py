"""``python -m tests.support.drawn.digests < CASES``: a digest of what becomes of each case, one a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from hashlib import sha256

from tests.support.drawn.cases import Case
from tests.support.drawn.world import Answers
from tests.support.told import shown, texts


def written(cases: Iterable[Case]) -> str:
    """The cases as JSON text."""
    return json.dumps([[case.document, case.value, case.answers.picks] for case in cases])


def read(text: str) -> list[Case]:
    """The cases of a JSON text."""
    return [
        Case(document, value, Answers(tuple(map(tuple, picks))))
        for document, value, picks in json.loads(text)
    ]


def digest_of(case: Case) -> str:
    """The same for the same history, state and commands."""
    one = case.run().one
    return sha256(repr((texts(one.history), shown(one.state), one.commands)).encode()).hexdigest()


if __name__ == "__main__":
    for case in read(sys.stdin.read()):
        sys.stdout.write(digest_of(case) + "\n")
