"""Delivery reports: which address failed, how, and which mail of ours it was.

Structured reports (RFC 3464) are read from their parts. The free-form ones of older systems are believed only when a
machine sent them (mailer-daemon, null sender, X-Failed-Recipients) and they say that something could not be delivered:
a customer who pastes an error message is a person. flufl.bounce, which knows sixty systems' wording, is asked first
for the address; our own look at the text comes second. A report is evidence about a mail, never an order: callers
match it by `original_message_id` only. Sources: RFC 3464 §2, RFC 3462 §2, RFC 3463 §2, RFC 6522 §3.
"""

from __future__ import annotations

import email
import logging
import re
from dataclasses import dataclass

from flufl.bounce import all_failures

from mailgate.mail.addresses import is_no_reply, normalise
from mailgate.mail.content import decoded, text_of
from mailgate.mail.headers import decode_words, message_ids, one_line
from mailgate.mail.htmltext import to_text
from mailgate.mail.message import Bounce
from mailgate.mail.phrases import phrases
from mailgate.mail.tree import Part, header_lines

#: It would log a traceback, with words of the mail in it, for each mail that a detector does not expect.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)

_MOST_TEXT = 64 * 1024
_STATUS = re.compile(r"(?<![\d.:])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d)")
_CODE = re.compile(r"(?<![\d.\-:/#])([45]\d\d)(?=[\s\-;:,)<]|$)(?!-\d{3}-\d)")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_RETURNED_ID = re.compile(r"^[ \t>]*message-id:\s*<([^<>\s]{1,900})>", re.I | re.M)
_MACHINES = (
    "mailer-daemon",
    "mailer_daemon",
    "postmaster",
    "mail-daemon",
    "maildaemon",
    "mail.delivery",
    "mail-delivery",
    "daemon@",
    "microsoftexchange",
    "mailsystem",
    "mail_delivery",
    "complaints@email-abuse",
    "bounce",
    "no-reply@ses",
    "mailsweeper",
)
_MACHINE_NAMES = phrases(
    """
    mail delivery | mail-delivery | mailer-daemon | mailer daemon | system administrator | mail administrator |
    postmaster | delivery subsystem | delivery system | administrador do sistema | администратор
    """
)
_SUBJECTS = phrases(
    """
    undeliver | delivery status notification | delivery failure | delivery failed | delivery has failed | mail
    delivery | failure notice | returned mail | returned to sender | return receipt | mail system error |
    message status | undelivered | could not be delivered | non remis | unzustellbar | não entregue | nao
    entregue | falha na entrega | falha de entrega | não foi entregue | no se puede entregar | no entregado |
    notificação de status de entrega | notificación de estado de entrega | delivery notification |
    nondeliverable | not delivered | non delivery | non-delivery | delivery report | mail error | mail failure |
    message delivery | message not delivered | warning: could not send | warning: message | delayed mail |
    delayed delivery | message delayed | unable to deliver | email address change | mdaemon notification |
    delivery problem | error sending | user unknown | rejected | nicht zugestellt | mancata consegna |
    недоставлен | не доставлено | bounce | delivery error | dsn: | mail could not | auto reply from | could not
    deliver | impossible
    """
)
_SAYS_FAILED = phrases(
    """
    could not be delivered | couldn't be delivered | not delivered | undeliver | delivery failed | delivery has
    failed | delivery to the following | failed permanently | permanent error | permanent fatal | unable to
    deliver | wasn't able to deliver | was not able to deliver | user unknown | unknown user | no such user |
    mailbox unavailable | mailbox full | quota | rejected | returned to you | returned to sender | not found |
    does not exist | doesn't exist | was not reached | not been delivered | cannot be delivered | can't be
    delivered | could not deliver | couldn't deliver | host unknown | did not reach | failed to deliver | has
    been delayed | delayed | still being | não foi possível entregar | não pôde ser entregue | no se pudo
    entregar | no se ha podido entregar | konnte nicht | errors occurred | error | fail | invalid | blocked |
    undelivered | no longer | disabled | not accepted | refused | konnte | denied | over quota | exceed | could
    not | 配信 | 届け | 不
    """
)
_TEMPORARY = phrases(
    """
    will be retried | will continue to | has been delayed | not yet been delivered | still being retried |
    delayed | will keep trying | do not need to resend | no need to resend | warning message only | this is a
    warning | temporary failure | will be tried again | continue trying
    """
)
_COPY = re.compile(
    r"^[-=_* ]*(?:this is a copy of|below this line is a copy|original message|"
    r"copy of (?:your|the) (?:original )?message|"
    r"(?:included|attached|following) is (?:a|the) copy|unsent message|message header|original mail|the header of|"
    r"----- (?:message header|original|unsent)|mensagem original|received: (?:from|by|\(qmail)|return-path: )",
    re.I | re.M,
)
_REASONS = {
    "1.1": "unknown_recipient",
    "1.0": "unknown_recipient",
    "1.2": "unknown_host",
    "1.10": "no_mail_accepted",
    "2.1": "disabled",
    "2.2": "mailbox_full",
    "2.3": "too_large",
    "3.4": "too_large",
    "4.1": "host_unreachable",
    "4.2": "host_unreachable",
    "4.4": "unknown_host",
    "4.6": "loop",
    "4.7": "expired",
    "7.1": "refused",
    "7.25": "reverse_dns",
    "7.26": "authentication",
}


