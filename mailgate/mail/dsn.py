"""Delivery reports: which addresses failed, how, and which mail of ours it was.

Structured reports (RFC 3464) are read from their fields (`dsn_parts`). The free-form ones of other systems are believed
only when a machine sent them (mailer-daemon, null sender, X-Failed-Recipients) and they say that something could not be
delivered: a customer who pastes an error message is a person. flufl.bounce, which knows sixty systems' wording, is
asked first for the address; our own look at the text comes second. A report is evidence about a mail, never an order:
callers match it by `original_message_id` or its envelope recipient only. Sources: RFC 3464 §2, RFC 3462 §2,
RFC 3463 §2, RFC 6522 §3.
"""

from __future__ import annotations

import email
import logging
import re

from mailgate.mail.addresses import is_no_reply, normalise
from mailgate.mail.content import text_of
from mailgate.mail.dsn_parts import (
    ADDRESS,
    MOST_RECIPIENTS,
    MOST_TEXT,
    REPORT_TYPES,
    Stated,
    has_returned,
    plain_address,
    returned_id,
    stated,
)
from mailgate.mail.dsn_reason import CODE, STATUS, action_of, best_status, code_of, implied_status, reason_of
from mailgate.mail.dsn_words import MACHINE_NAMES, MACHINES, SAYS_FAILED, SAYS_RETURNED, SUBJECTS
from mailgate.mail.headers import decode_words, one_line
from mailgate.mail.htmltext import to_text
from mailgate.mail.message import Bounce, Returned
from mailgate.mail.tree import Part

#: It would log a traceback, with words of the mail in it, for each mail that a detector does not expect.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_COPY = re.compile(
    r"^[-=_*| ]*(?:this is a copy of|below (?:this line )?is a copy|below this line is a copy|original message|"
    r"copy of (?:your|the) (?:original )?message|"
    r"(?:included|attached|following) is (?:a|the) copy|unsent message|message header|original mail|the header of|"
    r"original message (?:headers|follows|as received)|returned mail follows|message text follows|"
    r"----- (?:message header|original|unsent)|mensagem original|mensaje original|"
    r"received: ?(?:from|by|\(qmail)|return-path: )",
    re.I | re.M,
)
_ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
#: Characters of a notice that are looked at for one of several recipients.
_MOST_ABOUT = 4000
#: Lines that flufl.bounce is shown: each costs it some fifty patterns.
_MOST_LINES = 1000
_NOT_REPORTS = ("feedback-report", "disposition-notification")


def read_bounce(root: Part, *, mail_from: str | None = None) -> Bounce | None:
    """What a delivery report says; None for every other mail. mail_from: the envelope's, None when nobody said."""
    if not _may_be(root, mail_from):
        return None
    notice = _notice(root)
    listed = stated(root, notice)
    if not listed and not _free_form(root, notice, mail_from):
        return None
    return _bounce(root, listed, notice)


def evidence(root: Part) -> str:
    """By what a mail that is a report showed itself, for people: the strongest of the signs."""
    if any(part.content_type in REPORT_TYPES for part in root.walk()):
        return "message/delivery-status"
    if root.get("x-failed-recipients"):
        return "X-Failed-Recipients"
    if root.content_type == "multipart/report":
        return "multipart/report"
    if _is_machine(root):
        return f"From: {one_line(decode_words(root.get('from')[:200]))[:80]}"
    return "the words of a delivery report"


# --- is it one? -------------------------------------------------------------------------------------------------------


def _may_be(root: Part, mail_from: str | None) -> bool:
    """A cheap first look, so that ordinary mails cost nothing here."""
    if root.get("x-failed-recipients") or root.get("x-amz-sns-message-id"):
        return True
    if any(part.content_type in REPORT_TYPES for part in root.walk()):
        return True
    if root.content_type == "multipart/report":
        kind = root.params.get("report-type", "").lower()
        return kind not in _NOT_REPORTS or (kind == _NOT_REPORTS[1] and _is_automatic(root))
    if _is_machine(root) or _is_null(root, mail_from) or not root.get("from"):
        return True
    # A person writes "Falha na entrega do boleto" too: where the envelope is known, words alone report nothing.
    return mail_from is None and _subject(root).startswith(SUBJECTS)


