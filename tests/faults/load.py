"""Senders that behave like an MTA: the same bytes again until a 250 has been seen, whatever happens in between."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import smtplib
import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.integration.gateway import Gateway
from tests.integration.machine import LOOPBACK
from tests.integration.sink import Caught

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


def answer(number: int, told: Caught) -> bytes:
    """The same person's answer to the acknowledgement that arrived; its bytes are made once."""
    reply_to = str(told.message["Reply-To"])
    return (
        f"From: Ana {number} <{sender_of(number)}>\r\nTo: {reply_to}\r\nSubject: Re: {told.message['Subject']}\r\n"
        f"Message-ID: <{number}.r@cliente.test>\r\nIn-Reply-To: <{told.message_id}>\r\nDate: {formatdate()}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"Ainda nao chegou, e o pedido {number} tem pressa.\r\n"
    ).encode()


@dataclass(frozen=True, slots=True)
class Handed:
    """One mail of the load. again: it answers the acknowledgement of its sender's first."""

    number: int
    rcpt: str
    raw: bytes
    again: bool = False


@dataclass
class Load:
    """So many mails, handed in by a few senders side by side, over `smtp` or `lmtp`, to one node or to each in turn.

    replies: how many of the senders answer their acknowledgement. ahead: how many mails more than acknowledgements
    seen at the relay may be handed in, so that work of every kind is under way whenever the program dies. patience:
    seconds that a sender waits for a reply; then it tries again, at the next node.
    """

    nodes: Sequence[Gateway]
    count: int
    road: str = "smtp"
    replies: int = 0
    ahead: int = 16
    patience: float = 30.0
    accepted: dict[str, int] = field(default_factory=dict)  # SHA-256 of the bytes → number
    handed: list[Handed] = field(default_factory=list)  # the same, as they were handed in
    refused: Counter[int] = field(default_factory=Counter)
    broken: int = 0

    def __post_init__(self) -> None:
        self._left = deque(Handed(number, SUPPORT, mail(number)) for number in range(self.count))
        self._unanswered = set(range(self.replies))
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._turns = itertools.cycle(self.nodes)
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
        return len(self.accepted) == self.count + self.replies

    @property
    def answered(self) -> set[str]:
        """Who has answered an acknowledgement."""
        return {sender_of(one.number) for one in self.handed if one.again}

    @property
    def total(self) -> int:
        """Mails in all, answers too."""
        return self.count + self.replies

    def acknowledged(self) -> set[str]:
        """Those whom the relay has a mail for."""
        return {rcpt for mail in self.nodes[0].sink.mails for rcpt in mail.rcpt_tos if rcpt.endswith("@cliente.test")}

    def _run(self) -> None:
        while not self._stopped.is_set():
            seen = self.acknowledged()
            self._answer(seen)
            if len(self.accepted) - len(seen) >= self.ahead + self.replies:
                self._stopped.wait(0.02)
                continue
            try:
                one = self._left.popleft()
            except IndexError:
                if self.is_done:
                    return
                self._stopped.wait(0.02)
                continue
            if not self._send(one):
                self._left.append(one)
                self._stopped.wait(0.02)

    def _answer(self, seen: set[str]) -> None:
        """Those who are to answer, and have something to answer to, do."""
        with self._lock:
            ready = [number for number in self._unanswered if sender_of(number) in seen]
            self._unanswered -= set(ready)
        for number in ready:
            told = self.nodes[0].sink.to(sender_of(number))[0]
            self._left.append(Handed(number, str(told.message["Reply-To"]), answer(number, told), again=True))

    def _send(self, one: Handed) -> bool:
        """Whether a 250 was seen for it."""
        kind = smtplib.LMTP if self.road == "lmtp" else smtplib.SMTP
        client: smtplib.SMTP | None = None
        with self._lock:
            node = next(self._turns)
        try:
            client = kind(LOOPBACK, node.port(self.road), "mta.cliente.test", timeout=self.patience)
            client.sendmail(sender_of(one.number), [one.rcpt], one.raw)
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
            self.accepted[hashlib.sha256(one.raw).hexdigest()] = one.number
            self.handed.append(one)
        return True
