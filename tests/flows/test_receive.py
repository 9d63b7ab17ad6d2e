"""A mail on its way to a ticket, on both databases."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from mailgate.flows import exporting, receive
from mailgate.flows.workers import TooCostly, WorkerKilled
from store.tables import COMMENT, EVENT, JOURNAL, OUTBOX, TICKET
from store.vocabulary import Outcome, Road
from tests.flows.story import Story
from tests.house import ANA, BRUNO, CARMEN, SUPPORT, plain_mail


def test_the_same_bytes_by_another_road_are_one_comment(story: Story) -> None:
    mail = plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656.")
    first = story.receive(mail)
    again = story.receive(mail, [], road=Road.IMAP)
    traced = b"Received: from relay by mx; Wed, 5 Nov 2025 13:21:00 +0000\r\n" + mail
    third = story.receive(traced, ["vendas@elsewhere.test", SUPPORT], road=Road.PIPE)
    assert [s.outcome for s in (first, again, third)] == [Outcome.OPENED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert story.journal(third.journal_id).duplicate_of == first.journal_id
    assert (story.count(COMMENT), story.count(TICKET)) == (1, 1)
    assert story.told() == [("N1", ANA[1]), ("N19", BRUNO[1])]
    rows = story.site.writer.call(lambda c: list(exporting.export(c, None)))
    first_sha256, traced_sha256 = (hashlib.sha256(raw).hexdigest() for raw in (mail, traced))
    assert [(row["of"], row["raw_sha256"]) for row in rows if row.get("outcome") == "duplicate"] == [
        (first_sha256, first_sha256),
        (first_sha256, traced_sha256),
    ]


def test_a_mailbox_whose_uids_changed_brings_old_mail_again(story: Story) -> None:
    """Moved to another server, it dates all mail today: D11, a ticket of last quarter is not opened twice."""
    mail = plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656.")
    assert story.receive(mail, road=Road.IMAP, origin={"uid": 7}).outcome is Outcome.OPENED
    story.later(days=90)
    assert story.receive(mail, road=Road.IMAP, origin={"uid": 3, "renumbered": 1}).outcome is Outcome.DUPLICATE
    assert story.receive(mail, road=Road.IMAP, origin={"uid": 9}).outcome is Outcome.OPENED


def test_the_same_message_id_with_other_content_is_a_mail_of_its_own(story: Story) -> None:
    """S2; FreeScout #5591 lost real mail: a parcel service gave one id to all its mails."""
    one = plain_mail(ANA, SUPPORT, "Pacote 1", "Saiu para entrega.").replace(b"Message-ID: <", b"Message-ID: <same-")
    message_id = one.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
    two = plain_mail(ANA, SUPPORT, "Pacote 2", "Saiu para entrega.")
    two = two.replace(two.partition(b"Message-ID: ")[2].partition(b"\r\n")[0], message_id)
    assert [story.receive(m).key for m in (one, two)] == ["SUP-1", "SUP-2"]
    answer = plain_mail(ANA, SUPPORT, "Re: Pacote", "Não chegou.")
    answer = b"In-Reply-To: " + message_id + b"\r\n" + answer
    assert story.receive(answer).key == "SUP-1", "the first one keeps the id"


def test_mails_without_a_message_id(story: Story) -> None:
    """S3: an id out of the content, the same each time; what makes nothing unique is a resend for an hour."""

    def bare(text: str) -> bytes:
        mail = plain_mail(ANA, SUPPORT, "Backup", text)
        return b"\r\n".join(
            line for line in mail.split(b"\r\n") if not line.startswith((b"Message-ID:", b"Date:"))
        )  # fmt: skip

    assert story.receive(bare("falhou")).outcome is Outcome.OPENED
    story.later(minutes=50)
    assert story.receive(bare("falhou")).outcome is Outcome.DUPLICATE
    story.later(minutes=30)
    assert story.receive(bare("falhou")).outcome is Outcome.OPENED
    assert story.receive(bare("funcionou")).outcome is Outcome.OPENED
    ids = [row.message_id for row in story.rows(COMMENT)]
    assert all(i.endswith("@no-message-id.invalid") for i in ids)
    assert len(set(ids)) == 2


