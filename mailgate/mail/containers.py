"""Parts that wrap a mail or files in a format of their own: winmail.dat, opaque S/MIME, PGP/MIME, invitations.

What can be read without a key is shown, what cannot is said to be what it is (`Mark`); the wrapped header fields are
used for nothing (threats M14). Sources: MS-OXTNEF, RFC 8551 §3.2, RFC 3156 §4, RFC 1847 §2, RFC 5545 §8.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mailgate.mail import attachments as files
from mailgate.mail import invitation, sealed, tnef, tree
from mailgate.mail.content import decoded, text_of
from mailgate.mail.limits import MailLimits
from mailgate.mail.message import Attachment, Mark
from mailgate.mail.tree import Part

_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_CMS = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_NESTED_MARKS = {
    "application/pgp-encrypted": Mark("encrypted", "PGP"),
    "application/pgp-signature": Mark("signed", "PGP"),
    "application/pkcs7-signature": Mark("signed", "S/MIME"),
    "application/x-pkcs7-signature": Mark("signed", "S/MIME"),
}


@dataclass(slots=True)
class Opened:
    """What was found in a part. inner: a whole entity to read in its place. replaces: the part is no file itself."""

    inner: Part | None = None
    text: str = ""
    html: str = ""
    files: list[Attachment] = field(default_factory=list)
    name: str = ""
    marks: tuple[Mark, ...] = ()
    replaces: bool = False


def multipart_mark(part: Part) -> Mark | None:
    """What a multipart/encrypted or multipart/signed is, by its protocol (RFC 1847 §2)."""
    if part.content_type not in ("multipart/encrypted", "multipart/signed"):
        return None
    protocol = part.params.get("protocol", "").strip().lower()
    known = _NESTED_MARKS.get(protocol)
    if known is not None:
        return known
    return Mark("encrypted" if part.content_type == "multipart/encrypted" else "signed")


def text_mark(text: str) -> Mark | None:
    """PGP written right into a text (RFC 9580 §6.2)."""
    if "-----BEGIN PGP " not in text:
        return None
    if "-----BEGIN PGP MESSAGE-----" in text:
        return Mark("encrypted", "PGP")
    return Mark("signed", "PGP") if "-----BEGIN PGP SIGNED MESSAGE-----" in text else None


def opened(part: Part, limits: MailLimits, shown: int, depth: int, has_text: bool) -> Opened | None:
    """What a leaf wraps; None for an ordinary file.

    shown: files so far. depth: how often something was opened before. has_text: the mail said something before it.
    """
    name = part.params.get("name", "").lower()
    if part.content_type in _TNEF or name == "winmail.dat":
        return _tnef(decoded(part), limits, shown, has_text)
    if part.content_type in _CMS or name.endswith(".p7m"):
        return _cms(decoded(part), limits, depth)
    if part.content_type == "text/calendar":
        found = invitation.read(text_of(part, limits.text_bytes), part.params.get("method", ""))
        return Opened(name=invitation.NAMES[found[0]], marks=(Mark(*found),)) if found else None
    return None


def _tnef(data: bytes, limits: MailLimits, shown: int, has_text: bool) -> Opened | None:
    """A winmail.dat stays in the raw mail only; one that holds nothing we can read stays a file."""
    wrapped = tnef.read(data, max(0, limits.attachments - shown))
    if wrapped is None or not (wrapped.files or wrapped.text.strip() or wrapped.html.strip() or wrapped.rtf):
        return None
    found = [
        files.of_bytes(
            one.data, one.kind or "application/octet-stream", files.safe_name(one.name), shown + number, False,
            one.content_id or None,
        )
        for number, one in enumerate(wrapped.files, 1)
    ]  # fmt: skip
    text, html = wrapped.text[: limits.text_bytes], wrapped.html[: limits.html_in_bytes]
    if wrapped.rtf and not (has_text or text.strip() or html.strip()):
        rtf = files.of_bytes(wrapped.rtf, "application/rtf", "message.rtf", shown + len(found) + 1, False, None)
        found.append(rtf)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Opened(text=text, html=html, files=found, replaces=True)


def _cms(data: bytes, limits: MailLimits, depth: int) -> Opened | None:
    """The readable inside of a signed message; the file itself stays, with its signature."""
    kind = sealed.kind_of(data)
    if not kind:
        return None
    inner = sealed.signed_content(data) if kind == "signed" and depth < 3 else None
    part = tree.build(inner, limits) if inner else None
    return Opened(inner=part, marks=(Mark(kind, "S/MIME"),))
