"""What leaves: rendered once, tried until it is accepted or given up, told when it failed; on both databases."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from mailgate.flows import deliver
from mailgate.flows.deliver import Tried
from mailgate.flows.lateness import LateMails
from mailgate.flows.rendering import Rendered
from mailgate.metrics import Metrics
from mailgate.notify.transport import DeliveryResult
from mailgate.serving.loops import DeliverLoop
from store import claims
from store.blob_rows import COPYING
from store.tables import EVENT, OUTBOX
from tests.flows.story import ACCEPTED, LATER, OWNER, REFUSED, Sent, Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail

RELAY = {"host": "127.0.0.1", "port": 2600, "retry": ["10m", "1h"], "give_up": "1d"}


@pytest.fixture
def opened(make_story: Callable[..., Story]) -> Story:
    """Ana's ticket SUP-1; its two notices wait."""
    story = make_story(relay=RELAY)
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    return story


def _only(recipient: str, answer: Any) -> Callable[[Any], Any]:
    return lambda mail: answer if mail.recipient == recipient else ACCEPTED


def test_accepted_leaves_once_and_only_its_digest_stays(opened: Story) -> None:
    assert [m.recipient for m in opened.deliver()] == [ANA[1], BRUNO[1]]
    assert opened.deliver() == []
    assert [(r.state, r.rendered, bool(r.rendered_sha256)) for r in opened.outbox()] == [("accepted", None, True)] * 2


def test_every_try_sends_the_same_bytes_with_growing_pauses(opened: Story) -> None:
    """S5, S6: rendered once, however the clock, the ticket and the templates change meanwhile."""
    tries: list[Sent] = opened.deliver(_only(ANA[1], LATER))
    pauses = []
    for _ in range(3):
        opened.agent_answers("SUP-1", "#com-dev")
        row = opened.outbox("N1")[0]
        pauses.append(row.next_attempt_at - opened.clock())
        assert not [m for m in opened.deliver(_only(ANA[1], LATER)) if m.id == row.id], "not before its time"
        opened.clock.now = row.next_attempt_at
        tries += [m for m in opened.deliver(_only(ANA[1], LATER)) if m.id == row.id]
    mine = [m for m in tries if m.recipient == ANA[1]]
    assert len(mine) == 4
    assert len({m.raw for m in mine}) == 1
    minutes = [p.total_seconds() / 60 for p in pauses]
    assert 8 <= minutes[0] <= 12, "10 minutes, 20 % more or less"
    assert all(48 <= m <= 72 for m in minutes[1:]), "then the last interval repeats"


def test_given_up_in_the_end_and_told(opened: Story) -> None:
    for _ in range(60):
        opened.deliver(_only(ANA[1], LATER))
        row = opened.outbox("N1")[0]
        if row.state == "failed":
            break
        opened.clock.now = max(opened.clock.now, row.next_attempt_at)
    assert opened.clock() - row.created_at >= timedelta(hours=22)
    assert (row.state, row.answer) == ("failed", "given up: 451 4.3.0 try later")
    assert opened.events("SUP-1")[-1] == "delivery_failed"
    assert ("DELIVERY_FAILED", BRUNO[1]) in opened.told()


def test_refused_for_one_is_an_event_and_tells_the_agent_and_nobody_else(opened: Story) -> None:
    """S7: no bounce outwards, no further try, the others get theirs."""
    opened.deliver(_only(ANA[1], REFUSED))
    assert {r.recipient: r.state for r in opened.outbox()[:2]} == {ANA[1]: "failed", BRUNO[1]: "accepted"}
    (event,) = [e for e in opened.rows(EVENT) if e.kind == "delivery_failed"]
    assert (event.data["recipient"], event.data["notice"]) == (ANA[1], "N1")
    (told,) = opened.deliver()
    assert (told.recipient, b"5.1.1" in told.raw) == (BRUNO[1], True)
    opened.later(days=3)
    assert opened.deliver() == []


def test_an_agents_mail_that_is_refused_is_told_to_nobody(opened: Story) -> None:
    opened.deliver(_only(BRUNO[1], REFUSED))
    assert len(opened.outbox()) == 2
    assert opened.events("SUP-1")[-1] == "delivery_failed"


