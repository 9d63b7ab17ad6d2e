"""Which of the mails in hand goes next, so that stuck ones hold up no others.

A relay takes few connections at once, and each may hang for minutes. Mails go in the order in which they came, but
never on all connections at once: those that were tried before share most of them, and so do those to one address and
those of one other channel. What has not been tried always finds a connection that nothing of that kind sits on.
Safe between threads; holds nothing that a crash could lose.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable

from mailgate.flows.deliver import Outgoing

#: An address with so many mails in hand gets no more of them claimed: they would only stand before others.
MOST_TO_ONE = 24


class Lanes:
    """The mails in hand: waiting, and at work on one of so many connections."""

    def __init__(self, lines: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._share = max(1, lines * 3 // 5)
        self._changed = threading.Condition()
        self._waiting: list[Outgoing] = []
        self._at_work: dict[int, Outgoing] = {}
        self._since: dict[int, float] = {}
        self._shares: Counter[Hashable] = Counter()
        self._closed = False

    def put(self, mails: Iterable[Outgoing]) -> None:
        """These were claimed and are to be sent."""
        with self._changed:
            for mail in mails:
                self._waiting.append(mail)
                self._since[mail.id] = self._monotonic()
            self._changed.notify_all()

    def take(self) -> Outgoing | None:
        """The next mail that may go, once there is one; None when no more are to go."""
        with self._changed:
            while not self._closed:
                for at, mail in enumerate(self._waiting):
                    if all(self._shares[kind] < self._share for kind in _kinds(mail)):
                        del self._waiting[at], self._since[mail.id]
                        self._at_work[mail.id] = mail
                        self._shares.update(_kinds(mail))
                        return mail
                self._changed.wait()
            return None

    def done(self, mail: Outgoing) -> None:
        """Its connection is free again. It stays in hand until `settled`."""
        with self._changed:
            for kind in _kinds(mail):
                self._shares[kind] -= 1
                if not self._shares[kind]:  # every address that was ever written to would stay
                    del self._shares[kind]
            self._changed.notify_all()

    def settled(self, mail: Outgoing) -> None:
        """What became of it is written down."""
        with self._changed:
            self._at_work.pop(mail.id, None)

    def older_than(self, seconds: float) -> list[int]:
        """Take out what has waited for a connection for so long, and name it: it is in hand no more."""
        with self._changed:
            begun = self._monotonic() - seconds
            old = [mail.id for mail in self._waiting if self._since[mail.id] < begun]
            self._waiting = [mail for mail in self._waiting if mail.id not in old]
            for mail_id in old:
                del self._since[mail_id]
            return old

    def close(self) -> None:
        """Nothing more goes; whoever waits in `take` comes back."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()

    def in_hand(self) -> set[int]:
        """What was claimed and is not settled: whatever the clock does, it is not to be claimed again."""
        with self._changed:
            return {mail.id for mail in (*self._waiting, *self._at_work.values())}

    def load(self) -> tuple[int, int]:
        """How many first tries and how many later ones are in hand; an address counts for `MOST_TO_ONE` at most."""
        with self._changed:
            counted: Counter[tuple[bool, str]] = Counter()
            counted.update((mail.attempts > 0, mail.recipient) for mail in (*self._waiting, *self._at_work.values()))
        loads = [
            sum(min(n, MOST_TO_ONE) for (tried, _), n in counted.items() if tried is want) for want in (False, True)
        ]
        return loads[0], loads[1]

    def crowded(self) -> list[str]:
        """The addresses with so many mails in hand that no more of them are to be claimed."""
        with self._changed:
            counted = Counter(mail.recipient for mail in self._waiting)
        return sorted(address for address, n in counted.items() if n >= MOST_TO_ONE)

    def first_tries_wait(self) -> bool:
        """Whether a mail waits that was never tried."""
        with self._changed:
            return any(mail.attempts == 0 for mail in self._waiting)


def _kinds(mail: Outgoing) -> list[Hashable]:
    """What it shares connections with."""
    kinds: list[Hashable] = [("to", mail.recipient.lower())]
    if mail.attempts > 0:
        kinds.append("tried")
    if mail.channel != "mail":
        kinds.append(("channel", mail.channel))
    return kinds
