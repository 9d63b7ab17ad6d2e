"""Subjects: the customer's words without what mail clients put around them, and the keys in them. Linear scans.

Prefixes of Portuguese, English, Spanish, German, Italian, French, Dutch and Nordic clients, stacked in any order,
with counters (`Re[2]:`, `RES(3):`) and the tags gateways add (`[EXTERNO]`, `[EXT]`). Source: RFC 5322 §3.6.5.
"""

from __future__ import annotations

import re

from mailgate.mail.phrases import words

_REPLY = words(
    """
    re res r aw antw antwort sv ref rif rv vs odp ynt bls rep rsp respuesta resposta resp
    """
)
_FORWARD = words(
    """
    fwd fw enc encaminhada encaminhado encaminhamento wg tr i reenv reenviado rv vb vl doorst pd
    """
)
_AMBIGUOUS = frozenset({"r", "i", "ref", "rep", "rif"})
_TAGS = words(
    """
    externo ext external extern externe externa e-mail_externo email_externo e-mail_externa mensagem_externa
    external_email external_sender caution correo_externo remetente_externo origem_externa spam? ***spam***
    """
)
_MAX = 2000


def _prefix(text: str) -> tuple[str, str] | None:
    """One prefix at the start of `text`: (its word, the rest); None when there is none."""
    if text.startswith("["):
        tag, closed, rest = text[1:60].partition("]")
        if closed and tag.strip().lower().replace(" ", "_") in _TAGS:
            return "tag", text[len(tag) + 2 :].lstrip(" -–:")
        return None
    end = 0
    while end < len(text) and end < 15 and text[end].isalpha():
        end += 1
    word, rest = text[:end].lower(), text[end:].lstrip()
    if word not in _REPLY and word not in _FORWARD:
        return None
    if rest[:1] in "[(" and rest[:1]:
        counter, closed, after = rest[1:6].partition("]" if rest[0] == "[" else ")")
        if not closed or not counter.strip().isdigit():
            return None
        rest = (after + rest[6:]).lstrip()
    if rest[:1] not in (":", "："):
        return None
    return word, rest[1:].lstrip()


def _peel(subject: str) -> tuple[list[str], str]:
    rest, words = " ".join(subject[:_MAX].split()), list[str]()
    while (found := _prefix(rest)) is not None:
        words.append(found[0])
        rest = found[1]
    return words, rest


def strip_prefixes(subject: str) -> str:
    """The subject without reply and forward prefixes and gateway tags: `RES: ENC: [EXTERNO] Pedido` → `Pedido`."""
    return _peel(subject)[1]


def is_forward(subject: str) -> bool:
    """Whether the outermost prefix says that the mail was passed on (`ENC:`, `Fwd:`, `WG:`)."""
    words = [word for word in _peel(subject)[0] if word != "tag"]
    return bool(words) and words[0] in _FORWARD and words[0] != "i"


def _key_pattern(prefix: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(prefix)}-(\d{{1,12}})(?![\w-])", re.IGNORECASE | re.ASCII)


def find_keys(subject: str, prefix: str) -> list[str]:
    """Ticket keys in a subject, `[SUP-123]` before bare ones, upper case, each once, at most five."""
    if not prefix:
        return []
    text = subject[:_MAX]
    hits = [
        (text[m.start() - 1 : m.start()] != "[", m.start(), m.group(1)) for m in _key_pattern(prefix).finditer(text)
    ]
    keys = (f"{prefix.upper()}-{number.lstrip('0') or '0'}" for _, _, number in sorted(hits))
    return list(dict.fromkeys(keys))[:5]


def without_keys(subject: str, prefix: str) -> str:
    """The customer's words: prefixes and `[SUP-123]` or `(SUP-123)` taken out, white space folded."""
    text = strip_prefixes(subject)
    if prefix:
        pattern = re.compile(rf"[\[(]\s?{re.escape(prefix)}-\d{{1,12}}\s?[\])]", re.IGNORECASE | re.ASCII)
        text = pattern.sub(" ", text)
    return strip_prefixes(" ".join(text.split()))
