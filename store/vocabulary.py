"""The words that are stored: one meaning each, as strings, so that a row can be read without the program."""

from __future__ import annotations

from enum import StrEnum


class Road(StrEnum):
    """By which way a mail came in."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
    IMAP = "imap"
    PIPE = "pipe"


class Outcome(StrEnum):
    """The one end of every accepted mail (`pending` until it is decided)."""

    PENDING = "pending"
    OPENED = "opened"
    COMMENTED = "commented"
    COMMAND = "command"
    AUTOMATIC = "automatic"
    DSN = "dsn"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    HELD = "held"


class HeldReason(StrEnum):
    """Why a mail waits for a person: a closed list."""

    POISON = "poison"
    LIMIT = "limit"
    UNKNOWN_SENDER = "unknown_sender"
    RULE = "rule"
    LOOP = "loop"
    COLLISION = "collision"
    AMBIGUOUS = "ambiguous"


class Category(StrEnum):
    """What a status means, whatever the company calls it."""

    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"
    HOLD = "hold"
    SOLVED = "solved"
    CLOSED = "closed"


class CommentKind(StrEnum):
    """COMMENT is public, NOTE is internal."""

    COMMENT = "comment"
    NOTE = "note"


class Role(StrEnum):
    """Who acted or is told: the customer's side, ours, or the gateway itself."""

    CUSTOMER = "customer"
    AGENT = "agent"
    SYSTEM = "system"


class Channel(StrEnum):
    """How a ticket or a comment came about."""

    MAIL = "mail"
    PORTAL = "portal"
    CLI = "cli"
    PHONE = "phone"


class OutboxState(StrEnum):
    """Where an outgoing mail is: waiting, being tried, accepted by the relay, given up, or dropped by a person.

    returned: the relay took it, and a delivery report of its own said later that it did not arrive.
    """

    WAITING = "waiting"
    SENDING = "sending"
    ACCEPTED = "accepted"
    FAILED = "failed"
    DROPPED = "dropped"
    RETURNED = "returned"


class TimerState(StrEnum):
    """A due time: armed until it fires once or is cancelled."""

    ARMED = "armed"
    FIRED = "fired"
    CANCELLED = "cancelled"


class Notice(StrEnum):
    """Who is told what (`requirements` 1.L); the text of each is a template of the same name."""

    N1 = "N1"  # acknowledgement to the requester
    N2 = "N2"  # ticket opened for you
    N4 = "N4"  # link requested
    N5 = "N5"  # answer
    N6 = "N6"  # status changed
    N11 = "N11"  # reopened
    N15 = "N15"  # participant added
    N19 = "N19"  # to agents
    N20 = "N20"  # not accepted, and how to mend it
    CONFIRM = "CONFIRM"  # to the agent: your answer waits for your word
    COMMAND_ERROR = "COMMAND_ERROR"  # to the agent: nothing was sent, this is the list
    DELIVERY_FAILED = "DELIVERY_FAILED"  # to the agent: the customer's server refused
    ACK_DIGEST = "ACK_DIGEST"  # to a verified sender beyond the cap: one mail naming all numbers
    # The place in this list stands in reply addresses and Message-IDs that are out: only add at the end.
    COMMAND_DONE = "COMMAND_DONE"  # to the agent: what his commands did
    FILES = "FILES"  # to a customer: these files of your answer were not taken, and how to send them
    N7 = "N7"  # an agent asks for information
    N8 = "N8"  # reminder to answer
    N9 = "N9"  # nobody answered: the customer is asked to confirm, and told when it closes
    N10 = "N10"  # solution sent
    N12 = "N12"  # closed, with the question for a rating where there is one
    N3 = "N3"  # a new password was asked for
    N13 = "N13"  # to managers: a rating came
    N14 = "N14"  # to a customer's manager: open tickets and deadlines
    N16 = "N16"  # first access of a customer's administrator
    N17 = "N17"  # a contact is invited
    N18 = "N18"  # a contact is asked to confirm an address
    AGENT_DIGEST = "AGENT_DIGEST"  # to an agent, each working day: what waits
    HELD_DIGEST = "HELD_DIGEST"  # to admins, each day: the mails that wait for a person
    WEEKLY = "WEEKLY"  # to managers, each week: figures
    LOGIN = "LOGIN"  # to a contact or an agent: the link that signs in was asked for
    ACCOUNT = "ACCOUNT"  # to a contact: the password or the address of the account was changed, or is about to be
    AUDIT = "AUDIT"  # to admins, each day: every mail seen is accounted for, or these are not
    ALARM = "ALARM"  # to admins, once an hour at most: a limit holds mail back, or has stopped the acknowledgements
    TICKET_DIGEST = "TICKET_DIGEST"  # beyond the cap of one ticket and address: one mail with all that came since


#: What a ticket may have, the most urgent first.
PRIORITIES = ("urgent", "high", "normal", "low")
