"""Kinds of work that somebody steers: paused and resumed, retried once it has failed."""

from __future__ import annotations

from tests.support.failpoints.kinds import LISTENING, Kind, Tell, alone, completed, publish

_HELD = "select exists (select from jobs where kind = 'held decide') or exists (select from consumptions)"
_PAUSED = "select exists (select from events where type = 'workflow.paused')"
_FAILED = "select exists (select from events where type = 'workflow.failed')"


def control_kinds() -> list[Kind]:
    """All of them."""
    return [
        alone("pause", """
            do:
            - hear: {listen: {to: {one: {with: {type: a}}}}}
            - say: {set: {heard: '${ . }'}}
            """, completed({"heard": [1]}), tells=[
                Tell(LISTENING, "select pause_workflow(id) from workflows"),
                publish(_PAUSED, "a", 1),
                Tell(_HELD, "select resume_workflow(id) from workflows"),
            ]),
        # the limit of time makes it begin again before the listen, which then may consume the same event
        alone("retry", """
            do:
            - limited:
                timeout: {after: {minutes: 5}}
                do:
                - hear: {listen: {to: {one: {with: {type: a}}}}}
                - ask:
                    call: http
                    with: {method: post, endpoint: '${ "STUB/flaky?of=" + $workflow.id }'}
                    output: {as: '{asked: true}'}
            """, completed({"asked": True}), broken=None, tells=[
                publish(LISTENING, "a", 1),
                Tell(_FAILED, "select retry_workflow(id) from workflows where status = 'FAILED'"),
            ]),
    ]  # fmt: skip
