"""Logs as events with fields (journal_id, ticket_id, outbox_id); never bodies, tokens or whole customer addresses.

One fault that comes a thousand times is not a thousand lines: of each cause a few lines a minute are written, and then
how many more there were (`Storms`). What libraries log by themselves is written as an event too, without the values in
it, for those may be a stranger's words.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from smtplib import SMTPException
from typing import Any, TextIO, cast

import structlog

from mailgate.errors import MailgateError
from store.errors import StoreError

Logger = structlog.typing.FilteringBoundLogger

#: Lines of one cause in each window, and causes that are remembered.
LINES, SECONDS, CAUSES = 5, 60.0, 500
#: Fields that say where a fault is; the others (ids, sizes, counts) differ from line to line.
_PLACES = ("loop", "sweep", "account", "folder", "webhook", "peer", "why", "reason", "method", "command", "library")
_SPEAK_OF_PROGRAMS = (
    MailgateError, OSError, AttributeError, ImportError, MemoryError, NameError, NotImplementedError, RecursionError,
    StoreError, TypeError,
)  # fmt: skip
#: Libraries whose sentences without values hold nothing of a stranger.
_PLAIN_SPEAKERS = frozenset({"asyncio", "uvicorn.error"})
#: How far back a traceback follows what an error came of.
_CHAIN = 4


class _StandardError:
    """Standard error as it is when something is written: loggers outlive a stream that was put in its place.

    One that is closed, full or gone takes the line with it: no request and no mail fails for want of a log.
    """

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


@dataclass(slots=True)
class _Seen:
    since: float
    lines: int = 0
    left_out: int = 0


class Storms:
    """A structlog processor that lets a few lines of each cause through a window, warnings and worse only.

    The cause is the event, the part that speaks, where it happened (`_PLACES`) and the line of code that failed. The
    first line of a later window says how many were left out since. Thread-safe, bounded memory.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._seen: dict[tuple[object, ...], _Seen] = {}
        self._lock = threading.Lock()

    def __call__(self, _logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """The event as it is, or with `left_out`. Raises DropEvent."""
        if method in ("debug", "info"):
            return event
        now = self._monotonic()
        cause = (event.get("event"), event.get("part"), *(str(event.get(key, ""))[:200] for key in _PLACES))
        with self._lock:
            seen = self._of((*cause, *_where(event.get("exc_info"))), now)
            if seen.lines >= LINES:
                seen.left_out += 1
                raise structlog.DropEvent
            seen.lines += 1
            if seen.left_out:
                event["left_out"], seen.left_out = seen.left_out, 0
        return event

    def _of(self, cause: tuple[object, ...], now: float) -> _Seen:
        seen = self._seen.get(cause)
        if seen is None:
            while len(self._seen) >= CAUSES:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[cause] = _Seen(now)
        elif now - seen.since >= SECONDS:
            seen.since, seen.lines = now, 0
        return seen


def _error_of(exc_info: Any) -> BaseException | None:
    error = sys.exc_info()[1] if exc_info is True else exc_info
    error = error[1] if isinstance(error, tuple) else error
    return error if isinstance(error, BaseException) else None


def _where(exc_info: Any) -> tuple[object, ...]:
    """The kind of an exception and the line that raised it."""
    error = _error_of(exc_info)
    if error is None:
        return ()
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return type(error), last.tb_frame.f_code if last else None, last.tb_lineno if last else 0


def _told(error: BaseException) -> str:
    """A traceback as a log may hold it. Only errors that speak of programs and machines keep their sentence: that of a
    ValueError or of the database may quote a mail."""
    parts = []
    one: BaseException | None = error
    for _ in range(_CHAIN):
        if one is None:
            break
        kind = type(one)
        says = f": {one}" if isinstance(one, _SPEAK_OF_PROGRAMS) and not isinstance(one, SMTPException) else ""
        parts.append(f"{''.join(traceback.format_tb(one.__traceback__))}{kind.__module__}.{kind.__qualname__}{says}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\ncaused by\n".join(parts)


def _format_exception(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The structlog processor that writes `exc_info` out."""
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = _told(error)
    return event


def _plain(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The structlog processor for a terminal: no value moves its cursor, or its words, or types into it."""
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            kept = "\n" if key == "exception" else ""
            event[key] = "".join(c if c.isprintable() or c in kept else ascii(c)[1:-1] for c in value)
    return event


class _Libraries(logging.Handler):
    """What libraries log, as events of ours: their sentence as it stands in their code, without its values."""

    def emit(self, record: logging.LogRecord) -> None:
        """One event."""
        try:
            plain = bool(record.args) or record.name in _PLAIN_SPEAKERS  # else values may have been written into it
            says = str(record.msg) if plain else ""
            get("library").warning("a library warns", library=record.name, says=says, exc_info=record.exc_info)
        except Exception:  # whoever logs must not fail for it
            self.handleError(record)


def get(name: str) -> Logger:
    """The logger of one part, named after it."""
    logger: Logger = structlog.get_logger(part=name)
    return logger


def set_up(json: bool = False, level: str = "info") -> None:
    """Write events to standard error: for a person with colours on a terminal, as JSON Lines otherwise."""
    rendering: list[Any]
    if json or not sys.stderr.isatty():
        rendering = [structlog.processors.JSONRenderer(sort_keys=False)]
    else:
        rendering = [_plain, structlog.dev.ConsoleRenderer()]
    logging.basicConfig(handlers=[_Libraries(logging.WARNING)], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            Storms(),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _format_exception,
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )


def shorten(address: str) -> str:
    """An address as logs may show it: `a***@example.test`."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}***{at}{domain}" if at else "***"
