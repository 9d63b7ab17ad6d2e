"""`limits.notices_per_address`: beyond so many notices of a ticket an hour an address gets all the rest in one mail."""

from __future__ import annotations

import json
from collections.abc import Callable
from email import message_from_bytes, policy

import pytest

from mailgate.flows import survey
from store import outbox
from store.tables import OUTBOX
from store.vocabulary import Outcome
from tests.flows.story import Story
from tests.flows.test_notices import asked
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

#: More than this of the ticket in an hour, its acknowledgement among them, and a digest comes.
_MOST = 4


@pytest.fixture
def busy(make_story: Callable[..., Story]) -> Story:
    """Ana's ticket, which Carmen follows, where four notices an hour are enough."""
    story = make_story(limits={"notices_per_address": _MOST})
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    story.agent_answers("SUP-1", f"#participante {CARMEN[1]}\nIncluí a Carmen.")
    return story


def _answers(story: Story, *numbers: int) -> None:
    for number in numbers:
        story.agent_answers("SUP-1", f"Resposta zq{number}.")


def _texts(story: Story, address: str) -> list[str]:
    """What leaves now for an address, as its reader sees it."""
    found = []
    for mail in story.deliver():
        if mail.recipient == address:
            part = message_from_bytes(mail.raw, policy=policy.default).get_body(("plain",))  # type: ignore[union-attr]
            found.append(part.get_content())
    return found


def _notices(story: Story, address: str) -> list[str]:
    return [notice for notice, to in story.told() if to == address]


def test_what_goes_beyond_comes_an_hour_later_in_one_mail_with_every_word(busy: Story) -> None:
    _answers(busy, *range(8))
    assert _notices(busy, ANA[1]) == ["N1", "N5", "N5", "N5", "TICKET_DIGEST"]
    assert _notices(busy, CARMEN[1]).count("TICKET_DIGEST") == 1, "each address by itself"
    assert len(_texts(busy, ANA[1])) == _MOST
    busy.later(minutes=59)
    assert _texts(busy, ANA[1]) == []
    with busy.site.writer.database.read() as connection:
        assert outbox.oldest_waiting(connection, busy.site.clock()) is None, "it gathers: nothing is late"
    busy.later(minutes=2)
    (digest,) = _texts(busy, ANA[1])
    assert [f"zq{n}" in digest for n in range(8)] == [False] * 2 + [True] * 6
    assert busy.deliver() == []
    _answers(busy, 8)
    assert any("zq8" in text for text in _texts(busy, ANA[1])), "the next hour has notices of its own"


def test_a_stranger_in_cc_of_many_tickets_is_not_plagued(make_story: Callable[..., Story]) -> None:
    """I7: whoever has a domain of his own could have us write to anybody, by one ticket after the other."""
    story = make_story(limits={"notices_per_address": _MOST})
    for number in range(4):
        author = (f"Eva {number}", f"eva{number}@malvada.test")
        raw = plain_mail(author, SUPPORT, f"Assunto {number}", "Oi.")
        story.receive(raw.replace(b"Subject:", f"Cc: {CARMEN[1]}\r\nSubject:".encode(), 1))
        for answer in range(3):
            story.agent_answers(f"SUP-{number + 1}", f"Resposta zq{number}{answer}.")
    told = _notices(story, CARMEN[1])
    assert (told.count("N5"), set(told)) == (_MOST, {"N5", "TICKET_DIGEST"})
    assert _notices(story, "eva3@malvada.test").count("N5") == 3, "whose ticket it is hears of it"
    story.later(minutes=61)
    assert "zq32" in " ".join(_texts(story, CARMEN[1])), "and nothing is lost"


def test_a_digest_is_answered_like_any_other_mail(busy: Story) -> None:
    _answers(busy, *range(4))
    row = busy.outbox("TICKET_DIGEST")[0]
    to = json.loads(row.body)["reply_to"]
    settled = busy.receive(plain_mail(ANA, to, "Re: Nota recusada", "Obrigada, li tudo."), [to])
    assert (settled.outcome, settled.key) == (Outcome.COMMENTED, "SUP-1")


