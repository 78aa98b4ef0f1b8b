"""Logs: one line an occurrence, with its facts as fields; values of workflows are never logged."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Literal

import structlog

log: structlog.stdlib.BoundLogger = structlog.get_logger("pgworker")
"""The logger of the whole package."""

ABOUT: ContextVar[Mapping[str, object] | None] = ContextVar("about", default=None)
"""What all that is logged in a task of the event loop is about: a workflow, its task and the attempt."""


def configure_logging(level: str, format_: Literal["text", "json"] | None) -> None:
    """Sends logs of ``level`` and above to stderr: by default text on a terminal, JSON lines otherwise."""
    as_text = sys.stderr.isatty() if format_ is None else format_ == "text"
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # the pretty ones show local variables, and with them the values of workflows
            exception_formatter=structlog.dev.plain_traceback,
        )
        if as_text
        else structlog.processors.JSONRenderer()
    )
    told: list[structlog.typing.Processor] = [
        _with_what_it_is_about,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    trace = structlog.processors.StackInfoRenderer() if as_text else structlog.processors.format_exc_info
    structlog.configure(
        processors=[*told, trace, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    _hear_libraries(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*told, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, trace, renderer],
        )
    )


def _hear_libraries(formatter: logging.Formatter) -> None:
    """Writes warnings of libraries as all other lines, unless somebody has said how they are written."""
    if logging.root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.setLevel(logging.WARNING)
    logging.root.addHandler(handler)


def _with_what_it_is_about(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    about = ABOUT.get()
    return event if about is None else {**about, **event}
