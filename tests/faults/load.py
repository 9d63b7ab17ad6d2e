"""Senders that behave like an MTA: the same bytes again until a 250 has been seen, whatever happens in between."""

from __future__ import annotations

import contextlib
import hashlib
import smtplib
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK

SUPPORT = "suporte@example.test"
_SENDERS = 4


def sender_of(number: int) -> str:
    """Each mail comes from a person of its own, so that each is owed an acknowledgement."""
    return f"ana{number}@cliente.test"


def mail(number: int) -> bytes:
    """One mail; its bytes are the same at every try."""
    return (
        f"From: Ana {number} <{sender_of(number)}>\r\nTo: {SUPPORT}\r\nSubject: Pedido {number}\r\n"
        f"Message-ID: <{number}@cliente.test>\r\nDate: {formatdate()}\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nO pedido {number} nao chegou.\r\n.linha\r\n"
    ).encode()


@dataclass
class Load:
    """So many mails, handed in by a few senders side by side, over `smtp` or `lmtp`.

    ahead: how many mails more than acknowledgements seen at the relay may be handed in, so that work of every kind is
    under way whenever the program dies.
    """

    gateway: Gateway
    count: int
    road: str = "smtp"
    ahead: int = 16
    accepted: dict[str, int] = field(default_factory=dict)  # SHA-256 of the bytes → number
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0

    def __post_init__(self) -> None:
        self._left = deque((number, mail(number)) for number in range(self.count))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(_SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, limit: float = 60.0) -> None:
        """Hand in no more and wait for what is under way."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(limit)

    @property
    def is_done(self) -> bool:
        return len(self.accepted) == self.count

    def acknowledged(self) -> set[str]:
        """Those whom the relay has a mail for."""
        return {rcpt for mail in self.gateway.sink.mails for rcpt in mail.rcpt_tos if rcpt.endswith("@cliente.test")}

    def _run(self) -> None:
        while not self._stopped.is_set():
            if len(self.accepted) - len(self.acknowledged()) >= self.ahead:
                self._stopped.wait(0.02)
                continue
            try:
                number, raw = self._left.popleft()
            except IndexError:
                if self.is_done:
                    return
                self._stopped.wait(0.02)
                continue
            if not self._send(number, raw):
                self._left.append((number, raw))
                self._stopped.wait(0.02)

    def _send(self, number: int, raw: bytes) -> bool:
        """Whether a 250 was seen for it."""
        kind = smtplib.LMTP if self.road == "lmtp" else smtplib.SMTP
        client: smtplib.SMTP | None = None
        try:
            client = kind(LOOPBACK, self.gateway.port(self.road), "mta.cliente.test", timeout=30)
            client.sendmail(sender_of(number), [SUPPORT], raw)
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            with self._lock:
                if isinstance(error, smtplib.SMTPResponseException):
                    self.refused[error.smtp_code] += 1
                else:
                    self.broken += 1
            return False
        finally:
            if client is not None:
                with contextlib.suppress(OSError):
                    client.close()
        with self._lock:
            self.accepted[hashlib.sha256(raw).hexdigest()] = number
        return True
