"""A mail after reading: plain values, safe to store, print and pickle. Absent = None; strings are valid UTF-8."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Address:
    """A display name and an addr-spec (RFC 5322 §3.4). domain is lower-case ASCII; local part as written."""

    name: str
    address: str

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Attachment:
    """One decoded part that a person sees as a file or as an image in the text.

    content: decoded bytes; empty once they are stored as a blob (then sha256 names it). size in bytes.
    content_type: from magic where a browser shows it, else the declared one, else application/octet-stream.
    found_type: what the first bytes say, "" when unknown. contents: the names in a .zip.
    """

    filename: str
    content_type: str
    declared_type: str
    size: int
    sha256: str
    inline: bool
    content_id: str | None
    content: bytes = field(repr=False, default=b"")
    found_type: str = ""
    contents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something a reader of the mail should be told about it, besides its text.

    kind: encrypted | signed | compressed (detail: S/MIME, PGP), invitation | invitation_cancelled |
    invitation_answered (detail: what it is about), images_removed (detail: how many).
    """

    kind: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Screening:
    """What kind of mail this is, and the evidence.

    kind: human | auto_reply | bulk | list | dsn | loop. reason: the header or phrase that decided, "" for human.
    may_answer: whether an automatic answer is right (RFC 3834 §2). fine: human | auto_reply | out_of_office |
    delivery_report | delay | challenge | list | bulk | newsletter | loop | feedback | receipt | calendar.
    counts: whether it is somebody's word about a ticket; what is not reopens nothing and resets no timer.
    """

    kind: str
    reason: str = ""
    may_answer: bool = True
    fine: str = "human"
    counts: bool = True

    @property
    def is_auto_reply(self) -> bool:
        return self.kind == "auto_reply"

    @property
    def is_bounce(self) -> bool:
        return self.kind == "dsn"

    @property
    def is_list(self) -> bool:
        return self.kind in ("list", "bulk")


@dataclass(frozen=True, slots=True)
class Returned:
    """What a delivery report says about one recipient. reason: of `dsn_reason.REASONS`, None where nothing failed."""

    address: str
    status: str
    action: str
    diagnostic: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Bounce:
    """A delivery status notification (RFC 3464), or a report that reads like one.

    recipient to reason: of the first recipient that failed; recipients: each. action: failed | delayed | delivered |
    relayed | expanded. status: RFC 3463 code, as stated or implied by the SMTP code. code: the SMTP reply code.
    original_message_id: of the mail that could not be delivered, where the report returns it.
    """

    recipient: str | None
    status: str | None
    action: str | None
    diagnostic: str | None
    reason: str | None = None
    original_message_id: str | None = None
    code: str | None = None
    recipients: tuple[Returned, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """One mail as mailgate reads it. Ids without angle brackets.

    text: the whole visible text. reply: text without quotes and signature; elided: what was taken off, in order.
    html: sanitised, images as `cid:` or absent. defects: what was wrong, in words. author: the one From address when
    there is exactly one field with exactly one address, else None (from_ then still names the first). marks: what a
    reader should be told besides.
    """

    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    from_: Address | None
    author: Address | None
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    date: datetime | None
    text: str
    reply: str
    elided: str
    html: str | None
    attachments: tuple[Attachment, ...]
    language: str | None
    headers: tuple[tuple[str, str], ...]
    fingerprint: str
    defects: tuple[str, ...] = ()
    marks: tuple[Mark, ...] = ()

    def header(self, name: str) -> str | None:
        """The first header field of that name (any case), decoded to one line; None when absent."""
        wanted = name.lower()
        return next((v for k, v in self.headers if k.lower() == wanted), None)
