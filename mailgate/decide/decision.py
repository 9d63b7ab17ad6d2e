"""What was decided and why: a value that is carried out, stored as it is, and printed by `mailgate explain`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.vocabulary import Channel, CommentKind, HeldReason, Outcome, Role


@dataclass(frozen=True, slots=True)
class Loser:
    """A ticket that was named and not taken, and why."""

    key: str
    how: str
    why: str


@dataclass(frozen=True, slots=True)
class ThreadChoice:
    """Which ticket. kind: existing | follow_up | new | none. claims: a key named without a right to it."""

    kind: str
    ticket_id: int | None
    key: str
    how: str
    why: str
    losers: tuple[Loser, ...] = ()
    claims: str = ""


@dataclass(frozen=True, slots=True)
class AuthorFinding:
    """Who wrote, and how far that is proven.

    proof: auth | aligned | trusted | reply_identity | portal | terminal | confirmed | "" (unproven).
    via: name of the person whose reply identity was used, when it is not the author's own.
    """

    role: Role
    person_id: int | None
    name: str
    address: str
    verified: bool
    proof: str
    why: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A command other than a status: verb of `orders`, its argument, and the line as it was written."""

    verb: str
    argument: str
    written: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What an agent's mail asks for. kind: answer | note | open. status: a key of the workflow, "" for none.

    problem: `<code>:<the line>`, "" when all can be done. commands: the lines as written, or what there is when one of
    them is a problem.
    """

    kind: str
    text: str
    status: str = ""
    problem: str = ""
    commands: tuple[str, ...] = ()
    orders: tuple[Order, ...] = ()

    def of(self, verb: str) -> Order | None:
        """The first order of that verb."""
        return next((one for one in self.orders if one.verb == verb), None)


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """Open a ticket. requester_address: of the contact, made if there is none."""

    requester_address: str
    requester_name: str
    subject: str
    status: str
    department: str
    topic: str
    priority: str
    language: str
    address: str
    verified: bool
    channel: Channel
    agent_id: int | None = None
    follow_up_of: int | None = None
    claims: str = ""
    visibility: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class AddComment:
    """Add what was said. whole: the comment's text is `text` and not what the mail's reading found."""

    kind: CommentKind
    role: Role
    channel: Channel
    author_name: str
    author_address: str
    verified: bool
    text: str
    person_id: int | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class SetStatus:
    """Set the status. by: rule, transition, agent, timer or customer, with its name. again: it is entered anew."""

    status: str
    by: str
    role: Role
    again: bool = False


@dataclass(frozen=True, slots=True)
class SetField:
    """Set department, topic or priority, add tags, fill fields (`key=value`)."""

    name: str
    values: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Give the ticket to an agent; None: take it away. draw: round_robin | least_loaded, "" for a named one."""

    agent_id: int | None
    by: str
    draw: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the requester with a text of notices.yaml. text: in the requester's language, placeholders unfilled."""

    name: str
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Forward:
    """Hand on what was said to addresses outside."""

    addresses: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Tell another program: a signed POST to the webhook of that name, after the commit."""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class SetDue:
    """Set when the ticket is to be looked at next: `at` (aware UTC), or `amount` of working time from now (`4h`).

    Neither of them: there is no due date.
    """

    at: datetime | None
    amount: str
    by: str


@dataclass(frozen=True, slots=True)
class AddParticipant:
    """Let a person follow the ticket; a contact is made if there is none.

    contributes: also writes, else only reads. tell: the person is told at once (N15). renew: whoever follows already
    does so this way from now on.
    """

    address: str
    name: str
    by: str
    contributes: bool = True
    tell: bool = True
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Vouch:
    """The requester, proven now, stands by a ticket that was opened in his name without proof.

    words: he saw what was written and says that it was he.
    """

    by: str
    words: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """Let more people of the customer see the ticket, or fewer.

    visibility: of `people.visibility`, "" leaves it as it is. branch_ids: branches that see it besides its own; a
    branch with a mailbox of its own is told (N15).
    """

    visibility: str
    branch_ids: tuple[int, ...]
    by: str


@dataclass(frozen=True, slots=True)
class SetRequester:
    """The ticket is another person's; a contact is made if there is none. The person is told (N2)."""

    address: str
    name: str
    by: str


