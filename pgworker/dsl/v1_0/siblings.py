"""Siblings: the tasks of one list in their order, and where each ``then`` leads."""

from __future__ import annotations

from pgworker.dsl.reading import Piece, did_you_mean, listed
from pgworker.errors import Rule
from pgworker.plan.nodes import Next

DIRECTIVES = ("continue", "exit", "end")


class Siblings:
    """The names of the tasks in one list, in order: what a ``then`` in it may point to."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._after = dict(zip(names, [*names[1:], None], strict=False))

    @classmethod
    def branches(cls) -> Siblings:
        """For the branches of a fork: none follows another."""
        return cls([])

    def follower(self, task: str) -> Next:
        """What follows a task that says nothing of it."""
        return Next(self._after.get(task))

    def resolve(self, piece: Piece, task: str) -> Next:
        """Where the flow directive at ``piece``, which belongs to ``task``, leads."""
        target = piece.text()
        if target is None or target == "continue":
            return self.follower(task)
        if target == "end":
            return Next(ends_workflow=True)
        if target == "exit":
            return Next(exits=True)
        if target not in self._after or not self._names:
            words = [*self._names, *DIRECTIVES]
            piece.report(
                f"`then` points to `{target}`, which is no task of the same list",
                expected="one of " + listed(words),
                hint=did_you_mean(target, words),
                rule=Rule.TARGET,
            )
        return Next(target)