def test_an_agent_is_spared_too_and_reads_what_a_customer_may_not(make_story: Callable[..., Story]) -> None:
    story = make_story(limits={"notices_per_address": 1})
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    for number in range(3):
        story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", f"Mais zq{number}."))
    story.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota", "Sem prova zqx.", verified=False))
    assert _notices(story, BRUNO[1]) == ["N19", "TICKET_DIGEST"]
    story.later(minutes=61)
    digest = _texts(story, BRUNO[1])[-1]
    assert all(word in digest for word in ("zq0", "zq1", "zq2", "zqx", "não verificado"))


def test_a_digest_says_nothing_its_receiver_was_not_to_be_told(busy: Story) -> None:
    """Notes, the words of others after he wanted to hear no more, and those that nobody has proven."""
    _answers(busy, *range(4))
    busy.agent_answers("SUP-1", "#nota\nzqsegredo: cliente difícil.")
    busy.receive(plain_mail(ANA, SUPPORT, "Re: [SUP-1] Nota recusada", "Sou eu, zqforja.", verified=False))
    assert survey.stop(busy.site, asked(busy, "stop", CARMEN[1]))
    _answers(busy, 5)
    busy.later(minutes=61)
    sent = {m.recipient: m.raw for m in busy.deliver()}
    for address in (ANA[1], CARMEN[1]):
        assert b"zq3" in sent[address]
        assert b"zqsegredo" not in sent[address]
        assert b"zqforja" not in sent[address]
    assert b"zq5" in sent[ANA[1]]
    assert b"zq5" not in sent[CARMEN[1]]


def test_what_comes_while_a_digest_is_made_begins_another(busy: Story) -> None:
    _answers(busy, *range(4))
    busy.later(minutes=59, seconds=30)
    for _ in range(_MOST):  # a new hour, filled at once
        busy.agent_answers("SUP-1", "Mais uma.")
    busy.agent_answers("SUP-1", "Resposta zqtarde.")
    mine = [row for row in busy.outbox("TICKET_DIGEST") if row.recipient == ANA[1]]
    assert len(mine) == 2
    busy.later(minutes=62)
    texts = _texts(busy, ANA[1])
    assert sum("zqtarde" in text for text in texts) == 1
    assert sum("zq3" in text for text in texts) == 1


def test_more_than_a_hundred_things_are_counted(make_story: Callable[..., Story]) -> None:
    story = make_story(limits={"notices_per_address": 0, "comments_per_ticket": "off"})
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    _answers(story, *range(3))
    row = next(r for r in story.outbox("TICKET_DIGEST") if r.recipient == ANA[1])
    body = json.loads(row.body)
    body["told"] = [{**body["told"][0]} for _ in range(100)]
    update = OUTBOX.update().where(OUTBOX.c.id == row.id).values(body=json.dumps(body))
    story.site.writer.call(lambda c: c.execute(update))
    _answers(story, 3, 4)
    story.later(minutes=61)
    (digest,) = [text for text in _texts(story, ANA[1]) if "zq0" in text]
    assert "E mais 2" in digest


def _as_if_told(story: Story, count: int) -> None:
    """So many more notices of SUP-1 were written to Ana just now."""
    row = next(r for r in story.outbox("N1") if r.recipient == ANA[1])
    ids = [story.site.ids.new() for _ in range(count)]
    rows = [{**row._mapping, "id": one, "message_id": f"{one:x}@example.test", "state": "accepted"} for one in ids]
    story.site.writer.call(lambda c: c.execute(OUTBOX.insert(), rows))


@pytest.mark.parametrize(("limits", "left"), [({}, 1), ({"notices_per_address": "off"}, 2)], ids=["thirty", "off"])
def test_thirty_an_hour_where_nobody_says_otherwise(
    make_story: Callable[..., Story], limits: dict[str, str], left: int
) -> None:
    story = make_story(limits=limits)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota 4411 foi recusada."))
    _as_if_told(story, 28)
    _answers(story, 0, 1)
    told = _notices(story, ANA[1])
    assert (told.count("N5"), told.count("TICKET_DIGEST")) == (left, 2 - left)
