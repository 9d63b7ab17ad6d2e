"""A mail of another service that hands over a code is told to no customer with it (T9)."""

from __future__ import annotations

import json

from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

_TEXT = "Seu código de verificação é 482913. Confirme em https://outro.test/c?x=abcdef0123456789"


def test_no_customer_is_mailed_the_code_of_another_service(story: Story) -> None:
    """Carmen reads along; the service writes to the ticket; then an agent answers, with what was said before below."""
    story.receive(plain_mail(ANA, f"{SUPPORT}, {CARMEN[1]}", "Não abre", "Não abre."))
    address = json.loads(story.outbox("N1")[0].body)["reply_to"]
    story.deliver()
    story.receive(plain_mail(("Outro", "no-reply@outro.test"), address, "Seu código", _TEXT), (address,))
    story.agent_answers("SUP-1", "Estamos vendo.")
    sent = story.deliver()
    told = {one.recipient for one in sent}
    assert {ANA[1], BRUNO[1]} <= told
    for one in sent:
        if one.recipient != BRUNO[1]:
            assert b"482913" not in one.raw, one.recipient
            assert b"abcdef0123456789" not in one.raw, one.recipient
