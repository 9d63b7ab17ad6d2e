"""From an outbox row to bytes: the view a template sees, the header, the signature. In a worker process, once a mail.

The row says what is told; the comment's text and files are read here. The signature is made together with the bytes
(its time is that of the first try), so that every try sends the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row

from mailgate.authn.sign import Signer
from mailgate.flows import explaining
from mailgate.flows.gathering import gathered
from mailgate.flows.site import Site
from mailgate.flows.veiling import is_veiled
from mailgate.mail.build import may_be_named
from mailgate.mail.passcodes import without_codes
from mailgate.notify.compose import Composer
from mailgate.notify.explained import Explained
from mailgate.notify.views import (
    ActionView,
    CommentView,
    FiguresView,
    FileView,
    Head,
    NewsView,
    NoticeView,
    RowView,
    StepView,
)
from store import outbox, tickets
from store.blobs import Blobs
from store.vocabulary import Category, CommentKind, Notice, Role

#: Notices that tell of a ticket, not of what somebody wrote.
#: What says nothing of the comment that came with it.
_TELL_NONE = frozenset(
    {Notice.N1, Notice.N4, Notice.N6, Notice.N8, Notice.ACK_DIGEST, Notice.FILES, Notice.TICKET_DIGEST}
)


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file that travels with a mail, still in the blobs."""

    sha256: str
    index: int


_MOST_EXPLAINED = 5


@dataclass(frozen=True, slots=True)
class RenderJob:
    """One mail to be made, or the few words of another channel. files: which of the comment's files are attached."""

    view: NoticeView
    head: Head
    signed_at: datetime
    files: tuple[FileRef, ...] = ()
    channel: str = "mail"


#: Mails up to this size are kept in their outbox row, larger ones as blobs.
INLINE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's bytes, kept until it is settled. content None: they are the blob `sha256`, durable already."""

    sha256: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Renderer:
    """Makes the bytes of a notice and signs them."""

    composer: Composer
    blobs: Blobs
    signer: Signer | None

    def render(self, job: RenderJob) -> Rendered:
        """Make the mail and keep it; raises what the disk raises (OSError) for a large one."""
        raw = self.mail(job)
        sha256 = hashlib.sha256(raw).hexdigest()
        if len(raw) <= INLINE_BYTES:
            return Rendered(sha256, raw)
        self.blobs.put(raw, sha256)
        return Rendered(sha256, None)

    def mail(self, job: RenderJob) -> bytes:
        """The whole mail, CRLF, signed where a key is configured."""
        view = job.view
        if job.channel != "mail":
            return self.composer.message(view).encode()
        if job.files and view.comment is not None:
            files = list(view.comment.files)
            for ref in job.files:
                files[ref.index] = replace(files[ref.index], content=self.blobs.get(ref.sha256))
            view = replace(view, comment=replace(view.comment, files=tuple(files)))
        head = replace(job.head, subject=self.composer.subject(view))
        raw = self.composer.render(view, head)
        return self.signer.sign(raw, job.signed_at) if self.signer is not None else raw


@dataclass(frozen=True, slots=True)
class Told:
    """The comments that some notices tell, by id, and their files."""

    comments: dict[int, Row[Any]]
    files: dict[int, list[Row[Any]]]


def told_by(connection: Connection, rows: Sequence[Row[Any]]) -> Told:
    """What these outbox rows tell, read at once."""
    ids = sorted({row.comment_id for row in rows if row.comment_id is not None and row.notice not in _TELL_NONE})
    files: dict[int, list[Row[Any]]] = {}
    for file in tickets.attachments(connection, ids):
        files.setdefault(file.comment_id, []).append(file)
    return Told({found.id: found for found in tickets.comments_by_ids(connection, ids)}, files)


