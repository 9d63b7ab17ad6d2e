"""A folder whose numbers do not last: a server that says another UIDVALIDITY whenever the folder is opened.

RFC 9051 §2.3.1.1 lets all UIDs change between two connections, not that they do so each time; then neither a cursor nor
the numbers of a moment ago say which mail is which. Two things do: what a mail weighs and when it came tells mails
apart well enough not to fetch them again, and their bytes tell them apart for certain.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mailgate.ingest.imap_session import Facts, ImapSession

#: So often must the numbers have changed under our hands before they are not waited for any more.
UNSTEADY_AFTER = 3
_AT_ONCE = 200
#: Mails that are remembered; what a folder has beyond is read again.
_MOST = 100_000

Key = tuple[int, datetime]


class Recognised:
    """The mails that were dealt with and stay in the folder. In memory: after a restart they are read once more, and
    the journal knows them by their bytes.

    By size and INTERNALDATE, as often as they are there; where there are more mails of one size and second than were
    dealt with, the bytes of each of them decide. What has no date is always looked at.
    """

    def __init__(self) -> None:
        self._kept: Counter[Key] = Counter()
        self._bytes: Counter[str] = Counter()
        self._looked_at: Counter[str | Key] = Counter()  # since the numbers changed last

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, facts: Facts, digest: str) -> None:
        """One more mail is dealt with, and stays. digest: SHA-256 of its bytes, "" where they were not fetched."""
        key, digest = _key(facts), digest or str(facts)
        if key is not None and len(self._kept) < _MOST:
            self._kept[key] += 1
            self._bytes[digest] += 1
            self._looked_at[digest] += 1
            self._looked_at[key] += 1

    def has(self, facts: Facts, digest: str) -> bool:
        """Whether this mail, whose bytes were looked at again, is one that was dealt with. Each of them is, once."""
        key, digest = _key(facts), digest or str(facts)
        if key is None or self._looked_at[digest] >= self._bytes[digest]:
            return False
        self._looked_at[digest] += 1
        self._looked_at[key] += 1
        self._kept[key] = max(self._kept[key], self._looked_at[key])
        return True

    def unknown(self, there: Mapping[int, Facts]) -> set[int]:
        """The UIDs of those mails, of all in the folder under its new numbers, whose bytes are to be looked at."""
        now = Counter(key for facts in there.values() if (key := _key(facts)) is not None)
        self._kept = Counter({key: min(count, now[key]) for key, count in self._kept.items() if now[key]})
        self._looked_at.clear()
        return {uid for uid, facts in there.items() if (key := _key(facts)) is None or now[key] > self._kept[key]}


def _key(facts: Facts) -> Key | None:
    return (facts.size, facts.internal_date) if facts.internal_date is not None else None


def found_again(session: ImapSession, wanted: Iterable[tuple[Facts, str]]) -> list[int]:
    """The UIDs that mails have in the folder as it is open now, rising; those that are gone are left out.

    wanted: what was said of each, and the SHA-256 of its bytes. Only who has the same bytes is one of them.
    """
    left = Counter(digest for _, digest in wanted)
    facts = [one for one, _ in wanted]
    dates = [one.internal_date for one in facts if one.internal_date is not None]
    # SINCE looks at the day alone, in the server's time zone (RFC 9051 §6.4.4): one day more.
    since = (min(dates) - timedelta(days=1)).date() if len(dates) == len(facts) and dates else None
    alike = set(facts)
    uids = session.search(0, since)
    found: list[int] = []
    for start in range(0, len(uids), _AT_ONCE):
        there = session.facts(uids[start : start + _AT_ONCE])
        candidates = [uid for uid, one in sorted(there.items()) if one in alike]
        for uid, raw in sorted(session.bodies(candidates).items()) if candidates else ():
            digest = hashlib.sha256(raw).hexdigest()
            if left[digest] > 0:
                left[digest] -= 1
                found.append(uid)
        if not +left:
            break
    return found