def test_a_mail_to_two_of_our_addresses_is_one_ticket_of_the_first(make_story: Callable[..., Story]) -> None:
    """S4."""
    addresses = [{"address": SUPPORT, "department": "suporte"},
                 {"address": "fiscal@example.test", "department": "fiscal"}]  # fmt: skip
    story = make_story(addresses=addresses)
    mail = plain_mail(ANA, f"{SUPPORT}, fiscal@example.test", "Nota recusada", "Erro 656.")
    assert story.receive(mail, ["fiscal@example.test", SUPPORT]).outcome is Outcome.OPENED
    assert story.receive(mail, [SUPPORT]).outcome is Outcome.DUPLICATE
    assert [row.department for row in story.rows(TICKET)] == ["fiscal"]


def test_everything_a_mail_became_is_in_the_journal(story: Story) -> None:
    settled = story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    row = story.journal(settled.journal_id)
    record = json.loads(row.record)
    assert (row.outcome, row.author, row.subject, row.ticket_id) == (
        "opened", ANA[1], "Nota recusada", story.ticket("SUP-1").id,
    )  # fmt: skip
    assert record["decision"]["author"]["proof"] == "trusted"
    assert [(n["notice"], n["suppressed"]) for n in record["notices"]] == [("N1", ""), ("N19", "")]
    assert story.events("SUP-1") == ["opened", "commented"]


# --- who is believed, end to end --------------------------------------------------------------------------------------


def test_a_stranger_learns_nothing_and_nobody_is_told_his_text(story: Story) -> None:
    """I6: his ticket claims SUP-1, whose people hear nothing of him."""
    story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    before = len(story.outbox())
    settled = story.receive(plain_mail(CARMEN, SUPPORT, "Re: [SUP-1] Nota", "Mandem o histórico."))
    assert (settled.key, story.ticket("SUP-2").claims) == ("SUP-2", "SUP-1")
    assert [r.recipient for r in story.outbox()[before:]] == [CARMEN[1], BRUNO[1]]
    assert "recusada" not in json.loads(story.outbox("N1")[-1].body)["subject"]


def test_an_agent_asks_us_for_something_himself(story: Story) -> None:
    mail = plain_mail(BRUNO, SUPPORT, "VPN", "Sem acesso.")
    settled = story.receive(mail)
    assert settled.outcome is Outcome.OPENED
    (comment,) = story.comments("SUP-1")
    assert (comment.role, comment.agent_id) == ("customer", None)
    assert story.told() == [("N1", BRUNO[1])]


def test_acknowledgements_to_one_unverified_address_are_capped(story: Story) -> None:
    """R9: whoever forges Ana's address ten times makes us write to her once, with whatever subject."""
    story.receive(plain_mail(CARMEN, SUPPORT, "Outro", "De Carmen."))
    for number in range(10):
        subject = ["Olá", "[SUP-1] Olá"][number % 2]
        story.receive(plain_mail(ANA, SUPPORT, subject, f"texto {number}", verified=False))
        story.later(seconds=20)
    assert [row.recipient for row in story.outbox("N1")] == [CARMEN[1], ANA[1]]
    assert "not_told" in story.events("SUP-11")


@pytest.mark.parametrize("subject", ["Olá", "[SUP-1] Olá"])
def test_tickets_of_one_sender_are_limited_whatever_they_claim(make_story: Callable[..., Story], subject: str) -> None:
    """R11."""
    story = make_story(limits={"tickets_per_sender": 3})
    story.receive(plain_mail(CARMEN, SUPPORT, "Outro", "De Carmen."))
    outcomes = [story.receive(plain_mail(ANA, SUPPORT, subject, f"texto {n}")).outcome for n in range(5)]
    assert outcomes == [Outcome.OPENED] * 3 + [Outcome.HELD] * 2


