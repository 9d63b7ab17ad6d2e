"""Bytes of a mail → everything mailgate knows about it. Total: any bytes give a value, what is wrong are defects.

The line: bounds on the bytes (`limitcheck`), the tree of parts (`tree`), addresses and dates by mail-parser
(`headers`), text and files (`bodies`), cleaned HTML (`html`), the reply without quotes (`body`), what kind of mail it
is (`screen`, `dsn`). No I/O, no clock. Sources: RFC 5322, RFC 2045, RFC 2046 and those the modules name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from mailgate.mail import bodies, dsn, limitcheck, tree
from mailgate.mail.fingerprint import fingerprint
from mailgate.mail.headers import Addressing, decode_words, message_id, message_ids, read_addressing
from mailgate.mail.language import guess
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Bounce, ParsedMessage, Screening
from mailgate.mail.screen import Content, screen

_STRUCTURED = frozenset(
    {"message-id", "in-reply-to", "references", "content-type", "received", "dkim-signature", "date", "list-id"}
)
_SINGLE = frozenset(
    {"from", "subject", "date", "message-id", "in-reply-to", "references", "to", "cc", "reply-to", "sender"}
)


@dataclass(frozen=True, slots=True)
class ReadMail:
    """A mail as read. over_limit: the bound (a name of `MailLimits`) that sends it to a person, "" for none."""

    message: ParsedMessage
    screening: Screening
    bounce: Bounce | None
    over_limit: str


def read_mail(
    raw: bytes,
    limits: MailLimits,
    *,
    mail_from: str | None = None,
    own_domains_ids: Callable[[str], bool] | None = None,
    list_id: str = "",
) -> ReadMail:
    """Read a mail. raw: as received, any line ends. Never raises, takes bounded time and memory.

    mail_from: the envelope's sender, "" the null sender, None when nobody said. own_domains_ids: whether a Message-ID
    is one of ours (then the mail came back to its sender). list_id: the List-Id of the address it came to, "" for none.
    """
    original = raw
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
    over = limitcheck.over_raw(raw, limits)
    if over:
        raw = raw[: limits.message_bytes]
    root = _tree(raw, limits, over)
    over = over or limitcheck.over_header(root.headers, limits)
    addressing = read_addressing(root.headers, limits)
    subject = decode_words(root.get("subject")[: limits.header_bytes])
    body = bodies.read(root, subject, limits) if not over else bodies.held(root, raw, limits, over)
    headers = _decoded(root, limits)
    bounce = dsn.read_bounce(root, mail_from=mail_from)
    own_id = message_id(root.get("message-id"))
    screening = screen(
        headers,
        author=addressing.from_.address if addressing.from_ else "",
        subject=subject,
        mail_from=mail_from,
        content=Content(
            report=dsn.evidence(root) if bounce is not None else "",
            delayed=bounce is not None and bounce.action == "delayed",
            answered=any(mark.kind == "invitation_answered" for mark in body.marks),
            text=body.reply,
        ),
        own_id=own_domains_ids,
        message_id=own_id,
        list_id=list_id,
    )
    parsed = _message(root, addressing, subject, body, headers, own_id, fingerprint(original), limits)
    return ReadMail(parsed, screening, bounce if screening.is_bounce else None, over)


def _tree(raw: bytes, limits: MailLimits, over: str) -> tree.Part:
    """The whole tree, or only the header when a bound is already exceeded."""
    if not over:
        return tree.build(raw, limits)
    _, body = tree.header_end(raw, 0, min(len(raw), limits.header_block_bytes))
    return tree.build(raw[:body], limits)


def _decoded(root: tree.Part, limits: MailLimits) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, decode_words(value[: limits.header_bytes])) for name, value in root.headers[: limits.header_count]
    )


def _message(
    root: tree.Part,
    addressing: Addressing,
    subject: str,
    body: bodies.Bodies,
    headers: tuple[tuple[str, str], ...],
    own_id: str | None,
    mark: str,
    limits: MailLimits,
) -> ParsedMessage:
    answered = message_ids(root.get("in-reply-to"))
    defects = [*_doubled(root), *addressing.defects, *body.defects]
    defects += [defect for part in root.walk() for defect in part.defects]
    if own_id is None:
        defects.append("no Message-ID")
    return ParsedMessage(
        message_id=own_id,
        in_reply_to=answered[0] if answered else None,
        references=tuple(message_ids(root.get("references"))[-limits.references :]),
        from_=addressing.from_,
        author=addressing.author,
        reply_to=addressing.reply_to,
        to=addressing.to,
        cc=addressing.cc,
        subject=subject,
        date=addressing.date,
        text=body.text,
        reply=body.reply,
        elided=body.elided,
        html=body.html,
        attachments=body.attachments,
        language=guess(body.reply or subject),
        headers=headers,
        fingerprint=mark,
        defects=tuple(dict.fromkeys(defects))[:100],
        marks=body.marks,
    )


def _doubled(root: tree.Part) -> list[str]:
    """Singleton fields that occur more than once (RFC 5322 §3.6); the first one counts."""
    counted = Counter(name.lower() for name, _ in root.headers)
    return [f"{counted[name]} {name} fields" for name in sorted(_SINGLE & counted.keys()) if counted[name] > 1]
