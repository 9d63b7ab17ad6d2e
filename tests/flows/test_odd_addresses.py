"""Authors whose local part stands in quotation marks, and one that no mail can be written to."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy

import pytest

from store.tables import TICKET
from store.vocabulary import OutboxState
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail


def _mail(address: str, text: str = "Não fecha.", verified: bool = True) -> bytes:
    raw = plain_mail(ANA, SUPPORT, "Estoque", text, verified=verified)
    return raw.replace(b"<ana@cliente.test>", f"<{address}>".encode(), 1)


@pytest.mark.parametrize("local", ['"ana "', '"ana maria"', '"ana..b"', '"<ana>"', '"a,b"', r'"a\"b"'])
def test_a_quoted_author_is_acknowledged_and_answered_like_anybody(story: Story, local: str) -> None:
    address = f"{local}@cliente.test"
    story.receive(_mail(address), mail_from="ana@cliente.test")
    story.agent_answers("SUP-1", "Fecha agora.")
    mails = [mail for mail in story.deliver() if mail.recipient == address]
    assert len(mails) == 2, [row.answer for row in story.outbox()]
    for mail in mails:
        (to,) = message_from_bytes(mail.raw, policy=policy.default)["To"].addresses
        assert (to.username, to.domain) == (local[1:-1].replace("\\", ""), "cliente.test")
    reply_to = json.loads(story.outbox("N5")[0].body)["reply_to"]
    again = _mail(address, "Obrigada!").replace(SUPPORT.encode(), reply_to.encode(), 1)
    assert story.receive(again, [reply_to], mail_from="ana@cliente.test").key == "SUP-1"


@pytest.mark.parametrize("odd", ["ação@cliente.test", "\N{GRINNING FACE}@cliente.test"])
def test_a_message_id_with_letters_beyond_ascii_keeps_no_answer_back(story: Story, odd: str) -> None:
    """It cannot stand in a header of ours: acknowledgement and answers were given up, and one such mail of anybody on a
    ticket kept back everything that was told of it. The conversation goes on by the ids that can."""
    raw = re.sub(rb"Message-ID: <[^>]*>", b"Message-ID: <" + odd.encode() + b">", _mail(ANA[1]))
    story.receive(raw)
    story.agent_answers("SUP-1", "Fecha agora.")
    acknowledged, answered = (message_from_bytes(one.raw) for one in story.deliver() if one.recipient == ANA[1])
    assert acknowledged["In-Reply-To"] == acknowledged["References"] == answered["References"]
    assert ".conversation@" in acknowledged["References"]
    later = _mail(ANA[1], "Não fechou.").replace(
        b"Subject: Estoque", f"In-Reply-To: <{odd}>\r\nSubject: Re".encode(), 1
    )
    assert story.receive(later).key == "SUP-1", "and it is found by such an id"
    assert {row.state for row in story.outbox()} == {OutboxState.ACCEPTED, OutboxState.WAITING}


def test_spellings_of_one_address_share_its_limits(story: Story) -> None:
    """R9: or whoever wants Ana bombed with acknowledgements would only have to write her name in new ways."""
    for number, local in enumerate(('"ana"', r'"\ana"', r'"a\na"', r'"\a\n\a"', "ana")):
        story.receive(_mail(f"{local}@cliente.test", f"zq{number}", verified=False), mail_from="eva@malvada.test")
    assert story.count(TICKET) == 2, "needless backslashes leave no author: such mails are held"
    assert story.told("N1") == [("N1", ANA[1])]


@pytest.mark.parametrize("local", ["a" * 70, '"vitima@outra.test"'])
def test_where_no_mail_can_be_written_to_it_is_given_up_at_once_and_told(story: Story, local: str) -> None:
    """No try tomorrow: it is an event, the agents hear why, and the address gets no more notices."""
    address = f"{local}@cliente.test"
    story.receive(_mail(address), mail_from="ana@cliente.test")
    assert [mail.recipient for mail in story.deliver()] == [BRUNO[1]]
    (lost,) = story.outbox("N1")
    assert (lost.state, lost.attempts) == (OutboxState.FAILED, 1)
    assert lost.answer.startswith("5.1.3 ")
    assert "delivery_failed" in story.events("SUP-1")
    (told,) = [mail for mail in story.deliver() if mail.recipient == BRUNO[1]]
    assert b"5.1.3" in told.raw
    before = len(story.outbox())
    story.agent_answers("SUP-1", "Fecha agora.")
    assert [row.notice for row in story.outbox()[before:]] == ["DELIVERY_FAILED"], "he is told that it stays behind"
    for _ in range(3):
        story.later(hours=9)
        assert address not in [mail.recipient for mail in story.deliver()]