@dataclass(frozen=True, slots=True)
class _Recipient:
    address: str
    status: str
    action: str
    diagnostic: str


def read_bounce(root: Part, *, mail_from: str | None = None) -> Bounce | None:
    """What a delivery report says; None for every other mail. mail_from: the envelope's, None when nobody said."""
    if not _may_be(root, mail_from):
        return None
    reports = [part for part in root.walk() if part.content_type in _REPORT_TYPES]
    notice = _notice(root)
    listed = [one for part in reports for one in _recipients(part)]
    if not listed and not _free_form(root, notice):
        return None
    chosen = next((one for one in listed if one.action == "failed"), listed[0] if listed else None)
    return _bounce(root, chosen, notice)


_REPORT_TYPES = ("message/delivery-status", "message/global-delivery-status")


def _may_be(root: Part, mail_from: str | None) -> bool:
    """A cheap first look, so that ordinary mails cost nothing here."""
    if root.get("x-failed-recipients") or any(part.content_type in _REPORT_TYPES for part in root.walk()):
        return True
    if root.content_type == "multipart/report":
        return root.params.get("report-type", "").lower() not in ("feedback-report", "disposition-notification")
    sender = root.get("from").lower()
    null = mail_from == "" or root.get("return-path").strip() in ("<>", "<MAILER-DAEMON>")
    subject = decode_words(root.get("subject")[:500]).lower()
    named = any(word in sender for word in (*_MACHINES, *_MACHINE_NAMES))
    if mail_from is not None:
        # A person writes "Falha na entrega do boleto" too: where the envelope is known, words alone report nothing.
        return named or null or not sender
    return named or null or not sender or subject.startswith(_SUBJECTS)


def _free_form(root: Part, notice: str) -> bool:
    """Whether a report without a machine-readable part is one: a machine's sender, and words of failure."""
    if root.get("x-failed-recipients"):
        return True
    sender = root.get("from").lower()
    subject = decode_words(root.get("subject")[:500]).lower()
    low = notice.lower()
    said = any(phrase in low for phrase in _SAYS_FAILED)
    machine = any(word in sender for word in (*_MACHINES, *_MACHINE_NAMES))
    about_failure = any(phrase in subject for phrase in _SUBJECTS)
    if root.content_type == "multipart/report":
        return said or about_failure
    submitted = root.get("auto-submitted").lower()
    if not machine and "auto-replied" in submitted and not about_failure:
        return False
    if about_failure and (machine or said):
        return True
    return machine and said and (_CODE.search(notice) is not None or _STATUS.search(notice) is not None)


def _notice(root: Part) -> str:
    """The text that a person would read, up to the copy of the returned mail."""
    shown: list[str] = []
    for part in root.walk():
        if part.children:
            continue
        if part.content_type == "text/plain" or (part.content_type == "text/html" and not shown):
            text = text_of(part, _MOST_TEXT)
            shown.append(to_text(text) if part.content_type == "text/html" else text)
        elif part.content_type.startswith("message/rfc822"):
            break
        if sum(map(len, shown)) > _MOST_TEXT:
            break
    text = "\n".join(shown)[:_MOST_TEXT]
    copy = _COPY.search(text, 1)
    return text[: copy.start()] if copy is not None and text[: copy.start()].strip() else text


def _recipients(part: Part) -> list[_Recipient]:
    """The per-recipient groups of a delivery-status part (RFC 3464 §2.3)."""
    blocks = decoded(part)[:_MOST_TEXT].replace(b"\r\n", b"\n").split(b"\n\n")
    found = []
    for block in blocks[:200]:
        pairs, _, _ = header_lines(block.strip(b"\n") + b"\n", 50)
        fields: dict[str, str] = {}
        for name, value in pairs:
            fields.setdefault(name.lower(), decode_words(value))
        address = _after_type(fields.get("final-recipient", "")) or _after_type(fields.get("original-recipient", ""))
        action = fields.get("action", "").partition(" ")[0].strip(";,()").lower()
        if not address and not action:
            continue
        original = _after_type(fields.get("original-recipient", ""))
        address = address if "@" in address or "@" not in original else original
        status = _STATUS.search(fields.get("status", ""))
        diagnostic = _after_type(fields.get("diagnostic-code", "")) or fields.get("x-display-name", "")
        found.append(_Recipient(address, status.group(1) if status else "", action, diagnostic))
    return found


