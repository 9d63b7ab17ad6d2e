"""What a notice says of a ticket's form: to the requester what is missing, as lines to fill in; to agents all of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailgate.decide.ruling import Book
from mailgate.flows.changed import Changed
from mailgate.notify.plan import Plan
from mailgate.tickets import fillin
from mailgate.tickets.forms import asked
from mailgate.yamltypes import text_in
from store.vocabulary import Notice, Role

_ASKING = frozenset({Notice.N1, Notice.N8})
_LONGEST = 300


def asking(planned: Plan, changed: Changed) -> bool:
    """Whether this notice asks its reader for what is still missing, instead of telling a comment."""
    return planned.notice is Notice.N8 and changed.data is not None


def form(book: Book, ticket: Mapping[str, Any], changed: Changed, planned: Plan) -> dict[str, Any]:
    """More of an outbox row's body: `problem` to the requester, `form` to agents."""
    language = planned.to.language
    topic = book.topics.topics.get(ticket.get("topic", ""))
    if topic is None:
        return {}
    fields = fillin.fields_of(topic)
    if planned.notice in _ASKING and changed.data is not None and planned.to.role is Role.CUSTOMER:
        wanted = [one for one in fields if one.key in changed.data.keys]
        return {"problem": "\n".join(fillin.line(one, language) for one in wanted)}
    if planned.notice is Notice.N19:
        shown = rows(book, ticket, language)
        return {"form": shown} if any(value for _, value in shown) or changed.data is not None else {}
    return {}


def rows(book: Book, ticket: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """(label, value) of the fields that have an answer or need one, in the order of the form."""
    topic = book.topics.topics.get(ticket.get("topic", ""))
    if topic is None:
        return []
    answers = {key: str(value) for key, value in dict(ticket.get("fields") or {}).items()}
    words = {"pt-BR": {"yes": "sim", "no": "não"}, "es": {"yes": "sí", "no": "no"}}.get(language, {})
    found = []
    for one in asked(fillin.fields_of(topic), answers):
        value = " ".join(answers.get(one.key, "").split())[:_LONGEST]
        if value or one.required:
            shown = words.get(value, value) if one.kind == "yes_no" else value
            found.append((text_in(one.label, language, one.key).rstrip(":"), shown))
    return found
