"""What is asked for all mails of a transaction at once is what each would have asked for alone."""

from __future__ import annotations

import errno
from http.client import BadStatusLine

import pytest

from mailgate.flows import hooks, receive
from mailgate.flows.rendering import Rendered, Renderer, RenderJob
from mailgate.notify.transport import DeliveryResult
from store import people, webhooks
from store.tables import CONTACT, JOURNAL, TICKET, WEBHOOK
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

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


#: What a library may say of a mail: neither database keeps it as it is.
ODD = "no such encoding: utf-8\0\ud800"


def test_an_error_with_letters_that_no_database_keeps_is_counted(story: Story) -> None:
    """Writing down why it failed failed: the queue stood, with this mail before all others."""
    mail = story.accept(plain_mail(ANA, SUPPORT, "Nota", "Segue."))
    (claimed,) = story.claim("w:1")
    receive.process(story.site, "w:1", [(claimed, RuntimeError(ODD))])
    row = story.journal(mail)
    assert (row.attempts, row.detail) == (1, "RuntimeError: no such encoding: utf-8 ?")


def test_a_notice_whose_error_no_database_keeps_waits_alone(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Nota", "Segue."))
    real = Renderer.render

    def render(one: Renderer, job: RenderJob) -> Rendered:
        if job.view.notice == "N1":
            raise RuntimeError(ODD)
        return real(one, job)

    monkeypatch.setattr(Renderer, "render", render)
    assert [mail.recipient for mail in story.deliver()] == [BRUNO[1]]
    (waits,) = story.outbox("N1")
    assert (waits.attempts, waits.answer) == (1, "could not be rendered: RuntimeError: no such encoding: utf-8 ?")
    monkeypatch.setattr(Renderer, "render", real)
    story.later(hours=1)
    oddly = DeliveryResult("deferred", 0, "", f"RuntimeError: {ODD}", "relay:25")
    assert [mail.recipient for mail in story.deliver(lambda mail: oddly)] == [ANA[1]]
    assert story.outbox("N1")[0].answer.startswith("0  RuntimeError: no such")


def test_what_a_far_end_says_to_a_call_is_kept_as_it_can_be(story: Story) -> None:
    row = {"id": 1, "name": "erp", "created_at": story.clock(), "body": "{}", "next_attempt_at": story.clock()}
    story.site.writer.call(lambda c: webhooks.enqueue(c, [row]))

    def nonsense(*_: object) -> int:
        raise BadStatusLine("\0\0HTTP")

    assert hooks.sweep(story.site, {"erp": hooks.Hook("https://erp.test/", b"s")}, "w", send=nonsense) == 0
    (waits,) = story.rows(WEBHOOK)
    assert (waits.attempts, waits.answer) == (1, "BadStatusLine:  HTTP")


def test_who_is_blocked_by_one_mail_is_blocked_for_the_next_of_its_transaction(story: Story) -> None:
    story.receive(plain_mail(ANA, SUPPORT, "Compre já", "Barato."))
    copy = story.agents_copy("SUP-1")
    row_id = story.accept(plain_mail(BRUNO, copy, "Re: [SUP-1]", "#spam"))
    story.site.writer.call(lambda c: c.execute(JOURNAL.update().where(JOURNAL.c.id == row_id).values(rcpt_tos=[copy])))
    story.accept(plain_mail(ANA, SUPPORT, "Compre mais", "Mais barato."))
    assert [one.outcome for one in story.process("w:1", story.claim("w:1"))] == [Outcome.COMMAND, Outcome.HELD]
