"""What a person chose on the pages about notices, out of `contact.preferences` and back. Pure and total.

The column holds other choices too (the columns of a list); what is written here leaves them alone. What a person asks
for himself (a link, a new password) always goes; a ticket's bell, and `notices.yaml`, are above all of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from store.vocabulary import Notice

#: all: everything. answers: what was answered, asked, solved and closed. needed: where something is expected of him.
Mail = Literal["all", "answers", "needed"]
#: The four moments of R110 and R111.
Moment = Literal["opened", "answered", "reminder", "closed"]

MAIL: tuple[Mail, ...] = ("all", "answers", "needed")
MOMENTS: tuple[Moment, ...] = ("opened", "answered", "reminder", "closed")

_MOMENT_OF: Mapping[Notice, Moment] = {
    Notice.N1: "opened", Notice.N2: "opened", Notice.N5: "answered", Notice.N7: "answered", Notice.N10: "answered",
    Notice.N8: "reminder", Notice.N9: "reminder", Notice.N12: "closed",
}  # fmt: skip
_UNWANTED: Mapping[str, frozenset[Notice]] = {
    "all": frozenset(),
    "answers": frozenset({Notice.N6, Notice.N11}),
    "needed": frozenset({Notice.N5, Notice.N6, Notice.N11, Notice.N12}),
}
#: Notices that somebody may not want by mail.
OPTIONAL = frozenset().union(*_UNWANTED.values())


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a contact wants told. whatsapp: at which moments. digests: the week's open tickets, for who leads.

    started: the first steps were seen.
    """

    mail: Mail = "all"
    whatsapp: frozenset[Moment] = frozenset(MOMENTS)
    digests: bool = True
    started: bool = False

    def why_not_by_mail(self, notice: Notice) -> str:
        """Why a notice is not wanted by mail; "" when it is."""
        return f"the person's choice: {self.mail}" if notice in _UNWANTED[self.mail] else ""

    def by_whatsapp(self, notice: Notice) -> bool:
        """Whether a notice is wanted by WhatsApp; of no moment, it goes to who wants any."""
        moment = _MOMENT_OF.get(notice)
        return moment in self.whatsapp if moment is not None else bool(self.whatsapp)


def read(stored: Mapping[str, Any] | None) -> Preferences:
    """The choices in a column; what is none of ours, or has no meaning, is as if nothing had been chosen."""
    found = stored if isinstance(stored, Mapping) else {}
    mail: Mail = next((one for one in MAIL if one == found.get("mail")), "all")
    moments = found.get("whatsapp")
    wanted = frozenset(one for one in MOMENTS if one in moments) if isinstance(moments, list) else frozenset(MOMENTS)
    return Preferences(mail, wanted, found.get("digests") is not False, found.get("started") is True)


def with_notices(
    stored: Mapping[str, Any] | None, mail: str, whatsapp: Iterable[str], digests: bool
) -> dict[str, Any]:  # fmt: skip
    """The column with other choices about notices. Words that are none of ours choose nothing."""
    wanted = set(whatsapp)
    return {
        **(stored or {}), "mail": mail if mail in MAIL else "all", "whatsapp": [m for m in MOMENTS if m in wanted],
        "digests": digests,
    }  # fmt: skip


def as_started(stored: Mapping[str, Any] | None) -> dict[str, Any]:
    """The column of who has seen the first steps."""
    return {**(stored or {}), "started": True}
