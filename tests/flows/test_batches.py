"""What is asked for all mails of a transaction at once is what each would have asked for alone."""

from __future__ import annotations

import errno

import pytest

from mailgate.flows import receive
from store import people
from store.tables import CONTACT, TICKET
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.house import ANA, CARMEN, SUPPORT, plain_mail

HOME = ("Ana", "ana.casa@lar.test")


def test_who_writes_from_another_address_is_known_in_company_too(story: Story) -> None:
    """An answer from the second address of a contact opened another ticket, if it shared its transaction."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota", "Não sai."))
    (ana,) = story.rows(CONTACT)
    story.site.writer.call(lambda c: people.put_addresses(c, ana.id, [HOME[1]], story.clock()))
    story.accept(plain_mail(HOME, SUPPORT, "Re: Nota [SUP-1]", "Escrevo de casa."))
    story.accept(plain_mail(CARMEN, SUPPORT, "Impresora", "No imprime."))
    assert [one.key for one in story.process("w:1", story.claim("w:1"))] == ["SUP-1", "SUP-2"]
    assert story.count(TICKET) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE])
def test_a_machine_without_room_is_no_fault_of_a_mail(story: Story, code: int) -> None:
    """Its files cannot be stored for half a minute: it was held as poison, for a person to find."""
    mail = story.accept(plain_mail(ANA, SUPPORT, "Nota", "Segue.", files=[("nota.txt", "text/plain", b"4711")]))
    for number in range(5):
        (claimed,) = story.claim(f"w:{number}")
        receive.process(story.site, f"w:{number}", [(claimed, OSError(code, "no room"))])
        story.later(minutes=1)
    row = story.journal(mail)
    assert (row.outcome, row.attempts) == (Outcome.PENDING, 0)
    assert [one.outcome for one in story.work()] == [Outcome.OPENED]
