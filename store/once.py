"""Forms that were taken: each has a number of its own, and is taken once, whichever node it comes to.

Beside the fingerprints of mails (`SEEN`), under no mail: a form that comes again after a lost reply, or to another
node, is one of those that came.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from sqlalchemy import Connection, delete

from store import fast
from store.tables import SEEN

_NO_MAIL = 0


def first_time(connection: Connection, number: str, now: datetime) -> bool:
    """Whether this form comes for the first time; remembered in the transaction of what it does."""
    mark = f"form:{hashlib.sha256(number.encode()).hexdigest()}"
    row = {"fingerprint": mark, "journal_id": _NO_MAIL, "received_at": now}
    return fast.insert(connection, SEEN, [row], or_nothing=True) == 1


def forget(connection: Connection, before: datetime) -> int:
    """Forget the forms that came before an instant; how many."""
    s = SEEN.c
    return connection.execute(delete(SEEN).where(s.journal_id == _NO_MAIL, s.received_at < before)).rowcount
