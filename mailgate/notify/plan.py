"""Who is told what of that which happened, and who is not, with the reason. Pure.

Automatic mail gets no automatic answer (RFC 3834 §2); an acknowledgement to an unproven sender is capped, since it can
be aimed at a third party; an unproven comment is told to agents only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from store.vocabulary import Notice, Role


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be told."""

    id: int
    name: str
    address: str
    language: str
    role: Role


@dataclass(frozen=True, slots=True)
class Cap:
    """So many acknowledgements may be written within `seconds`, and so many were."""

    limit: int
    seconds: float
    sent: int

    @property
    def reached(self) -> bool:
        return self.sent >= self.limit

    @property
    def period(self) -> str:
        return f"{self.seconds / 60:.0f} minutes"


@dataclass(frozen=True, slots=True)
class AckCaps:
    """The caps on acknowledgements: to this address (unverified, verified), and to all."""

    unverified: tuple[Cap, ...] = ()
    verified: tuple[Cap, ...] = ()
    total: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened to one ticket in one transaction, as far as telling people goes.

    commented: the side that added a public comment. status_by: the side that set a new status, None when it stayed.
    no_answer: why no automatic answer may go to the author ("" = it may). asked, refused: an agent's mail that waits
    or cannot be done. returned: a mail of ours that came back.
    """

    author_address: str
    author_verified: bool
    requester: Person | None = None
    participants: tuple[Person, ...] = ()
    agent: Person | None = None
    department_agents: tuple[Person, ...] = ()
    opened: bool = False
    opened_by_agent: bool = False
    commented: Role | None = None
    status_by: Role | None = None
    reopened: bool = False
    no_answer: str = ""
    asked: Person | None = None
    refused: Person | None = None
    returned: str = ""  # failed | delayed | ""
    rejected: bool = False
    files_refused: bool = False
    data_missing: bool = False  # an answer brought some of what was asked for, and the rest is asked for again
    notices: tuple[Notice, ...] = ()  # what the transition wants the customer told; the first that fits counts
    always: bool = False  # a new status is told even to the customer whose own message set it
    also: tuple[Person, ...] = ()  # whom rules want told
    added: tuple[Person, ...] = ()  # who follows the ticket from now on
    new_requester: bool = False
    reported: Person | None = None  # the agent whose commands were done
    silent: bool = False  # nobody else is told
    rating_to: tuple[Person, ...] = ()  # a rating came: whom to tell
    due: str = ""  # due_soon | overdue: the ticket's due date is spoken of
    replies: tuple[int, ...] = ()  # comments in which rules answer the requester
    forwards: tuple[Person, ...] = ()  # to whom rules hand on what was said
    said: int | None = None  # the public comment that is handed on
    assigned: bool = False  # the ticket is another agent's than before
    moved: bool = False  # it is another department's
    shown: int | None = None  # the comment that who has it now is shown, None for the new one
    caps: AckCaps = field(default_factory=AckCaps)


@dataclass(frozen=True, slots=True)
class Plan:
    """One notice to one person; suppressed: the reason why it is not sent, "" when it is.

    comment_id: which comment it tells, None for the one that was just made.
    """

    notice: Notice
    to: Person
    why: str
    suppressed: str = ""
    comment_id: int | None = None


def plan(happened: Happened) -> list[Plan]:
    """The notices of one event, the customer's first; the suppressed ones are among them with their reason."""
    report = [Plan(Notice.COMMAND_DONE, happened.reported, "his commands were done")] if happened.reported else []
    if happened.silent:
        return report
    plans = [Plan(Notice.N15, p, "a new participant") for p in happened.added if p.address != happened.author_address]
    if happened.new_requester and happened.requester is not None and not happened.opened:
        plans.append(Plan(Notice.N2, happened.requester, "the ticket is this person's now"))
    if happened.opened:
        plans += _opened(happened)
    elif happened.commented is not None:
        plans += _commented(happened)
    elif happened.status_by is not None or happened.notices:
        plans += _moved(happened)
    plans += _new_hands(happened)
    plans += [Plan(Notice.N13, p, "a rating came") for p in happened.rating_to]
    if happened.due:
        why = "close to its due time" if happened.due == "due_soon" else "past its due time"
        plans += [Plan(Notice.N19, p, why) for p in _agents(happened)]
    if happened.asked is not None:
        plans.append(Plan(Notice.CONFIRM, happened.asked, "the agent's text waits for his word"))
    if happened.refused is not None:
        plans.append(Plan(Notice.COMMAND_ERROR, happened.refused, "a command could not be done"))
    if happened.returned == "failed":
        plans += [Plan(Notice.DELIVERY_FAILED, p, "a mail of ours came back") for p in _agents(happened)]
    if happened.rejected and happened.requester is not None:
        why = "" if happened.author_verified else "the sender is not verified"
        plans.append(Plan(Notice.N20, happened.requester, "the mail is not accepted", happened.no_answer or why))
    others = [p for p in happened.also if p.address != happened.author_address]
    told = _once(plans + report + [Plan(Notice.N19, p, "a rule asks for it") for p in others])
    return told + _by_rules(happened)


