"""How a mail leaves: one recipient, one transaction with the relay, one plain result.

Promises: `Relay.send` never raises for what a relay or the network does; it says accepted, deferred or failed. Accepted
means the relay took responsibility (250 after the final dot). An outcome that is not known is deferred, so delivery is
at least once, with the same bytes and Message-ID at every try. A fault of the connection (greeting, EHLO, TLS, AUTH) is
never the mail's fault: it is deferred whatever the code, because a relay set up wrongly must not fail a day's mail.
TLS that was asked for is never gone without. Safe between threads; blocking. One stuck mail holds one connection; when
all of them are stuck, `relieve` cuts one.
Sources: RFC 5321 §4.2, RFC 5321 §4.5.3.2, RFC 2920 §3.1, RFC 1870 §6, RFC 3207 §4.2, RFC 6531 §3.5, RFC 3463.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mailgate.notify.session import RelaySettings, Session, SessionFailed, open_session, tls_context
from mailgate.notify.wire import NeedsUtf8, Reply, crlf, envelope_address, is_8bit, stuff

__all__ = ["DeliveryResult", "Relay", "RelaySettings", "State"]

State = Literal["accepted", "deferred", "failed"]

#: Codes that speak of us and the relay, not of the mail: wrong or missing authentication, TLS wanted.
_OURS = frozenset({421, 454, 530, 534, 535, 538})


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What became of one mail for one recipient. code: the relay's last reply, 0 when there was none.

    enhanced: RFC 3463, "" when unknown. text: one line for the journal and the agent. relay: host:port.
    """

    state: State
    code: int
    enhanced: str
    text: str
    relay: str


@dataclass(slots=True, eq=False)
class _Line:
    """An open session at rest or at work: when it was last used (monotonic seconds), how many mails it carried."""

    session: Session
    used_at: float
    mails: int = 0
    begun_at: float = 0.0
    hurried: bool = False


class _Over(Exception):
    """A transaction ended early, with this reply; `alive` says whether the session is still good."""

    def __init__(self, state: State, code: int, enhanced: str, text: str, alive: bool) -> None:
        super().__init__(text)
        self.state: State = state
        self.code = code
        self.enhanced = enhanced
        self.text = text
        self.alive = alive


