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
    also: tuple[Person, ...] = ()  # whom rules want told
    added: tuple[Person, ...] = ()  # who follows the ticket from now on
    new_requester: bool = False
    reported: Person | None = None  # the agent whose commands were done
    silent: bool = False  # nobody else is told
    due: str = ""  # due_soon | overdue: the ticket's due date is spoken of
    replies: tuple[int, ...] = ()  # comments in which rules answer the requester
    forwards: tuple[Person, ...] = ()  # to whom rules hand on what was said
    said: int | None = None  # the public comment that is handed on
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
    elif happened.status_by is not None:
        plans += [Plan(Notice.N6, p, "the status changed") for p in _customers(happened, happened.author_address)]
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
    plans: list[Plan] = []
    if happened.commented is Role.CUSTOMER:
        unverified = "" if happened.author_verified else "the comment is not verified"
        if happened.reopened and happened.requester is not None:
            own = happened.requester.address == happened.author_address
            suppressed = unverified or (happened.no_answer if own else "")
            plans.append(Plan(Notice.N11, happened.requester, "reopened by the customer's answer", suppressed))
        for person in _customers(happened, happened.author_address):
            if not (happened.reopened and happened.requester is not None and person.id == happened.requester.id):
                plans.append(Plan(Notice.N5, person, "another customer's comment", unverified))
        if happened.files_refused:
            plans += _files_refused(happened, unverified)
        plans += [Plan(Notice.N19, p, "the customer wrote") for p in _agents(happened)]
    else:
        plans += [Plan(Notice.N5, p, "answer") for p in _customers(happened, happened.author_address)]
    return plans


def _files_refused(happened: Happened, unverified: str) -> list[Plan]:
    """The author of a comment learns how to send the files that were not taken; an opening's author by the N1."""
    everyone = ([happened.requester] if happened.requester else []) + list(happened.participants)
    author = next((p for p in everyone if p.address == happened.author_address), None)
    if author is None:
        return []
    return [Plan(Notice.FILES, author, "files of the mail were not taken", unverified or happened.no_answer)]


def _customers(happened: Happened, author_address: str) -> list[Person]:
    """Requester and participants, each once, without the one who did it."""
    people = ([happened.requester] if happened.requester else []) + list(happened.participants)
    return list({p.address: p for p in people if p.address != author_address}.values())


def _agents(happened: Happened) -> list[Person]:
    """The agent who has the ticket, else all of its department."""
    return [happened.agent] if happened.agent else list(happened.department_agents)