def job_of(connection: Connection, site: Site, row: Row[Any], now: datetime, told: Told | None = None) -> RenderJob:
    """What a worker needs to make the mail of an outbox row. told: what `told_by` read for it and others."""
    body = json.loads(row.body)
    notice = Notice(row.notice)
    comment, files = _comment(told or told_by(connection, [row]), site, row)
    if body.get("said") is not None:  # with a rating
        comment = CommentView(body["said_by"], body["said_by_address"], Role.CUSTOMER, row.created_at, body["said"])
    if notice is Notice.N8 and row.ticket_id is not None:
        comment = _question(connection, row.ticket_id)
    history = _history(connection, site, row, comment, notice)
    token = site.mint.access_token(body["link_id"]) if body.get("link_id") else ""
    confirm = site.mint.access_token(body["confirm_id"], "confirm") if body.get("confirm_id") else ""
    view = NoticeView(
        notice=row.notice,
        language=body["language"],
        timezone=site.timezone,
        company=site.company,
        key=body.get("key", ""),
        key_label=site.key_label,
        subject=body.get("subject", ""),
        status=body.get("status", ""),
        category=body.get("category", ""),
        agent=body.get("agent", ""),
        department=body.get("department", ""),
        due_at=_instant(body.get("due_at")),
        created_at=_instant(body.get("created_at")) or row.created_at,
        link=site.link(token) if token else "",
        link_expires_at=row.created_at + site.lifetimes.access if token else _instant(body.get("once_until")),
        recipient_name=body.get("recipient_name", ""),
        recipient_role=row.recipient_role,
        verified=body.get("verified", True),
        comment=comment,
        previous=history[0] if history else None,
        earlier=history[1:],
        participants=tuple(body.get("participants", ())),
        old_status=body.get("old_status", ""),
        closes_at=_instant(body.get("closes_at")),
        waits_for_customer=body.get("category") == Category.WAITING,
        confirm_link=f"{site.base_url}/confirm/{confirm}" if confirm else _once(site, body),
        recipient_address=row.recipient,
        code=site.mint.code(body["code_id"], "number") if body.get("code_id") else "",
        commands=tuple(body.get("commands", ())),
        problem=body.get("problem", ""),
        form=tuple((label, value) for label, value in body.get("form", ())),
        rests_until=_instant(body.get("rests_until")),
        reason=body.get("reason", ""),
        event=body.get("event", ""),
        explained=_explained(connection, row) if body.get("explain") else (),
        **_offered(site, body),
        **gathered(connection, row, body, _shown_to),
        news=tuple(NewsView(kind, who, _instant(at) or now, said) for kind, who, at, said in body.get("news", ())),
        refused=tuple((why, name) for why, name in body.get("refused", ())),
        organisation=body.get("organisation", ""),
        requester_name=_name(body.get("requester_name", "")) or body.get("requester_address", ""),
        requester_address=body.get("requester_address", "") if _name(body.get("requester_name", "")) else "",
        answers_to=body.get("answers_to", ""),
        reply_to_ignored=body.get("reply_to_ignored", ""),
        related=_related(connection, row, notice) or ((body["claims"],) if body.get("claims") else ()),
    )
    head = replace(_head(row, body, now), list_unsubscribe=view.unsubscribe)
    return RenderJob(view, head, now, files, row.channel)


def _once(site: Site, body: dict[str, Any]) -> str:
    """The link of one use that a letter brings: an invitation, the check of an address."""
    if not body.get("once_id"):
        return ""
    return f"{site.base_url}/{body['once']}/{site.mint.access_token(body['once_id'], body['once'])}"