def test_comments_are_counted_on_the_ticket_they_go_to(make_story: Callable[..., Story]) -> None:
    story = make_story(limits={"comments_per_ticket": 2})
    story.receive(plain_mail(ANA, SUPPORT, "Um", "primeiro"))
    story.receive(plain_mail(ANA, SUPPORT, "Dois", "segundo"))
    both = "[SUP-2] [SUP-1] resposta"
    outcomes = [story.receive(plain_mail(ANA, SUPPORT, both, f"texto {n}")) for n in range(2)]
    assert [s.key for s in outcomes] == ["SUP-2", ""]
    assert story.receive(plain_mail(ANA, SUPPORT, "[SUP-1] resposta", "texto")).key == "SUP-1"


def test_ours_with_a_plus_as_sender_starts_no_conversation_with_ourselves(story: Story) -> None:
    mail = plain_mail(("Suporte", "suporte+x@example.test"), SUPPORT, "Oi", "Oi")
    assert story.receive(mail).outcome is Outcome.HELD
    assert story.outbox() == []


def test_a_mail_without_from_is_held(story: Story) -> None:
    mail = plain_mail(ANA, SUPPORT, "Oi", "Oi").replace(b"From:", b"X-Not-From:")
    settled = story.receive(mail, mail_from="bruno@example.test")
    assert (settled.outcome, story.journal(settled.journal_id).reason) == (Outcome.HELD, "ambiguous")


# --- order and faults -------------------------------------------------------------------------------------------------


def test_a_reply_that_comes_before_its_parent(story: Story) -> None:
    """S12: both are one ticket, whichever comes first."""
    parent = plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656.")
    parent_id = parent.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
    reply = b"In-Reply-To: " + parent_id + b"\r\n" + plain_mail(ANA, SUPPORT, "Re: Nota recusada", "E o log.")
    assert story.receive(reply).outcome is Outcome.OPENED
    settled = story.receive(parent)
    assert (settled.outcome, settled.key) == (Outcome.COMMENTED, "SUP-1")
    again = parent.replace(b"Erro 656.", b"Erro 999.")
    assert story.receive(again).key == "SUP-2", "the id was waited for once"


def test_a_strangers_parent_does_not_get_into_the_ticket_that_waits_for_it(story: Story) -> None:
    parent = plain_mail(CARMEN, SUPPORT, "Nota recusada", "Erro 656.")
    parent_id = parent.partition(b"Message-ID: ")[2].partition(b"\r\n")[0]
    story.receive(b"In-Reply-To: " + parent_id + b"\r\n" + plain_mail(ANA, SUPPORT, "Re: Nota", "E o log."))
    assert story.receive(parent).key == "SUP-2"


class _Fault(Exception):
    """What goes wrong in these tests."""


def test_that_a_bucket_is_away_is_no_fault_of_a_mail(story: Story) -> None:
    from mailgate.flows import receive
    from store.bucket import BucketAway

    one = story.accept(plain_mail(ANA, SUPPORT, "Nota", "Oi."))
    for _ in range(story.site.tries + 2):
        [claimed] = receive.claim(story.site, "node")
        [settled] = receive.process(story.site, "node", [(claimed, BucketAway("object storage s3://b: away"))])
        assert settled.outcome is None
        assert receive.claim(story.site, "node") == [], "it waits before it is tried again"
        story.later(seconds=11)
    assert (story.journal(one).attempts, story.journal(one).outcome) == (0, "pending")
    assert [settled.outcome for settled in story.work()] == [Outcome.OPENED]


