"""Logs as events with fields (journal_id, ticket_id, outbox_id); never bodies, tokens or whole customer addresses."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO, cast

import structlog

Logger = structlog.typing.FilteringBoundLogger


class _StandardError:
    """Standard error as it is when something is written: loggers outlive a stream that was put in its place."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def get(name: str) -> Logger:
    """The logger of one part, named after it."""
    logger: Logger = structlog.get_logger(part=name)
    return logger


def set_up(json: bool = False, level: str = "info") -> None:
    """Write events to standard error: for a person with colours on a terminal, as JSON Lines otherwise."""
    renderer: Any
    if json or not sys.stderr.isatty():
        renderer = structlog.processors.JSONRenderer(sort_keys=False)
    else:
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )


def shorten(address: str) -> str:
    """An address as logs may show it: `a***@example.test`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"
