"""What kind of mail this is, with the evidence that decided: a header field or a phrase. Pure.

Two questions follow from it, and they are not one: may an automatic answer be sent (`may_answer`), and is it a person's
word about the ticket (`counts`)? What is no word reopens nothing, resets no timer, clears no agent. In doubt it counts:
nobody's words may be lost for a header field. Sources: RFC 3834 §2, RFC 3834 §5 (Auto-Submitted, null sender),
RFC 3464 §2, RFC 2919 §3, RFC 2369 §3 (lists), RFC 8058 §3.1 (newsletters), RFC 8098 §3 (disposition notifications),
RFC 5965 §2 (feedback reports), RFC 5546 §1.4 (answers to invitations).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mailgate.mail.addresses import is_no_reply
from mailgate.mail.message import Screening
from mailgate.mail.screen_words import (
    ABSENT,
    AUTO_FIELDS,
    AWAY,
    CAMPAIGN_FIELDS,
    CHALLENGE_FIELDS,
    CHALLENGES,
    LIST_FIELDS,
    NEWS_FIELDS,
    RECEIPTS,
    RECEIVED,
    SUPPRESS,
    TICKET_SYSTEMS,
)

_WORDS = re.compile(r"\s+")
_MOST_TEXT = 2000

#: The subject of an aggregate report (RFC 7489 §7.2.1.1); some put words before it or braces around the values.
_AGGREGATE = re.compile(r"report domain:.{1,200}submitter:.{1,200}report-id:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Content:
    """What the body tells about the kind.

    report: "" or how a delivery report was recognised; delayed: it says that nothing failed yet. answered: it is the
    answer to an invitation. text: what its sender wrote, quotes off.
    """

    report: str = ""
    delayed: bool = False
    answered: bool = False
    text: str = ""


def screen(
    headers: Iterable[tuple[str, str]],
    *,
    author: str,
    subject: str,
    mail_from: str | None,
    content: Content = Content(),
    own_id: Callable[[str], bool] | None = None,
    message_id: str | None = None,
    list_id: str = "",
) -> Screening:
    """Screen a mail. headers: decoded, one line each. author: the From address, "" for none.

    mail_from: the envelope's; "" is the null sender, None unknown (a file, a folder). own_id: whether a Message-ID
    is ours. list_id: the List-Id of our own group address, whose list fields say nothing about the mail.
    """
    fields: dict[str, str] = {}
    for name, value in headers:
        fields.setdefault(name.lower(), value)
    if own_id is not None and ((message_id and own_id(message_id)) or _own_loop(fields, own_id)):
        return Screening("loop", "our own mail came back", False, "loop", False)
    if content.report:
        return Screening("dsn", content.report, False, "delay" if content.delayed else "delivery_report", False)
    if (found := _automatic(fields, subject, content)) is not None:
        return found
    return _to_many(fields, list_id) or _person(fields, author, mail_from)


def _first_of(names: tuple[str, ...], fields: dict[str, str]) -> str:
    """The first of these fields that says something, "" for none."""
    return next((name for name in names if fields.get(name)), "")


def _own_loop(fields: dict[str, str], own_id: Callable[[str], bool]) -> bool:
    mark = fields.get("x-loop", "").strip("<> ")
    return bool(mark) and own_id(mark)


# --- a machine wrote it -----------------------------------------------------------------------------------------------


def _automatic(fields: dict[str, str], subject: str, content: Content) -> Screening | None:
    submitted = fields.get("auto-submitted", "").partition(";")[0].partition("(")[0].strip().lower()
    if submitted == "no":
        return None
    special = _special(fields, subject, content)
    if special is not None:
        return special
    reason = f"Auto-Submitted: {submitted[:40]}" if submitted else _vendor(fields) or away_subject(subject)
    if not reason:
        return None
    away = _is_absence(fields, subject, content.text)
    fine = "out_of_office" if away and submitted != "auto-generated" else "auto_reply"
    return Screening("auto_reply", reason, False, fine, False)


def _special(fields: dict[str, str], subject: str, content: Content) -> Screening | None:
    """Reports, receipts, answers to invitations, challenges."""
    content_type = fields.get("content-type", "").lower()
    if "multipart/report" in content_type and "disposition-notification" in content_type:
        return Screening("auto_reply", "disposition notification", False, "receipt", False)
    if "multipart/report" in content_type and "feedback-report" in content_type:
        return Screening("auto_reply", "feedback report", False, "feedback", False)
    squeezed = _squeezed(subject)
    if "report" in squeezed and _AGGREGATE.search(subject[:500]):
        return Screening("auto_reply", "DMARC aggregate report", False, "feedback", False)
    if content.answered:  # with words of his own beside it, it is the person's word
        words = bool(content.text.strip())
        kind = "human" if words else "auto_reply"
        return Screening(kind, "calendar: METHOD:REPLY", False, "calendar", words)
    begins = _without_prefixes(subject)
    asks = _first_of(CHALLENGE_FIELDS, fields)
    if not asks and "tmda" in fields.get("x-delivery-agent", "").lower() and "confirm" in fields.get("reply-to", ""):
        asks = "x-delivery-agent"
    if not asks and begins.startswith(CHALLENGES):
        asks = next(f"Subject: {phrase}" for phrase in CHALLENGES if begins.startswith(phrase))
    if asks:
        return Screening("auto_reply", asks, False, "challenge", False)
    if not squeezed.startswith(RECEIPTS):
        return None
    wants = next(phrase for phrase in RECEIPTS if squeezed.startswith(phrase))
    if not content.text.strip() or "auto-submitted" in fields or "x-auto-response-suppress" in fields:
        return Screening("auto_reply", f"Subject: {wants.rstrip(':')}", False, "receipt", False)
    return None


def _vendor(fields: dict[str, str]) -> str:
    for field in ("precedence", "x-precedence", "preference"):
        value = fields.get(field, "").strip().lower()
        if value in ("auto_reply", "auto-reply"):
            return f"Precedence: {value}"
    if "autorespond" in fields.get("delivered-to", "").lower():
        return "Delivered-To: Autoresponder"
    named = (n for n in AUTO_FIELDS if n in fields)
    return next((n for n in named if fields[n].strip().lower() not in ("", "no", "false", "0")), "")


def _is_absence(fields: dict[str, str], subject: str, text: str) -> bool:
    """Whether an automatic answer says that somebody is not there."""
    if "vacation" in f"{fields.get('auto-submitted', '')} {fields.get('x-mailer', '')}".lower():
        return True
    if any(fields.get(name) for name in ("x-vacation", "x-out-of-office", "x-ooo")):
        return True
    said = f"{_squeezed(subject)} {_squeezed(text[:_MOST_TEXT])}"
    return any(phrase in said for phrase in ABSENT)


def acknowledges(subject: str, text: str) -> bool:
    """Whether a mail reads like the acknowledgement of a system that took another mail in. No proof of anything."""
    said = f"{_squeezed(subject)} {_squeezed(text[:_MOST_TEXT])}"
    return any(phrase in said for phrase in RECEIVED)


def _squeezed(text: str) -> str:
    return _WORDS.sub(" ", text.strip().lower())


def _without_prefixes(subject: str) -> str:
    """The subject in lower case without `Re:`, `RES:`, `Fwd:` and their like."""
    rest = _squeezed(subject)[:200]
    for _ in range(4):
        head, colon, tail = rest.partition(":")
        if not colon or len(head) > 5 or rest.startswith(AWAY):
            break
        rest = tail.strip()
    return rest


def away_subject(subject: str) -> str:
    """The phrase by which a subject says that a machine answers for somebody; "" for none."""
    rest = _without_prefixes(subject)
    found = next((phrase for phrase in AWAY if rest.startswith(phrase)), "")
    if not found:
        return ""
    after = rest[len(found) : len(found) + 1]
    if (
        len(found) < 12
        and rest != found
        and after not in (":", "-", ",", ".", "!", "(", "[", "–", "|")
        and not found.endswith(":")
    ):
        following = rest[len(found) :].split()
        if after != " " or (
            following
            and following[0]
            not in (
                "re:",
                "até",
                "hasta",
                "until",
                "de",
                "do",
                "da",
                "from",
                "notice",
                "reply",
                "response",
                "-",
                "–",
                "|",
                "message",
                "temporária",
            )
        ):
            return ""
    return f"Subject: {found.rstrip(':')}"


# --- it went to many --------------------------------------------------------------------------------------------------


def _to_many(fields: dict[str, str], own: str) -> Screening | None:
    """A list that people write to, a newsletter, bulk mail. What answers one of our mails is a person's word anyway."""
    if own and own.strip("<>").lower() in fields.get("list-id", "").lower():
        return None
    answers = bool(fields.get("in-reply-to") or fields.get("references"))
    listed, news = _first_of(LIST_FIELDS, fields), _first_of(NEWS_FIELDS, fields)
    campaign = next((name for name in CAMPAIGN_FIELDS if fields.get(name) and not _persons_id(name, fields[name])), "")
    talks = any(
        fields.get(name) for name in ("list-post", "mailing-list", "list-subscribe", "x-beenthere", "x-mailman-version")
    )
    if (listed or news) and (news and not talks):
        return Screening("list", listed or news, False, "newsletter", answers)
    if listed:
        return Screening("list", listed, False, "list", True)
    precedence = fields.get("precedence", fields.get("x-precedence", "")).strip().lower()
    if precedence in ("bulk", "junk", "list"):
        fine = "newsletter" if campaign else "bulk"
        return Screening("bulk", f"Precedence: {precedence}", False, fine, precedence == "list")
    if campaign:
        fine = "bulk" if campaign == "feedback-id" else "newsletter"
        return Screening("bulk", campaign, False, fine, answers or campaign == "feedback-id")
    return None


def _persons_id(name: str, value: str) -> bool:
    """Proton names every person's mail with a campaign's field: `Feedback-ID: 12345:user:proton` (2020 and later)."""
    return name == "feedback-id" and ":user:" in value


# --- a person wrote it ------------------------------------------------------------------------------------------------


def _person(fields: dict[str, str], author: str, mail_from: str | None) -> Screening:
    """A person may have written it, but an automatic answer would reach nobody or a machine, or was declined."""
    suppress = {word.strip().lower() for word in fields.get("x-auto-response-suppress", "").split(",")}
    system = _first_of(TICKET_SYSTEMS, fields)
    reason = ""
    if suppress & SUPPRESS:
        reason = "X-Auto-Response-Suppress"
    elif system:
        reason = f"another ticket system: {system}"
    elif mail_from == "" or fields.get("return-path", "x").strip() == "<>":
        reason = "null sender"
    elif author and is_no_reply(author):
        reason = "no-reply author"
    elif mail_from and is_no_reply(mail_from):
        reason = "no-reply sender"
    return Screening("human", reason, may_answer=not reason)
