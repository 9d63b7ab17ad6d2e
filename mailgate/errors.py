"""Errors that know what to say to a peer, which exit code they mean, and whether a retry helps.

What a peer or a customer reads (`reply`) stays general; the cause goes to the log. Sources: RFC 5321 §4.2,
RFC 3463, sysexits.h.
"""

from __future__ import annotations

from dataclasses import dataclass

EX_OK = 0
EX_USAGE = 64
EX_DATAERR = 65
EX_NOINPUT = 66
EX_NOUSER = 67
EX_UNAVAILABLE = 69
EX_SOFTWARE = 70
EX_TEMPFAIL = 75
EX_NOPERM = 77
EX_CONFIG = 78


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """One SMTP reply: code (RFC 5321 §4.2), enhanced code (RFC 3463, "" for none), text on one line."""

    code: int
    enhanced: str
    text: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 400

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}" if self.enhanced else f"{self.code} {self.text}"


#: What every unexpected fault of ours looks like from outside: come back later.
TRY_LATER = SmtpReply(451, "4.3.0", "Temporary problem here, please try again later")


class MailgateError(Exception):
    """Anything mailgate itself raises on purpose. The message is one sentence for the admin."""

    exit_code = EX_SOFTWARE
    retryable = False
    reply = TRY_LATER


class UsageError(MailgateError):
    """The command was called wrongly."""

    exit_code = EX_USAGE


class DataError(MailgateError):
    """What was named does not exist or does not fit (no such ticket, status, ...)."""

    exit_code = EX_DATAERR


class NotAllowed(MailgateError):
    """The person may not do this."""

    exit_code = EX_NOPERM


class TooMany(NotAllowed):
    """One person asks for too much within a time; later it helps."""

    retryable = True


class Busy(MailgateError):
    """Somebody else holds what is needed; a later try helps."""

    exit_code = EX_TEMPFAIL
    retryable = True


class Unavailable(MailgateError):
    """A service that is needed cannot be reached; a later try helps."""

    exit_code = EX_UNAVAILABLE
    retryable = True


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a configuration file. line, column: 1-based, 0 = the whole file."""

    file: str
    line: int
    column: int
    reason: str
    warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.warning else ""
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.reason}"


class ConfigError(MailgateError):
    """The configuration has mistakes; all of them are named, one a line."""

    exit_code = EX_CONFIG

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(str(m) for m in mistakes))
        self.mistakes = mistakes