def test_a_failing_mail_is_tried_three_times_then_held_while_others_go_on(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D7."""
    real = receive.decide

    def fails_for_one(facts: object, book: object) -> object:
        if "veneno" in facts.mail.subject:  # type: ignore[attr-defined]
            raise _Fault("a rule that raises")
        return real(facts, book)  # type: ignore[arg-type]

    monkeypatch.setattr(receive, "decide", fails_for_one)
    poison = story.accept(plain_mail(ANA, SUPPORT, "veneno", "Oi."))
    story.accept(plain_mail(CARMEN, SUPPORT, "Bom", "Oi."))
    outcomes = {s.journal_id: s.outcome for s in story.work()}
    assert sorted(str(o) for o in outcomes.values()) == ["None", "opened"]
    assert story.journal(poison).attempts == 1
    assert story.work() == [], "it waits before it is tried again"
    for _ in range(story.site.tries - 1):
        story.later(minutes=1)
        (settled,) = story.work()
    assert settled.outcome is Outcome.HELD
    row = story.journal(poison)
    assert (row.outcome, row.reason, row.attempts) == ("held", "poison", 3)
    assert "a rule that raises" in row.detail
    assert story.count(TICKET) == 1
    monkeypatch.undo()
    assert [s.outcome for s in story.resume(poison, "")] == [Outcome.OPENED]


@pytest.mark.parametrize(("limit", "tries"), [(1, 1), (5, 5), ("off", None)])
def test_a_company_says_how_often_a_failing_mail_is_tried(
    make_story: Callable[..., Story], monkeypatch: pytest.MonkeyPatch, limit: object, tries: int | None
) -> None:
    """`limits.tries`: off is for ever, with pauses that grow to ten minutes and no further."""
    story = make_story(limits={"tries": limit})

    def fails(facts: object, book: object) -> object:
        raise _Fault("a rule that raises")

    monkeypatch.setattr(receive, "decide", fails)
    poison = story.accept(plain_mail(ANA, SUPPORT, "veneno", "Oi."))
    rounds = 0
    while story.journal(poison).outcome == "pending" and rounds < 20:
        rounds += len(story.work())
        assert story.work() == [], "it waits before it is tried again"
        story.later(minutes=10)
    row = story.journal(poison)
    assert (row.outcome, row.attempts) == (("held", tries) if tries else ("pending", 20))


def test_a_mail_that_costs_too_much_is_held_at_once_and_one_whose_process_died_at_its_third_try(story: Story) -> None:
    """M1, M2, R8: what the worker processes say of a mail instead of reading it."""
    costly = story.accept(plain_mail(ANA, SUPPORT, "Caro", "Oi."))
    unlucky = story.accept(plain_mail(CARMEN, SUPPORT, "Azar", "Oi."))
    faults = {costly: TooCostly("it used up its processor time"), unlucky: WorkerKilled("died")}
    for attempt in range(story.site.tries):
        claimed = receive.claim(story.site, "w")
        assert [mail.id for mail in claimed] == ([costly, unlucky] if attempt == 0 else [unlucky])
        receive.process(story.site, "w", [(mail, faults[mail.id]) for mail in claimed])
        story.later(minutes=1)
    found = [story.journal(one) for one in (costly, unlucky)]
    assert [(row.outcome, row.reason, row.attempts) for row in found] == [("held", "limit", 1), ("held", "poison", 3)]
    assert story.count(TICKET) == 0
    assert [s.outcome for s in story.resume(costly, "")] == [Outcome.OPENED], "a person may have it tried again"


def test_mails_that_take_long_to_read_are_not_claimed_again_meanwhile(story: Story) -> None:
    story.accept(plain_mail(ANA, SUPPORT, "Demora", "Oi."))
    assert len(receive.claim(story.site, "w1")) == 1
    for _ in range(5):
        story.later(seconds=90)
        receive.prolong(story.site, {"w1"})
        assert receive.claim(story.site, "w2") == []
    story.later(minutes=3)
    assert len(receive.claim(story.site, "w2")) == 1, "nobody holds it any more"


@pytest.mark.parametrize("kind", ["opens", "comments"])
def test_raising_at_any_statement_leaves_nothing_half_made(story: Story, kind: str) -> None:
    """D8: ticket, comment, notices and the journal's outcome are there together or not at all."""
    if kind == "comments":
        story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    subject = "Nota recusada" if kind == "opens" else "Re: [SUP-1] Nota recusada"
    mail = story.accept(plain_mail(ANA, SUPPORT, subject, "E agora?", files=[("a.txt", "text/plain", b"log")]))
    tables = (TICKET, COMMENT, EVENT, OUTBOX)
    before = [story.count(t) for t in tables]
    broken = 0
    while True:
        with story.breaking_at(broken + 1) as fault:
            (settled,) = story.work()
        if not fault.happened:
            break
        broken += 1
        assert settled.outcome is None
        assert [story.count(t) for t in tables] == before
        assert story.journal(mail).outcome == "pending"
        story.unfail(mail)
        assert broken < 100
    assert broken >= 10
    assert str(settled.outcome) == {"opens": "opened", "comments": "commented"}[kind]
    assert [story.count(t) - n for t, n in zip(tables, before, strict=True)] == (
        [1, 1, 2, 2] if kind == "opens" else [0, 1, 1, 1]
    )


def test_a_worker_that_lost_its_lease_commits_nothing(story: Story) -> None:
    """D14: another node has taken the mail over meanwhile."""
    mail = story.accept(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    slow = story.claim("slow")
    assert len(slow) == 1
    assert story.claim("quick") == []
    story.later(minutes=3)
    quick = story.claim("quick")
    assert [m.id for m in quick] == [mail]
    assert [s.outcome for s in story.process("slow", slow)] == [None]
    assert (story.count(TICKET), story.journal(mail).outcome) == (0, "pending")
    assert [s.outcome for s in story.process("quick", quick)] == [Outcome.OPENED]
    assert [s.outcome for s in story.process("slow", slow)] == [None]
    assert (story.count(TICKET), story.journal(mail).outcome) == (1, "opened")


def test_a_poisoned_mail_that_another_node_took_does_not_stop_the_one_that_thawed(story: Story) -> None:
    """D14: its third failure would hold the mail, which is not its to hold."""
    mail = story.accept(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    (claimed,) = story.claim("slow")
    story.later(minutes=3)
    quick = story.claim("quick")
    broken = (replace(claimed, attempts=2), RuntimeError("it died"))
    assert [s.outcome for s in receive.process(story.site, "slow", [broken])] == [None]
    assert story.journal(mail).outcome == "pending"
    assert [s.outcome for s in story.process("quick", quick)] == [Outcome.OPENED]


def test_held_is_released_by_a_person_and_stays_when_retried(make_story: Callable[..., Story]) -> None:
    story = make_story(guests="held")
    settled = story.receive(plain_mail(ANA, SUPPORT, "Nota recusada", "Erro 656."))
    assert settled.outcome is Outcome.HELD
    assert story.outbox() == []
    assert [s.outcome for s in story.resume(settled.journal_id, "")] == [Outcome.HELD]
    assert [s.outcome for s in story.resume(settled.journal_id, "released")] == [Outcome.OPENED]
    assert story.told("N1") == [("N1", ANA[1])]


def test_what_is_rejected_is_told_to_a_proven_sender_only(make_story: Callable[..., Story]) -> None:
    story = make_story(guests="rejected")
    assert story.receive(plain_mail(ANA, SUPPORT, "Oi", "Oi", verified=False)).outcome is Outcome.REJECTED
    assert story.outbox() == []
    assert story.receive(plain_mail(CARMEN, SUPPORT, "Oi", "Oi")).outcome is Outcome.REJECTED
    assert story.told() == [("N20", CARMEN[1])]
    assert story.count(JOURNAL, JOURNAL.c.outcome == "rejected") == 2