def _offered(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    """What a notice offers besides its words (`flows.extras`), as fields of the view."""
    survey, stop, quiet = body.get("survey_id"), body.get("stop_id"), body.get("quiet_id")
    return {
        "survey_link": f"{site.base_url}/rate/{site.mint.access_token(survey, 'rate')}" if survey else "",
        "unsubscribe": f"{site.base_url}/stop/{site.mint.access_token(stop, 'stop')}" if stop else "",
        "stop_link": f"{site.base_url}/stop/{site.mint.access_token(quiet, 'stop')}" if quiet else "",
        "rating": bool(survey),
        "reads_only": bool(body.get("reads_only")),
        "score": body.get("score", 0),
        "scale": body.get("scale", 5),
        "rows": tuple(_row_view(site, one) for one in body.get("rows", ())),
        "figures": tuple(FiguresView(**one) for one in body.get("figures", ())),
        "by_agent": tuple(FiguresView(**one) for one in body.get("by_agent", ())),
        "by_department": tuple(FiguresView(**one) for one in body.get("by_department", ())),
        "since": _instant(body.get("since")),
        "until": _instant(body.get("until")),
        "steps": tuple(StepView(label, datetime.fromisoformat(at)) for label, at in body.get("steps", ())),
        "actions": tuple(ActionView(verb, address) for verb, address in body.get("actions", ())),
    }


def _name(name: str) -> str:
    """A name to show beside an address: a contact of whom we know none bears the address as his name."""
    return "" if "@" in name else name


def _row_view(site: Site, one: dict[str, Any]) -> RowView:
    """One line of a digest."""
    link = site.link(site.mint.access_token(one["link_id"])) if one.get("link_id") else ""
    dated = {"due_at": _instant(one.get("due_at")), "at": _instant(one.get("at"))}
    return RowView(**{**{k: v for k, v in one.items() if k != "link_id"}, **dated, "link": link})


def _head(row: Row[Any], body: dict[str, Any], now: datetime) -> Head:
    """The header. A customer's Message-ID that cannot stand in it is left out: the mail must leave all the same."""
    references = tuple(one for one in body.get("references", ()) if may_be_named(one))
    answered = body.get("in_reply_to", "")
    if answered and not may_be_named(answered):
        answered = next(reversed(references), "")
    extra = []
    if body.get("key"):
        extra.append(("X-Mailgate-Ticket", body["key"]))
    if body.get("status"):
        extra.append(("X-Mailgate-Status", body["status"]))
    if body.get("agent"):
        extra.append(("X-Mailgate-Agent", body["agent"]))
    if body.get("due_at"):
        extra.append(("X-Mailgate-Due", body["due_at"]))
    return Head(
        envelope_from=row.envelope_from,
        from_name=body["from_name"],
        from_address=body["from_address"],
        to_name=_name(body.get("recipient_name", "")),
        to_address=row.recipient,
        reply_to=body.get("reply_to", body["from_address"]),
        subject=body.get("subject", ""),
        message_id=row.message_id,
        date=now,
        in_reply_to=answered,
        references=references,
        auto_submitted=body.get("auto_submitted", ""),
        extra=tuple(extra),
    )


def _comment(told: Told, site: Site, row: Row[Any]) -> tuple[CommentView | None, tuple[FileRef, ...]]:
    """The comment that a notice tells, with its files; not for those that tell none."""
    if row.comment_id is None or row.notice in _TELL_NONE:
        return None, ()
    found = told.comments.get(row.comment_id)
    if found is None or (row.recipient_role == Role.CUSTOMER and found.kind != CommentKind.COMMENT):
        return None, ()
    views: list[FileView] = []
    refs: list[FileRef] = []
    total = 0
    for file in told.files.get(found.id, ()):
        total += file.size_bytes
        if total <= site.attach_bytes():
            refs.append(FileRef(file.sha256, len(views)))
        views.append(
            FileView(file.filename, file.size_bytes, file.content_type, content_id=file.content_id, inline=file.inline)
        )
    text, veiled = _shown_to(found, row)
    # The HTML holds the quotes that `reply` does not: it is shown where nothing was taken off.
    html = found.html if not found.elided and not veiled else None
    view = CommentView(
        found.author_name, found.author_address, found.role, found.created_at, text, html,
        tuple(views), found.verified, found.kind == CommentKind.NOTE,
    )  # fmt: skip
    return view, tuple(refs)


def _shown(comment: Row[Any]) -> str:
    """What is told of a comment: of an agent's never more than what his quotes left over."""
    text: str = comment.reply if comment.role == Role.AGENT else comment.reply or comment.text
    return text


def _shown_to(comment: Row[Any], row: Row[Any]) -> tuple[str, bool]:
    """What the receiver of a notice is told of a comment, and whether another service's codes were left out of it."""
    text = _shown(comment)
    veiled = row.recipient_role == Role.CUSTOMER and is_veiled(comment, row.person_id)
    return (without_codes(text) if veiled else text), veiled


def _question(connection: Connection, ticket_id: int) -> CommentView | None:
    """What an agent asked last, for a reminder."""
    found = tickets.last_public_comment(connection, ticket_id, Role.AGENT, (1 << 63) - 1)
    if found is None:
        return None
    return CommentView(found.author_name, found.author_address, found.role, found.created_at, _shown(found))


def _history(
    connection: Connection, site: Site, row: Row[Any], comment: CommentView | None, notice: Notice
) -> tuple[CommentView, ...]:
    """What was said before an agent's answer, the newest first, as much as notices.yaml lets be quoted (`quote`).

    A comment that nobody has proven is quoted to its own author only.
    """
    quote = site.quoted()
    answers = notice in (Notice.N5, Notice.N7, Notice.N10) and comment is not None and comment.role == Role.AGENT
    if not answers or row.ticket_id is None or not quote.comments:
        return ()
    found: list[CommentView] = []
    left = quote.lines
    for one in tickets.public_before(connection, row.ticket_id, row.comment_id, quote.comments):
        text, _ = _shown_to(one, row)
        left -= text.count("\n") + 1
        if found and left < 0:
            break
        if one.verified or one.author_address == row.recipient:
            found.append(
                CommentView(
                    one.author_name, one.author_address, one.role, one.created_at, text, None, (), one.verified
                )
            )  # fmt: skip
    return tuple(found)


def _related(connection: Connection, row: Row[Any], notice: Notice) -> tuple[str, ...]:
    """The keys a digest names: tickets of the last hour of this person without an acknowledgement."""
    if notice is not Notice.ACK_DIGEST or row.person_id is None:
        return ()
    since = row.created_at - timedelta(minutes=1)
    opened = tickets.opened_by(connection, row.person_id, since)
    acknowledged = outbox.acknowledged(connection, row.recipient, since)
    return tuple(r.key for r in opened if r.id not in acknowledged)


def _explained(connection: Connection, row: Row[Any]) -> tuple[Explained, ...]:
    """The decisions about the ticket's last mails, without the one that asks."""
    found = explaining.of_ticket(connection, row.ticket_id, "") if row.ticket_id is not None else []
    return tuple(one for one in found if one.journal_id != row.journal_id)[-_MOST_EXPLAINED:]


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