def test_one_mail_that_cannot_be_made_stops_no_other(opened: Story) -> None:
    """A row that makes the program stumble waits by itself; the rest leaves."""
    row = opened.outbox("N1")[0]
    opened.site.writer.call(lambda c: c.execute(update(OUTBOX).where(OUTBOX.c.id == row.id).values(body="{}")))
    assert [m.recipient for m in opened.deliver()] == [BRUNO[1]]
    waits = opened.outbox("N1")[0]
    assert (waits.state, waits.attempts) == ("waiting", 1)
    assert waits.answer.startswith("could not be rendered: KeyError")
    opened.site.writer.call(lambda c: c.execute(update(OUTBOX).where(OUTBOX.c.id == row.id).values(body=row.body)))
    opened.later(hours=1)
    assert [m.recipient for m in opened.deliver()] == [ANA[1]]


def test_who_died_with_a_mail_in_hand_leaves_it_to_another_with_the_same_bytes(opened: Story) -> None:
    """S5: after a crash between the relay's 250 and our commit it is sent again, as the same mail."""
    sent = opened.deliver_without_settling("dead")
    assert opened.deliver() == []
    opened.later(minutes=21)
    again = opened.deliver()
    assert [m.raw for m in again] == [m.raw for m in sent]


@pytest.mark.parametrize("spoilt", ["another's", "copied"])
def test_a_large_mails_bytes_stay_for_who_sends_them_still(opened: Story, spoilt: str) -> None:
    """Who was taken for gone and sent all the same took the bytes away from who has the mail now, or from a backup."""
    (mail,) = [m for m in opened.claimed("one:out") if m.recipient == ANA[1]]
    large = opened.site.blobs.put(b"Subject: large\r\n\r\n")
    row, until = OUTBOX.update().where(OUTBOX.c.id == mail.id), opened.clock() + timedelta(minutes=10)
    opened.site.writer.call(lambda c: c.execute(row.values(rendered=None, rendered_sha256=large)))
    if spoilt == "copied":
        opened.site.writer.call(lambda c: claims.take_lease(c, COPYING, "backup", opened.clock(), until))
    else:
        opened.site.writer.call(lambda c: c.execute(row.values(lease_owner="two:out")))
    tried = Tried(replace(mail, rendered=Rendered(large, None)), ACCEPTED)
    deliver.settle(opened.site, "one:out", [tried])
    assert opened.site.blobs.exists(large)
    opened.site.writer.call(lambda c: c.execute(row.values(lease_owner="two:out", state="sending")))
    opened.site.writer.call(lambda c: claims.give_up_lease(c, COPYING, None))
    deliver.settle(opened.site, "two:out", [tried])
    assert not opened.site.blobs.exists(large)


class _SlowRelay:
    """A relay that does not answer before it is told to; what it was handed."""

    name = "slow"
    settings = SimpleNamespace(max_connections=2)

    def __init__(self) -> None:
        self.handed: list[bytes] = []
        self.answers = threading.Event()

    def send(self, envelope_from: str, recipient: str, raw: bytes, hurried: bool) -> DeliveryResult:
        self.handed.append(raw)
        assert self.answers.wait(20)
        return ACCEPTED

    def close_idle(self) -> None:
        """Nothing is idle."""

    def relieve(self) -> None:
        """Nothing is cut."""


def test_a_clock_that_jumps_while_a_mail_is_under_way_sends_it_once(opened: Story) -> None:
    """D12: the jump ends its lease, but who holds it is still there; another process must wait for neither."""
    relay = _SlowRelay()
    workers = SimpleNamespace(submit=opened.submit)
    loop = DeliverLoop(opened.site, workers, relay, None, Metrics())  # type: ignore[arg-type]
    for sender in loop._senders:
        sender.start()
    loop.work()
    _until(lambda: len(relay.handed) == 2)
    opened.later(days=1)
    loop.work()
    opened.later(days=-2)
    loop.work()
    relay.answers.set()
    _until(lambda: loop._results.qsize() == 2)
    opened.later(days=2)
    loop.work()
    loop.work()
    assert [row.state for row in opened.outbox()] == ["accepted", "accepted"]
    assert len(relay.handed) == 2
    loop._lanes.close()