def _after_type(value: str) -> str:
    """`rfc822; ana@x.test` → `ana@x.test`; a value without a type as it stands."""
    kind, semicolon, rest = value.partition(";")
    return (rest if semicolon and " " not in kind.strip() else value).strip(" \t<>\"'")


def _bounce(root: Part, chosen: _Recipient | None, notice: str) -> Bounce:
    diagnostic = chosen.diagnostic if chosen else ""
    if not _CODE.search(diagnostic):
        line = _telling_line(notice)
        diagnostic = f"{diagnostic} {line}".strip() if diagnostic and line else diagnostic or line
    status = _best_status(chosen.status if chosen else "", diagnostic, notice)
    action = (chosen.action if chosen else "") or _action(status, notice)
    temporary: bool | None = None
    address = _plain_address(chosen.address) if chosen else ""
    if not address:
        address, temporary = _named_recipient(root, notice)
    if temporary is not None and not status and not (chosen and chosen.action):
        action = "delayed" if temporary else "failed"
    return Bounce(
        recipient=address or None,
        status=status or None,
        action=action if action in ("failed", "delayed", "delivered", "relayed", "expanded") else "failed",
        diagnostic=one_line(diagnostic)[:500] or None,
        reason=_reason(status),
        original_message_id=_returned_id(root),
    )


def _plain_address(text: str) -> str:
    match = _ADDRESS.search(text)
    return normalise(match.group().strip(".")) if match else ""


def _telling_line(notice: str) -> str:
    """The line of a notice with the SMTP reply in it, and what is indented below it."""
    lines = [line.strip("> \t") for line in notice.split("\n")]
    for i, line in enumerate(lines):
        if _CODE.search(line) and (_STATUS.search(line) or not line[:1].isupper() or len(line) > 8):
            return " ".join(piece for piece in lines[i : i + 3] if piece)[:500]
    return ""


def _best_status(stated: str, diagnostic: str, notice: str) -> str:
    """The stated status; a more exact one of the same class in the diagnostic when it only says `5.0.0`."""
    if stated and not stated.endswith(".0.0"):
        return stated
    for text in (diagnostic, notice if not stated else ""):
        for match in _STATUS.finditer(text):
            found = match.group(1)
            if found[0] != "2" and (not stated or (found[0] == stated[0] and not found.endswith(".0.0"))):
                return found
    return stated


def _action(status: str, notice: str) -> str:
    if status[:1] == "4":
        return "delayed" if any(word in notice.lower() for word in _TEMPORARY) else "failed"
    if status:
        return "failed"
    low = notice.lower()
    code = _CODE.search(notice)
    if any(word in low for word in _TEMPORARY) or (code is not None and code.group(1)[0] == "4"):
        return "delayed"
    return "failed"


def _named_recipient(root: Part, notice: str) -> tuple[str, bool | None]:
    """The address that failed, out of a free text; and whether flufl.bounce calls the failure temporary."""
    stated = _plain_address(root.get("x-failed-recipients"))
    if stated:
        return stated, None
    temporary, permanent = _second_opinion(root)
    for found, is_temporary in ((permanent, False), (temporary, True)):
        for address in found:
            if "@" in address:
                return normalise(address), is_temporary
    sender = {a.lower() for name in ("to", "from") for a in _ADDRESS.findall(root.get(name)[:2000])}
    candidates = [a.strip(".") for a in _ADDRESS.findall(notice[:20_000])]
    for address in candidates:
        if address.lower() not in sender and not is_no_reply(address):
            return normalise(address), None
    return "", None


def _second_opinion(root: Part) -> tuple[list[str], list[str]]:
    """flufl.bounce on a bounded copy of the mail. It and the parser below it recurse, so nesting is checked first."""
    raw = root.raw[:_MOST_TEXT]
    if raw.count(b"essage/") > 20 or raw.count(b"oundary") > 40:
        return [], []
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


def _reason(status: str) -> str | None:
    return _REASONS.get(status.partition(".")[2]) if status else None


def _returned_id(root: Part) -> str | None:
    """The Message-ID of the mail that came back: from its returned header, else what the report answers to."""
    for part in root.walk():
        if part.content_type in ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"):
            match = _RETURNED_ID.search(decoded(part)[:_MOST_TEXT].decode("utf-8", "replace"))
            if match:
                return match.group(1)
    for part in root.walk():
        if part.content_type == "text/plain" and not part.children:
            match = _RETURNED_ID.search(text_of(part, _MOST_TEXT))
            if match:
                return match.group(1)
    answered = message_ids(root.get("in-reply-to") or root.get("references"))
    return answered[-1] if answered else None
