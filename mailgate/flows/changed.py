"""What a comment is made of besides the decision, and what became of a ticket: handed from effects to telling."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailgate.decide.decision import (
    AskAgent,
    AskData,
    AskRating,
    RefuseCommand,
    RefuseFiles,
    Report,
    ReturnedMail,
    RuleNotice,
    Tell,
)
from mailgate.decide.facts import ContactFacts
from mailgate.mail.message import Attachment, ParsedMessage
from store.vocabulary import Role


@dataclass(frozen=True, slots=True)
class Said:
    """What a comment is made of besides the decision: the mail's reading, or what a page sent."""

    journal_id: int | None = None
    raw_sha256: str | None = None
    message_id: str | None = None
    message: ParsedMessage | None = None
    attachments: tuple[Attachment, ...] = ()
    existing_comment_id: int | None = None  # a note that becomes the public comment its author confirmed


@dataclass(slots=True)
class Changed:
    """One ticket after the actions: values of its row as they are now, and what was done."""

    ticket: dict[str, Any] | None = None
    opened: bool = False
    old_status: str = ""
    status_by: Role | None = None
    status_why: str = ""
    public_comment_id: int | None = None
    comment_id: int | None = None
    comment_role: Role | None = None
    asked: AskAgent | None = None
    refused: RefuseCommand | None = None
    returned: ReturnedMail | None = None
    refused_files: RefuseFiles | None = None
    data: AskData | None = None  # what the requester is asked for
    rests_until: datetime | None = None  # until when the address of `returned` gets no notices
    rule_notices: list[RuleNotice] = field(default_factory=list)
    added: list[ContactFacts] = field(default_factory=list)
    new_requester: bool = False
    rang: int | None = None  # the contact whose bell rings again, since he wrote
    report: Report | None = None
    silent: bool = False  # nobody but the agent himself is told
    replies: list[int] = field(default_factory=list)  # comments that rules wrote to the requester
    forwards: list[str] = field(default_factory=list)  # addresses outside that get what was said
    asked_to_tell: list[Tell] = field(default_factory=list)
    asks_rating: bool = False
    timers: list[dict[str, str]] = field(default_factory=list)  # set and cancelled, for the record
    events: list[dict[str, Any]] = field(default_factory=list)

    def keeps(self, action: object) -> bool:
        """Whether an action changes no row: it is only kept, for those who tell."""
        match action:
            case Report():
                self.report = action
            case AskAgent():
                self.asked = action
            case RefuseCommand():
                self.refused = action
            case RuleNotice():
                self.rule_notices.append(action)
            case Tell():
                self.asked_to_tell.append(action)
            case AskRating():
                self.asks_rating = True
            case _:
                return False
        return True
