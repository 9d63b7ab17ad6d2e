"""I9: where answers go when Reply-To asks for another address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailgate.decide.decide import decide
from mailgate.decide.decision import Remark, SetReplyTo
from mailgate.mail.message import Address
from tests.unit.decide.cases import (
    ANA,
    BRUNO,
    CARMEN,
    DIEGO,
    PROVEN,
    SUPPORT,
    book,
    by_token,
    done,
    facts,
    mail_from,
    ticket,
)


def _decided(*reply_to: str, **values: Any) -> tuple[list[str], list[str]]:
    """(where answers go from now on, why a Reply-To is not heeded) of a mail that opens a ticket."""
    contact = values.pop("contact", None)
    values = {"auth": PROVEN, **values}
    mail = mail_from(values.pop("author", ANA.address), reply_to=tuple(Address("", a) for a in reply_to), **values)
    decision = decide(facts(mail, reply_contact=contact), book())
    return (
        [a.address for a in done(decision, SetReplyTo)],
        [r.data["why"] for r in done(decision, Remark) if r.kind == "reply_to_ignored"],
    )


def test_within_the_authors_own_house() -> None:
    assert _decided("ana.souza@cliente.test") == (["ana.souza@cliente.test"], [])
    assert _decided("fiscal@loja2.cliente.test") == (["fiscal@loja2.cliente.test"], [])
    elsewhere = replace(CARMEN, address="carmen@matriz.test")
    assert _decided("carmen@matriz.test", contact=elsewhere) == (["carmen@matriz.test"], [])


@pytest.mark.parametrize(
    ("reply_to", "values", "why"),
    [
        ("golpe@evil.test", {}, "another organisation"),
        ("golpe@cliente.test.evil.test", {}, "another organisation"),
        (DIEGO.address, {"contact": DIEGO}, "another organisation"),
        ("ana.souza@cliente.test", {"auth": mail_from().auth}, "the author is not proven"),
        (SUPPORT, {}, "one of our own addresses"),
        (BRUNO.address, {}, "one of our own addresses"),
        ("vitima@gmail.com", {"author": "golpe@gmail.com"}, "another organisation"),
        ("vitima@uol.com.br", {"author": "golpe@uol.com.br"}, "another organisation"),
        ("carmen@matriz.test", {"contact": replace(CARMEN, address="carmen@matriz.test", active=False)},
         "another organisation"),
    ],
)  # fmt: skip
def test_anybody_elses_is_not_heeded_and_it_is_said(reply_to: str, values: dict[str, Any], why: str) -> None:
    assert _decided(reply_to, **values) == ([], [why])


def test_nothing_is_said_where_it_asks_for_the_author_himself_or_nobody() -> None:
    assert _decided() == ([], [])
    assert _decided(ANA.address) == ([], [])
    assert _decided("a@cliente.test", "b@cliente.test") == ([], ["more than one address"])


def test_the_newest_proven_mail_of_the_requester_decides() -> None:
    of = ticket(1, reply_to="ana.souza@cliente.test", participants=(CARMEN,))
    plain = facts(mail_from(auth=PROVEN), of, candidates=(by_token(of, ANA),))
    assert [a.address for a in done(decide(plain, book()), SetReplyTo)] == [""]
    forged = facts(mail_from(), of, candidates=())
    assert done(decide(forged, book()), SetReplyTo) == []
    other = mail_from(CARMEN.address, auth=PROVEN, reply_to=(Address("", "fiscal@cliente.test"),))
    assert done(decide(facts(other, of, candidates=(by_token(of, CARMEN),)), book()), SetReplyTo) == []
