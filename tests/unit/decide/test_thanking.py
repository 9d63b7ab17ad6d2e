"""A thank-you about a ticket that is done: as any answer by default, kept without effect where the workflow says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailgate.decide.decide import decide
from mailgate.decide.decision import AddComment, OpenTicket, Remark, SetStatus
from mailgate.decide.facts import FileFacts
from mailgate.decide.ruling import Book
from store.vocabulary import Outcome
from tests.unit.decide.cases import ANA, PROVEN, book, by_token, customer_on_page, done, facts, mail_from, ticket

SOLVED = ticket(1, "resolvido")
CLOSED = ticket(1, "fechado")


def _book(thanks: bool = True) -> Book:
    base = book("centrium")
    return replace(base, workflow=replace(base.workflow, keeps_thanks=thanks))


def _answered(of: Any, text: str, **values: Any) -> Any:
    return facts(mail_from(text=text, auth=PROVEN, **values), of, candidates=(by_token(of, ANA),))


@pytest.mark.parametrize("road", ["mail", "page"])
@pytest.mark.parametrize("of", [SOLVED, CLOSED], ids=["solved", "closed"])
def test_kept_as_a_comment_that_changes_nothing(of: Any, road: str) -> None:
    text = "Valeu, Bruno, resolveu!"
    known = _answered(of, text) if road == "mail" else facts(None, of, action=customer_on_page(text), sender=ANA)
    decision = decide(known, _book())
    assert (decision.outcome, decision.ticket_id) == (Outcome.COMMENTED, of.id)
    assert ([c.text for c in done(decision, AddComment)], done(decision, SetStatus)) == ([text], [])
    assert [(r.kind, r.data["words"]) for r in done(decision, Remark)] == [("thanks", "valeu")]


def test_strict_as_the_presets_have_it() -> None:
    """S4:53: whoever answers to Resolvido disagrees."""
    assert not book("centrium").workflow.keeps_thanks
    assert [s.status for s in done(decide(_answered(SOLVED, "Obrigado!"), _book(thanks=False)), SetStatus)] == [
        "reaberto"
    ]
    assert done(decide(_answered(CLOSED, "Obrigado!"), _book(thanks=False)), OpenTicket)


@pytest.mark.parametrize(
    "values",
    [
        {"text": "Obrigado, mas o erro continua"},
        {"text": "Obrigado! E a outra nota?"},
        {"text": "Obrigado!", "files": (FileFacts("log.txt", "text/plain", "text/plain", 80),)},
        {"text": "Obrigado!", "files": (FileFacts("tela.png", "image/png", "image/png", 90_000, inline=True),)},
    ],
)
def test_what_says_or_brings_more_is_an_answer(values: dict[str, Any]) -> None:
    assert [s.status for s in done(decide(_answered(SOLVED, **values), _book()), SetStatus)] == ["reaberto"]


def test_the_logo_of_a_signature_is_no_file() -> None:
    logo = FileFacts("logo.png", "image/png", "image/png", 3_000, inline=True)
    assert not done(decide(_answered(SOLVED, "Obrigada!", files=(logo,)), _book()), SetStatus)


def test_while_the_ticket_is_being_worked_on_it_is_an_answer() -> None:
    waiting = ticket(1, "com_cliente")
    assert [s.status for s in done(decide(_answered(waiting, "Obrigado!"), _book()), SetStatus)] == ["aberto"]