class Relay:
    """A small pool of sessions with one relay. Make one per relay; `close` it at the end."""

    def __init__(self, settings: RelaySettings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self.name = f"{settings.host}:{settings.port}"
        self._monotonic = monotonic
        self._slots = threading.BoundedSemaphore(settings.max_connections)
        self._lock = threading.Lock()
        self._idle: list[_Line] = []
        self._busy: set[_Line] = set()
        self._closed = False
        self._context = tls_context(settings)

    def send(self, mail_from: str, rcpt_to: str, raw: bytes, hurried: bool = False) -> DeliveryResult:
        """Hand one mail to the relay for one recipient; waits for a free connection.

        mail_from: "" is the null sender. raw: the whole mail; bare CR and LF become CRLF, dots are stuffed here.
        hurried: `relieve` may cut it. Only for a first try: later ones get all the patience of RFC 5321, or a relay
        that is merely slow would be handed copies for days.
        """
        data = crlf(raw)
        with self._slots:
            try:
                return self._deliver(mail_from, rcpt_to, data, hurried)
            except _Over as over:
                return DeliveryResult(over.state, over.code, over.enhanced, over.text, self.name)
            except SessionFailed as failed:
                return DeliveryResult("deferred", failed.code, failed.enhanced, str(failed), self.name)

    def close_idle(self, all_of_them: bool = False) -> None:
        """Say goodbye on sessions that rested longer than `idle_seconds`, or on all of them."""
        now = self._monotonic()
        with self._lock:
            old = [line for line in self._idle if all_of_them or self._is_old(line, now)]
            self._idle = [line for line in self._idle if line not in old]
        for line in old:
            line.session.quit()

    def close(self) -> None:
        """Close what rests now; what is under way closes when it ends."""
        self._closed = True
        self.close_idle(all_of_them=True)

    def cut(self) -> None:
        """End the transactions under way: each `send` comes back as deferred. For a stop that cannot wait."""
        self._closed = True
        with self._lock:
            busy = list(self._busy)
        for line in busy:
            line.session.cut()

    def relieve(self) -> bool:
        """Cut the hurried transaction that is stuck the longest, if all connections are stuck; whether one was.

        For a caller with mails that wait. Before the body nothing can be doubled by it; after it the relay may have
        taken the mail, so it must be silent for much longer.
        """
        now = self._monotonic()
        with self._lock:
            ages = {line: now - line.begun_at for line in self._busy}
            if len(ages) < self.settings.max_connections or min(ages.values()) < self.settings.stuck_seconds:
                return False
            may = [
                line
                for line, age in ages.items()
                if line.hurried and (not line.session.handing_over or age >= self.settings.stuck_after_data_seconds)
            ]
        if not may:
            return False
        max(may, key=lambda line: ages[line]).session.cut()
        return True

    def _is_old(self, line: _Line, now: float) -> bool:
        return now - line.used_at > self.settings.idle_seconds

    def _deliver(self, mail_from: str, rcpt_to: str, data: bytes, hurried: bool) -> DeliveryResult:
        line, fresh = self._take()
        line.hurried = hurried
        line.session.past_mail = False
        try:
            return self._transact(line, mail_from, rcpt_to, data)
        except SessionFailed:
            if fresh or line.session.past_mail:
                raise
        except _Over as over:
            if fresh or line.session.past_mail or over.code != 421:
                raise
        # A rested session died under us before the relay took anything: the mail gets a fresh one, at once.
        line = self._open()
        line.hurried = hurried
        return self._transact(line, mail_from, rcpt_to, data)

    def _take(self) -> tuple[_Line, bool]:
        """A session ready for MAIL and whether it is new."""
        self.close_idle()
        while True:
            with self._lock:
                line = self._idle.pop() if self._idle else None
            if line is None:
                return self._open(), True
            if line.session.is_silent():
                return line, False
            line.session.abandon()

    def _open(self) -> _Line:
        return _Line(open_session(self.settings, self._context), self._monotonic())

    def _give_back(self, line: _Line) -> None:
        line.mails += 1
        line.used_at = self._monotonic()
        if self._closed or line.mails >= self.settings.mails_per_connection:
            line.session.quit()
            return
        with self._lock:
            self._idle.append(line)

    def _transact(self, line: _Line, mail_from: str, rcpt_to: str, data: bytes) -> DeliveryResult:
        """One transaction on an open session, which rests, resets or ends afterwards."""
        line.begun_at = self._monotonic()
        with self._lock:
            self._busy.add(line)
        try:
            return self._settled(line, mail_from, rcpt_to, data)
        finally:
            with self._lock:
                self._busy.discard(line)

    def _settled(self, line: _Line, mail_from: str, rcpt_to: str, data: bytes) -> DeliveryResult:
        try:
            result = self._speak(line.session, mail_from, rcpt_to, data)
        except SessionFailed:
            line.session.abandon()
            raise
        except _Over as over:
            if over.alive and line.session.reset():
                self._give_back(line)
            else:
                line.session.abandon()
            raise
        except BaseException:
            line.session.abandon()
            raise
        self._give_back(line)
        return result

    def _speak(self, session: Session, mail_from: str, rcpt_to: str, data: bytes) -> DeliveryResult:
        sender, recipient, options = _envelope(session, mail_from, rcpt_to, data)
        command, large = self.settings.command_seconds, self.settings.data_seconds
        mail, rcpt = f"FROM:<{sender}>{options}", f"TO:<{recipient}>"
        if session.offers("pipelining"):
            _begin_at_once(session, mail, rcpt, command)
        else:
            _want(session.ask("MAIL", mail, command), 250)
            session.past_mail = True
            _want(session.ask("RCPT", rcpt, command), 250)
            _want(session.ask("DATA", "", command), 354)
        reply = session.hand_over(stuff(data), large)
        _want(reply, 250)
        return DeliveryResult("accepted", reply.code, reply.enhanced, reply.text, self.name)


def _begin_at_once(session: Session, mail: str, rcpt: str, seconds: float) -> None:
    """MAIL, RCPT and DATA in one go: one turn on the wire instead of three. Raises _Over for the first that fails.

    All replies are read, so that the next command gets its own. A relay that says 354 although it refused the mail
    waits for data that will not come: the session ends (RFC 2920 §3.1).
    """
    session.tell([f"MAIL {mail}", f"RCPT {rcpt}", "DATA"], seconds)
    over: _Over | None = None
    for verb, code in (("MAIL", 250), ("RCPT", 250), ("DATA", 354)):
        try:
            _want(session.answer(verb), code)
        except SessionFailed:
            if over is None:
                raise
            over.alive = False
            break
        except _Over as refused:
            over = over or refused
            over.alive = over.alive and refused.alive
        else:
            session.past_mail = session.past_mail or over is None
            if over is not None and verb == "DATA":
                over.alive = False
    if over is not None:
        raise over


def _envelope(session: Session, mail_from: str, rcpt_to: str, data: bytes) -> tuple[str, str, str]:
    """Both addresses as the relay understands them and the parameters of MAIL. Raises _Over for what cannot be sent."""
    utf8 = session.offers("smtputf8")
    try:
        sender = envelope_address(mail_from, utf8) if mail_from else ""
        recipient = envelope_address(rcpt_to, utf8)
    except NeedsUtf8 as error:
        raise _Over("failed", 0, "5.6.7", str(error), True) from None
    except ValueError as error:
        raise _Over("failed", 0, "5.1.3", str(error), True) from None
    options = ""
    limit = session.size_limit()
    if limit is not None:
        if limit and len(data) > limit:
            text = f"the mail has {len(data)} bytes, the relay takes at most {limit}"
            raise _Over("failed", 0, "5.3.4", text, True)
        options += f" SIZE={len(data)}"
    if is_8bit(data):
        if not session.offers("8bitmime"):
            raise _Over("failed", 0, "5.6.3", "the mail has 8-bit content and the relay takes 7-bit only", True)
        options += " BODY=8BITMIME"
    if not (sender + recipient).isascii():
        options += " SMTPUTF8"
    return sender, recipient, options


def _want(reply: Reply, code: int) -> None:
    """Go on if the relay said so, else end the transaction (RFC 5321 §4.2.1: the first digit decides)."""
    if reply.code == code or (code == 250 and reply.code in (251, 252)):
        return
    failed = 500 <= reply.code <= 599 and reply.code not in _OURS
    alive = 400 <= reply.code <= 599 and reply.code != 421
    text = reply.text or "the relay said no without a reason"
    raise _Over("failed" if failed else "deferred", reply.code, reply.enhanced, text, alive)