@dataclass(frozen=True, slots=True)
class SetReplyTo:
    """Our mail about the ticket goes to this address of the requester's house; "": to his own."""

    address: str


@dataclass(frozen=True, slots=True)
class JoinInto:
    """This ticket becomes part of another one: what was said moves there, and answers to it as well."""

    ticket_id: int
    key: str
    by: str


@dataclass(frozen=True, slots=True)
class BlockSender:
    """Mails of the ticket's requester wait for a person from now on; nobody is told."""

    by: str


@dataclass(frozen=True, slots=True)
class Resume:
    """A held answer goes its way: how is confirmed (sent), noted (kept as a note) or dropped."""

    journal_id: int
    how: str
    by: str


@dataclass(frozen=True, slots=True)
class Report:
    """Tell the agent what was done: his commands, as written. what: done | why."""

    agent_id: int
    what: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AskAgent:
    """Ask the agent: his text waits. why: unproven | ambiguous | collision | how it came. link: offer to send it."""

    agent_id: int
    why: str
    problem: str
    link: bool


@dataclass(frozen=True, slots=True)
class RefuseCommand:
    """Tell the agent that nothing was sent, why, and what there is."""

    agent_id: int
    problem: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReturnedMail:
    """A mail of ours could not be delivered, or is late."""

    recipient: str
    status: str
    action: str
    diagnostic: str
    reason: str = ""  # of `mail.dsn_reason.REASONS`
    outbox_id: int | None = None  # the mail of ours; None when it is not known which: then the address is not blamed
    again: bool = False  # a report about this mail came before


@dataclass(frozen=True, slots=True)
class Remark:
    """An event for the ticket's history without further effect."""

    kind: str
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that is not taken as an attachment. number: its place among the mail's files. why: zip | denied | size."""

    number: int
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class RefuseFiles:
    """These files of the mail stay in the raw mail only; the ticket says so and the sender is told how to send them."""

    files: tuple[RefusedFile, ...]


@dataclass(frozen=True, slots=True)
class StopTelling:
    """A participant wants no more notices of this ticket; he may still write and read."""

    contact_id: int
    by: str


@dataclass(frozen=True, slots=True)
class RemoveParticipant:
    """A participant no longer follows the ticket."""

    contact_id: int
    by: str


@dataclass(frozen=True, slots=True)
class AskData:
    """Ask the requester for these fields of the topic's form, by key. again: an answer brought some of them."""

    keys: tuple[str, ...]
    again: bool


@dataclass(frozen=True, slots=True)
class RuleNotice:
    """A rule asks to tell somebody: `agents`, `requester` or an address of an agent."""

    whom: str
    by: str


@dataclass(frozen=True, slots=True)
class Tell:
    """A transition asks to tell the customer. what: a word of `tickets.acts.NOTICES`. channel: mail | whatsapp."""

    what: str
    by: str
    channel: str = "mail"


@dataclass(frozen=True, slots=True)
class AskRating:
    """A transition asks for the customer's rating."""

    by: str


Action = (
    OpenTicket
    | AddComment
    | SetStatus
    | SetField
    | Assign
    | SetDue
    | AddParticipant
    | Share
    | Vouch
    | SetRequester
    | SetReplyTo
    | JoinInto
    | BlockSender
    | Resume
    | Report
    | Reply
    | Forward
    | CallWebhook
    | AskAgent
    | RefuseCommand
    | ReturnedMail
    | Remark
    | RefuseFiles
    | AskData
    | RuleNotice
    | Tell
    | AskRating
    | StopTelling
    | RemoveParticipant
)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one rule said."""

    name: str
    when: str
    matched: bool
    failed_condition: str
    actions: tuple[str, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole decision. outcome: the mail's one end; reason: for held, of the closed list."""

    outcome: Outcome
    reason: HeldReason | str
    why: str
    thread: ThreadChoice
    author: AuthorFinding
    intent: Intent | None
    rules: tuple[RuleOutcome, ...]
    actions: tuple[Action, ...]
    automatic: bool
    at: datetime

    @property
    def ticket_id(self) -> int | None:
        """The existing ticket that is changed, if any."""
        return self.thread.ticket_id if self.thread.kind == "existing" else None
