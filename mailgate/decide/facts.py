"""Everything a decision may look at, read once: values only. Stored with the decision, so that it can be explained."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mailgate.authn.results import AuthResults
from mailgate.decide.decision import Order
from mailgate.links.tokens import Capability, ReplyIdentity
from mailgate.mail.message import Address, Bounce
from store.vocabulary import Channel, Road, Role


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """A person on the customer's side."""

    id: int
    name: str
    address: str
    language: str | None
    organisation_id: int | None = None
    role: str = "light"
    active: bool = True
    branch_id: int | None = None
    network: str = ""
    may: tuple[str, ...] | None = None  # None: as the role may
    addresses: tuple[str, ...] = ()  # besides the main one
    contributes: bool = True  # as a participant: also writes
    told: bool = True  # of this ticket: the bell
    mail: str = "all"  # of a ticket's people: what is wanted by mail (`people.preferences`)


@dataclass(frozen=True, slots=True)
class BranchFacts:
    """A branch of a customer."""

    id: int
    name: str
    organisation: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """A person on our side.

    open_tickets: for least loaded. last_drawn: for round robin, grows with each draw, 0 for never. Both are read with
    the facts, and only where a rule asks for such a draw.
    """

    id: int
    name: str
    address: str
    role: str
    departments: tuple[str, ...]
    language: str | None = None
    open_tickets: int = 0
    last_drawn: int = 0


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """A ticket as it stood when the decision was made (locked until the commit)."""

    id: int
    number: int
    key: str
    subject: str
    status: str
    category: str
    department: str
    topic: str
    priority: str
    tags: tuple[str, ...]
    version: int
    language: str
    address: str
    verified: bool
    requester: ContactFacts
    agent_id: int | None
    participants: tuple[ContactFacts, ...]
    addresses: tuple[str, ...]
    created_at: datetime
    due_at: datetime | None
    status_since: datetime
    last_customer_at: datetime | None
    last_agent_at: datetime | None
    joined_into: int | None = None  # id of the ticket that it became part of
    fields: tuple[tuple[str, str], ...] = ()
    organisation_id: int | None = None
    network: str = ""
    branch_id: int | None = None
    visibility: str = ""
    shared: tuple[int, ...] = ()  # branches besides its own
    requester_told: bool = True
    reply_to: str = ""  # where our mail to the requester goes, if not to his own address


@dataclass(frozen=True, slots=True)
class Candidate:
    """One piece of evidence that names a ticket.

    how: reply_identity | our_message_id | their_message_id | subject_key. detail: what it was. identity: of our token.
    """

    ticket_id: int
    how: str
    detail: str
    identity: ReplyIdentity | None = None


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as policy looks at it. declared, found: media types; contents: the names in a .zip."""

    name: str
    declared: str
    found: str
    size: int
    contents: tuple[str, ...] = ()
    inline: bool = False  # shown in the text


@dataclass(frozen=True, slots=True)
class ReturnedFacts:
    """The mail of ours that a delivery report is about. returned: a report about it came before.

    by_return_path: it came to the envelope sender of that mail, where a report belongs.
    """

    outbox_id: int
    recipient: str
    returned: bool
    by_return_path: bool = True


@dataclass(frozen=True, slots=True)
class MailFacts:
    """What a decision may know of the mail. Ids without angle brackets; addresses normalised."""

    road: Road
    received_at: datetime
    date: datetime | None
    mail_from: str
    rcpt_tos: tuple[str, ...]
    own_address: str  # the support address it came to, without any plus part
    department: str
    author: Address | None
    from_: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    message_id: str
    in_reply_to: str | None
    references: tuple[str, ...]
    keys: tuple[str, ...]
    kind: str
    kind_reason: str
    may_answer: bool
    bounce: Bounce | None
    bounce_identity: ReplyIdentity | None
    language: str | None
    reply: str
    attachment_names: tuple[str, ...]
    auth: AuthResults
    auth_user: str
    over_limit: str
    defects: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = ()
    fine_kind: str = ""  # out_of_office, newsletter, …: `Screening.fine`
    returned: ReturnedFacts | None = None
    counts: bool = True  # whether it is somebody's word about a ticket
    files: tuple[FileFacts, ...] = ()
    filled: tuple[str, ...] = ()  # lines of the quotation that may be form lines, filled in


@dataclass(frozen=True, slots=True)
class News:
    """What somebody else did to a ticket: kind is comment or status. said: the first words, or the status's key."""

    kind: str
    who: str
    at: datetime
    said: str


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A mail that somebody passes on: who wrote it, and what. intro: what the one who passes it on says above."""

    author: Address
    subject: str
    text: str
    intro: str


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody who is to follow a new ticket. contributes: also writes, else only reads."""

    address: str
    name: str
    contributes: bool = True