def _until(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_a_frozen_sender_that_thaws_settles_nothing(opened: Story) -> None:
    """D14."""
    frozen = opened.claimed("frozen")
    opened.later(minutes=21)
    opened.deliver(_only(ANA[1], LATER))
    deliver.settle(opened.site, "frozen", [Tried(m, REFUSED) for m in frozen])
    assert [r.state for r in opened.outbox()] == ["sending", "accepted"]
    assert "delivery_failed" not in opened.events("SUP-1")


def test_null_sender_for_acknowledgements_and_a_signed_one_for_the_rest(opened: Story) -> None:
    first, second = opened.deliver()
    assert first.envelope_from == ""
    local, _, domain = second.envelope_from.rpartition("@")
    assert (local[:9], domain) == ("suporte+b", "example.test")
    assert opened.site.mint.read_detail(local.partition("+")[2]) is not None


def test_no_null_sender_where_the_relay_takes_none(make_story: Callable[..., Story]) -> None:
    story = make_story(relay=RELAY | {"null_sender": False})
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert all(m.envelope_from.startswith("suporte+b") for m in story.deliver())


def test_many_tickets_of_a_proven_sender_end_in_one_digest(make_story: Callable[..., Story]) -> None:
    """R9: beyond 30 an hour (here 2) one digest names all numbers."""
    story = make_story(limits={"acks_per_verified_address": 2})
    for number in range(5):
        story.receive(plain_mail(ANA, SUPPORT, f"Nota {number}", f"Erro {number}."))
    assert len(story.outbox("N1")) == 2
    assert [m.recipient for m in story.deliver() if m.recipient == ANA[1]] == [ANA[1]] * 2
    story.later(minutes=61)
    (digest,) = [m for m in story.deliver() if m.recipient == ANA[1]]
    text = digest.raw.decode()
    assert all(f"SUP-{n}" in text for n in (3, 4, 5))
    assert "SUP-1," not in text


def test_nothing_out_of_an_unproven_mail_stands_in_its_acknowledgement(opened: Story) -> None:
    """R10: not the name, not the subject, not the text: it may have been aimed at a third party."""
    words = ("Ganhe", "Premio", "Clique")
    mail = plain_mail(("Ganhe Ja", CARMEN[1]), SUPPORT, "Premio", "Clique aqui https://evil.test", verified=False)
    opened.receive(mail)
    (ack,) = [m for m in opened.deliver() if m.recipient == CARMEN[1]]
    text = _decoded(ack.raw)
    assert not [word for word in (*words, "evil.test") if word in text]
    assert "[SUP-2] Recebemos sua mensagem" in text


def _decoded(raw: bytes) -> str:
    from email import message_from_bytes
    from email.policy import default

    mail: Any = message_from_bytes(raw, policy=default)
    parts = [p.get_content() for p in mail.walk() if p.get_content_maintype() == "text"]
    return "\n".join([*(f"{k}: {v}" for k, v in mail.items()), *parts])


def test_the_answer_threads_with_the_customers_mail_and_names_status_and_link(opened: Story) -> None:
    opened.agent_answers("SUP-1", "#com-cliente\nQual é a versão?")
    answer = next(m for m in opened.deliver() if b"Qual" in m.raw)
    text = _decoded(answer.raw)
    asked = json.loads(opened.outbox("N7")[0].body)
    assert asked["in_reply_to"] == opened.comments("SUP-1")[0].message_id
    assert "In-Reply-To: <" in text
    assert "Re: Nota recusada [SUP-1]" in text
    assert "Com cliente" in text
    assert f"/t/{opened.token('SUP-1')}" in text
    assert "X-Mailgate-Ticket: SUP-1" in text


def test_links_printed_after_a_change_of_key_open_and_old_ones_still_do(opened: Story) -> None:
    """The first key makes tokens, the old ones still check; a link printed anew must be one that opens."""
    from mailgate.flows import customer
    from mailgate.links.tokens import Mint

    old_token = opened.token("SUP-1")
    old_mint = opened.site.mint
    opened.site = replace(opened.site, mint=Mint((b"n" * 32, *old_mint._keys)))
    opened.agent_answers("SUP-1", "Instale a versão 8.2.")
    answer = next(m for m in opened.deliver() if b"Instale" in m.raw)
    new_token = _decoded(answer.raw).partition("/t/")[2][:32]
    assert new_token != old_token
    with opened.site.writer.database.read() as connection:
        for token in (old_token, new_token):
            assert isinstance(customer.open_link(connection, opened.site, token), customer.Grant)


def test_settling_and_its_event_are_one(opened: Story) -> None:
    """What a refusal leads to is written with it or not at all."""
    claimed = opened.claimed(OWNER)
    for number in range(1, 12):
        with opened.breaking_at(number, "outbox") as fault:
            try:
                deliver.settle(opened.site, OWNER, [Tried(m, REFUSED) for m in claimed[:1]])
            except Exception:
                assert fault.happened
        if not fault.happened:
            break
        assert [r.state for r in opened.outbox()] == ["sending"] * 2
        assert "delivery_failed" not in opened.events("SUP-1")
    assert number >= 4
    assert [r.state for r in opened.outbox()] == ["failed", "sending", "waiting"]


# --- late mails -------------------------------------------------------------------------------------------------------


def test_after_four_hours_the_agents_hear_that_it_has_not_left(opened: Story) -> None:
    """S6: once, whatever process looks, and only of mails to customers."""
    opened.deliver(lambda mail: LATER)
    opened.later(minutes=239)
    opened.deliver(_only(ANA[1], LATER))  # the relay works, Ana's server does not
    assert not LateMails(opened.site).sweep()
    opened.later(minutes=1)
    looks = LateMails(opened.site)
    assert looks.sweep()
    assert not looks.sweep()
    assert not LateMails(opened.site).sweep()  # after a restart
    assert opened.events("SUP-1").count("delivery_delayed") == 1
    assert opened.told("DELIVERY_FAILED") == [("DELIVERY_FAILED", BRUNO[1])]
    (told,) = [m for m in opened.deliver(_only(ANA[1], LATER)) if m.recipient == BRUNO[1]]
    text = _decoded(told.raw)
    assert "[SUP-1] Mensagem ainda não entregue" in text
    assert "Continuamos tentando" in text
    assert "451 4.3.0 try later" in text
    assert "Não vamos tentar de novo" not in text


@pytest.mark.parametrize(("limit", "hours"), [("30m", 0.5), ("off", None)])
def test_a_company_says_when_a_mail_is_late(make_story: Callable[..., Story], limit: str, hours: float | None) -> None:
    """`limits.delivery_warning`; with `off` nobody is told until it is given up."""
    story = make_story(limits={"delivery_warning": limit}, relay={"host": "127.0.0.1", "port": 25, "give_up": "5d"})
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "A nota foi recusada."))
    story.deliver(lambda mail: LATER)
    story.later(minutes=29)
    story.deliver(_only(ANA[1], LATER))
    assert not LateMails(story.site).sweep()
    story.later(hours=(hours or 100) - 0.48)
    assert LateMails(story.site).sweep() == (hours is not None)
    assert ("delivery_delayed" in story.events("SUP-1")) == (hours is not None)


def test_while_the_relay_takes_nothing_the_agents_mails_would_only_wait_too(opened: Story) -> None:
    opened.deliver(lambda mail: LATER)
    opened.later(hours=5)
    assert not LateMails(opened.site).sweep()
    assert opened.events("SUP-1").count("delivery_delayed") == 1
    assert opened.told("DELIVERY_FAILED") == []


def test_what_could_never_be_made_is_given_up_and_told(opened: Story) -> None:
    """S7: the agent learns of it, as of a refusal."""
    row = opened.outbox("N1")[0]
    broken = update(OUTBOX).where(OUTBOX.c.id == row.id).values(body="no JSON")
    opened.site.writer.call(lambda c: c.execute(broken))
    for _ in range(3):
        opened.deliver()
        opened.later(days=1)
    assert opened.outbox("N1")[0].state == "failed"
    assert opened.told("DELIVERY_FAILED") == [("DELIVERY_FAILED", BRUNO[1])]
