"""Everybody's mailbox: what the relay of the demo took, one file a recipient, kept over a restart.

A file is the mail as sent with Return-Path and Delivered-To in front, as a delivery agent leaves it (RFC 5321 §4.4).
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import default
from functools import cached_property
from pathlib import Path

from mailgate.clock import Clock

_HEAD = re.compile(rb"\AReturn-Path: <([^\r\n>]*)>\r\nDelivered-To: ([^\r\n]*)\r\n")


@dataclass(frozen=True)
class File:
    """A part that is no text to be read in place. content_id: without angle brackets, "" when it has none."""

    index: int
    name: str
    content_type: str
    content: bytes
    content_id: str


@dataclass(frozen=True)
class Letter:
    """One mail in one mailbox. raw: as the relay got it. at: when, aware."""

    number: int
    to: str
    mail_from: str
    at: datetime
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default)

    def header(self, name: str) -> str:
        """A field's text, "" when it is absent or cannot be read."""
        try:
            return " ".join(str(self.message.get(name, "")).split())
        except (MessageError, ValueError, IndexError):
            return ""

    @property
    def message_id(self) -> str:
        """Without angle brackets."""
        return self.header("Message-ID").strip("<>")

    @property
    def reply_to(self) -> str:
        """The bare address that an answer goes to."""
        for name in ("Reply-To", "From"):
            field = self.message.get(name)
            addresses = getattr(field, "addresses", ())
            if addresses:
                return str(addresses[0].addr_spec)
        return ""

    @cached_property
    def text(self) -> str:
        return self._body("plain")

    @cached_property
    def html(self) -> str:
        return self._body("html")

    @cached_property
    def files(self) -> tuple[File, ...]:
        """Attachments and inline images, in order."""
        bodies = [self.message.get_body((kind,)) for kind in ("plain", "html")]
        found: list[File] = []
        for part in self.message.walk():
            if part.is_multipart() or any(part is body for body in bodies):
                continue
            content = part.get_payload(decode=True)
            name = part.get_filename() or f"{part.get_content_type().replace('/', '.')}"
            content_id = str(part.get("Content-ID", "")).strip().strip("<>")
            body = content if isinstance(content, bytes) else b""
            found.append(File(len(found), name, part.get_content_type(), body, content_id))
        return tuple(found)

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        if part is None:
            return ""
        try:
            return str(part.get_content()).replace("\r\n", "\n")
        except (LookupError, MessageError):
            return ""


class Mailbox:
    """The letters in a folder. Thread-safe."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._letters: dict[int, Letter] = {}
        for path in sorted(folder.glob("*.eml")):
            if (letter := _load(path)) is not None:
                self._letters[letter.number] = letter

    def keep(self, mail_from: str, rcpt_tos: Iterable[str], raw: bytes) -> None:
        """Keep a mail in the mailbox of each recipient. Raises OSError when the disk does."""
        for to in rcpt_tos:
            with self._lock:
                number = max(self._letters, default=0) + 1
                path = self._folder / f"{number:06}.eml"
                head = f"Return-Path: <{mail_from}>\r\nDelivered-To: {to}\r\n".encode()
                now = self._clock()
                path.write_bytes(head + raw)
                os.utime(path, (now.timestamp(), now.timestamp()))
                self._letters[number] = Letter(number, to.lower(), mail_from, now, raw)

    def get(self, number: int) -> Letter | None:
        """One letter."""
        with self._lock:
            return self._letters.get(number)

    def letters(self, to: str | None = None) -> list[Letter]:
        """All, or those of one person; the newest first."""
        with self._lock:
            found = list(self._letters.values())
        return [letter for letter in reversed(found) if to is None or letter.to == to.lower()]

    def find(self, message_id: str, to: str) -> Letter | None:
        """The newest letter with that Message-ID in that person's mailbox."""
        return next((letter for letter in self.letters(to) if letter.message_id == message_id), None)


def _load(path: Path) -> Letter | None:
    content = path.read_bytes()
    head = _HEAD.match(content)
    if head is None or not path.stem.isdigit():
        return None
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Letter(int(path.stem), head[2].decode().lower(), head[1].decode(), at, content[head.end() :])