@dataclass(frozen=True, slots=True)
class Filed:
    """What a customer chose in the form of a new ticket, as it was read; whether he may is for `decide.filing`.

    fields: answers by key, as `tickets.forms` keeps them. visibility: of `people.visibility`, "" for the company's
    default. branch_ids: besides the requester's own. address: the support address that the department has.
    """

    fields: tuple[tuple[str, str], ...] = ()
    visibility: str = ""
    branch_ids: tuple[int, ...] = ()
    followers: tuple[Follower, ...] = ()
    files: tuple[FileFacts, ...] = ()
    language: str | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """What a person asked for on a page or at a terminal, already allowed to name this ticket.

    verb: comment | finalize | reply | note | set_status | assign | change | participant | open | vouch | confirm |
    rate. proof: how we know him; `link` is one that can be passed on. orders: what `change`, or an agent's answer, does
    besides, or whom `participant` lets follow. seen: the ticket's version that the page showed, None: whatever it was.
    attached: files that come with it. department, topic, priority: of what `open` opens, where the person names them.
    filed: the rest of what a customer chose.
    """

    verb: str
    role: Role
    channel: Channel
    person_id: int
    name: str
    address: str
    proof: str
    text: str = ""
    status: str = ""
    subject: str = ""
    agent_id: int | None = None
    verified: bool = True
    rating: int | None = None
    orders: tuple[Order, ...] = ()
    department: str = ""
    topic: str = ""
    priority: str = ""
    filed: Filed | None = None
    seen: int | None = None
    attached: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """Numbers that limits look at, counted before this mail: one for each bound of the policy's rate of that name."""

    acks: tuple[int, ...] = ()
    verified_acks: tuple[int, ...] = ()
    total_acks: tuple[int, ...] = ()
    mails: tuple[int, ...] = ()
    tickets: tuple[int, ...] = ()
    comments: tuple[int, ...] = ()
    repeats: tuple[int, ...] = ()  # tickets of this sender with the very same words, whose acknowledgement had left
    reply_acks: tuple[int, ...] = ()  # as `acks`, for the one address in Reply-To where a rule may take it


@dataclass(frozen=True, slots=True)
class Bound:
    """At most `count` within `seconds`."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings that decisions depend on. Rates are bounds that all hold; an empty one is off."""

    key_prefix: str
    guests: str = "yes"
    locale: str = "pt-BR"
    languages: tuple[str, ...] = ("pt-BR", "en", "es")
    ack_within_seconds: float = 2 * 86400.0
    acks: tuple[Bound, ...] = (Bound(1, 600), Bound(5, 3600), Bound(10, 86400))
    verified_acks: tuple[Bound, ...] = (Bound(30, 3600),)
    total_acks: tuple[Bound, ...] = (Bound(500, 3600),)
    mails: tuple[Bound, ...] = (Bound(60, 3600),)
    tickets: tuple[Bound, ...] = (Bound(20, 3600),)
    comments: tuple[Bound, ...] = (Bound(100, 86400),)
    repeats: tuple[Bound, ...] = (Bound(3, 3600),)
    notices: tuple[Bound, ...] = (Bound(30, 3600),)  # of one ticket to one address
    survey_seconds: float = 30 * 86400.0  # from being asked to the first answer
    rule_actions: int = 1000  # of all rules for one mail
    participants_from_mail: int = 10  # people of a ticket who came by Cc


@dataclass(frozen=True, slots=True)
class Facts:
    """What was known. Exactly one of mail, action, timer, due is what happened."""

    now: datetime
    policy: Policy
    mail: MailFacts | None = None
    action: ActionFacts | None = None
    timer: str = ""  # name of the timed transition that is due
    due: str = ""  # due_soon | overdue: what is to be said of the ticket's due date
    sender: ContactFacts | None = None
    agent: AgentFacts | None = None  # the agent whose address the author is
    agents: tuple[AgentFacts, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    tickets: tuple[TicketFacts, ...] = ()
    own_addresses: tuple[str, ...] = ()
    organisation: str = ""
    tier: str = ""  # of the organisation
    branches: tuple[BranchFacts, ...] = ()  # of the organisation, or network, of the ticket that an agent writes about
    department: str = ""  # for a ticket that a person opens
    topic: str = ""  # of a ticket that names none
    counters: Counters = Counters()
    named: tuple[TicketFacts, ...] = ()  # tickets that an agent's command names
    waiting: int | None = None  # the journal id of the agent's own answer that is held on this ticket
    news: tuple[News, ...] = ()  # what others did to the ticket since the notice that the agent answers
    forwarded: Forwarded | None = None  # whose mail an agent passes on
    reply_contact: ContactFacts | None = None  # whose address stands in Reply-To
    button: Capability | None = None  # the mail came to the address of a button
    rated_at: datetime | None = None  # when the survey was answered first
    asked_at: datetime | None = None  # when this person was asked for a rating the last time
    leaked: str = ""  # what of our own notice still stands in an agent's answer
    released: bool = False  # a person let a held mail pass
    noted: bool = False  # the agent wants this very answer kept as a note
    confirmed: bool = False  # the agent confirmed this very answer by its one-use link

    def ticket(self, ticket_id: int) -> TicketFacts | None:
        """The candidate ticket with that id."""
        return next((t for t in self.tickets if t.id == ticket_id), None)
