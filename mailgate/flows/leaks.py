"""What of our own notice still stands in an agent's answer, that must not go out: markers, tokens, quotations."""

from __future__ import annotations

import re

from sqlalchemy import Connection

from mailgate.flows.site import Site
from mailgate.links.tokens import SECRET_WORDS
from store import tickets
from store.vocabulary import Role

_TOKEN = re.compile(r"(?:\+|%2B)[ab]?([a-z2-7]{44})@", re.IGNORECASE)
_MARKER = re.compile(
    r"(?<!-)-{3,}\s*(Responda acima desta linha|Reply above this line|Responda por encima de esta)", re.I
)
_SAME_LINE_LENGTH = 24


def leaked(connection: Connection, site: Site, reply: str, ticket_id: int | None) -> str:
    """What of our own notice still stands in an agent's answer, in words; "" for nothing."""
    if _MARKER.search(reply):
        return "the marker line of our notice"
    tokens = [m.group(1).lower() for m in _TOKEN.finditer(reply[:100_000])]
    if any(site.mint.read_reply_token(one) or site.mint.read_action(f"a{one}") for one in tokens):
        return "a reply address of ours"
    if any(f"{site.base_url}/{page}/" in reply for page in SECRET_WORDS):
        return "an access link"
    if _only_quoted(reply):
        return "nothing but a quotation"
    if ticket_id is None:
        return ""
    last = tickets.last_public_comment(connection, ticket_id, Role.CUSTOMER, (1 << 63) - 1)
    if last is None:
        return ""
    told = {_folded(line) for line in (last.reply or last.text)[:100_000].split("\n")}
    for line in reply[:100_000].split("\n"):
        folded = _folded(line.lstrip("> "))
        if len(folded) >= _SAME_LINE_LENGTH and folded in told:
            return "a line of the notice that was answered"
    return ""


def _only_quoted(reply: str) -> bool:
    """Whether every line is quoted, but for the one that says whose words they are."""
    lines = [line.strip() for line in reply[:100_000].split("\n") if line.strip() and not line.startswith("#")]
    said = [line for line in lines if not line.startswith(">") and not line.endswith(":")]
    return not said and any(line.startswith(">") for line in lines)


def _folded(line: str) -> str:
    return " ".join(line.split()).casefold()
