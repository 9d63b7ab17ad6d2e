"""The lines to copy and paste: each sends one mail, as swaks does or with nothing but Python's standard library.

Everything that came out of a mail is quoted twice, for the program and for the shell: a subject runs nothing.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from email.header import Header

from mailgate.demo.cast import ANA, PASSWORD, SUPPORT, Person, person
from mailgate.demo.mailbox import Letter
from mailgate.demo.ports import LOOPBACK, Ports
from mailgate.demo.words import Words

_IS_REPLY = re.compile(r"\s*(?:re|res)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail that somebody might send. to: one bare address. in_reply_to: without angle brackets."""

    author: Person
    to: str
    subject: str
    body: str
    in_reply_to: str = ""


def first_mail(words: Words) -> Draft:
    """Ana asks for help."""
    return Draft(ANA, SUPPORT, words("first.subject"), words("first.body"))


def answers(letter: Letter, words: Words) -> list[tuple[str, Draft]]:
    """What its reader might answer, each with a title; empty when nobody reads answers."""
    if not letter.reply_to:
        return []
    author = person(letter.to)
    kinds = ["answer", "resolve", "note"] if author.is_agent else ["thanks", "again"]
    return [(words(f"reply.{kind}.title"), reply(letter, words, kind)) for kind in kinds]


def reply(letter: Letter, words: Words, kind: str) -> Draft:
    """The answer of that kind (`answer`, `resolve`, `note`; `thanks`, `again`) to a letter."""
    subject = letter.header("Subject")
    if not _IS_REPLY.match(subject):
        subject = f"Re: {subject}"
    author = person(letter.to)
    body = words(f"reply.{kind}.body", name=author.name)
    return Draft(author, letter.reply_to, subject, body, letter.message_id)


def python_line(draft: Draft, ports: Ports) -> str:
    """One line for a shell: python3 and its standard library."""
    port = ports.submission if draft.author.is_agent else ports.smtp
    fields = {
        "From": f"{draft.author.name} <{draft.author.address}>",
        "To": draft.to,
        "Subject": draft.subject,
    }
    if draft.in_reply_to:
        fields["In-Reply-To"] = f"<{draft.in_reply_to}>"
    steps = [
        "import smtplib, email.message, email.utils as u",
        "m = email.message.EmailMessage()",
        *(f"m[{_literal(name)}] = {_literal(value)}" for name, value in fields.items()),
        'm["Date"], m["Message-ID"] = u.formatdate(), u.make_msgid(domain="notebook.test")',
        f"m.set_content({_literal(draft.body)})",
        # a name for EHLO, or smtplib looks one up and waits where there is no network
        f's = smtplib.SMTP("{LOOPBACK}", {port}, "notebook.test")',
        *([f"s.login({_literal(draft.author.address)}, {_literal(PASSWORD)})"] if draft.author.is_agent else []),
        "s.send_message(m)",
        "s.quit()",
    ]
    return f"python3 -c '{'; '.join(steps)}'"


def swaks_line(draft: Draft, ports: Ports) -> str:
    """The same with swaks."""
    port = ports.submission if draft.author.is_agent else ports.smtp
    words = ["swaks", "--server", f"{LOOPBACK}:{port}", "--helo", "notebook.test"]
    if draft.author.is_agent:
        words += ["--auth", "PLAIN", "--auth-user", draft.author.address, "--auth-password", PASSWORD]
    words += ["--from", draft.author.address, "--to", draft.to]
    fields = [("From", f"{draft.author.name} <{draft.author.address}>"), ("Subject", _encoded(draft.subject))]
    if draft.in_reply_to:
        fields.append(("In-Reply-To", f"<{draft.in_reply_to}>"))
    fields += [("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=utf-8")]
    for name, value in fields:
        words += ["--header", f"{name}: {value}"]
    words += ["--body", draft.body.replace("\n", "\\n")]
    return shlex.join(words)


def _literal(text: str) -> str:
    """Text as a Python string that may stand between a shell's single quotes."""
    clean = text.encode("utf-8", "replace").decode()
    return json.dumps(clean, ensure_ascii=False).replace("'", "\\u0027")


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=10_000).encode()