def _is_automatic(root: Part) -> bool:
    return root.get("auto-submitted").strip().lower() not in ("", "no")


def _subject(root: Part) -> str:
    return decode_words(root.get("subject")[:500]).lower()


def _is_null(root: Part, mail_from: str | None) -> bool:
    return mail_from == "" or root.get("return-path").strip().lower() in ("<>", "<mailer-daemon>")


def _is_machine(root: Part) -> bool:
    """Whether From names a mail system: `post_master@`, `MAILER-DAEMON`, `Mail Delivery System <…>`."""
    sender = root.get("from")[:2000].lower()
    plain = sender.replace("-", "").replace("_", "").replace(".", "")
    if any(word in plain for word in MACHINES):
        return True
    said = decode_words(sender)
    return any(name in said for name in MACHINE_NAMES)


def _free_form(root: Part, notice: str, mail_from: str | None) -> bool:
    """Whether a report without a machine-readable part is one: a machine's sender, and words of failure."""
    if root.get("x-failed-recipients"):
        return True
    low, subject, machine = notice.lower(), _subject(root), _is_machine(root)
    said = any(phrase in low for phrase in SAYS_FAILED)
    about_failure = any(phrase in subject for phrase in SUBJECTS)
    if root.content_type == "multipart/report":
        return root.params.get("report-type", "").lower() not in _NOT_REPORTS and (said or about_failure)
    if not machine and "auto-replied" in root.get("auto-submitted").lower() and not about_failure:
        return False
    if about_failure and (machine or said):
        return True
    if not (machine or _is_null(root, mail_from)) or not said:
        return False
    if machine and (CODE.search(notice) is not None or STATUS.search(notice) is not None):
        return True
    return any(phrase in low for phrase in SAYS_RETURNED) and (machine or has_returned(root))


def _notice(root: Part) -> str:
    """The text that a person would read, up to the copy of the returned mail."""
    shown: list[str] = []
    for part in root.walk():
        if part.children:
            continue
        if part.content_type == "text/plain" or (part.content_type == "text/html" and not shown):
            text = text_of(part, MOST_TEXT)
            shown.append(to_text(text) if part.content_type == "text/html" else text)
        elif part.content_type.startswith("message/rfc822"):
            break
        if sum(map(len, shown)) > MOST_TEXT:
            break
    text = "\n".join(shown)[:MOST_TEXT]
    copy = _COPY.search(text, 1)
    return text[: copy.start()] if copy is not None and text[: copy.start()].strip() else text


# --- what it says -----------------------------------------------------------------------------------------------------


def _bounce(root: Part, listed: list[Stated], notice: str) -> Bounce:
    """One value for the whole report: of its recipients the first that failed, and all of them in `recipients`."""
    temporary: bool | None = None
    if not any(plain_address(one.address) for one in listed):
        named, temporary = _named_recipients(root, notice)
        first = listed[0] if listed else Stated("", "", "", "")
        listed = [Stated(a, first.status, first.action, first.diagnostic) for a in named] or [first]
    if len(listed) == 1:
        read = [_returned(listed[0], notice, _subject(root), temporary)]
    else:
        spots = _spots(notice)
        read = [_returned(one, _about(one, notice, spots), _subject(root), temporary) for one in listed]
    chosen = next((one for one in read if one.action == "failed"), read[0])
    return Bounce(
        recipient=chosen.address or None,
        status=chosen.status or None,
        action=chosen.action,
        diagnostic=chosen.diagnostic or None,
        reason=chosen.reason,
        original_message_id=returned_id(root),
        code=code_of(chosen.diagnostic) or None,
        recipients=tuple(one for one in read if one.address),
    )


