"""From fields that one reader takes for one person and the next for another: they name no author."""

from __future__ import annotations

import pytest

from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail


def author(field: bytes) -> str | None:
    raw = b"From: " + field + b"\r\nTo: suporte@example.test\r\nSubject: x\r\nMessage-ID: <1@x.test>\r\n\r\nOi\r\n"
    mail = read_mail(raw, MailLimits(), mail_from="", own_domains_ids=lambda message_id: False)
    return mail.message.author.address if mail.message.author else None


@pytest.mark.parametrize(
    "field",
    [
        b"bruno@example.test <carla@example.test>",
        b"<=?utf-8?q?bruno=40example=2Etest?=>",
        b"<=?utf-8?q?bruno?=@example.test>",
        b"=?utf-8?q?bruno?=@example.test",
        b"bruno@example.test, carla@example.test",
        b"Equipe: bruno@example.test, carla@example.test;",
        b"<@malvada.test:bruno@example.test>",
        b"bruno@example.test.",
        b"bruno\x00@example.test",
        b"bruno@example.test\x00@malvada.test",
        "<bruno\u200b@example.test>".encode(),
        "<\u202ebruno@example.test>".encode(),
        b"bruno@example.test\r\nFrom: carla@example.test",
        b"",
    ],
)
def test_a_from_that_can_be_read_in_two_ways_has_no_author(field: bytes) -> None:
    assert author(field) is None


@pytest.mark.parametrize(
    ("field", "address"),
    [
        (b"Bruno <bruno@example.test>", "bruno@example.test"),
        (b"Bruno\t<bruno@Example.TEST>", "bruno@example.test"),
        (b"=?utf-8?q?Jo=C3=A3o?= <joao@example.test>", "joao@example.test"),
        ("Fam\u00edlia \U0001f468\u200d\U0001f469 <f@example.test>".encode(), "f@example.test"),
        (b"joao@example.test (=?utf-8?q?Jo=C3=A3o?=)", "joao@example.test"),
        ("<br\u0131no@example.test>".encode(), "br\u0131no@example.test"),
        ("<\uff42runo@example.test>".encode(), "\uff42runo@example.test"),
        (b"<bruno+x@example.test>", "bruno+x@example.test"),
        ("<ana@ex\u00e4mple.test>".encode(), "ana@xn--exmple-cua.test"),
    ],
)
def test_an_author_is_as_he_was_written(field: bytes, address: str) -> None:
    assert author(field) == address
