"""One IMAP account as values: where it is, how to prove who we are, what to take and what to do with it after.

Pure. Everything that ends in an IMAP command is checked here, so that no setting can smuggle a second command in
(RFC 9051 §9: quoted strings end at CR, LF and `"`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal

from mailgate.mail.limits import MailLimits

_MESSAGE_BYTES = MailLimits().message_bytes
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f"\\]')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEYWORD = re.compile(r"\\(?:Seen|Answered|Flagged|Deleted|Draft)|[A-Za-z0-9$_.:-]{1,64}")

Tls = Literal["none", "starttls", "tls"]
Since = Literal["now", "all"] | date


@dataclass(frozen=True, slots=True)
class Leave:
    """After a mail is safe: nothing. The folder is then opened read-only."""


@dataclass(frozen=True, slots=True)
class Flag:
    """After a mail is safe: set this keyword or system flag, such as `mailgate` or `\\Seen` (RFC 9051 §2.3.2)."""

    keyword: str

    def __post_init__(self) -> None:
        if not _KEYWORD.fullmatch(self.keyword):
            raise ValueError(f"{self.keyword!r} is not an IMAP flag; write a word such as mailgate, or \\Seen")


@dataclass(frozen=True, slots=True)
class Move:
    """After a mail is safe: move it to this folder, which is made when it is missing."""

    folder: str

    def __post_init__(self) -> None:
        check_folder_name(self.folder)


After = Leave | Flag | Move


@dataclass(frozen=True, slots=True)
class ImapTimeouts:
    """Seconds. operation: for one answer, and longer only as a mail of known size needs at `slowest` bytes/s.

    reidle stays below the ten minutes after which some servers and routers forget a quiet connection, far below the
    29 of RFC 2177 §3. glance: how often, while waiting, it is asked whether we are to stop.
    """

    connect: float = 20.0
    operation: float = 60.0
    slowest: int = 32 * 1024
    reidle: float = 540.0
    glance: float = 0.25
    backoff_first: float = 5.0
    backoff_last: float = 300.0
    retry_uid_first: float = 60.0
    retry_uid_last: float = 3600.0


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """One account that is read. address: ours, in the envelope of what is found here.

    password, or token: called at each login for a fresh OAuth2 access token (it may take seconds and may raise).
    refused_token: called when the server does not take it; `token` is then asked once more.
    since: of the mail that is there at the first start, none, all, or from a day on.
    Raises ValueError, with a sentence, on what must not reach a server.
    """

    name: str
    host: str
    port: int
    user: str
    address: str
    tls: Tls = "tls"
    password: str = field(default="", repr=False)
    token: Callable[[], str] | None = field(default=None, repr=False)
    refused_token: Callable[[], None] = field(default=lambda: None, repr=False)
    folders: tuple[str, ...] = ("INBOX",)
    since: Since = "now"
    after: After = field(default_factory=Leave)
    poll: timedelta = timedelta(seconds=60)
    idle: bool = True
    max_message_bytes: int = _MESSAGE_BYTES
    max_literal_bytes: int = _MESSAGE_BYTES + _MESSAGE_BYTES // 10
    timeouts: ImapTimeouts = field(default_factory=ImapTimeouts)
    verify_certificate: bool = True
    ca_file: str = ""

    def __post_init__(self) -> None:
        if not self.folders:
            raise ValueError("an IMAP account needs at least one folder")
        if len(set(self.folders)) != len(self.folders):
            raise ValueError("a folder is named twice")
        for folder in self.folders:
            check_folder_name(folder)
        if isinstance(self.after, Move) and self.after.folder in self.folders:
            raise ValueError(f"mail would be moved to {self.after.folder!r}, which is read itself")
        for what, text in (("user", self.user), ("password", self.password)):
            if re.search(r"[\x00\r\n]", text):
                raise ValueError(f"the {what} holds a line break or NUL")
        if self.poll <= timedelta():
            raise ValueError("poll must be longer than nothing")
        if self.max_literal_bytes < self.max_message_bytes:
            raise ValueError("max_literal_bytes is below max_message_bytes")

    @property
    def local(self) -> bool:
        """Whether the server is on this machine, where a password may travel in clear."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def check_folder_name(name: str) -> str:
    """The name itself when it may be sent to a server; non-ASCII letters are fine (modified UTF-7 is made later).

    Raises ValueError with a sentence. Source: RFC 9051 §5.1.
    """
    if not name or len(name) > 500:
        raise ValueError("an IMAP folder needs a name of 1 to 500 characters")
    if _FORBIDDEN.search(name) or any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise ValueError(f"{name!r} is not an IMAP folder: no line breaks, quotes, backslashes or control characters")
    return name


def check_listed_name(name: str) -> str:
    """The name of a folder as a server lists it: quotes and backslashes are sent escaped, line breaks never.

    Raises ValueError with a sentence. Source: RFC 9051 §9 (quoted).
    """
    if not name or len(name) > 500 or _CONTROL.search(name) or any(0xD800 <= ord(c) <= 0xDFFF for c in name):
        raise ValueError("the folder's name has control characters, or is too long")
    return name