#: Why who has the ticket now is told.
ASSIGNED, MOVED = "the ticket is this agent's now", "the ticket came to this department"


def _new_hands(happened: Happened) -> list[Plan]:
    if happened.opened:
        return []
    if happened.assigned and happened.agent is not None:
        told, why = [happened.agent], ASSIGNED
    elif happened.moved and happened.agent is None:
        told, why = list(happened.department_agents), MOVED
    else:
        return []
    return [Plan(Notice.N19, p, why, "", happened.shown) for p in told if p.address != happened.author_address]


def _by_rules(happened: Happened) -> list[Plan]:
    """Answers of rules, besides whatever else the requester is told, and what rules hand on."""
    plans: list[Plan] = []
    unverified = "" if happened.author_verified else "the comment is not verified"
    suppressed = happened.no_answer or (_cap(happened) if happened.opened else unverified)
    if happened.requester is not None:
        plans += [Plan(Notice.N5, happened.requester, "a rule answers", suppressed, c) for c in happened.replies]
    if happened.said is not None:
        plans += [Plan(Notice.N5, p, "a rule hands it on", "", happened.said) for p in happened.forwards]
    return plans


def _once(plans: list[Plan]) -> list[Plan]:
    """Nobody is told twice of one thing: the first notice that is sent to an address is the only one."""
    told: set[str] = set()
    kept: list[Plan] = []
    for one in plans:
        if one.to.address not in told:
            kept.append(one)
        if not one.suppressed:
            told.add(one.to.address)
    return kept


def _opened(happened: Happened) -> list[Plan]:
    plans: list[Plan] = []
    if happened.requester is not None and happened.opened_by_agent:
        plans.append(Plan(Notice.N2, happened.requester, "an agent opened a ticket for this person"))
    elif happened.requester is not None:
        suppressed = happened.no_answer or _cap(happened)
        plans.append(Plan(Notice.N1, happened.requester, "acknowledgement", suppressed))
    for person in _agents(happened):
        if person.address != happened.author_address:
            plans.append(Plan(Notice.N19, person, "a new ticket"))
    return plans


def _cap(happened: Happened) -> str:
    caps = happened.caps
    total = next((c for c in caps.total if c.reached), None)
    if total is not None:
        return f"more than {total.limit} acknowledgements to all within {total.period}"
    if happened.author_verified:
        many = next((c for c in caps.verified if c.reached), None)
        return f"digest: more than {many.limit} acknowledgements to this address within {many.period}" if many else ""
    over = next((c for c in caps.unverified if c.reached), None)
    return f"more than {over.limit} acknowledgements to this unverified address within {over.period}" if over else ""