def _returned(one: Stated, about: str, subject: str, temporary: bool | None) -> Returned:
    """about: what the notice says of this recipient. temporary: what flufl.bounce thinks, None for nothing."""
    diagnostic = one.diagnostic
    if not CODE.search(diagnostic):
        line = _telling_line(about)
        diagnostic = f"{diagnostic} {line}".strip()
    status = best_status(one.status, diagnostic, about)
    said = status or implied_status(diagnostic, about)
    action = one.action if one.action in _ACTIONS else ""
    if not action:
        undecided = temporary is not None and not status
        action = action_of(said, about, subject)
        if undecided and temporary is False:
            action = "failed"
    if action in ("failed", "delayed"):
        reason = reason_of(status, diagnostic, about)
    else:
        reason = None
    if action == "delayed" and not status:
        said = "4.0.0" if said[:1] == "5" or not said else said
    return Returned(plain_address(one.address), said, action, one_line(diagnostic)[:500], reason)


def _spots(notice: str) -> list[tuple[int, str]]:
    """Where each address of a notice stands: the start of its line, and the address in lower case."""
    found = ((m.start(), m.group().lower()) for m in ADDRESS.finditer(notice))
    return [(notice.rfind("\n", 0, at) + 1, address) for at, address in found]


def _about(one: Stated, notice: str, spots: list[tuple[int, str]]) -> str:
    """The lines of a notice about one of several addresses: from where it stands to where another one does."""
    wanted = plain_address(one.address).lower()
    first = next((i for i, (_, address) in enumerate(spots) if address == wanted), None)
    if first is None:
        return notice[:_MOST_ABOUT]
    start = spots[first][0]
    end = next((at for at, address in spots[first:] if at > start and address != wanted), len(notice))
    return notice[start : min(end, start + _MOST_ABOUT)]


def _telling_line(notice: str) -> str:
    """The line of a notice with the SMTP reply in it, and what is indented below it."""
    lines = [line.strip("> \t") for line in notice.split("\n")]
    for i, line in enumerate(lines):
        if CODE.search(line) and (STATUS.search(line) or not line[:1].isupper() or len(line) > 8):
            return " ".join(piece for piece in lines[i : i + 3] if piece)[:500]
    return ""


# --- whom -------------------------------------------------------------------------------------------------------------


def _named_recipients(root: Part, notice: str) -> tuple[list[str], bool | None]:
    """The addresses that failed, out of a free text; and whether flufl.bounce calls the failure temporary."""
    listed = ADDRESS.findall(root.get("x-failed-recipients")[:10_000])
    if listed:
        return _unique(listed), None
    temporary, permanent = _second_opinion(root)
    for found, is_temporary in ((permanent, False), (temporary, True)):
        if any("@" in address for address in found):
            return _unique(found), is_temporary
    sender = {a.lower() for name in ("to", "from") for a in ADDRESS.findall(root.get(name)[:2000])}
    for address in ADDRESS.findall(notice[:20_000]):
        if address.strip(".").lower() not in sender and not is_no_reply(address):
            return _unique([address]), None
    return [], None


def _unique(addresses: list[str]) -> list[str]:
    found = [normalise(a.strip(".")) for a in addresses if "@" in a]
    return list({a.lower(): a for a in reversed(found)}.values())[::-1][:MOST_RECIPIENTS]


def _second_opinion(root: Part) -> tuple[list[str], list[str]]:
    """flufl.bounce on a bounded copy of the mail. It and the parser below it recurse, so nesting is checked first."""
    raw = b"\n".join(root.raw[:MOST_TEXT].split(b"\n", _MOST_LINES)[:_MOST_LINES])
    if raw.count(b"essage/") > 20 or raw.count(b"oundary") > 40:
        return [], []
    from flufl.bounce import all_failures  # its sixty detectors are loaded where there is a report

    try:
        message = email.message_from_bytes(raw)
        if not isinstance(message.get("from"), str) or "@" not in message["from"]:
            del message["from"]  # its detectors take an ASCII From with an address in it for granted
            message["From"] = "unknown@invalid"
        temporary, permanent = all_failures(message)
    except Exception:  # a detector of a third party met bytes it did not expect: then there is no second opinion
        return [], []
    return _texts(temporary), _texts(permanent)


def _texts(found: object) -> list[str]:
    if not isinstance(found, (set, frozenset)):
        return []
    return sorted(a.decode("utf-8", "replace") if isinstance(a, bytes) else str(a) for a in found)
