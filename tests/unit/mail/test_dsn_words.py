"""A person may write of failed deliveries; where the envelope is known, words alone make no report."""

from __future__ import annotations

import pytest

from mailgate.mail.limits import MailLimits
from mailgate.mail.parse import read_mail

MAIL = """From: Ana <ana@cliente.test>
To: suporte@example.test
Subject: {subject}
Message-ID: <1@cliente.test>
Content-Type: text/plain; charset=utf-8

A transportadora não entregou o boleto. The message could not be delivered to the recipient, user unknown.
"""


@pytest.mark.parametrize(
    "subject", ["Falha na entrega do boleto", "Delivery error this licence cannot", "Rejected", "impossible to log in"]
)
def test_a_customers_words_are_a_customers(subject: str) -> None:
    mail = read_mail(MAIL.format(subject=subject).encode(), MailLimits(), mail_from="ana@cliente.test")
    assert mail.screening.kind == "human"
    assert mail.bounce is None


def test_the_same_words_from_the_null_sender_are_a_report() -> None:
    mail = read_mail(MAIL.format(subject="Delivery failure").encode(), MailLimits(), mail_from="")
    assert mail.screening.kind == "dsn"