def _commented(happened: Happened) -> list[Plan]:
    if happened.commented is not Role.CUSTOMER:
        notice = _wanted(happened) or Notice.N5
        return _told(happened, notice, "answer", Notice.N5)
    unverified = "" if happened.author_verified else "the comment is not verified"
    own = unverified or happened.no_answer
    plans: list[Plan] = []
    others = Notice.N5
    requester = happened.requester
    if (happened.reopened or Notice.N11 in happened.notices) and requester is not None:
        suppressed = own if requester.address == happened.author_address else unverified
        plans.append(Plan(Notice.N11, requester, "reopened by the customer's answer", suppressed))
    elif (wanted := _wanted(happened)) is not None:
        others = wanted
        plans += [Plan(wanted, p, _ASKED, own) for p in _authors(happened)]
    elif happened.always and happened.status_by is not None:
        plans += [Plan(Notice.N6, p, "the status changed", own) for p in _authors(happened)]
    told = {p.to.address for p in plans}
    for person in _customers(happened, happened.author_address):
        if person.address not in told:
            plans.append(Plan(others, person, "another customer's comment", unverified))
    if happened.files_refused:
        plans += _files_refused(happened, unverified)
    if happened.data_missing and happened.requester is not None:
        suppressed = unverified or happened.no_answer
        plans.append(Plan(Notice.N8, happened.requester, "some of what was asked for is still missing", suppressed))
    return plans + [Plan(Notice.N19, p, "the customer wrote") for p in _agents(happened)]


def _files_refused(happened: Happened, unverified: str) -> list[Plan]:
    """The author of a comment learns how to send the files that were not taken; an opening's author by the N1."""
    everyone = ([happened.requester] if happened.requester else []) + list(happened.participants)
    author = next((p for p in everyone if p.address == happened.author_address), None)
    if author is None:
        return []
    return [Plan(Notice.FILES, author, "files of the mail were not taken", unverified or happened.no_answer)]


_ASKED = "the workflow asks for it"
#: For whoever is expected to do something; others are told of the change, if there is one.
_TO_REQUESTER = frozenset({Notice.N8, Notice.N11})


def _wanted(happened: Happened) -> Notice | None:
    return next(iter(happened.notices), None)


def _moved(happened: Happened) -> list[Plan]:
    """A new status, or a reminder, without a word said: N5 is an answer, which this is not."""
    wanted = _wanted(happened)
    notice = Notice.N6 if wanted in (None, Notice.N5) else wanted
    changed = happened.status_by is not None
    plans = [] if notice is Notice.N6 and not changed else _told(
        happened, notice, "the status changed" if changed else _ASKED, Notice.N6 if changed else None
    )  # fmt: skip
    if happened.status_by is Role.CUSTOMER:
        if wanted is not None:
            own = happened.no_answer or ("" if happened.author_verified else "the sender is not verified")
            plans = [Plan(notice, p, _ASKED, own) for p in _authors(happened)] + plans
        plans += [Plan(Notice.N19, p, "the customer closed it") for p in _agents(happened)]
    return plans


def _told(happened: Happened, notice: Notice, why: str, to_others: Notice | None) -> list[Plan]:
    """The notice to all on the customer's side but who did it, or to the requester only and `to_others` to the rest."""
    plans: list[Plan] = []
    for person in _customers(happened, happened.author_address):
        is_requester = happened.requester is not None and person.address == happened.requester.address
        if is_requester or notice not in _TO_REQUESTER:
            plans.append(Plan(notice, person, why))
        elif to_others is not None:
            plans.append(Plan(to_others, person, why))
    return plans


def _authors(happened: Happened) -> list[Person]:
    """Requester or participant who did it himself."""
    everyone = _customers(happened, "")
    return [p for p in everyone if p.address == happened.author_address]


def _customers(happened: Happened, author_address: str) -> list[Person]:
    """Requester and participants, each once, without the one who did it."""
    people = ([happened.requester] if happened.requester else []) + list(happened.participants)
    return list({p.address: p for p in people if p.address != author_address}.values())


def _agents(happened: Happened) -> list[Person]:
    """The agent who has the ticket, else all of its department."""
    return [happened.agent] if happened.agent else list(happened.department_agents)
