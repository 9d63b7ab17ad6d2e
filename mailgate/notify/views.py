"""What a template of a mail may look at: plain frozen values, no rows, no methods that act."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from mailgate.notify.explained import Explained


@dataclass(frozen=True, slots=True)
class CompanyView:
    """The company in whose name we write."""

    name: str
    site: str = ""
    phone: str = ""
    hours: str = ""
    logo: str = ""  # URL under base_url, "" for none


@dataclass(frozen=True, slots=True)
class FileView:
    """An attachment: name shown, size in bytes, and its blob when it travels in the mail."""

    filename: str
    size: int
    content_type: str
    content: bytes | None = field(default=None, repr=False)
    content_id: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class CommentView:
    """One public comment (or note, for agents). html is sanitised and may be None; text is always there."""

    author_name: str
    author_address: str
    role: str  # customer | agent | system
    created_at: datetime
    text: str
    html: str | None = None
    files: tuple[FileView, ...] = ()
    verified: bool = True
    note: bool = False  # internal, shown to agents only


@dataclass(frozen=True, slots=True)
class NewsView:
    """What somebody else did meanwhile. kind: comment or status. said: the first words, or the status's label."""

    kind: str
    who: str
    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class StepView:
    """What time will do if nobody says a word: the status it leads to, and when."""

    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ActionView:
    """A button that is an e-mail. verb: of `links.verbs`; address: a capability of this person on this ticket."""

    verb: str
    address: str


@dataclass(frozen=True, slots=True)
class ArticleView:
    """An article of ours that may help: its title and the address of its page."""

    title: str
    link: str


@dataclass(frozen=True, slots=True)
class RowView:
    """One line of a digest: a ticket, or a mail that waits (key: its id, status: why, who: its author, at: its day)."""

    key: str
    subject: str
    status: str
    who: str = ""  # requester of a ticket
    agent: str = ""
    due_at: datetime | None = None
    overdue: bool = False
    link: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FiguresView:
    """What was done in a period: by one agent or department, or by all (name ""). first_answer: mean, in seconds."""

    name: str
    opened: int
    solved: int
    overdue: int
    first_answer: float | None = None
    rating: float | None = None
    ratings: int = 0


@dataclass(frozen=True, slots=True)
class NoticeView:
    """Everything a notice says. Instants are aware UTC; templates show them in `timezone` and `language`."""

    notice: str
    language: str
    timezone: str
    company: CompanyView
    key: str
    key_label: str  # "ticket" or "protocolo"
    subject: str
    status: str  # label in `language`
    category: str
    agent: str  # name, "" while nobody has it
    department: str
    due_at: datetime | None
    created_at: datetime
    link: str
    link_expires_at: datetime | None
    recipient_name: str
    recipient_role: str  # customer | agent
    verified: bool = True
    comment: CommentView | None = None
    previous: CommentView | None = None
    earlier: tuple[CommentView, ...] = ()  # what was said before that, the newest first
    told: tuple[CommentView, ...] = ()  # what came within a short time, the oldest first (TICKET_DIGEST)
    more: int = 0  # and how much more
    participants: tuple[str, ...] = ()
    old_status: str = ""
    waits_for_customer: bool = False
    closes_at: datetime | None = None
    confirm_link: str = ""
    commands: tuple[str, ...] = ()
    problem: str = ""
    form: tuple[tuple[str, str], ...] = ()  # the fields of the topic, label and value; shown to agents
    reason: str = ""  # why, as a key of the texts: confirm unproven|way|ambiguous|collision; command_error unknown|…
    news: tuple[NewsView, ...] = ()
    rests_until: datetime | None = None  # until when the address that failed gets no notices
    explained: tuple[Explained, ...] = ()  # why the ticket's mails became what they are, for an agent who asked
    related: tuple[str, ...] = ()
    unsubscribe: str = ""  # of one who follows: also in the header (List-Unsubscribe)
    stop_link: str = ""  # of the requester: in the footer only
    organisation: str = ""  # of the requester; shown to agents
    requester_name: str = ""  # shown to agents
    requester_address: str = ""  # shown to agents
    answers_to: str = ""  # where our mail to the requester goes, if not there; shown to agents
    reply_to_ignored: str = ""  # the Reply-To of this mail that is not heeded; shown to agents
    refused: tuple[tuple[str, str], ...] = ()  # files not taken: why (zip | denied | size) and name, "" unsaid
    event: str = ""  # why an agent is told, as the texts name it (opened, commented, closed, ...); "" works it out
    reads_only: bool = False  # follows the ticket and does not write in it
    rating: bool = False  # whether this mail asks for a rating (N12)
    survey_link: str = ""
    score: int = 0  # the rating that was given (N13)
    scale: int = 5
    code: str = ""  # that a number is proven by (N18 by another channel)
    recipient_address: str = ""  # what an account is signed in with (N3, N16, N17, N18)
    steps: tuple[StepView, ...] = ()
    actions: tuple[ActionView, ...] = ()
    rows: tuple[RowView, ...] = ()
    figures: tuple[FiguresView, ...] = ()  # the first: of all
    by_agent: tuple[FiguresView, ...] = ()
    by_department: tuple[FiguresView, ...] = ()
    articles: tuple[ArticleView, ...] = ()  # of the knowledge base (N1): ours, to an unverified sender too
    since: datetime | None = None  # the period of figures
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The header of one outgoing mail; every value is one line. Ids without angle brackets.

    envelope_from: "" is the null sender. in_reply_to: "" for none. auto_submitted: "" on a person's answer.
    """

    envelope_from: str
    from_name: str
    from_address: str
    to_name: str
    to_address: str
    reply_to: str
    subject: str
    message_id: str
    date: datetime
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    auto_submitted: str = ""
    list_unsubscribe: str = ""
    extra: tuple[tuple[str, str], ...] = ()
