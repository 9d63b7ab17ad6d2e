"""Which words of a mail are its author's answer: out of its text, or out of its HTML where that says more. Pure."""

from __future__ import annotations

from mailgate.mail.attribution import QUOTE_MARK
from mailgate.mail.body import strip_reply
from mailgate.mail.htmltext import marked_text, may_quote, without_marks
from mailgate.mail.limits import MailLimits
from mailgate.mail.signature import SIGN_MARK
from mailgate.mail.subject import is_forward


def split(text: str, html: str, subject: str, limits: MailLimits) -> tuple[str, str]:
    """(reply, elided), as `body.strip_reply` gives them; a forward is kept whole.

    text: may have marks of `marked_text` where it was made from HTML.
    html: the same thing said as HTML, "" where there is none beside a plain text.
    """
    if is_forward(subject):
        return without_marks(text), ""
    reply, elided = strip_reply(text)
    if not html or (elided and "signature" not in html.lower()) or not may_quote(html):
        return reply, elided
    marked = marked_text(html, limits)
    if QUOTE_MARK not in marked and SIGN_MARK not in marked:
        return reply, elided
    said, rest = strip_reply(marked)
    return (said, rest) if not elided or _is_begin(said, reply) else (reply, elided)


def _is_begin(said: str, reply: str) -> bool:
    """Whether `said` is the begin of `reply`, whatever the lines and signs: the HTML then knows where it ends."""
    short, long = ("".join(filter(str.isalnum, text)) for text in (said, reply))
    return 0 < len(short) < len(long) and long.startswith(short)
