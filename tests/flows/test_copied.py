"""I3, I7: who looks like somebody else is not him; Cc makes followers of a proven mail only, ten, and no machine."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes

import pytest

from store.tables import PARTICIPANT
from tests.flows.story import Story
from tests.house import ANA, BRUNO, SUPPORT, plain_mail

EVA = "eva@malvada.test"
#: Not ana@cliente.test, though an eye, a database or NFKC may think so.
TWINS = {
    "capital letter": "Ana@cliente.test", "plus": "ana+x@cliente.test", "dotless i elsewhere": "ana@cl\u0131ente.test",
    "full width": "\uff41na@cliente.test",
    "Cyrillic a": "\u0430na@cliente.test", "zero width": "ana\u200b@cliente.test",
    "soft hyphen": "an\u00ada@cliente.test", "combining": "ana\u0301@cliente.test", "ligature": "ana@client\ufb01.test",
    "other domain": "ana@cliente.test.malvada.test", "long s": "ana@cliente.te\u017ft",
}  # fmt: skip


@pytest.fixture
def opened(story: Story) -> Story:
    story.receive(plain_mail(ANA, SUPPORT, "Estoque", "Não fecha, zqanas."))
    story.deliver()
    return story


def test_a_twin_is_somebody_else(opened: Story) -> None:
    """His mail with the key is a ticket of his own, he hears nothing of hers, and she nothing of his."""
    for number, (name, address) in enumerate(TWINS.items()):
        raw = plain_mail(ANA, SUPPORT, "Re: [SUP-1] Estoque", f"zqtwin {number}", verified=False)
        raw = raw.replace(b'"Ana Souza" <ana@cliente.test>', f"Ana Souza <{address}>".encode(), 1)
        settled = opened.receive(raw, mail_from=EVA)
        assert settled.key != "SUP-1", name
    assert len(opened.comments("SUP-1", "comment")) == 1
    for sent in opened.deliver():
        assert sent.recipient != ANA[1]
        assert b"zqanas" not in sent.raw or sent.recipient == BRUNO[1]
    opened.agent_answers("SUP-1", "Fechou.")
    assert {one.recipient for one in opened.deliver()} == {ANA[1]}


def _with_cc(raw: bytes, *addresses: str) -> bytes:
    return raw.replace(b"Subject:", f"Cc: {', '.join(addresses)}\r\nSubject:".encode(), 1)


def test_cc_of_a_proven_mail_makes_ten_followers_at_most_and_none_of_a_machine(opened: Story) -> None:
    many = [f"p{number}@cliente.test" for number in range(15)]
    machines = [SUPPORT, opened.agents_copy("SUP-1"), BRUNO[1], "noreply@cliente.test", "mailer-daemon@cliente.test",
                "nao-responda@cliente.test", "bounces+12@lista.test", ANA[1]]  # fmt: skip
    opened.receive(_with_cc(plain_mail(ANA, SUPPORT, "Re: [SUP-1]", "Mais."), *machines, *many))
    assert {one.recipient for one in opened.deliver()} == {BRUNO[1]}, "they have the mail itself"
    opened.agent_answers("SUP-1", "Certo.")
    told = [one.recipient for one in opened.deliver()]
    assert sorted(told) == sorted([ANA[1], *many[:10]])
    assert opened.count(PARTICIPANT) == 10


@pytest.mark.parametrize(("limit", "followers"), [(3, 3), (0, 0), ("off", 15)])
def test_a_company_says_how_many_cc_brings(make_story: Callable[..., Story], limit: object, followers: int) -> None:
    """`limits.participants_from_mail`, over all mails of a ticket."""
    story = make_story(limits={"participants_from_mail": limit})
    story.receive(_with_cc(plain_mail(ANA, SUPPORT, "Estoque", "Não fecha."), "p0@cliente.test", "p1@cliente.test"))
    many = [f"p{number}@cliente.test" for number in range(15)]
    story.receive(_with_cc(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Estoque", "Mais."), *many))
    assert story.count(PARTICIPANT) == followers


def test_the_zendesk_replay_gains_nothing(opened: Story) -> None:
    """In the requester's name, unproven, with the stranger in Cc: he follows nothing, is told nothing, sees nothing."""
    before = opened.count(PARTICIPANT)
    opened.receive(
        _with_cc(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Estoque", "Incluam.", verified=False), EVA), mail_from=EVA
    )
    opened.receive(plain_mail(("Eva", EVA), SUPPORT, "Re: [SUP-1] Estoque", "E o histórico?"))
    opened.agent_answers("SUP-1", "Segue, zqresposta.")
    sent = opened.deliver()
    assert opened.count(PARTICIPANT) == before
    assert EVA in {one.recipient for one in sent}, "the acknowledgement of her own ticket"
    for one in sent:
        if one.recipient == EVA:
            assert not [word for word in (b"zqanas", b"zqresposta") if word in one.raw]
            assert "[SUP-1]" not in str(message_from_bytes(one.raw)["Subject"])
        else:
            assert one.recipient in (ANA[1], BRUNO[1])
